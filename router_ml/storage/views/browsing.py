"""Looking through a log: a page of decisions, newest first, found in bounded time however long the log is.

Decisions are looked at slice by slice, newest first, until the page is full or the time is up; a page that is not full
says how far back it looked, and its cursor goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sql
from pydantic_core import from_json, to_json

from router_ml.contract.base import Action
from router_ml.errors import InvalidRequestError
from router_ml.storage.database import records, tables
from router_ml.storage.views.cursors import Key, from_cursor, to_cursor
from router_ml.storage.views.looked_for import LookedFor

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

DECISIONS, EXECUTIONS, OUTCOMES = tables.decisions.c, tables.executions.c, tables.outcomes.c
MOST = 200  # of a page
SLICE = 5_000
SECONDS = 1.0
NEWEST = (DECISIONS.created_at.desc(), DECISIONS.decision_id.desc())
Condition = sql.ColumnElement[bool]


@dataclass(frozen=True)
class Listed:
    """A decision in one line. ``ended``, ``final_lane``: of its last execution, None where nobody has reported one;
    ``calls``: of lanes; ``cost_usd``: of all executions, where all say it; ``expected_usd``: of the planned lane;
    ``quality``: the latest rating."""

    decision_id: str
    at: datetime
    org: str | None
    action: Action
    reason: str
    route: str
    traffic_class: str
    intent: str
    domain: str
    tier: str
    guard: str
    findings: int
    lane: str | None
    propensity: float | None
    explored: bool
    bundle: str
    arm: str
    expected_usd: float | None
    ended: str | None = None
    final_lane: str | None = None
    calls: int = 0
    cost_usd: float | None = None
    latency_ms: float | None = None
    quality: float | None = None


@dataclass(frozen=True)
class Page:
    """``rows``, newest first. ``after``: the cursor of the next page, None where there is none. ``looked_to``: when the
    last decision that was looked at was made; None where everything was."""

    rows: tuple[Listed, ...]
    after: str | None = None
    looked_to: datetime | None = None


def browse(
    log: EventLog, wanted: LookedFor, *, after: str | None = None, limit: int = 50, seconds: float = SECONDS
) -> Page:
    """Decisions that somebody acted on, newest first.

    Args:
        after: the cursor of the page before. limit: at most so many, ``MOST`` at most.
        seconds: after which it says how far it has come.

    Raises:
        InvalidRequestError: the cursor is none of ours, or the limit out of range. LogError: the log cannot be read.
    """
    if not 1 <= limit <= MOST:
        raise InvalidRequestError(f"Found limit {limit}, expected 1 to {MOST}.")
    key, stop = from_cursor(after), time.monotonic() + seconds
    found: list[Listed] = []
    with log.session.read() as connection:
        indexed = _indexed(connection, wanted)
        while True:
            older = [] if key is None else [_older(key)]
            edge = _edge(connection, [*indexed, *older])
            upto = [] if edge is None else [~_older(edge)]
            query = sql.select(DECISIONS.decision_id, DECISIONS.created_at, DECISIONS.org, DECISIONS.record)
            query = query.where(*indexed, *older, *upto, tables.acted_on(), *_columns(wanted), *_inside(wanted))
            rows = connection.execute(query.order_by(*NEWEST).limit(limit + 1)).all()
            found += (one for one in _listed(connection, rows) if _is_wanted(one, wanted))
            key = (rows[-1].created_at, rows[-1].decision_id) if len(rows) > limit else edge
            if len(found) > limit or key is None or time.monotonic() >= stop:
                break
    if len(found) > limit:
        last = found[limit - 1]
        return Page(tuple(found[:limit]), to_cursor((records.utc(last.at), last.decision_id)), last.at)
    return Page(tuple(found)) if key is None else Page(tuple(found), to_cursor(key), key[0].replace(tzinfo=UTC))


def _edge(connection: sql.Connection, conditions: Sequence[Condition]) -> Key | None:
    """The last decision of the next slice; None where there is less than a slice left."""
    query = sql.select(DECISIONS.created_at, DECISIONS.decision_id).where(*conditions)
    row = connection.execute(query.order_by(*NEWEST).limit(1).offset(SLICE - 1)).first()
    return None if row is None else (row.created_at, row.decision_id)


def _older(key: Key) -> Condition:
    at, name = key
    # the first part alone lets an index be used
    return (DECISIONS.created_at <= at) & ((DECISIONS.created_at < at) | (DECISIONS.decision_id < name))


def _indexed(connection: sql.Connection, wanted: LookedFor) -> list[Condition]:
    """Conditions that an index serves; an id is whole where there is a decision of that very id."""
    found: list[Condition] = []
    if wanted.id is not None:
        whole = DECISIONS.decision_id == wanted.id
        found += [whole] if connection.execute(sql.select(DECISIONS.decision_id).where(whole)).first() else []
    if wanted.since is not None:
        found.append(DECISIONS.created_at >= records.utc(wanted.since))
    if wanted.until is not None:
        found.append(DECISIONS.created_at < records.utc(wanted.until))
    if wanted.org is not None:
        start = sql.func.substr(wanted.org, sql.literal_column("1"), sql.literal_column("64"))
        # not the bare column: SQLite would put its value into the other condition too, and then find no index for it
        found += [start == tables.ORG_START, DECISIONS.org.concat("") == wanted.org]
    return found


def _columns(wanted: LookedFor) -> Iterator[Condition]:
    if wanted.id is not None:
        yield sql.func.substr(DECISIONS.decision_id, 1, len(wanted.id)) == wanted.id
    named = {"traffic_class": wanted.class_, "risk_tier": wanted.tier, "guard_state": wanted.guard}
    named |= {"intent": wanted.intent, "domain": wanted.domain, "bundle": wanted.bundle}
    yield from (DECISIONS[name] == word for name, word in named.items() if word is not None)
    if wanted.explored is not None:
        yield DECISIONS.explored == wanted.explored
    executed = sql.select(EXECUTIONS.execution_id).where(EXECUTIONS.decision_id == DECISIONS.decision_id)
    if wanted.lane is not None:
        answered = executed.where(EXECUTIONS.final_lane == wanted.lane).exists()
        yield (DECISIONS.lane == wanted.lane) | answered
    if wanted.fallback is not None:
        other = executed.where(EXECUTIONS.final_lane != DECISIONS.lane).exists()
        yield other if wanted.fallback else ~other
    if wanted.below is not None:
        rated = sql.select(OUTCOMES.arrived).where(OUTCOMES.decision_id == DECISIONS.decision_id)
        yield rated.where(OUTCOMES.quality < wanted.below).exists()


def _inside(wanted: LookedFor) -> Iterator[Condition]:
    """What a record that is wanted holds somewhere; ``_is_wanted`` looks where. Functions on JSON would be exact, and
    fail on PostgreSQL where a text holds a NUL."""
    for name, word in (("action", wanted.action), ("arm", wanted.arm)):
        if word is not None:
            yield DECISIONS.record.contains(_said(name, word), autoescape=True)
    if wanted.ended is not None:
        executed = sql.select(EXECUTIONS.execution_id).where(EXECUTIONS.decision_id == DECISIONS.decision_id)
        yield executed.where(EXECUTIONS.record.contains(_said("status", wanted.ended), autoescape=True)).exists()


def _said(name: str, word: str) -> str:
    return f"{to_json(name).decode()}:{to_json(word).decode()}"


def _is_wanted(one: Listed, wanted: LookedFor) -> bool:
    pairs = ((one.action, wanted.action), (one.arm, wanted.arm), (one.ended, wanted.ended))
    return all(word is None or found == word for found, word in pairs)


def _listed(connection: sql.Connection, rows: Sequence[Any]) -> Iterator[Listed]:
    ids = [row.decision_id for row in rows]
    runs = _last(connection, sql.select(EXECUTIONS.decision_id, EXECUTIONS.record), EXECUTIONS.at, ids)
    rated = sql.select(OUTCOMES.decision_id, OUTCOMES.record).where(OUTCOMES.quality.is_not(None))
    ratings = _last(connection, rated, OUTCOMES.at, ids)
    for row in rows:
        said, came = from_json(row.record), runs.get(row.decision_id, [])
        last = came[-1] if came else {}
        planned = said["estimates"].get(said["lane"] or "")
        costs: list[Any] = [run.get("cost_usd") for run in came]
        marks = ratings.get(row.decision_id)
        yield Listed(
            **{name: said[name] for name in ("decision_id", "action", "reason", "route", "traffic_class", "lane")},
            **{name: said[name] for name in ("propensity", "explored")},
            at=row.created_at.replace(tzinfo=UTC),
            org=row.org,
            intent=said["intent"]["label"],
            domain=said["domain"]["label"],
            tier=said["risk_tier"],
            guard=said["guard_state"],
            findings=len(said["findings"]),
            bundle=said["versions"]["bundle"],
            arm=said["state"].get("arm", "champion"),
            expected_usd=None if planned is None else planned["cost_usd"],
            ended=last.get("status"),
            final_lane=last.get("final_lane"),
            calls=sum(len(run.get("hops", ())) for run in came),
            cost_usd=sum(costs) if costs and None not in costs else None,
            latency_ms=last.get("latency_ms"),
            quality=marks[-1]["quality"] if marks else None,
        )


def _last(
    connection: sql.Connection, query: sql.Select[Any], at: sql.ColumnElement[Any], ids: Sequence[str]
) -> Mapping[str, list[dict[str, Any]]]:
    """Records by decision, oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    of = query.selected_columns.decision_id
    for row in connection.execute(query.where(of.in_(ids)).order_by(at)):
        found.setdefault(row.decision_id, []).append(from_json(row.record))
    return found
