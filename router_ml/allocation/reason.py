"""Why a lane was chosen, in words, from the same numbers that chose it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates
from router_ml.allocation.select import Rule, ranks, worths


@dataclass(frozen=True)
class Weighed:
    """The lanes of one request by index: which are eligible, which of these reach the floor, which are expected to,
    what each is worth, and the eligible ones from the best on."""

    lanes: Sequence[str]
    rule: Rule
    allowed: list[bool]
    reaches: list[bool]
    expected: list[bool]
    worth: list[float]
    order: list[int]
    evident: bool

    def gain(self, lane: int, over: int) -> float:
        """Utility that one lane gains on another."""
        return self.worth[lane] - self.worth[over]


def weigh(
    estimates: Estimates,
    lanes: Sequence[str],
    allowed: NDArray[np.bool_],
    rule: Rule,
    *,
    incumbent: str | None = None,
) -> Weighed:
    """Eligible lanes, those that reach the floor first by utility, the others by lower bound less lambda * cost; where
    the budget is spent, by cost and by lower bound alone. An incumbent that is expected to reach it counts by utility,
    as in ``best``."""
    belief, allowed = estimates.belief, allowed[None]
    held = None if incumbent not in lanes else np.array([lanes.index(incumbent)])
    worth, first = worths(belief, estimates.cost_usd, allowed, rule, incumbent=held)
    order = ranks(worth, first, estimates.cost_usd, allowed)[0]
    reaches = allowed & (belief.low >= rule.floor) & (belief.evidence > 0)
    evident = bool((belief.evidence[allowed] >= 1).any())
    return Weighed(
        lanes,
        rule,
        allowed[0].tolist(),
        reaches[0].tolist(),
        (belief.quality[0] >= rule.floor).tolist(),
        worth[0].tolist(),
        order[: int(allowed.sum())].tolist(),
        evident,
    )


def reason(
    weighed: Weighed, drawn: int, exploit: int, propensity: float, *, incumbent: str | None, in_session: bool
) -> str:
    """Why ``drawn`` was drawn, where ``exploit`` was preferred.

    Args:
        propensity: of the drawn lane. incumbent, in_session: as for ``choose``.
    """
    if drawn != exploit:
        return f"Explored with probability {propensity:.3f}; {weighed.lanes[exploit]} was preferred."
    if incumbent in weighed.lanes:
        stays = _of_incumbent(weighed, exploit, weighed.lanes.index(incumbent), in_session=in_session)
        if stays is not None:
            return stays
    return _of_best(weighed)


def _of_incumbent(weighed: Weighed, exploit: int, incumbent: int, *, in_session: bool) -> str | None:
    """Why the lane of the session, or the usual one, was kept or left; None where that explains nothing."""
    name, rule = weighed.lanes[incumbent], weighed.rule
    trade = f"quality - {rule.quality_per_usd:g} x cost"
    best = weighed.order[0]
    if exploit == incumbent and best == incumbent:
        return f"The session keeps {name}, the best by {trade}, its cached prompt counted." if in_session else None
    if exploit == incumbent:
        who = f"The session keeps {name}" if in_session else f"{name} is usual for such requests and keeps this one"
        gain = weighed.gain(best, incumbent)
        return f"{who}: {weighed.lanes[best]} would gain {gain:.4f} in {trade}, not more than {rule.margin:g}."
    if not in_session:
        return None
    if not weighed.allowed[incumbent]:
        return f"The session left {name}, which is not eligible. {_of_best(weighed)}"
    if weighed.reaches[exploit] and not weighed.reaches[incumbent] and not weighed.expected[incumbent]:
        return (
            f"The session left {name}, which is not expected to reach the floor {rule.floor:.2f}. {_of_best(weighed)}"
        )
    return (
        f"The session left {name}: {weighed.lanes[exploit]} gains {weighed.gain(exploit, incumbent):.4f} in {trade}, "
        f"more than {rule.margin:g}, the lost prompt cache counted."
    )


def _of_best(weighed: Weighed) -> str:
    floor = f"the floor {weighed.rule.floor:.2f}"
    spent = "The day's budget is spent. " if weighed.rule.capped else ""
    reaching = sum(weighed.reaches)
    if len(weighed.order) == 1:
        return f"{spent}The only eligible lane."
    if reaching == 1:
        return f"{spent}The only eligible lane that is known to reach {floor}."
    if reaching:
        trade = "The cheapest" if spent else f"Best quality - {weighed.rule.quality_per_usd:g} x cost"
        return f"{spent}{trade} of the {reaching} eligible lanes that reach {floor}."
    hopeful = sum(e and a for e, a in zip(weighed.expected, weighed.allowed, strict=True))
    if spent and hopeful:
        return f"{spent}The cheapest of the {hopeful} eligible lanes that are expected to reach {floor}."
    evidence = "" if weighed.evident else " (no evidence in this cell)"
    return f"{spent}No eligible lane is known to reach {floor}: best lower bound for the money{evidence}."
