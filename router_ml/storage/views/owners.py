"""Whose decisions are: the organisation of each, as far as the log knows it, and whether the record is still there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sql

from router_ml.contract import RouteDecision
from router_ml.storage.database import tables
from router_ml.storage.database.entries import Kind
from router_ml.storage.database.writing import chunks, key_rows

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


@dataclass(frozen=True)
class Owned:
    """A decision that is known. ``org``: as rules read it; None where the request named none, where something was found
    in its name, or where the record is not in the database: it is then in an ``archive``, or ``gone``.
    ``dearest_usd``: what the dearest lane that it weighed was expected to cost; None where the log was asked."""

    org: str | None
    where: Literal["here", "archive", "gone"] = "here"
    dearest_usd: float | None = field(default=None, compare=False)


def dearest(decision: RouteDecision) -> float:
    """The expected cost of the dearest lane that a decision weighed, in USD."""
    return max((estimate.cost_usd for estimate in decision.estimates.values()), default=0.0)


def owners(log: EventLog, decision_ids: Sequence[str]) -> dict[str, Owned]:
    """Those of some decisions that the log knows, by id.

    Raises:
        LogError: the log cannot be read.
    """
    return dict(_found(log, list(dict.fromkeys(decision_ids))))


def held(log: EventLog, kind: Kind, record_ids: Sequence[str]) -> set[str]:
    """Which records of a kind the database of a log holds, of those with these ids.

    Raises:
        LogError: the log cannot be read.
    """
    _, key = tables.RECORDS[kind]
    found: set[str] = set()
    with log.session.read(snapshot=True) as connection:
        for some in chunks(list(record_ids)):
            found.update(connection.execute(sql.select(key).where(key.in_(some))).scalars())
    return found


def _found(log: EventLog, ids: Sequence[str]) -> Iterator[tuple[str, Owned]]:
    decided = tables.decisions.c
    with log.session.read(snapshot=True) as connection:
        for some in chunks(ids):
            query = sql.select(decided.decision_id, decided.org).where(decided.decision_id.in_(some))
            here = {row.decision_id: row.org for row in connection.execute(query)}
            for name, row in key_rows(connection, some).items():
                if row.key is None:
                    yield name, Owned(None, "gone")
                elif row.archive is not None:
                    yield name, Owned(None, "archive")  # any other key without a record waits for its decision
            yield from ((name, Owned(org)) for name, org in here.items())
