"""What logged decisions cost: so that budgets go on after a restart where they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

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
    """Costs of the decisions of these classes that went to a lane, from ``since``, before ``until``, oldest first.

    Raises:
        LogError: a decision was written under another contract.
    """
    decisions, outcomes = tables.decisions, tables.outcomes
    where = (
        decisions.c.created_at >= utc(since),
        decisions.c.created_at < utc(until),
        decisions.c.traffic_class.in_(traffic_classes),
        decisions.c.lane.is_not(None),
    )
    told = sql.select(outcomes.c.decision_id, outcomes.c.cost_usd).join(
        decisions, decisions.c.decision_id == outcomes.c.decision_id
    )
    told = told.where(*where, outcomes.c.cost_usd.is_not(None)).order_by(
        outcomes.c.at, outcomes.c.source, outcomes.c.arrived
    )
    known = {row.decision_id: row.cost_usd for row in connection.execute(told)}
    columns = decisions.c["decision_id", "traffic_class", "created_at", "lane", "record"]
    query = sql.select(*columns).where(*where).order_by(decisions.c.created_at, decisions.c.decision_id)
    return [
        Cost(row.decision_id, row.traffic_class, row.created_at.replace(tzinfo=UTC), usd)
        for row in connection.execute(query.execution_options(yield_per=1000))
        for usd in [known[row.decision_id] if row.decision_id in known else _expected(row)]
    ]


def _expected(row: sql.Row[tuple[str, str, datetime, str, str]]) -> float:
    try:
        return float(from_json(row.record)["estimates"][row.lane]["cost_usd"])
    except (ValueError, KeyError, TypeError):
        raise LogError(
            f"Decision {row.decision_id} was written under another contract. Read it with the release that wrote it."
        ) from None
