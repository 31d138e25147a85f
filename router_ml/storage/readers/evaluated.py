"""What evaluations of lanes left in the log: decisions that end in ``.eval``, each with its outcome.

They stand beside the traffic and are read here alone: nobody acted on them, so no estimate, bill, floor or live number
counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import sqlalchemy as sql

from router_ml.contract import Outcome, RouteDecision
from router_ml.contract.base import EVAL_SUFFIX
from router_ml.storage.database import records, tables
from router_ml.storage.database.writing import IDS_PER_QUERY
from router_ml.storage.readers.reading import OLDEST_FIRST

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


def read_evaluated(log: EventLog, since: datetime | None = None) -> Iterator[tuple[RouteDecision, Outcome]]:
    """Each evaluated case with its latest outcome, oldest first; without those that have none yet, and what was
    compacted.

    Raises:
        LogError: the log cannot be read.
    """
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
