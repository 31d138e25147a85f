"""What a log says of policies that were played on it: estimates with intervals, or bounds where it says too little."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.config import TrafficClass
from router_ml.offline.estimating.diagnostics import effective_sample_size
from router_ml.offline.simulation.counting.counted import verdict
from router_ml.offline.simulation.counting.queueing import PER_HOUR
from router_ml.offline.simulation.counting.results import ClassResult, Difference, Interval, Result, Series
from router_ml.offline.simulation.logged import intervals
from router_ml.offline.simulation.logged.intervals import HARDLY_ANY, MOST_EXTRAPOLATED
from router_ml.offline.simulation.logged.sums import Sums
from router_ml.offline.simulation.logged.truth import LoggedTruth

Floats = NDArray[np.float64]

WORTH_SAYING = 0.001


@dataclass(frozen=True)
class Finding:
    """What a log says of one policy. ``quality``: of a request that was served, ``cost``: USD of one that was due;
    ``quality.value`` is NaN where too much is extrapolated: low and high are then bounds; a cost that is mostly belief
    has no interval. ``extrapolated``: share of its requests on lanes that no logged decision like it could have drawn,
    also ``by_class`` and ``by_lane`` (class, lane). ``effective``: effective sample size of its rated decisions,
    ``largest``: their largest weight. ``hardly_known``: lanes that it uses and that have fewer than ``HARDLY_ANY``
    ratings. ``promises``: of its traffic classes."""

    policy: str
    quality: Interval
    cost: Interval
    extrapolated: float
    by_class: Mapping[str, float]
    by_lane: Mapping[tuple[str, str], float]
    effective: float
    largest: float
    rated: int
    hardly_known: tuple[str, ...]
    sums: Sums
    truth: LoggedTruth
    promises: Mapping[str, TrafficClass]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know, in plain words."""
        said = [
            f"Corrected by {self.rated} ratings of the log; effectively {self.effective:.0f} of them speak of this "
            f"policy (largest weight {self.largest:.1f}).",
        ]
        if self.effective < HARDLY_ANY:
            said.append("That is too few for its quality: look at the interval, not at the number.")
        if self.extrapolated > WORTH_SAYING:
            worst = sorted(self.by_lane.items(), key=lambda item: -item[1])[:3]
            where = ", ".join(f"{lane} in {name} ({share:.1%})" for (name, lane), share in worst)
            said.append(f"{self.extrapolated:.1%} of its requests are extrapolated: {where}.")
        if not self.sums.served.any():
            said.append("Its quality is not known: nothing was answered.")
        elif math.isnan(self.quality.value):
            said.append(
                f"Its quality is not known: more than {MOST_EXTRAPOLATED:.0%} is extrapolated. The interval holds "
                "whatever those answers are worth."
            )
        if (believed := intervals.believed_share(self.sums)) > MOST_EXTRAPOLATED:
            said.append(
                f"The cost of {believed:.0%} is the bundle's belief: no logged decision could know it. No interval "
                "holds for that."
            )
        if self.hardly_known:
            said.append(f"The log hardly knows {', '.join(self.hardly_known)}: fewer than {HARDLY_ANY} ratings each.")
        return tuple(said)

    def of_class(self, name: str) -> Interval:
        """Quality of the served requests of one traffic class."""
        return intervals.quality_of(self.truth, self.sums, self._mine(name))

    def corrected(self, result: Result) -> Result:
        """A result of the loop, which counted by the model, with what the log says in its place. Its series keep their
        shape, on the level of the log; their quality is NaN where too much is extrapolated."""
        spend = max(float(self.sums.cost_usd.sum()), 0.0)
        return replace(
            result,
            quality=self.quality,
            cost=self.cost,
            spend_usd=spend,
            classes=tuple(self._class(each) for each in result.classes),
            series=self._series(result.series, spend),
            notes=(*result.notes, *self.notes),
        )

    def _mine(self, name: str) -> NDArray[np.bool_]:
        return np.asarray(self.sums.traffic_class == self.sums.classes.index(name))

    def _class(self, each: ClassResult) -> ClassResult:
        if each.name not in self.sums.classes:
            return each
        mine = self._mine(each.name)
        quality = self.of_class(each.name)
        speak = mine & self.truth.rated & (self.sums.weight != 0)
        return replace(
            each,
            quality=quality,
            spend_usd=max(float(self.sums.cost_usd[mine].sum()), 0.0),
            floor_verdict=verdict(self.promises[each.name], quality, len(np.unique(self.truth.cluster[speak]))),
        )

    def _series(self, series: Series, spend: float) -> Series:
        """The model's series on the level of the log."""
        counted = float(series.spend_usd.sum())
        known = np.isfinite(series.quality) & (series.served > 0)
        usual = float(np.average(series.quality[known], weights=series.served[known])) if known.any() else math.nan
        quality = np.clip(series.quality + (self.quality.value - usual), 0.0, 1.0)
        starts = np.round(series.edges[:-1] * PER_HOUR).astype(np.int64)
        steps = np.zeros(max(int(starts.max(initial=0)) + 1, len(self.sums.outside_at)))
        steps[: len(self.sums.outside_at)] = self.sums.outside_at
        unknown = np.add.reduceat(steps, starts) > MOST_EXTRAPOLATED * series.due
        return replace(
            series,
            spend_usd=series.spend_usd * (spend / counted if counted > 0 else 1.0),
            quality=np.where(unknown, np.nan, quality),
        )


def finding(name: str, truth: LoggedTruth, sums: Sums, *, promises: Mapping[str, TrafficClass]) -> Finding:
    """What the log says of a policy with these sums, whose traffic classes promise this."""
    routed = max(float(sums.due.sum()), 1.0)
    weight = np.where(truth.rated, sums.weight, 0.0) * len(truth) / routed
    by_class = {}
    for index, each in enumerate(sums.classes):
        due = float(sums.due[sums.traffic_class == index].sum())
        if due:
            by_class[each] = float(sums.by_lane[index].sum()) / due
    by_lane = {
        (sums.classes[index], sums.lanes[lane]): float(sums.by_lane[index, lane]) / routed
        for index, lane in zip(*np.nonzero(sums.by_lane > WORTH_SAYING * routed), strict=True)
    }
    rated = np.bincount(truth.action[truth.rated], minlength=len(sums.lanes))
    return Finding(
        policy=name,
        quality=intervals.quality_of(truth, sums),
        cost=intervals.cost_of(truth, sums),
        extrapolated=intervals.outside_share(sums),
        by_class=by_class,
        by_lane=by_lane,
        effective=effective_sample_size(weight),
        largest=float(weight.max(initial=0.0)),
        rated=int(truth.rated.sum()),
        hardly_known=tuple(
            lane
            for lane, count, share in zip(sums.lanes, rated, sums.used / routed, strict=True)
            if count < HARDLY_ANY and share > WORTH_SAYING
        ),
        sums=sums,
        truth=truth,
        promises=promises,
    )


def difference(policy: Finding, against: Finding) -> Difference:
    """One policy less another on the same requests. What both extrapolate alike does not cancel, so that bounds are
    wide rather than wrong; and where hardly any ratings speak of one of them, no more do of the difference, however
    many speak of the other. NaN where one of them answered nothing."""
    truth, one, other = policy.truth, policy.sums, against.sums
    quality = intervals.quality_less(truth, one, other, effective=min(policy.effective, against.effective))
    if math.isnan(policy.quality.value) or math.isnan(against.quality.value):
        quality = replace(quality, value=math.nan)
    cost = intervals.cost_less(truth, one, other)
    return Difference(
        policy=policy.policy,
        against=against.policy,
        quality=quality,
        usd_per_1000=Interval(*(1000 * each for each in (cost.value, cost.low, cost.high))),
        success=intervals.success_less(truth, one, other),
    )
