"""One request's choice: the distribution, the draw and the runners-up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates
from router_ml.allocation.reason import Weighed, reason, weigh
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


def mask(lanes: Sequence[str], eligible: Collection[str]) -> NDArray[np.bool_]:
    """Eligible lanes as a row (1, L)."""
    return np.array([[lane in eligible for lane in lanes]])


def favourite(
    estimates: Estimates, lanes: Sequence[str], eligible: Collection[str], rule: Rule, *, incumbent: str | None = None
) -> str | None:
    """The lane that learning alone would take among ``eligible``; None where there is none."""
    allowed = mask(lanes, eligible)
    index = int(best(estimates.belief, estimates.cost_usd, allowed, rule, incumbent=_place(lanes, incumbent))[0])
    return lanes[index] if index >= 0 else None


def choose(
    estimates: Estimates,
    lanes: Sequence[str],
    eligible: Collection[str],
    rule: Rule,
    *,
    seed: int,
    incumbent: str | None = None,
    in_session: bool = False,
    probes: Mapping[str, float] | None = None,
) -> Choice:
    """Draw a lane for one request, row 0 of ``estimates``; ``eligible`` must not be empty.

    Args:
        incumbent: the lane that stays unless another gains more than ``rule.margin``; ``in_session``: it is the lane of
            a session, else the usual one of such requests.
        probes: probability by lane, see ``distribution``.
    """
    allowed = mask(lanes, eligible)
    preferred = best(estimates.belief, estimates.cost_usd, allowed, rule, incumbent=_place(lanes, incumbent))
    exploit = int(preferred[0])
    shares = np.array([probes.get(lane, 0.0) for lane in lanes]) if probes else None
    row = distribution(estimates.belief, estimates.cost_usd, allowed, rule, exploit=preferred, probes=shares)[0]
    drawn = draw(row, seed)
    weighed = weigh(estimates, lanes, allowed[0], rule, incumbent=incumbent)
    return Choice(
        lane=lanes[drawn],
        propensities={lane: share for lane, share in zip(lanes, row.tolist(), strict=True) if share > 0},
        explored=drawn != exploit,
        reason=reason(weighed, drawn, exploit, float(row[drawn]), incumbent=incumbent, in_session=in_session),
        ranking=_ranking(weighed, lanes, drawn, exploit),
    )


def _place(lanes: Sequence[str], incumbent: str | None) -> NDArray[np.intp] | None:
    return np.array([lanes.index(incumbent)]) if incumbent in lanes else None


def _ranking(weighed: Weighed, lanes: Sequence[str], drawn: int, exploit: int) -> tuple[str, ...]:
    """The drawn lane, the preferred one, then the others from the best on."""
    return tuple(lanes[index] for index in dict.fromkeys((drawn, exploit, *weighed.order)))


def as_contract(estimates: Estimates, lanes: Sequence[str], shown: Collection[str | None]) -> dict[str, Estimate]:
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
