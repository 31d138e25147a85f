"""Where the records of a decision stand in the log's hash chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sql

from router_ml.storage.database import tables

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

MOST = 200
CHAIN = tables.chain.c


@dataclass(frozen=True)
class ChainPlace:
    """Record ``seq`` of a ``writer``; ``digest`` and ``head`` (of the chain up to here) in hex."""

    kind: str
    record_id: str
    writer: str
    seq: int
    digest: str
    head: str


def places(log: EventLog, decision_id: str) -> list[ChainPlace]:
    """Of a decision and of what came of it, in the order of the writers; ``MOST`` at most.

    Raises:
        LogError: the log cannot be read.
    """
    query = sql.select(*CHAIN["kind", "record_id", "writer", "seq", "digest", "head"])
    query = query.where(CHAIN.decision_id == decision_id).order_by(CHAIN.writer, CHAIN.seq).limit(MOST)
    with log.session.read() as connection:
        return [
            ChainPlace(row.kind, row.record_id, row.writer, row.seq, row.digest.hex(), row.head.hex())
            for row in connection.execute(query)
        ]
