"""How requests are answered, before an outage and during it: lanes, cost, quality with its interval, latency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.estimating.clustered import ratio
from router_ml.offline.outage.decisions import Floats, Weighing
from router_ml.offline.outage.report import Service
from router_ml.offline.simulation.counting.results import Interval, Verdict
from router_ml.offline.simulation.traffic.kinds import Kinds

_LEAST = 1e-12


@dataclass(frozen=True)
class Worth:
    """What lanes make of k kinds, (k, L) each, in the order of the configuration. ``low`` and ``high`` of what is
    believed; None where the truth is known. ``cluster``: (k,)."""

    lanes: tuple[str, ...]
    quality: Floats
    cost_usd: Floats
    latency_ms: Floats
    low: Floats | None
    high: Floats | None
    cluster: NDArray[np.int64]

    @classmethod
    def of(cls, weighing: Weighing, kinds: Kinds) -> Worth:
        """What is believed of the lanes; what is known of them, where outcomes say."""
        found = weighing.estimates
        if kinds.truth == "believed":
            low, high = found.belief.low, found.belief.high
            known = found.belief.quality, found.cost_usd, found.latency_ms
            return cls(weighing.lanes, *known, low=low, high=high, cluster=kinds.cluster)
        at = [weighing.lanes.index(lane) for lane in kinds.lanes]

        def placed(values: Floats) -> Floats:
            result: Floats = np.full(found.cost_usd.shape, math.nan)
            result[:, at] = values
            return result

        known = placed(kinds.quality), placed(kinds.cost_usd), placed(kinds.latency_ms)
        return cls(weighing.lanes, *known, low=None, high=None, cluster=kinds.cluster)


def service(worth: Worth, shares: Floats, weight: Floats, rows: Sequence[int]) -> Service | None:
    """Of some rows, what is served; None where nothing is.

    Args:
        shares: (k, L) probabilities of the lanes. weight: (k,) of the kinds.
    """
    at = np.array(rows, np.int64)
    part = shares[at] * weight[at, None]
    total = float(part.sum())
    if total <= _LEAST:
        return None
    by_lane = part.sum(axis=0) / total
    return Service(
        lanes={lane: float(share) for lane, share in zip(worth.lanes, by_lane, strict=True) if share > _LEAST},
        usd_per_1000=1000 * _mean(worth.cost_usd[at], part, total),
        quality=_quality(worth, at, part, total),
        latency_ms=_mean(worth.latency_ms[at], part, total),
    )


def _mean(values: Floats, part: Floats, total: float) -> float:
    """Of (n, L) values; what no request goes to counts for nothing, whether it is known or not."""
    return float(np.where(part > 0, values * part, 0.0).sum()) / total


def _quality(worth: Worth, at: NDArray[np.int64], part: Floats, total: float) -> Interval:
    if worth.low is not None and worth.high is not None:
        return Interval(*(_mean(each[at], part, total) for each in (worth.quality, worth.low, worth.high)))
    rows = part.sum(axis=1)
    known = np.where(part > 0, worth.quality[at] * part, 0.0).sum(axis=1)
    found = ratio(known, rows, worth.cluster[at])
    half = found.half() if math.isfinite(found.standard_error) else math.inf
    return Interval(found.value, max(found.value - half, 0.0), min(found.value + half, 1.0))


def floor_verdict(found: Service | None, floor: float) -> Verdict:
    """Whether what is served reaches a floor on average."""
    if found is None:
        return "no promise"
    if found.quality.low >= floor:
        return "kept"
    return "missed" if found.quality.high < floor else "not shown"
