"""The tables of the event log, and how a log of an earlier release gets the ones it lacks."""

from __future__ import annotations

import sqlalchemy as sql

from router_ml.errors import LogError

SCHEMA_VERSION = 2
GROWS_FROM = (1,)  # versions that lack tables and nothing else
# Taken before tables are made, so that processes starting together do not collide.
CREATION_LOCK = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(615027)"}
TEXTS = ("traffic_class", "intent", "domain", "risk_tier", "guard_state", "bundle")  # of a decision, never null
_metadata = sql.MetaData()
_schema = sql.Table("schema_version", _metadata, sql.Column("version", sql.Integer, primary_key=True))
decisions = sql.Table(
    "decisions",
    _metadata,
    sql.Column("decision_id", sql.String(128), primary_key=True),
    sql.Column("created_at", sql.DateTime, nullable=False, index=True),
    *(sql.Column(name, sql.String(200), nullable=False) for name in TEXTS),
    sql.Column("lane", sql.String(200)),
    sql.Column("propensity", sql.Double),
    sql.Column("explored", sql.Boolean, nullable=False),
    sql.Column("randomised", sql.Boolean, nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
features = sql.Table(
    "features",
    _metadata,
    sql.Column("decision_id", sql.ForeignKey(decisions.c.decision_id), primary_key=True),
    sql.Column("encoder", sql.String(200), nullable=False),
    sql.Column("embedding", sql.LargeBinary),
    sql.Column("surface", sql.LargeBinary, nullable=False),
)
outcomes = sql.Table(
    "outcomes",
    _metadata,
    sql.Column("decision_id", sql.ForeignKey(decisions.c.decision_id), primary_key=True),
    sql.Column("source", sql.String(100), primary_key=True),
    sql.Column("executed_lane", sql.String(200)),
    sql.Column("rated_probability", sql.Double, nullable=False),
    *(sql.Column(name, sql.Double) for name in ("quality", "cost_usd", "latency_ms")),
    sql.Column("at", sql.DateTime, nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
output_checks = sql.Table(
    "output_checks",
    _metadata,
    sql.Column("check_id", sql.String(128), primary_key=True),
    sql.Column("decision_id", sql.String(128), nullable=False, index=True),  # which may have gone unlogged
    sql.Column("at", sql.DateTime, nullable=False, index=True),
    sql.Column("action", sql.String(32), nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
audit_events = sql.Table(
    "audit_events",
    _metadata,
    sql.Column("event_id", sql.String(128), primary_key=True),
    sql.Column("at", sql.DateTime, nullable=False, index=True),
    sql.Column("kind", sql.String(64), nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)


def prepare(connection: sql.Connection) -> None:
    """Make the tables of a new log, and those that a log of an earlier release lacks.

    Raises:
        LogError: a release that this one does not know wrote the log; nothing is changed then.
    """
    if _version(connection) in (None, *GROWS_FROM):
        if lock := CREATION_LOCK.get(connection.dialect.name):
            connection.exec_driver_sql(lock)
        found = _version(connection)  # another process may have been first
        if found in (None, *GROWS_FROM):
            _metadata.create_all(connection)
            version = sql.insert(_schema) if found is None else sql.update(_schema)
            connection.execute(version.values(version=SCHEMA_VERSION))
    found = _version(connection)
    if found != SCHEMA_VERSION:
        raise LogError(
            f"The event log has schema version {found}, this release reads and writes {SCHEMA_VERSION}. Use the "
            "release that wrote it, or start a new log."
        )


def _version(connection: sql.Connection) -> int | None:
    """The version of the log; None where nothing has been made yet."""
    if not sql.inspect(connection).has_table(_schema.name):
        return None
    return connection.execute(sql.select(_schema.c.version)).scalar()
