"""Some decisions of a long log and the times of all: only the records of those that are taken are read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sql

from router_ml.contract import RouteDecision
from router_ml.storage.database import records
from router_ml.storage.readers.reading import DECISIONS, OLDEST_FIRST, ROWS_AT_ONCE, Wanted, records_of

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


def sample_decisions(
    log: EventLog, most: int, *, wanted: Wanted, last: timedelta, seed: int = 0
) -> tuple[Sequence[RouteDecision], Sequence[datetime]]:
    """At most so many decisions, oldest first, each with the same probability; and when all of them were made.

    Args:
        last: how much of the log, up to its latest decision, where ``wanted`` says no time.

    Raises:
        LogError: the log cannot be read.
    """
    with log.session.read() as connection:
        latest = connection.execute(sql.select(sql.func.max(DECISIONS.c.created_at)).where(*wanted.decided)).scalar()
        if latest is None:
            return [], []
        wanted = wanted if wanted.since is not None else replace(wanted, since=latest.replace(tzinfo=UTC) - last)
        query = sql.select(*OLDEST_FIRST).where(*wanted.decided).order_by(*OLDEST_FIRST)
        rows = [tuple(row) for row in connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE))]
    taken = sorted(random.Random(seed).sample(range(len(rows)), min(most, len(rows))))
    ids = [rows[index][1] for index in taken]
    with log.session.read() as connection:
        found = records_of(connection, ids)
    return (
        [records.parse(RouteDecision, found[name], f"Decision {name}") for name in ids if name in found],
        [at.replace(tzinfo=UTC) for at, _ in rows],
    )
