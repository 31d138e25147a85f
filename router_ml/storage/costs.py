"""What logged decisions cost: so that budgets go on after a restart where they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql
from pydantic_core import from_json

from router_ml.errors import LogError
from router_ml.storage import tables
from router_ml.storage.records import utc


@dataclass(frozen=True)
class Cost:
    """USD that a decision did cost, by its latest outcome that says so, or else was expected to."""

    decision_id: str
    traffic_class: str
    at: datetime
    usd: float


def read_costs(
    connection: sql.Connection, since: datetime, until: datetime, traffic_classes: Sequence[str]
) -> list[Cost]:
    """Costs of the decisions of these classes that went to a lane, from ``since``, before ``until``, oldest first; also
    of those that did once a person had let them through.

    Raises:
        LogError: a decision was written under another contract.
    """
    created = tables.decisions.c.created_at
    return _costs(connection, traffic_classes, created >= utc(since), created < utc(until))


def read_cost(connection: sql.Connection, decision_id: str, traffic_classes: Sequence[str]) -> Cost | None:
    """``read_costs`` of one decision."""
    found = _costs(connection, traffic_classes, tables.decisions.c.decision_id == decision_id)
    return found[0] if found else None


def _costs(connection: sql.Connection, traffic_classes: Sequence[str], *which: sql.ColumnElement[bool]) -> list[Cost]:
    decisions, outcomes, executions = tables.decisions, tables.outcomes, tables.executions
    where = (*which, decisions.c.traffic_class.in_(traffic_classes), tables.acted_on())
    told = sql.select(outcomes.c.decision_id, outcomes.c.cost_usd).join(
        decisions, decisions.c.decision_id == outcomes.c.decision_id
    )
    told = told.where(*where, outcomes.c.cost_usd.is_not(None)).order_by(
        outcomes.c.at, outcomes.c.source, outcomes.c.arrived
    )
    known = {row.decision_id: row.cost_usd for row in connection.execute(told)}
    columns = decisions.c["decision_id", "traffic_class", "created_at", "lane", "record"]
    query = sql.select(*columns).where(*where).order_by(decisions.c.created_at, decisions.c.decision_id)
    later = sql.select(executions.c.decision_id, executions.c.record).join(
        decisions, decisions.c.decision_id == executions.c.decision_id
    )
    later = later.where(*where, decisions.c.lane.is_(None)).order_by(executions.c.at)
    let_through = {
        row.decision_id: usd for row in connection.execute(later) if (usd := _replanned(row.record)) is not None
    }
    return [
        Cost(row.decision_id, row.traffic_class, row.created_at.replace(tzinfo=UTC), usd)
        for row in connection.execute(query.execution_options(yield_per=1000))
        if row.lane is not None or row.decision_id in let_through
        for usd in [_cost(row, known, let_through)]
    ]


def _cost(row: sql.Row[Any], known: Mapping[str, float], let_through: Mapping[str, float]) -> float:
    told = known.get(row.decision_id)
    if told is None:
        told = let_through.get(row.decision_id)
    return _expected(row) if told is None else told


def _replanned(record: str) -> float | None:
    """What an execution was expected to cost that carries out another plan than its decision's."""
    try:
        again = from_json(record).get("replanned")
        return None if again is None else float(again["estimate"]["cost_usd"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _expected(row: sql.Row[tuple[str, str, datetime, str, str]]) -> float:
    try:
        return float(from_json(row.record)["estimates"][row.lane]["cost_usd"])
    except (ValueError, KeyError, TypeError):
        raise LogError(
            f"Decision {row.decision_id} was written under another contract. Read it with the release that wrote it."
        ) from None
