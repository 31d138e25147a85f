"""Intervals of what a log says of a policy, from its sums."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.estimating.diagnostics import effective_sample_size
from router_ml.offline.estimating.intervals import Clusters, normal_of, summary, value_of
from router_ml.offline.estimating.terms import Part, Terms
from router_ml.offline.simulation.counting.results import Interval
from router_ml.offline.simulation.logged.sums import Sums
from router_ml.offline.simulation.logged.truth import LoggedTruth

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_EXTRAPOLATED = 0.05
"""Share of a policy's requests on lanes that the log could not draw, above which its quality is not known; and of its
requests or its money on lanes whose cost no logged decision knows, above which its cost is a belief."""
HARDLY_ANY = 30
"""Rated decisions of a lane below which the log hardly knows it."""
UNKNOWN = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class _Decided:
    rated: Flags
    cluster: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.rated)


def quality_of(truth: LoggedTruth, sums: Sums, mine: Flags | None = None) -> Interval:
    """Quality of what was served, among the kinds ``mine`` (k,), or its bounds; within 0..1 (the estimator is not)."""
    rows = np.ones(len(truth), dtype=bool) if mine is None else mine
    if not sums.served[rows].any():
        return UNKNOWN
    value, low, high = (
        _spread(truth, quality_terms(truth, sums, name, rows), rows) for name in ("quality", "least", "most")
    )
    extrapolated = outside_share(sums, rows) > MOST_EXTRAPOLATED
    return within(Interval(math.nan if extrapolated else value.value, low.low, high.high), 0.0, 1.0)


def cost_of(truth: LoggedTruth, sums: Sums) -> Interval:
    """USD of a request that was due; without an interval where it is mostly belief."""
    if not sums.due.any():
        return UNKNOWN
    found = _spread(truth, cost_terms(truth, sums), known=truth.cost_weight > 0)
    return without_belief(within(found, 0.0, math.inf), believed_share(sums))


def quality_less(truth: LoggedTruth, one: Sums, other: Sums, *, effective: float) -> Interval:
    """Quality of one policy less that of another, whose ratings are ``effective`` many for the less known of both."""
    if not (one.served.any() and other.served.any()):
        return UNKNOWN

    def less(name: str, counter: str) -> Interval:
        terms = quality_terms(truth, one, name).minus(quality_terms(truth, other, counter))
        return _spread(truth, terms, effective=effective)

    value, low, high = less("quality", "quality"), less("least", "most"), less("most", "least")
    return within(Interval(value.value, low.low, high.high), -1.0, 1.0)


def cost_less(truth: LoggedTruth, one: Sums, other: Sums) -> Interval:
    """USD of a due request of one policy less that of another."""
    if not (one.due.any() and other.due.any()):
        return UNKNOWN
    both = [cost_terms(truth, each) for each in (one, other)]
    effective = min(effective_sample_size(each.used) for each in both)
    found = _spread(truth, both[0].minus(both[1]), known=truth.cost_weight > 0, effective=effective)
    return without_belief(found, max(believed_share(one), believed_share(other)))


def success_less(truth: LoggedTruth, one: Sums, other: Sums) -> Interval:
    """Share of due requests that one policy had answered less that of another."""
    if not (one.due.any() and other.due.any()):
        return UNKNOWN
    return _spread(truth, _terms(one.served, one.due).minus(_terms(other.served, other.due)))


def outside_share(sums: Sums, mine: Flags | None = None) -> float:
    """Share of due requests on lanes that the log could not draw."""
    rows = slice(None) if mine is None else mine
    return float(sums.outside[rows].sum()) / max(float(sums.due[rows].sum()), 1.0)


def believed_share(sums: Sums) -> float:
    """Share of due requests, or of the money where that is more, on lanes whose cost no logged decision knows."""
    money = float(sums.believed_usd.sum()) / max(float(sums.cost_usd.sum()), 1e-300)
    return max(float(sums.unpriced.sum()) / max(float(sums.due.sum()), 1.0), min(money, 1.0))


def without_belief(found: Interval, share: float) -> Interval:
    """No interval where a cost is mostly belief: a spread over decisions says nothing of that."""
    return found if share <= MOST_EXTRAPOLATED else Interval(found.value, math.nan, math.nan)


def within(found: Interval, least: float, most: float) -> Interval:
    """An interval and its value, as far as they are possible; NaN stays NaN."""
    low, high = (float(np.clip(each, least, most)) for each in (found.low, found.high))
    return Interval(float(np.clip(found.value, low, high)), low, high)


def quality_terms(truth: LoggedTruth, sums: Sums, name: str, mine: Flags | None = None) -> Terms:
    """What is added up of the quality, or of its bound ``name``."""
    rows = slice(None) if mine is None else mine
    residual = np.where(truth.rated, truth.residual, 0.0)
    return _terms(getattr(sums, name)[rows], sums.served[rows], sums.weight[rows], residual[rows])


def cost_terms(truth: LoggedTruth, sums: Sums) -> Terms:
    """The same of the cost. Costs miss by a share of themselves, so residuals are relative, and weights are of money:
    how far a dear lane is known is not hidden behind many cheap answers."""
    foreseen = truth.cost_usd[np.arange(len(truth)), np.maximum(truth.action, 0)]
    foreseen = np.where(foreseen > 0, foreseen, 1.0)
    return _terms(sums.cost_usd, sums.due, sums.cost_weight * foreseen, truth.cost_residual / foreseen)


def _terms(
    numerator: Floats, denominator: Floats, weight: Floats | None = None, residual: Floats | None = None
) -> Terms:
    each = None if weight is None else weight / max(float(denominator.mean()), 1e-12)  # of one request, not of copies
    return Terms((Part(numerator, denominator),), each, residual, np.ones(len(numerator)) if each is None else each)


def _spread(
    truth: LoggedTruth,
    terms: Terms,
    mine: Flags | None = None,
    *,
    known: Flags | None = None,
    effective: float = math.inf,
) -> Interval:
    """As ``ope``'s normal intervals, over persons where they are known; ``known``: (k,) whose outcome corrects, those
    that are rated if nothing else is said."""
    rows = np.ones(len(truth), dtype=bool) if mine is None else mine
    decided = _Decided((truth.rated if known is None else known)[rows], truth.cluster[rows])
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
