"""Which decisions of a log may judge a challenger: those that it has not learned from."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData, utc

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


def unseen(
    log: EventLog, challenger: Bundle, own: str | None, since: datetime | None, until: datetime | None
) -> tuple[LoggedData, list[str], dict[str, int]]:
    """The decisions that the challenger has not learned from: those after its training window, or after it was made
    where it learned from a log and does not say how far. Only these are read."""
    training = challenger.manifest.training
    stop: str | None = training.get("until")
    if stop is None and (training.get("outcomes_from_log") or training.get("log_sha256")):
        stop = challenger.manifest.created_at
    start, notes = since, list[str]()
    if stop is not None:
        learned = utc(datetime.fromisoformat(stop))
        start = learned if since is None else max(learned, utc(since))
        notes.append(f"The challenger has learned from decisions before {stop}; only later ones judge it.")
    logged = log.logged(start, own, encoder=challenger.encoder.sha256)
    keep = np.ones(len(logged), bool)
    if until is not None:
        keep = logged.created_at < np.datetime64(utc(until), "us")
    seen = 0 if start == since else log.count(since, own) - len(logged)
    counts = {"learned from": seen, "too recent": int((~keep).sum())}
    return logged.select(keep), notes, {reason: count for reason, count in counts.items() if count}
