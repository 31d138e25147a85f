"""Counts of what happens now, for whoever watches. Each question reads a bounded number of rows, and is of one
organisation or of all.

Decisions are counted by slices of time, so that whoever asks again only counts those that may have changed. What only
the JSON of a record says is read of the newest records alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sql
from pydantic_core import from_json

from router_ml.contract.executed import NOT_CALLED
from router_ml.storage.database import records, tables

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

DECISIONS, EXECUTIONS, OUTCOMES = tables.decisions.c, tables.executions.c, tables.outcomes.c
Grain = Literal["10 seconds", "1 minute", "10 minutes", "1 hour"]
SECONDS: dict[Grain, int] = {"10 seconds": 10, "1 minute": 60, "10 minutes": 600, "1 hour": 3600}
_LETTERS: dict[Grain, int] = {"10 seconds": 18, "1 minute": 16, "10 minutes": 15, "1 hour": 13}
"""How much of ``2026-03-01 12:34:56`` tells one bucket from the next."""
_REST = "0000-00-00 00:00:00"
_ACTION = re.compile(r'"action":"(route|clarify|human_review|refuse)"')
_BEFORE_ACTION = 700  # characters of a record in which its action stands
SCANNED = 8_000  # records that are looked at for those of one organisation


@dataclass(frozen=True)
class Group:
    """Decisions that are alike: ``count`` of them in the bucket that begins at ``start``."""

    start: datetime
    traffic_class: str
    intent: str
    domain: str
    risk_tier: str
    lane: str | None
    explored: bool
    count: int


@dataclass(frozen=True)
class Ran:
    """What became of one execution. ``planned``: the lane of its first hop; ``failures``: kinds of failed hops;
    ``called``: whether anything was sent to a lane."""

    at: datetime
    traffic_class: str
    status: str
    planned: str | None
    final_lane: str | None
    failures: tuple[str, ...]
    latency_ms: float | None
    cost_usd: float | None
    called: bool

    @property
    def with_person(self) -> bool:
        """Whether it stopped for a person; what comes of it is an execution of its own."""
        return self.status == "human_review"

    @property
    def counts(self) -> bool:
        """Whether it says how the lanes are: one was called, or none could be."""
        return not self.with_person and (self.called or self.status == "failed")

    @property
    def fell_back(self) -> bool:
        """Whether another lane answered than the one that was planned."""
        return self.final_lane is not None and self.planned is not None and self.final_lane != self.planned


@dataclass(frozen=True)
class Rating:
    """The latest rating of a decision, and the probability with which it was picked for rating."""

    decision_id: str
    traffic_class: str
    intent: str
    domain: str
    lane: str | None
    quality: float
    probability: float


def decided(log: EventLog, start: datetime, end: datetime, *, grain: Grain, org: str | None = None) -> list[Group]:
    """Decisions that somebody acted on, from ``start``, before ``end``, in buckets of ``grain``."""
    with log.session.read() as connection:
        bucket = _bucket(connection, grain)
        same = (
            bucket,
            *(DECISIONS[name] for name in ("traffic_class", "intent", "domain", "risk_tier", "lane", "explored")),
        )
        query = sql.select(*same, sql.func.count()).where(
            DECISIONS.created_at >= records.utc(start), DECISIONS.created_at < records.utc(end), *_of(org)
        )
        found: Iterator[Any] = iter(connection.execute(query.group_by(*same)))
        return [Group(_moment(bucket), *rest) for bucket, *rest in found]


def unanswered(log: EventLog, start: datetime, *, org: str | None = None, most: int = 1_000) -> Counter[str]:
    """How the newest ``most`` decisions that went to no lane ended: by action."""
    query = sql.select(sql.func.substr(DECISIONS.record, 1, _BEFORE_ACTION)).where(
        DECISIONS.created_at >= records.utc(start), DECISIONS.lane.is_(None), *_of(org)
    )
    with log.session.read() as connection:
        begun = connection.scalars(query.order_by(DECISIONS.created_at.desc()).limit(most))
        found = (_ACTION.search(text) for text in begun)
        return Counter(match[1] if match else "unknown" for match in found)


def executed(log: EventLog, start: datetime, *, org: str | None = None, most: int = 1_000) -> list[Ran]:
    """The newest ``most`` executions, newest first; of one organisation, those among the newest ``SCANNED``."""
    newest = sql.select(EXECUTIONS.execution_id, EXECUTIONS.decision_id, EXECUTIONS.at)
    newest = newest.where(EXECUTIONS.at >= records.utc(start)).order_by(EXECUTIONS.at.desc())
    few = newest.limit(most if org is None else SCANNED).subquery()
    query = (
        sql.select(EXECUTIONS.at, EXECUTIONS.record, DECISIONS.traffic_class)
        .join(few, few.c.execution_id == EXECUTIONS.execution_id)
        .join(tables.decisions, DECISIONS.decision_id == few.c.decision_id)
        .where(*([] if org is None else [DECISIONS.org == org]))
        .order_by(few.c.at.desc())
        .limit(most)
    )
    with log.session.read() as connection:
        return [_ran(row) for row in connection.execute(query)]


def rated(log: EventLog, start: datetime, end: datetime, *, org: str | None = None, most: int = 5_000) -> list[Rating]:
    """The newest ``most`` ratings from ``start``, before ``end``: the latest of each decision, newest first."""
    columns = ("decision_id", "source", "arrived", "at", "quality", "rated_probability", "executed_lane")
    query = (
        sql.select(*(OUTCOMES[name] for name in columns))
        .add_columns(*(DECISIONS[name] for name in ("traffic_class", "intent", "domain", "lane")))
        .join(tables.decisions, DECISIONS.decision_id == OUTCOMES.decision_id)
        .where(
            OUTCOMES.at >= records.utc(start), OUTCOMES.at < records.utc(end), OUTCOMES.quality.is_not(None), *_of(org)
        )
        .order_by(OUTCOMES.at.desc(), OUTCOMES.source.desc(), OUTCOMES.arrived.desc())
        .limit(most)
    )
    latest: dict[str, Rating] = {}
    with log.session.read() as connection:
        for row in connection.execute(query):
            cell, lane = (row.traffic_class, row.intent, row.domain), row.executed_lane or row.lane
            latest.setdefault(row.decision_id, Rating(row.decision_id, *cell, lane, row.quality, row.rated_probability))
    return list(latest.values())


def heard_of(log: EventLog, org: str) -> bool:
    """Whether any decision of an organisation is in the log, by its name as decisions record it."""
    with log.session.read() as connection:
        return connection.scalar(sql.select(DECISIONS.decision_id).where(DECISIONS.org == org).limit(1)) is not None


def slices(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    """When slices of time begin, the latest first: whole multiples of ``step``, the first of which holds ``start``."""
    seconds = step.total_seconds()
    at = datetime.fromtimestamp(end.timestamp() // seconds * seconds, UTC)
    while at + step > start:
        yield at
        at -= step


def address_of(log: EventLog) -> str | None:
    """Where another process finds the log, with what it needs to get in; None for one in memory."""
    url = log.session.engine.url
    in_memory = url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")
    return None if in_memory else url.render_as_string(hide_password=False)


def _of(org: str | None) -> list[sql.ColumnElement[bool]]:
    return [tables.acted_on(), *([] if org is None else [DECISIONS.org == org])]


def _bucket(connection: sql.Connection, grain: Grain) -> sql.ColumnElement[Any]:
    """The beginning of a moment's bucket, as text; SQLite keeps moments as text anyway."""
    if connection.dialect.name == "sqlite":
        said: sql.ColumnElement[Any] = sql.type_coerce(DECISIONS.created_at, sql.String)
    else:
        said = sql.func.to_char(DECISIONS.created_at, sql.literal_column("'YYYY-MM-DD HH24:MI:SS'"))
    letters: sql.ColumnElement[Any] = sql.literal_column(
        str(_LETTERS[grain])
    )  # no parameter: PostgreSQL has to see that it groups by this
    return sql.func.substr(said, sql.literal_column("1"), letters)


def _moment(bucket: str) -> datetime:
    return datetime.fromisoformat(bucket + _REST[len(bucket) :]).replace(tzinfo=UTC)


def _ran(row: Any) -> Ran:
    """An execution, as far as its record says so; another release may have written it."""
    record = from_json(row.record)
    hops = [hop for hop in record.get("hops") or () if isinstance(hop, dict)]
    planned = (record.get("replanned") or {}).get("lane") or (hops[0].get("lane") if hops else None)
    failures = tuple(str(hop["kind"]) for hop in hops if hop.get("kind"))
    return Ran(
        at=row.at.replace(tzinfo=UTC),
        traffic_class=row.traffic_class,
        status=record.get("status") or ("answered" if record.get("final_lane") else "failed"),
        planned=planned,
        final_lane=record.get("final_lane"),
        failures=failures,
        latency_ms=record.get("latency_ms"),
        cost_usd=record.get("cost_usd"),
        called=any(hop.get("kind") not in NOT_CALLED for hop in hops),
    )
