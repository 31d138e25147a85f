"""What logged decisions cost: so that budgets go on after a restart where they were, and that a bill counts once.

A decision costs what its latest outcome says that names a cost; else what its executions cost, together; else what it
was expected to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql
from pydantic_core import from_json

from router_ml.errors import LogError
from router_ml.storage.database import tables
from router_ml.storage.database.records import utc
from router_ml.storage.database.rows import Stored
from router_ml.storage.database.writing import chunks


@dataclass(frozen=True)
class Cost:
    """USD that a decision did cost, as far as the log knows, or else was expected to."""

    decision_id: str
    traffic_class: str
    at: datetime
    usd: float


@dataclass(frozen=True)
class Billed:
    """What records that were written changed of the cost of a decision: ``before`` and after them (``cost``), each
    exactly once whoever wrote others at the same moment. ``records``: their ids."""

    cost: Cost
    before: float
    records: frozenset[str]


@dataclass
class _Bills:
    """Of one decision: ``told`` by outcomes, the latest last, and ``done`` by executions, each with its record's id;
    ``replanned``: what executions of other plans were expected to cost, the latest last, ``again``: their ids."""

    told: list[tuple[str, float]] = field(default_factory=list)
    done: list[tuple[str, float | None]] = field(default_factory=list)
    replanned: list[float] = field(default_factory=list)
    again: set[str] = field(default_factory=set)

    def usd(self, expected: float, *, but: Collection[str] = ()) -> float:
        """All in all; without some records."""
        told = [usd for name, usd in self.told if name not in but]
        if told:
            return told[-1]
        done = [usd for name, usd in self.done if name not in but]
        known = [usd for usd in done if usd is not None]
        expected = self.replanned[-1] if self.replanned else expected
        if self.again and self.again.issubset(but):  # it was charged anew when it was let through
            return expected
        if len(known) < len(done):  # a call whose price is not known was not free
            return max(expected, sum(known))
        return sum(known) if known else expected


def read_costs(
    connection: sql.Connection, since: datetime, until: datetime, traffic_classes: Sequence[str]
) -> list[Cost]:
    """Costs of the decisions of these classes that went to a lane, from ``since``, before ``until``, oldest first; also
    of those that did once a person had let them through.

    Raises:
        LogError: a decision was written under another contract.
    """
    decisions = tables.decisions.c
    within = (decisions.created_at >= utc(since), decisions.created_at < utc(until))
    where = (*within, decisions.traffic_class.in_(traffic_classes), tables.acted_on())
    bills = _bills(connection, *where)
    return [
        Cost(row.decision_id, row.traffic_class, row.created_at.replace(tzinfo=UTC), found.usd(expected))
        for row in _decided(connection, *where)
        for found in [bills.get(row.decision_id, _Bills())]
        if (expected := _expected(row, found)) is not None
    ]


def billed(connection: sql.Connection, written: Sequence[Stored]) -> list[Billed]:
    """What records changed that were written in this transaction, which holds the decisions ``with_bills``. One that
    came after its bills had come is counted with what they changed of it."""
    new = {entry.record_id for entry in written if entry.kind in ("outcome", "execution")}
    made = {name for entry in written if entry.kind == "decision" and (name := entry.decision_id) is not None}
    ids = sorted(made.union(with_bills(written)))
    found: list[Billed] = []
    for some in chunks(ids):
        where = (tables.decisions.c.decision_id.in_(some), tables.acted_on())
        bills = _bills(connection, *where)
        which = tables.decisions.c.decision_id.in_(list(bills))
        for row in _decided(connection, which) if bills else ():
            known = bills[row.decision_id]
            records = {name for name, _ in (*known.told, *known.done) if row.decision_id in made or name in new}
            try:
                expected = _expected(row, known)
            except LogError:  # of another contract: its bill is kept all the same
                continue
            if expected is None or not records:
                continue
            at = row.created_at.replace(tzinfo=UTC)
            cost = Cost(row.decision_id, row.traffic_class, at, known.usd(expected))
            found.append(Billed(cost, known.usd(expected, but=records), frozenset(records)))
    return found


def with_bills(entries: Iterable[Stored]) -> list[str]:
    """The decisions that entries may change the cost of."""
    return sorted({name for one in entries if (name := one.decision_id) is not None and _is_bill(one)})


def _is_bill(entry: Stored) -> bool:
    if entry.kind == "outcome":
        return from_json(entry.record).get("cost_usd") is not None
    return entry.kind == "execution"


def _spent_by(record: dict[str, Any]) -> float | None:
    """What an execution cost: by itself, else all its calls together; None where that is not known."""
    whole, hops = record.get("cost_usd"), record.get("hops") or ()
    if whole is not None:
        return float(whole)
    costs = [hop.get("cost_usd") for hop in hops]
    return None if not costs or None in costs else float(sum(costs))


def _decided(connection: sql.Connection, *where: sql.ColumnElement[bool]) -> Iterator[Any]:
    decisions = tables.decisions.c
    columns = decisions["decision_id", "traffic_class", "created_at", "lane", "record"]
    query = sql.select(*columns).where(*where).order_by(decisions.created_at, decisions.decision_id)
    yield from connection.execute(query.execution_options(yield_per=1000))


def _bills(connection: sql.Connection, *where: sql.ColumnElement[bool]) -> dict[str, _Bills]:
    """Of decisions that have any."""
    decisions, outcomes, executions = tables.decisions, tables.outcomes, tables.executions
    found: dict[str, _Bills] = {}
    told = sql.select(outcomes.c.decision_id, outcomes.c.outcome_id, outcomes.c.cost_usd)
    told = told.join(decisions, decisions.c.decision_id == outcomes.c.decision_id)
    told = told.where(*where, outcomes.c.cost_usd.is_not(None))
    for row in connection.execute(told.order_by(outcomes.c.at, outcomes.c.source, outcomes.c.arrived)):
        found.setdefault(row.decision_id, _Bills()).told.append((row.outcome_id, row.cost_usd))
    done = sql.select(executions.c.decision_id, executions.c.execution_id, executions.c.record)
    done = done.join(decisions, decisions.c.decision_id == executions.c.decision_id).where(*where)
    done = done.order_by(executions.c.at, executions.c.execution_id)
    for row in connection.execute(done.execution_options(yield_per=1000)):
        bills = found.setdefault(row.decision_id, _Bills())
        try:
            said = from_json(row.record)
            again = said.get("replanned")
            if again is not None:
                bills.replanned.append(float(again["estimate"]["cost_usd"]))
                bills.again.add(row.execution_id)
            bills.done.append((row.execution_id, _spent_by(said)))
        except (ValueError, KeyError, TypeError, AttributeError):  # of another contract, or damaged
            continue
    return found


def _expected(row: Any, bills: _Bills) -> float | None:
    """What its lane was expected to cost; None where it went to none, and nobody let it through since."""
    if row.lane is None:
        return bills.replanned[-1] if bills.replanned else None
    try:
        return float(from_json(row.record)["estimates"][row.lane]["cost_usd"])
    except (ValueError, KeyError, TypeError):
        raise LogError(
            f"Decision {row.decision_id} was written under another contract. Read it with the release that wrote it."
        ) from None
