"""What a log says of policies that were played on it: estimates with intervals, or bounds where it says too little."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.diagnostics import effective_sample_size
from router_ml.offline.ope_intervals import Clusters, normal_of, summary, value_of
from router_ml.offline.ope_terms import Part, Terms
from router_ml.offline.simulation.counting.results import ClassResult, Difference, Interval, Result, Verdict
from router_ml.offline.simulation.logged.truth import LoggedTruth
from router_ml.offline.simulation.logged.watching import Sums

Floats = NDArray[np.float64]

MOST_EXTRAPOLATED = 0.05
"""Share of a policy's requests on lanes that the log could not draw, above which its quality is not known."""
HARDLY_ANY = 30
"""Rated decisions of a lane below which the log hardly knows it."""
WORTH_SAYING = 0.001
UNKNOWN = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Finding:
    """What a log says of one policy. ``quality``: of a request that was served, ``cost``: USD of one that was due;
    ``quality.value`` is NaN where too much is extrapolated: low and high are then bounds. ``extrapolated``: share of
    its requests on lanes that no logged decision like it could have drawn, also ``by_class`` and ``by_lane``
    (class, lane). ``effective``: effective sample size of its rated decisions, ``largest``: their largest weight.
    ``hardly_known``: lanes that it uses and that have fewer than ``HARDLY_ANY`` ratings."""

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

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know, in plain words."""
        said = [
            f"Corrected by {self.rated} ratings of the log; effectively {self.effective:.0f} of them speak of this "
            f"policy (largest weight {self.largest:.1f})."
        ]
        if self.effective < HARDLY_ANY:
            said.append("That is too few for its quality: look at the interval, not at the number.")
        if self.extrapolated > WORTH_SAYING:
            worst = sorted(self.by_lane.items(), key=lambda item: -item[1])[:3]
            where = ", ".join(f"{lane} in {name} ({share:.1%})" for (name, lane), share in worst)
            said.append(f"{self.extrapolated:.1%} of its requests are extrapolated: {where}.")
        if math.isnan(self.quality.value):
            said.append(
                f"Its quality is not known: more than {MOST_EXTRAPOLATED:.0%} is extrapolated. The interval holds "
                "whatever those answers are worth."
            )
        if self.hardly_known:
            said.append(f"The log hardly knows {', '.join(self.hardly_known)}: fewer than {HARDLY_ANY} ratings each.")
        return tuple(said)

    def of_class(self, name: str) -> Interval:
        """Quality of the served requests of one traffic class."""
        return _quality(self.truth, self.sums, self.sums.traffic_class == self.sums.classes.index(name))

    def corrected(self, result: Result) -> Result:
        """A result of the loop, which counted by the model, with what the log says in its place. Series over time stay
        as they are: by the model."""
        classes = tuple(self._class(each) for each in result.classes)
        spend = float(self.sums.cost_usd.sum())
        return replace(
            result,
            quality=self.quality,
            cost=self.cost,
            spend_usd=spend,
            classes=classes,
            notes=(*result.notes, *self.notes),
        )

    def _class(self, each: ClassResult) -> ClassResult:
        if each.name not in self.sums.classes:
            return each
        mine = self.sums.traffic_class == self.sums.classes.index(each.name)
        quality = _quality(self.truth, self.sums, mine)
        spend = float(self.sums.cost_usd[mine].sum())
        verdict = _verdict(quality, each.floor) if each.floor_verdict != "no promise" else each.floor_verdict
        return replace(each, quality=quality, spend_usd=spend, floor_verdict=verdict)


def finding(name: str, truth: LoggedTruth, sums: Sums) -> Finding:
    """What the log says of a policy with these sums."""
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
        quality=_quality(truth, sums, np.ones(len(truth), dtype=bool)),
        cost=_cost(truth, sums),
        extrapolated=float(sums.outside.sum()) / routed,
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
    )


def difference(policy: Finding, against: Finding) -> Difference:
    """One policy less another on the same requests. What both extrapolate alike does not cancel, so that bounds are
    wide rather than wrong; and where hardly any ratings speak of one of them, no more do of the difference, however
    many speak of the other."""
    one, other = policy.sums, against.sums
    truth = policy.truth

    def quality(name: str, counter: str) -> Interval:
        terms = _quality_terms(truth, one, name).minus(_quality_terms(truth, other, counter))
        return _spread(truth, terms, effective=min(policy.effective, against.effective))

    value, low, high = quality("quality", "quality"), quality("least", "most"), quality("most", "least")
    unknown = math.isnan(policy.quality.value) or math.isnan(against.quality.value)
    cost = _spread(truth, _terms(one.cost_usd, one.due).minus(_terms(other.cost_usd, other.due)))
    success = _spread(truth, _terms(one.served, one.due).minus(_terms(other.served, other.due)))
    return Difference(
        policy=policy.policy,
        against=against.policy,
        quality=Interval(math.nan if unknown else value.value, max(low.low, -1.0), min(high.high, 1.0)),
        usd_per_1000=Interval(*(1000 * each for each in (cost.value, cost.low, cost.high))),
        success=success,
    )


@dataclass(frozen=True)
class _Decided:
    rated: NDArray[np.bool_]
    cluster: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.rated)


def _quality(truth: LoggedTruth, sums: Sums, mine: NDArray[np.bool_]) -> Interval:
    """Quality of what was served among some kinds, or its bounds."""
    served, due = float(sums.served[mine].sum()), float(sums.due[mine].sum())
    if not served:
        return UNKNOWN
    value, low, high = (
        _spread(truth, _quality_terms(truth, sums, name, mine), mine) for name in ("quality", "least", "most")
    )
    extrapolated = float(sums.outside[mine].sum()) / max(due, 1.0) > MOST_EXTRAPOLATED
    return Interval(math.nan if extrapolated else value.value, max(low.low, 0.0), min(high.high, 1.0))


def _cost(truth: LoggedTruth, sums: Sums) -> Interval:
    return _spread(truth, _terms(sums.cost_usd, sums.due)) if sums.due.any() else UNKNOWN


def _quality_terms(truth: LoggedTruth, sums: Sums, name: str, mine: NDArray[np.bool_] | None = None) -> Terms:
    rows = slice(None) if mine is None else mine
    residual = np.where(truth.rated, truth.residual, 0.0)
    return _terms(getattr(sums, name)[rows], sums.served[rows], sums.weight[rows], residual[rows])


def _terms(
    numerator: Floats, denominator: Floats, weight: Floats | None = None, residual: Floats | None = None
) -> Terms:
    each = None if weight is None else weight / max(float(denominator.mean()), 1e-12)  # of one request, not of copies
    return Terms((Part(numerator, denominator),), each, residual, np.ones(len(numerator)) if each is None else each)


def _spread(
    truth: LoggedTruth, terms: Terms, mine: NDArray[np.bool_] | None = None, *, effective: float = math.inf
) -> Interval:
    """As ``ope``'s normal intervals, over persons where they are known."""
    rows = np.ones(len(truth), dtype=bool) if mine is None else mine
    decided = _Decided(truth.rated[rows], truth.cluster[rows])
    if not decided.rated.any():
        terms = replace(terms, weight=None, residual=None)
    if len(np.unique(truth.cluster[rows])) < 2:
        return Interval(value_of(terms.parts), -math.inf, math.inf)
    said = summary(terms, decided, Clusters(decided))
    if said.weighted is not None and effective < HARDLY_ANY:
        least = replace(said.weighted, effective=min(said.weighted.effective, effective))
        said = replace(said, weighted=least)
    spread = normal_of(said)
    return Interval(spread.value, spread.low, spread.high)


def _verdict(quality: Interval, floor: float) -> Verdict:
    if quality.low >= floor:
        return "kept"
    return "missed" if quality.high < floor else "not shown"
