"""The spending of classes as counters of the board, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from router_ml.state.sharing.counts import Counter

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

SPEND = "spend"
_LONGEST = 200  # of a column of the board

Spent = Mapping[tuple[str, date], float]
"""USD by class and day."""


def short(name: str) -> str:
    """The name of a class as it fits the board."""
    return name if len(name) <= _LONGEST else f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def as_counters(spent: Spent) -> dict[Counter, float]:
    """As the board has it."""
    return {(SPEND, short(name), on.isoformat()): usd for (name, on), usd in spent.items()}


def as_spending(counters: Mapping[Counter, float], classes: Iterable[str]) -> dict[tuple[str, date], float]:
    """What counters of the board say of spending; ``classes``: those that this process knows by their whole names."""
    names = {short(name): name for name in classes}
    return {
        (names.get(name, name), date.fromisoformat(on)): usd
        for (kind, name, on), usd in counters.items()
        if kind == SPEND
    }


def before(
    wanted: Iterable[Counter], classes: Iterable[str], log: EventLog | None, *, today: date
) -> dict[Counter, float]:
    """What the log holds of some counters; nothing yet of tomorrow, whose base is laid while nobody counts."""
    found = dict.fromkeys(wanted, 0.0)
    asked = {name for _, name, period in found if period == today.isoformat()}
    names = [name for name in classes if short(name) in asked]
    if names and log is not None:
        start = datetime.combine(today, time(), UTC)
        for cost in log.costs(start, until=start + timedelta(days=1), traffic_classes=names):
            found[SPEND, short(cost.traffic_class), today.isoformat()] += cost.usd
    return found
