"""The traffic of a log for an outage report: some of its decisions, and when all of them came."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from router_ml.contract import RouteDecision
from router_ml.offline.outage.demand import Demand, of_times

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

MOST = 4000


def logged(
    log: EventLog, *, since: datetime | None = None, most: int = MOST, seed: int = 0
) -> tuple[Sequence[RouteDecision], Demand] | None:
    """Decisions from ``since`` on, of more than ``most`` a random choice, and the demand of all; None where there are
    none. Memory does not grow with the log but for the times.

    Raises:
        LogError: the log cannot be read.
    """
    rng, kept, times = random.Random(seed), [], []
    for number, decision in enumerate(log.decisions(since, shadows=False)):
        times.append(decision.created_at.astimezone(UTC))
        if number < most:
            kept.append(decision)
        elif (place := rng.randrange(number + 1)) < most:  # a reservoir: each is kept with the same probability
            kept[place] = decision
    if not kept:
        return None
    told = f"as logged from {min(times):%Y-%m-%d} to {max(times):%Y-%m-%d}"
    return kept, of_times(times, source=told)
