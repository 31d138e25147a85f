"""A policy before, during and after what happened, from its series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.counting.results import Result, Study, Trouble

MOST_UNKNOWN = 0.05


@dataclass(frozen=True)
class Stretch:
    """Part of a run. ``quality``: mean over those served, NaN without, and where too little of it is known;
    ``usd_per_1000``: of requests due; ``p95_ms``: of its buckets, weighted by what was served; ``shares``: of the
    requests due, by lane, the most first."""

    name: str
    hours: float
    due: int
    served: int
    quality: float
    usd_per_1000: float
    p95_ms: float
    shares: Mapping[str, float]

    @property
    def success(self) -> float:
        """Served over due, NaN where nothing was due."""
        return self.served / self.due if self.due else float("nan")


def shaken(troubles: Sequence[Trouble], hours: float) -> tuple[float, float] | None:
    """From the first trouble to the end of the last, in hours; None without any inside the run."""
    inside = [trouble for trouble in troubles if trouble.start < hours]
    if not inside:
        return None
    ends = [hours if trouble.end is None else min(trouble.end, hours) for trouble in inside]
    return max(min(trouble.start for trouble in inside), 0.0), max(ends)


def stretches(study: Study, result: Result) -> list[Stretch]:
    """Before, during and after all that happened, as far as there are buckets that lie wholly inside; else nothing."""
    bounds = shaken(study.troubles, study.hours)
    if bounds is None:
        return []
    first, last = bounds
    start, end = result.series.edges[:-1], result.series.edges[1:]
    parts = {
        "before": end <= first + 1e-9,
        "during": (start >= first - 1e-9) & (end <= last + 1e-9),
        "after": start >= last - 1e-9,
    }
    return [stretch(name, result, inside) for name, inside in parts.items() if result.series.due[inside].sum()]


def stretch(name: str, result: Result, inside: NDArray[np.bool_]) -> Stretch:
    """What ``result`` did in some buckets (b,)."""
    series = result.series
    due, served = int(series.due[inside].sum()), int(series.served[inside].sum())
    by_lane = series.by_lane[inside].sum(axis=0)
    order = np.argsort(-by_lane, kind="stable")
    return Stretch(
        name=name,
        hours=float(np.diff(series.edges)[inside].sum()),
        due=due,
        served=served,
        quality=_quality(series.quality[inside], series.served[inside]),
        usd_per_1000=1000 * float(series.spend_usd[inside].sum()) / max(due, 1),
        p95_ms=_mean(series.p95_ms[inside], series.served[inside]),
        shares={result.lanes[lane]: by_lane[lane] / max(due, 1) for lane in order if by_lane[lane]},
    )


def _quality(values: NDArray[np.float64], served: NDArray[np.int64]) -> float:
    """The mean over buckets, unless more of what was served than ``MOST_UNKNOWN`` is in buckets that are not known:
    what is extrapolated is not like the rest."""
    unknown = int(served[~np.isfinite(values)].sum())
    return float("nan") if unknown > MOST_UNKNOWN * served.sum() else _mean(values, served)


def _mean(values: NDArray[np.float64], weight: NDArray[np.int64]) -> float:
    known = np.isfinite(values) & (weight > 0)
    return float(np.average(values[known], weights=weight[known])) if known.any() else float("nan")
