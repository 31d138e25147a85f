"""What some decisions are about, in a few words each: for lists of what belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sql

from router_ml.storage.database import tables
from router_ml.storage.database.writing import chunks

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

DECISIONS = tables.decisions.c


@dataclass(frozen=True)
class About:
    """Of a decision. ``org``: as rules read it, None where there is none or something was found in its name."""

    org: str | None
    domain: str
    intent: str
    tier: str


def about(log: EventLog, decision_ids: Sequence[str]) -> dict[str, About]:
    """Those of some decisions that are in the database, by id.

    Raises:
        LogError: the log cannot be read.
    """
    query = sql.select(DECISIONS.decision_id, DECISIONS.org, DECISIONS.domain, DECISIONS.intent, DECISIONS.risk_tier)
    found: dict[str, About] = {}
    with log.session.read() as connection:
        for some in chunks(list(dict.fromkeys(decision_ids))):
            for name, *words in connection.execute(query.where(DECISIONS.decision_id.in_(some))):
                found[name] = About(*words)
    return found
