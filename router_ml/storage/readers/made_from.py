"""What a log keeps of what decisions were made from, for those who make them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from router_ml.storage.database.records import Features

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

IDS_PER_QUERY = 500


@dataclass(frozen=True)
class Kept:
    """``text``: the whole request as JSON. Both None where policy did not let it be kept, or it has expired."""

    text: str | None = None
    features: Features | None = None


def read_kept(log: EventLog, ids: Sequence[str]) -> dict[str, Kept]:
    """What was kept of decisions, by id; those of which nothing was are left out.

    Raises:
        LogError: the log cannot be read.
    """
    import sqlalchemy as sql

    from router_ml.storage.database.tables import features, texts

    said: dict[str, str] = {}
    seen: dict[str, Features] = {}
    with log.session.read() as connection:
        for start in range(0, len(ids), IDS_PER_QUERY):
            some = ids[start : start + IDS_PER_QUERY]
            for row in connection.execute(sql.select(texts).where(texts.c.decision_id.in_(some))):
                said[row.decision_id] = row.text if isinstance(row.text, str) else bytes(row.text).decode()
            for row in connection.execute(sql.select(features).where(features.c.decision_id.in_(some))):
                embedding = None if row.embedding is None else np.frombuffer(row.embedding, "<f4")
                seen[row.decision_id] = Features(row.encoder, embedding, np.frombuffer(row.surface, "<f4"))
    return {name: Kept(said.get(name), seen.get(name)) for name in (*said, *(n for n in seen if n not in said))}
