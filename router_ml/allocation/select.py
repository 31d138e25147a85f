"""Which lane, at which probability. Pure: the same estimates give the same distribution, bit for bit.

The rule in one line: among eligible lanes whose lower quality bound reaches the floor, take the highest
quality - lambda * cost; explore a capped share among lanes whose upper bound does. Where no lane is known to reach the
floor, the lower bound stands in for quality: the safest lane for the money, not the dearest one. An incumbent, the
usual lane of a cell or the lane of a session, stays unless another gains more than a margin. Lanes that are being
probed get their share before everything else.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.quality import Belief
from router_ml.config.schema import Exploration, TrafficClass

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """What a traffic class asks of selection.

    floor: quality 0..1; quality_per_usd: lambda; explore_share: largest probability of leaving the best lane;
    epsilon: share of that spread evenly; gamma: how sharply inverse-gap weighting prefers small gaps; margin: utility
    that another lane must gain before the incumbent loses the request.
    """

    floor: float
    quality_per_usd: float
    explore_share: float
    epsilon: float
    gamma: float
    margin: float = 0.0

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

    The ``incumbent`` (n,), where there is one (-1: none) and it is among those candidates, stays unless the best gains
    more than ``rule.margin`` on it. Ties go to the cheaper lane, then to the first. Rows without an eligible lane get
    -1.
    """
    reaches = eligible & (belief.low >= rule.floor) & (belief.evidence > 0)
    some_reach = reaches.any(axis=1, keepdims=True)
    score = np.where(some_reach, belief.quality, belief.low) - rule.quality_per_usd * cost_usd
    candidate = np.where(some_reach, reaches, eligible)
    score = np.where(candidate & np.isfinite(score), score, -np.inf)  # a broken estimate is the last resort
    top = candidate & (score == score.max(axis=1, keepdims=True))
    # cheapest of the best: those that are not candidates sort behind every cost, also behind an infinite one
    order = np.lexsort((np.where(np.isnan(cost_usd), np.inf, cost_usd), ~top), axis=1)
    found = np.where(eligible.any(axis=1), order[:, 0], -1)
    if incumbent is None:
        return found
    rows = np.arange(len(score))
    stays = (incumbent >= 0) & (score[rows, incumbent] >= score[rows, found] - rule.margin)
    return np.where(stays & candidate[rows, incumbent], incumbent, found)


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
    an even spread of ``epsilon``, then scaled down so that all of it together is at most ``explore_share``.

    Args:
        belief: (n, L) quality and bounds. cost_usd: (n, L). eligible: (n, L).
        exploit: (n,) what ``best`` says, where it is known already.
        probes: (L,) probability that each lane gets wherever it is eligible, so that something is learned of it; all
            else shares the rest. Like all exploration it stops where ``explore_share`` is 0.
    """
    exploit = best(belief, cost_usd, eligible, rule) if exploit is None else exploit
    rows = np.flatnonzero(exploit >= 0)
    result = np.zeros_like(cost_usd)
    if rule.explore_share > 0 and len(rows):
        explorable = eligible & (belief.high >= rule.floor)
        explorable[rows, exploit[rows]] = True
        value = utility(belief, cost_usd, rule.quality_per_usd)
        gap = np.maximum(value[np.arange(len(value)), exploit][:, None] - value, 0)
        count = explorable.sum(axis=1, keepdims=True)
        count = np.maximum(count, 1)  # rows without an eligible lane stay zero
        weight = (1 - rule.epsilon) / (count + rule.gamma * gap) + rule.epsilon / count
        result = np.where(explorable, weight, 0.0)
        result[rows, exploit[rows]] = 0.0
        total = result.sum(axis=1, keepdims=True)
        result = result * np.minimum(1.0, rule.explore_share / np.maximum(total, 1e-300))
    if probes is not None and rule.explore_share > 0:
        probing = np.where(eligible, probes, 0.0)
        probing *= np.minimum(1.0, rule.explore_share / np.maximum(probing.sum(axis=1, keepdims=True), 1e-300))
        result = result * (1 - probing.sum(axis=1, keepdims=True)) + probing
        result[rows, exploit[rows]] = 0.0
    result[rows, exploit[rows]] = 1.0 - result[rows].sum(axis=1)
    return result


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
