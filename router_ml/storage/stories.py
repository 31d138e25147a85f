"""What is known of a decision, in one place: how it was made, what was done with it, and what was learned later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile
from typing import Any

import sqlalchemy as sql

from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.storage import records, tables
from router_ml.storage.eventlog import EventLog
from router_ml.storage.records import Kept

PAGE = 500  # decisions at a time: what is in memory at once


@dataclass(frozen=True)
class Story:
    """One decision with its executions, oldest first, and its outcomes, the latest of each source, oldest first."""

    decision: RouteDecision
    executions: tuple[Execution, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


def stories(log: EventLog, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[Story]:
    """Every decision from ``since`` on and before ``until`` (without a zone: UTC), oldest first, in pages.

    Raises:
        LogError: the log cannot be read.
    """
    decided: Iterable[RouteDecision] = log.decisions(since, batch_size=PAGE)
    if until is not None:
        end = records.utc(until)
        decided = takewhile(lambda decision: records.utc(decision.created_at) < end, decided)
    pages = iter(decided)
    while page := list(islice(pages, PAGE)):
        ids = [decision.decision_id for decision in page]
        with log.session.read() as connection:
            done = _of(connection, Execution, tables.executions, tables.executions.c.execution_id, ids)
            learned = _of(connection, Outcome, tables.outcomes, tables.outcomes.c.arrived, ids)
        for decision in page:
            latest = {outcome.source: outcome for outcome in learned[decision.decision_id]}
            outcomes = sorted(latest.values(), key=lambda outcome: records.utc(outcome.at))
            yield Story(decision, tuple(done[decision.decision_id]), tuple(outcomes))


def _of(
    connection: sql.Connection, model: type[Kept], table: sql.Table, second: Any, ids: list[str]
) -> dict[str, list[Kept]]:
    """Records of a kind by decision, oldest first."""
    found: dict[str, list[Kept]] = defaultdict(list)
    query = sql.select(table.c.decision_id, table.c.record).where(table.c.decision_id.in_(ids))
    for row in connection.execute(query.order_by(table.c.at, second)):
        found[row.decision_id].append(records.parse(model, row.record, f"A record of decision {row.decision_id}"))
    return found
