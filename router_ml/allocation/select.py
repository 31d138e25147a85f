"""Which lane, at which probability. Pure: the same estimates give the same distribution, bit for bit.

The rule in one line: among eligible lanes whose lower quality bound reaches the floor, take the highest
quality - lambda * cost; explore a capped share among lanes whose upper bound does. Where no lane is known to reach the
floor, the lower bound stands in for quality: the safest lane for the money, not the dearest one. An incumbent, the
usual lane of a cell or the lane of a session, stays unless another gains more than a margin. Lanes that are being
probed take their part of the explored share before all others.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.quality import Belief
from router_ml.config.schema import Exploration, TrafficClass

Floats = NDArray[np.float64]
_Indices = NDArray[np.intp]
_TINY = 1e-300
_DEAREST = np.finfo(np.float64).max


@dataclass(frozen=True)
class Rule:
    """What a traffic class asks of selection.

    floor: quality 0..1; quality_per_usd: lambda; explore_share: largest probability of leaving the best lane;
    epsilon: share of that spread evenly; gamma: how sharply inverse-gap weighting prefers small gaps; margin: utility
    that another lane must gain before the incumbent loses the request; capped: the money is gone, so the cheapest lane
    that reaches the floor is asked for.
    """

    floor: float
    quality_per_usd: float
    explore_share: float
    epsilon: float
    gamma: float
    margin: float = 0.0
    capped: bool = False

    @classmethod
    def of(cls, promise: TrafficClass, exploration: Exploration, *, explore: bool = True) -> Rule:
        """The rule of a traffic class; without ``explore`` the best lane is certain."""
        return cls(
            floor=promise.floor,
            quality_per_usd=promise.quality_per_usd,
            explore_share=promise.explore_share if explore else 0.0,
            epsilon=exploration.epsilon,
            gamma=exploration.gamma,
        )

    def at_cap(self) -> Rule:
        """The same where the budget is spent: nothing is explored, and nobody keeps a lane that costs more."""
        return replace(self, explore_share=0.0, margin=0.0, capped=True)


def utility(belief: Belief, cost_usd: Floats, quality_per_usd: float) -> Floats:
    """u = quality - lambda * cost, (n, L)."""
    result: Floats = belief.quality - quality_per_usd * cost_usd
    return result


def best(
    belief: Belief,
    cost_usd: Floats,
    eligible: NDArray[np.bool_],
    rule: Rule,
    *,
    incumbent: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """The lane to exploit, (n,): highest utility among lanes that reach the floor, else the best low - lambda * cost.
    With ``rule.capped``: the cheapest of those that reach the floor, else of those that are expected to.

    The ``incumbent`` (n,), where there is one (-1: none), stays unless the best gains more than ``rule.margin`` on it.
    It has to be eligible, and either among those candidates or expected to reach the floor: a bound that is close to
    the floor must not send sessions back and forth. Ties go to the cheaper lane, then to the first. Rows without an
    eligible lane get -1.
    """
    reaches = eligible & (belief.low >= rule.floor) & (belief.evidence > 0)
    some_reach = np.logical_or.reduce(reaches, axis=1, keepdims=True)
    candidate = np.where(some_reach, reaches, eligible)
    if rule.capped:
        hopeful = eligible & (belief.quality >= rule.floor)
        some_hope = np.logical_or.reduce(hopeful, axis=1, keepdims=True)
        candidate = np.where(some_reach | ~some_hope, candidate, hopeful)
        score = np.where(some_reach | some_hope, -cost_usd, belief.low - rule.quality_per_usd * cost_usd)
    else:
        score = np.where(some_reach, belief.quality, belief.low) - rule.quality_per_usd * cost_usd
    score = np.where(candidate & np.isfinite(score), score, -np.inf)  # a broken estimate is the last resort
    top = candidate & (score == np.maximum.reduce(score, axis=1, keepdims=True))
    # the cheapest of the best; one without a finite cost still comes before those that are no candidates
    found = np.where(top, np.fmin(cost_usd, _DEAREST), np.inf).argmin(axis=1)
    found = np.where(np.logical_or.reduce(eligible, axis=1), found, -1)
    if incumbent is None:
        return found
    rows = np.arange(len(score))
    at = rows, incumbent
    expected = eligible[at] & (belief.quality[at] >= rule.floor) & (not rule.capped)
    kept = np.where(expected & some_reach[:, 0], belief.quality[at] - rule.quality_per_usd * cost_usd[at], score[at])
    stays = (incumbent >= 0) & (candidate[at] | expected) & (kept >= score[rows, found] - rule.margin)
    return np.where(stays, incumbent, found)


def worths(
    belief: Belief,
    cost_usd: Floats,
    eligible: NDArray[np.bool_],
    rule: Rule,
    *,
    incumbent: NDArray[np.intp] | None = None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """What each lane is worth as a runner-up, (n, L), and which lanes come before the others, (n, L).

    Those that reach the floor come first, by utility; the others by lower bound less lambda * cost. Where the budget is
    spent, the lanes that ``best`` would choose from come first, by cost. An incumbent (n,) that is expected to reach
    the floor counts by utility, as in ``best``.
    """
    reaches = eligible & (belief.low >= rule.floor) & (belief.evidence > 0)
    some_reach = np.logical_or.reduce(reaches, axis=1, keepdims=True)
    expected = belief.quality >= rule.floor
    if rule.capped:
        some_hope = np.logical_or.reduce(expected & eligible, axis=1, keepdims=True)
        cheap = np.where(some_reach, reaches, expected & some_hope)
        return np.where(cheap, -cost_usd, belief.low - rule.quality_per_usd * cost_usd), cheap
    by_quality = reaches
    if incumbent is not None:
        stays = np.arange(cost_usd.shape[1]) == incumbent[:, None]
        by_quality = reaches | (stays & some_reach & expected)
    return np.where(by_quality, belief.quality, belief.low) - rule.quality_per_usd * cost_usd, reaches


def ranks(worth: Floats, first: NDArray[np.bool_], cost_usd: Floats, eligible: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Lanes from the best on, (n, L): by what ``worths`` says, then the cheaper, then as configured. Those that are not
    eligible come last."""
    return np.lexsort((cost_usd, -worth, ~first, ~eligible), axis=1)


def distribution(
    belief: Belief,
    cost_usd: Floats,
    eligible: NDArray[np.bool_],
    rule: Rule,
    *,
    exploit: NDArray[np.intp] | None = None,
    probes: Floats | None = None,
) -> Floats:
    """Propensities (n, L): rows sum to 1, are 0 outside ``eligible``, and all 0 where nothing is eligible.

    Explorable are the best lane and every eligible lane whose upper bound reaches the floor. Off the best lane a lane
    gets 1 / (K + gamma * gap) (inverse-gap weighting, Abe & Long 1999; SquareCB, Foster & Rakhlin 2020), mixed with
    an even spread of ``epsilon``, then scaled down so that all of it together, probes included, is at most
    ``explore_share``.

    Args:
        belief: (n, L) quality and bounds. cost_usd: (n, L). eligible: (n, L).
        exploit: (n,) what ``best`` says, where it is known already.
        probes: (L,) probability that each lane gets wherever it is eligible, so that something is learned of it. It
            comes out of ``explore_share`` before all other exploration, and stops where that is 0.
    """
    exploit = best(belief, cost_usd, eligible, rule) if exploit is None else exploit
    rows = np.flatnonzero(exploit >= 0)
    result = np.zeros_like(cost_usd)
    if rule.explore_share > 0 and len(rows):
        at = rows, exploit[rows]
        probing, share = _probing(eligible, rule.explore_share, probes, at)
        result = _exploring(belief, cost_usd, eligible, rule, at)
        total = _total(result)
        result *= np.minimum(1.0, share / np.maximum(total, _TINY))
        if probing is not None:
            result += probing
        result[at] = np.maximum(1.0 - _total(result)[rows, 0], 0.0)
    elif len(rows):
        result[rows, exploit[rows]] = 1.0
    return result


def _exploring(
    belief: Belief, cost_usd: Floats, eligible: NDArray[np.bool_], rule: Rule, at: tuple[_Indices, _Indices]
) -> Floats:
    """Weights (n, L) of the lanes to explore, before they are scaled; 0 for the best lane, whose places are ``at``."""
    explorable = eligible & (belief.high >= rule.floor)
    explorable[at] = True
    value = utility(belief, cost_usd, rule.quality_per_usd)
    here = np.zeros((len(value), 1))  # rows without an eligible lane stay zero, whatever their gap
    here[at[0], 0] = value[at]
    gap = np.maximum(here - value, 0)
    count = np.maximum(np.add.reduce(explorable, axis=1, keepdims=True, dtype=np.intp), 1)
    weight = (1 - rule.epsilon) / (count + rule.gamma * gap) + rule.epsilon / count
    weight[~explorable] = 0.0
    weight[at] = 0.0
    return weight


def _probing(
    eligible: NDArray[np.bool_], share: float, probes: Floats | None, at: tuple[_Indices, _Indices]
) -> tuple[Floats | None, Floats | float]:
    """Probabilities (n, L) of lanes that are probed, and what they leave of the share, (n, 1). The best lane needs no
    probe: it gets the request anyway."""
    if probes is None:
        return None, share
    probing = np.where(eligible, probes, 0.0)
    probing[at] = 0.0
    probing *= np.minimum(1.0, share / np.maximum(_total(probing), _TINY))
    return probing, np.maximum(share - _total(probing), 0.0)


def _total(values: Floats) -> Floats:
    """Sums of rows, (n, 1), lane by lane: a lane that adds nothing changes no bit, so that a record of the eligible
    lanes alone gives the same sums."""
    return np.add.accumulate(values, axis=1)[:, -1:]


def draw(propensities: Floats, seed: int) -> int:
    """One index from a row of propensities (L,); the same seed gives the same index.

    Raises:
        ValueError: the row does not sum to 1.
    """
    total = float(propensities.sum())
    if not abs(total - 1.0) <= 1e-9:  # so that NaN is refused too
        raise ValueError(f"Propensities sum to {total!r}, expected 1.")
    point = random.Random(seed).random() * total
    index = int(np.searchsorted(np.cumsum(propensities), point, side="right"))
    return min(index, int(np.flatnonzero(propensities)[-1]))
