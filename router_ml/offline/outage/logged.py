"""The traffic of a log for an outage report: some of its decisions, and when all of them came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from router_ml.contract import RouteDecision
from router_ml.offline.outage.demand import Demand, of_times

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

MOST = 4000
LAST = timedelta(days=30)


def logged(
    log: EventLog, *, since: datetime | None = None, most: int = MOST, seed: int = 0
) -> tuple[Sequence[RouteDecision], Demand] | None:
    """Decisions from ``since`` on, by default the ``LAST`` 30 days of the log, of more than ``most`` a random choice,
    and the demand of all; None where there are none. Only what is chosen is read.

    Raises:
        LogError: the log cannot be read.
    """
    from router_ml.storage.readers.reading import Wanted
    from router_ml.storage.readers.sampling import sample_decisions

    kept, times = sample_decisions(log, most, wanted=Wanted(since), last=LAST, seed=seed)
    if not kept:
        return None
    told = f"as logged from {min(times):%Y-%m-%d} to {max(times):%Y-%m-%d}"
    return kept, of_times(times, source=told)
