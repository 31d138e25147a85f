"""From sums to a result: intervals, verdicts on floors, quantiles, the series over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router_ml.config import TrafficClass
from router_ml.offline.estimating.clustered import Mean, ratio, ratio_difference
from router_ml.offline.simulation.counting.alone import Alone
from router_ml.offline.simulation.counting.latencies import latencies, quantile
from router_ml.offline.simulation.counting.results import (
    ClassResult,
    Difference,
    Exploration,
    Interval,
    Result,
    Series,
    Verdict,
)
from router_ml.offline.simulation.counting.tally import DUE, KNOWN, NOT_DUE, QUALITY, SERVED, SERVED_FATE, USD
from router_ml.offline.simulation.playing.carried import FATES

if TYPE_CHECKING:
    from router_ml.offline.simulation.counting.tally import Tally

Floats = NDArray[np.float64]

LEAST_CLUSTERS = 5  # a floor is not called kept or missed on fewer
UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


def result_of(tally: Tally) -> Result:
    """The result of a tally."""
    sums, clusters = tally.sums, tally.by_cluster()
    alone = tally.alone()
    fates = sums["fates"].sum(axis=0)
    calls, failed, violations, explored = (int(count) for count in sums["counts"])
    requests = int(fates.sum())
    by_lane = sums["by_lane"].sum(axis=0)
    given_up = -float(sums["explored"][1]) / max(requests, 1)
    return Result(
        policy=tally.policy,
        lanes=tally.lanes,
        requests=requests,
        due=_due(fates),
        served=int(fates[SERVED_FATE]),
        spend_usd=float(clusters[:, USD].sum()),
        cost=_share(clusters, USD, DUE, least=0.0),
        quality=_share(clusters, QUALITY, KNOWN, least=0.0, most=1.0),
        latency=latencies(sums["latency"].sum(axis=0)),
        lane_requests=dict(zip(tally.lanes, (int(count) for count in by_lane), strict=True)),
        calls=calls,
        failed_calls=failed,
        violations=violations,
        exploration=Exploration(explored, float(sums["explored"][0]), given_up + 0.0),
        reviews=alone.reviews,
        refused=int(fates[FATES.index("refused")]),
        asked_back=int(fates[FATES.index("asked_back")]),
        no_lane=_reasons(fates),
        dark_minutes=float(alone.dark[-1]) / alone.runs,
        classes=tuple(
            _class(tally, alone, number) for number in range(len(tally.classes)) if sums["fates"][number].any()
        ),
        series=_series(tally, alone),
        notes=(*tally.notes, *_notes(tally)),
        runs=alone.runs,
    )


def difference_of(tally: Tally, against: Tally) -> Difference:
    """A policy less another that met the same requests with the same luck: what both share cancels cluster by cluster,
    so intervals are narrower than those of either."""
    mine, other = tally.by_cluster(), against.by_cluster()
    quality = _paired(mine, other, QUALITY, KNOWN, reach=1.0)
    cost = _paired(mine, other, USD, DUE)
    usd = Interval(1000 * cost.value, 1000 * cost.low, 1000 * cost.high)
    return Difference(tally.policy, against.policy, quality, usd, _paired(mine, other, SERVED, DUE, reach=1.0))


def _class(tally: Tally, alone: Alone, number: int) -> ClassResult:
    name, sums = tally.classes[number], tally.sums
    promise, fates, clusters = tally.promises[name], sums["fates"][number], tally.by_cluster(number)
    quality = _share(clusters, QUALITY, KNOWN, least=0.0, most=1.0)
    return ClassResult(
        name=name,
        requests=int(fates.sum()),
        due=_due(fates),
        served=int(fates[SERVED_FATE]),
        spend_usd=float(clusters[:, USD].sum()),
        quality=quality,
        floor=promise.floor,
        floor_verdict=verdict(promise, quality, int((clusters[:, KNOWN] > 0).sum())),
        latency=latencies(sums["latency"][number]),
        dark_minutes=float(alone.dark[number]) / alone.runs,
        budget_usd=promise.budget_usd_per_day,
        over_budget_days=int(alone.over[number]),
        no_lane=_reasons(fates),
    )


def verdict(promise: TrafficClass, quality: Interval, clusters: int) -> Verdict:
    """Whether a class keeps its floor, by an interval that is made of so many clusters."""
    if promise.floor <= 0 and promise.promise.kind == "mean":
        return "no promise"
    if promise.promise.kind != "mean" or clusters < LEAST_CLUSTERS:
        return "not shown"
    return "kept" if quality.low >= promise.floor else "missed" if quality.high < promise.floor else "not shown"


def _series(tally: Tally, alone: Alone) -> Series:
    sums, per_bucket = tally.sums, tally.per_bucket
    starts = np.arange(0, len(sums["asked"]), per_bucket)
    ends = np.minimum(starts + per_bucket, len(sums["asked"])) - 1
    due, served = (np.add.reduceat(sums[name], starts, axis=0).astype(np.int64) for name in ("due", "served"))
    known = sums["bucket_known"]
    quality = np.where(known > 0, sums["bucket_quality"] / np.maximum(known, 1), np.nan)
    return Series(
        edges=np.minimum(np.arange(len(starts) + 1) * per_bucket / 12, tally.hours),
        requests=sums["requests"].astype(np.int64),
        due=due.sum(axis=1),
        served=served.sum(axis=1),
        spend_usd=np.add.reduceat(sums["usd"].sum(axis=1), starts),
        quality=quality,
        p95_ms=np.array([quantile(counts, 0.95) for counts in sums["bucket_latency"].astype(np.int64)]),
        waiting=alone.waiting[ends] / alone.runs,
        by_lane=sums["by_lane"].astype(np.int64),
        classes_due=due,
        classes_served=served,
    )


def _notes(tally: Tally) -> list[str]:
    """What a reader must know of these numbers."""
    found = []
    served, known = (tally.by_cluster()[:, column].sum() for column in (SERVED, KNOWN))
    if known < served:
        found.append(f"The quality of {1 - known / served:.1%} of the answers is not known; means are of the others.")
    for number, name in enumerate(tally.classes):
        promise = tally.promises[name]
        refused = int(tally.sums["fates"][number, FATES.index("refused_by_budget")])
        if promise.promise.kind == "loss":
            found.append(f"{name} promises a largest loss against the best lane; that is not judged here.")
        if refused:
            found.append(f"{refused} requests of {name} were refused because the day's money was spent.")
    return found


def _due(fates: NDArray[np.int64] | Floats) -> int:
    return int(fates.sum() - fates[list(NOT_DUE)].sum())


def _reasons(fates: NDArray[np.int64] | Floats) -> Mapping[str, int]:
    """Requests without an answer of a lane, by what became of them."""
    return {fate: int(count) for fate, count in zip(FATES, fates, strict=True) if count and fate != "served"}


def _share(clusters: Floats, over: int, under: int, *, least: float = -np.inf, most: float = np.inf) -> Interval:
    """The sum of one column over that of another, by clusters that have any of the latter or the former."""
    rows = clusters[(clusters[:, under] > 0) | (clusters[:, over] != 0)]
    if rows[:, under].sum() <= 0:
        return UNKNOWN
    return _interval(ratio(rows[:, over], rows[:, under], np.arange(len(rows))), least, most)


def _paired(mine: Floats, other: Floats, over: int, under: int, *, reach: float = np.inf) -> Interval:
    used = (mine[:, under] > 0) | (other[:, under] > 0)
    mine, other = mine[used], other[used]
    if mine[:, under].sum() <= 0 or other[:, under].sum() <= 0:
        return UNKNOWN
    found = ratio_difference((mine[:, over], mine[:, under]), (other[:, over], other[:, under]))
    return _interval(found, -reach, reach)


def _interval(mean: Mean, least: float, most: float) -> Interval:
    """The 95% interval, within what is possible at all; without a second cluster nothing more is known than that."""
    half = mean.half() if np.isfinite(mean.standard_error) else np.inf
    low, high = max(mean.value - half, min(least, mean.value)), min(mean.value + half, max(most, mean.value))
    return Interval(mean.value, low, high) if np.isfinite(high - low) else Interval(mean.value, np.nan, np.nan)
