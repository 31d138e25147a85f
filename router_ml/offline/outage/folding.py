"""Small situations of a class in one row, so that a person can read the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from router_ml.offline.outage.report import Service, Situation
from router_ml.offline.simulation.counting.results import Interval

SMALL = 0.01
"""Share of all traffic below which a situation is told with others."""


def folded(situations: Sequence[Situation]) -> tuple[tuple[Situation, ...], Situation | None]:
    """Those to show one by one, among them all that stop, and the small ones as one; None for less than two of them.
    Its ``survivors`` are lanes that are left to all, and its quality has no interval."""
    small = [each for each in situations if each.share < SMALL and each.after is not None]
    if len(small) < 2:
        return tuple(situations), None
    lanes = set.intersection(*(set(each.survivors) for each in small))
    one = Situation(
        because={f"{len(small)} situations of less than {SMALL:.0%} each": 1.0},
        share=sum(each.share for each in small),
        survivors=tuple(lane for lane in small[0].survivors if lane in lanes),
        demand=sum(each.demand for each in small),
        capacity=None,
        before=_mean((each.before, each.share) for each in small),
        after=_mean((each.after, each.share) for each in small if each.after is not None),
        stopped=None,
    )
    return tuple(each for each in situations if each not in small), one


def _mean(services: Iterable[tuple[Service, float]]) -> Service:
    known = list(services)
    total = sum(share for _, share in known)
    lanes: dict[str, float] = {}
    for service, share in known:
        for lane, part in service.lanes.items():
            lanes[lane] = lanes.get(lane, 0.0) + part * share / total
    return Service(
        lanes=lanes,
        usd_per_1000=sum(service.usd_per_1000 * share for service, share in known) / total,
        quality=Interval(sum(service.quality.value * share for service, share in known) / total, math.nan, math.nan),
        latency_ms=sum(service.latency_ms * share for service, share in known) / total,
    )
