"""The tables of the event log, schema 5.

What can be erased (records, features, texts) is apart from what proves it (``chain``, ``decision_keys``): a chain row
holds a keyed digest of its record, so that it says nothing about the record once the key is gone.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql

from router_ml.contract.base import UNACTED_SUFFIXES
from router_ml.storage.database.entries import Kind

SCHEMA_VERSION = 5
TEXTS = ("traffic_class", "intent", "domain", "risk_tier", "guard_state", "bundle")  # of a decision, never null
_PLAIN = sql.String(32).with_variant(sql.String(32, collation="C"), "postgresql")  # sorts as Python does
metadata = sql.MetaData()
schema = sql.Table("schema_version", metadata, sql.Column("version", sql.Integer, primary_key=True))
secrets = sql.Table(
    "secrets",
    metadata,
    sql.Column("name", sql.String(32), primary_key=True),
    sql.Column("value", sql.LargeBinary, nullable=False),
)
decisions = sql.Table(
    "decisions",
    metadata,
    sql.Column("decision_id", sql.String(128), primary_key=True),
    sql.Column("created_at", sql.DateTime, nullable=False, index=True),
    *(sql.Column(name, sql.String(200), nullable=False) for name in TEXTS),
    sql.Column("lane", sql.String(200)),
    sql.Column("propensity", sql.Double),
    sql.Column("explored", sql.Boolean, nullable=False),
    sql.Column("randomised", sql.Boolean, nullable=False),
    sql.Column("record", sql.Text, nullable=False),
    sql.Column("org", sql.Text),
    sql.Column("lanes", sql.Text),  # all that the record names, so that a reader knows them before it reads
)
ORG_START = sql.func.substr(decisions.c.org, sql.literal_column("1"), sql.literal_column("64"))  # an index row is short
decisions_of_org = sql.Index("ix_decisions_org", ORG_START, decisions.c.created_at)
features = sql.Table(
    "features",
    metadata,
    sql.Column("decision_id", sql.ForeignKey(decisions.c.decision_id), primary_key=True),
    sql.Column("encoder", sql.String(200), nullable=False),
    sql.Column("embedding", sql.LargeBinary),
    sql.Column("surface", sql.LargeBinary, nullable=False),
)
texts = sql.Table(
    "texts",
    metadata,
    sql.Column("decision_id", sql.ForeignKey(decisions.c.decision_id), primary_key=True),
    sql.Column("text", sql.LargeBinary, nullable=False),  # UTF-8: PostgreSQL keeps no NUL in a text column
)
outcomes = sql.Table(
    "outcomes",
    metadata,
    sql.Column("arrived", sql.BigInteger().with_variant(sql.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sql.Column("outcome_id", sql.String(128), nullable=False, unique=True),
    sql.Column("decision_id", sql.String(128), nullable=False, index=True),  # which may not have arrived yet
    sql.Column("source", sql.Text, nullable=False),
    sql.Column("executed_lane", sql.Text),
    sql.Column("rated_probability", sql.Double, nullable=False),
    *(sql.Column(name, sql.Double) for name in ("quality", "cost_usd", "latency_ms")),
    sql.Column("at", sql.DateTime, nullable=False, index=True),
    sql.Column("record", sql.Text, nullable=False),
)
executions = sql.Table(
    "executions",
    metadata,
    sql.Column("execution_id", sql.String(128), primary_key=True),
    sql.Column("decision_id", sql.String(128), nullable=False, index=True),
    sql.Column("at", sql.DateTime, nullable=False, index=True),
    sql.Column("final_lane", sql.Text),
    sql.Column("record", sql.Text, nullable=False),
)
approvals = sql.Table(
    "approvals",
    metadata,
    sql.Column("step_id", sql.String(160), primary_key=True),  # an approval and its state
    sql.Column("decision_id", sql.String(128), nullable=False, index=True),
    sql.Column("at", sql.DateTime, nullable=False, index=True),
    sql.Column("state", sql.String(32), nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
waiting = sql.Table(  # of approvals: what a person has to see and a request needs to go on; in no chain
    "waiting",
    metadata,
    sql.Column("approval_id", sql.String(128), primary_key=True),
    sql.Column("decision_id", sql.String(128), nullable=False, index=True),
    sql.Column("state", sql.String(32), nullable=False),
    sql.Column("until", sql.DateTime, nullable=False, index=True),
    sql.Column("kept", sql.LargeBinary, nullable=False),
)
api_keys = sql.Table(  # who may call a gateway; in no chain: each change is an audit event
    "api_keys",
    metadata,
    sql.Column("key_id", sql.String(32), primary_key=True),
    sql.Column("name", sql.String(200), nullable=False),
    sql.Column("digest", sql.LargeBinary, nullable=False),  # SHA-256 of the whole key, which nobody keeps
    sql.Column("scopes", sql.String(200), nullable=False),  # sorted, with commas between
    sql.Column("org", sql.Text),  # None: all
    sql.Column("requests_per_minute", sql.Integer),
    sql.Column("usd_per_day", sql.Double),
    sql.Column("created_at", sql.DateTime, nullable=False),
    sql.Column("created_by", sql.String(400), nullable=False),
    sql.Column("expires_at", sql.DateTime),
    sql.Column("revoked_at", sql.DateTime),
)
shared = sql.Table(  # what the processes of a service tell each other, each row written by one alone; in no chain
    "shared",
    metadata,
    sql.Column("process", sql.String(64), primary_key=True),
    sql.Column("kind", sql.String(32), primary_key=True),
    sql.Column("name", sql.String(200), primary_key=True),
    sql.Column("period", sql.String(32), primary_key=True),
    sql.Column("value", sql.Double, nullable=False),
    sql.Column("at", sql.DateTime, nullable=False, index=True),  # by the clock of the database
    sql.Column("told", sql.Text),  # JSON of a process about itself
)
output_checks = sql.Table(
    "output_checks",
    metadata,
    sql.Column("check_id", sql.String(128), primary_key=True),
    sql.Column("decision_id", sql.String(128), nullable=False, index=True),  # which may have gone unlogged
    sql.Column("at", sql.DateTime, nullable=False, index=True),
    sql.Column("action", sql.String(32), nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
audit_events = sql.Table(
    "audit_events",
    metadata,
    sql.Column("event_id", sql.String(128), primary_key=True),
    sql.Column("at", sql.DateTime, nullable=False, index=True),
    sql.Column("kind", sql.String(64), nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
decision_keys = sql.Table(
    "decision_keys",
    metadata,
    sql.Column("decision_id", sql.String(128), primary_key=True),
    sql.Column("key", sql.LargeBinary),  # None: destroyed
    sql.Column("subject", sql.String(64), index=True),
    sql.Column("keep_until", sql.DateTime, index=True),
    sql.Column("archive", sql.String(200), index=True),  # the file that holds it, once it was compacted
)
chain = sql.Table(
    "chain",
    metadata,
    sql.Column("writer", _PLAIN, primary_key=True),
    sql.Column("seq", sql.BigInteger, primary_key=True, autoincrement=False),
    sql.Column("kind", sql.String(32), nullable=False),
    sql.Column("record_id", sql.String(200), nullable=False),
    sql.Column("decision_id", sql.String(128), index=True),
    sql.Column("digest", sql.LargeBinary, nullable=False),
    sql.Column("head", sql.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
RECORDS: dict[Kind, tuple[sql.Table, sql.Column[Any]]] = {  # by kind of entry: the table and the column of its id
    "decision": (decisions, decisions.c.decision_id),
    "outcome": (outcomes, outcomes.c.outcome_id),
    "execution": (executions, executions.c.execution_id),
    "approval": (approvals, approvals.c.step_id),
    "output_check": (output_checks, output_checks.c.check_id),
    "audit_event": (audit_events, audit_events.c.event_id),
}
OF_DECISION = (outcomes, executions, approvals, output_checks, features, texts, decisions)  # in the order of deleting


def acted_on() -> sql.ColumnElement[bool]:
    """Decisions that somebody acted on: not those of a shadow or an evaluation."""
    return sql.and_(*(~ends_in(suffix) for suffix in UNACTED_SUFFIXES))


def ends_in(suffix: str) -> sql.ColumnElement[bool]:
    """Decisions whose ids end like this."""
    key = decisions.c.decision_id
    return sql.func.substr(key, sql.func.length(key) - (len(suffix) - 1)) == suffix  # LIKE of SQLite ignores case
