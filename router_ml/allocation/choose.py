"""One request's choice: the distribution, the draw, the runners-up, and the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates
from router_ml.allocation.select import Rule, best, distribution, draw
from router_ml.contract import Estimate


@dataclass(frozen=True)
class Choice:
    """What allocation chose; ``ranking`` is the chosen lane and then the other eligible ones, best first."""

    lane: str
    propensities: dict[str, float]
    explored: bool
    reason: str
    ranking: tuple[str, ...]


def mask(lanes: Sequence[str], eligible: Sequence[str]) -> NDArray[np.bool_]:
    """Eligible lanes as a row (1, L)."""
    return np.array([[lane in eligible for lane in lanes]])


def favourite(estimates: Estimates, lanes: Sequence[str], eligible: Sequence[str], rule: Rule) -> str | None:
    """The lane that learning alone would take among ``eligible``; None where there is none."""
    index = int(best(estimates.belief, estimates.cost_usd, mask(lanes, eligible), rule)[0])
    return lanes[index] if index >= 0 else None


def choose(estimates: Estimates, lanes: Sequence[str], eligible: Sequence[str], rule: Rule, *, seed: int) -> Choice:
    """Draw a lane for one request, row 0 of ``estimates``; ``eligible`` must not be empty."""
    allowed = mask(lanes, eligible)
    preferred = best(estimates.belief, estimates.cost_usd, allowed, rule)
    exploit = int(preferred[0])
    row = distribution(estimates.belief, estimates.cost_usd, allowed, rule, exploit=preferred)[0]
    drawn = draw(row, seed)
    order = _order(estimates, allowed[0], rule)
    return Choice(
        lane=lanes[drawn],
        propensities={lane: float(row[index]) for index, lane in enumerate(lanes) if row[index] > 0},
        explored=drawn != exploit,
        reason=_reason(estimates, lanes, allowed[0], rule, drawn, exploit, float(row[drawn])),
        ranking=(lanes[drawn], *(lanes[index] for index in order if index != drawn)),
    )


def _reaches(estimates: Estimates, allowed: NDArray[np.bool_], rule: Rule) -> NDArray[np.bool_]:
    belief = estimates.belief
    result: NDArray[np.bool_] = allowed & (belief.low[0] >= rule.floor) & (belief.evidence[0] > 0)
    return result


def _order(estimates: Estimates, allowed: NDArray[np.bool_], rule: Rule) -> list[int]:
    """Eligible lanes, those that reach the floor first by utility, the others by lower bound less lambda * cost."""
    belief, cost = estimates.belief, estimates.cost_usd[0]
    reaches = _reaches(estimates, allowed, rule)
    score = np.where(reaches, belief.quality[0], belief.low[0]) - rule.quality_per_usd * cost
    keys = [(not reaches[i], -score[i], cost[i]) for i in range(len(cost))]
    return sorted((int(i) for i in np.flatnonzero(allowed)), key=lambda i: keys[i])


def _reason(
    estimates: Estimates,
    lanes: Sequence[str],
    allowed: NDArray[np.bool_],
    rule: Rule,
    drawn: int,
    exploit: int,
    propensity: float,
) -> str:
    if drawn != exploit:
        return f"Explored with probability {propensity:.3f}; {lanes[exploit]} was preferred."
    if allowed.sum() == 1:
        return "The only eligible lane."
    reaching = int(_reaches(estimates, allowed, rule).sum())
    if reaching == 1:
        return f"The only eligible lane that is known to reach the floor {rule.floor:.2f}."
    if reaching:
        trade = f"quality - {rule.quality_per_usd:g} x cost"
        return f"Best {trade} of the {reaching} eligible lanes that reach the floor {rule.floor:.2f}."
    evidence = "" if (estimates.belief.evidence[0][allowed] >= 1).any() else " (no evidence in this cell)"
    return f"No eligible lane is known to reach the floor {rule.floor:.2f}: best lower bound for the money{evidence}."


def as_contract(estimates: Estimates, lanes: Sequence[str], shown: Sequence[str]) -> dict[str, Estimate]:
    """Row 0 of the estimates in the contract's form, for the lanes to be shown."""
    belief = estimates.belief
    return {
        lane: Estimate(
            quality=float(belief.quality[0, index]),
            quality_low=float(belief.low[0, index]),
            quality_high=float(belief.high[0, index]),
            evidence=float(belief.evidence[0, index]),
            cost_usd=float(estimates.cost_usd[0, index]),
            latency_ms=float(estimates.latency_ms[0, index]),
        )
        for index, lane in enumerate(lanes)
        if lane in shown
    }
