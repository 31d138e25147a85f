"""What evaluations of lanes left in the log: decisions that end in ``.eval``, each with its outcome.

They stand beside the traffic and are read here alone: nobody acted on them, so no estimate, bill, floor or live number
counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

import sqlalchemy as sql

from router_ml.contract import Outcome, RouteDecision
from router_ml.contract.base import EVAL_SUFFIX
from router_ml.storage.database import records, tables
from router_ml.storage.database.writing import IDS_PER_QUERY
from router_ml.storage.readers.reading import OLDEST_FIRST

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


def read_evaluated(
    log: EventLog, since: datetime | None = None, *, archive: str | None = None
) -> Iterator[tuple[RouteDecision, Outcome]]:
    """Each evaluated case with its latest outcome, oldest first; without those that have none yet.

    Args:
        archive: folder that the log was compacted to; without it, what was compacted is left out.

    Raises:
        LogError: the log or the archive cannot be read. MissingExtraError: pyarrow or fsspec is not installed.
    """
    if archive is not None:
        yield from _archived(log, since, archive)
    decided, learned = tables.decisions.c, tables.outcomes.c
    query = sql.select(decided.decision_id).where(tables.ends_in(EVAL_SUFFIX))
    if since is not None:
        query = query.where(decided.created_at >= records.utc(since))
    with log.session.read() as connection:
        ids = iter(list(connection.scalars(query.order_by(*OLDEST_FIRST))))
    while page := list(islice(ids, IDS_PER_QUERY)):
        with log.session.read() as connection:
            made = sql.select(decided.decision_id, decided.record).where(decided.decision_id.in_(page))
            came = sql.select(learned.decision_id, learned.record).where(learned.decision_id.in_(page))
            decisions = {row.decision_id: row.record for row in connection.execute(made)}
            outcomes = {row.decision_id: row.record for row in connection.execute(came.order_by(learned.arrived))}
        for name in page:
            if name in decisions and name in outcomes:
                yield (
                    records.parse(RouteDecision, decisions[name], f"Decision {name}"),
                    records.parse(Outcome, outcomes[name], f"Outcome of {name}"),
                )


def _archived(log: EventLog, since: datetime | None, archive: str) -> Iterator[tuple[RouteDecision, Outcome]]:
    from router_ml.storage.archives.archive import archived

    made: RouteDecision | None = None
    came: Outcome | None = None
    for entry in chain(archived(archive, log=log), [None]):
        if entry is None or entry.kind == "decision":
            if made is not None and came is not None:
                yield made, came
            made, came = None, None
        if entry is None or not str(entry.decision_id).endswith(EVAL_SUFFIX):
            continue
        if entry.kind == "decision":
            found = records.parse(RouteDecision, entry.record, f"Decision {entry.record_id}")
            made = found if since is None or records.utc(found.created_at) >= records.utc(since) else None
        elif entry.kind == "outcome":
            came = records.parse(Outcome, entry.record, f"Outcome of {entry.decision_id}")
