"""What a recorded decision would have been with fewer lanes, another floor or another trade-off. From the record alone.

Nothing is estimated again and nothing is opened: the estimates, the eligible lanes, the selection settings and the seed
that are in the record go through the same selection once more. Hard rules stay: a lane that they excluded cannot come
back. What the change would have meant further down, such as another plan or fallback, is not worked out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.replay import propensities
from router_ml.allocation.select import draw
from router_ml.contract import Estimate, RouteDecision
from router_ml.errors import InvalidRequestError

NOT_RECORDED = "Exploration settings were not recorded, so only the preferred lane is given."
USUAL = "The usual lane of such requests is taken as it was; another floor or lambda may have another one."
CAPPED = "The class's budget was spent when this was decided; that is left out here."


@dataclass(frozen=True)
class Difference:
    """The other lane minus the recorded one: ``quality`` (0..1) with a 90% interval, USD and milliseconds per request.

    The interval takes the two lanes' errors as independent, which is on the wide side for lanes judged on like prompts.
    """

    quality: float
    quality_low: float
    quality_high: float
    cost_usd: float
    latency_ms: float

    def __str__(self) -> str:
        interval = f"[{self.quality_low:+.3f}, {self.quality_high:+.3f}]"
        return f"quality {self.quality:+.3f} {interval}, ${self.cost_usd:+.6f}, {self.latency_ms:+.0f} ms"


@dataclass(frozen=True)
class WhatIf:
    """The lane that the same draw would have taken; None where none is left.

    ``changed``: it is not the recorded one; ``difference``: None without two lanes to compare; ``excluded`` holds the
    reasons of the record and of the question; ``notes`` say what the record does not allow to know.
    """

    decision_id: str
    asked: str
    recorded_lane: str | None
    lane: str | None
    propensities: dict[str, float]
    changed: bool
    difference: Difference | None
    reason: str
    excluded: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        target = self.lane or "no lane"
        moved = f"{self.recorded_lane or 'no lane'} -> {target}" if self.changed else f"still {target}"
        lines = [f"{self.asked[0].upper()}{self.asked[1:]}: {moved}. {self.reason}"]
        if self.changed and self.difference is not None:
            lines.append(f"Expected of {target} against {self.recorded_lane}: {self.difference}.")
        if self.propensities:
            shares = ", ".join(f"{lane} {share:.3f}" for lane, share in self.propensities.items())
            lines.append(f"Drawn from: {shares}.")
        return [*lines, *self.notes]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(lane)}</td><td>{share:.3f}</td></tr>" for lane, share in self.propensities.items()
        )
        said = "<br>".join(escape(line) for line in self._lines() if not line.startswith("Drawn from"))
        table = f"<table><tr><th>lane</th><th>propensity</th></tr>{rows}</table>" if rows else ""
        return f"<div>{said}{table}</div>"


def what_if(
    decision: RouteDecision,
    *,
    deny: Iterable[str] = (),
    allow: Iterable[str] | None = None,
    floor: float | None = None,
    quality_per_usd: float | None = None,
) -> WhatIf:
    """Select once more, from the record.

    Args:
        deny: lanes to take away. allow: if given, only these stay.
        floor: another quality floor, 0..1. quality_per_usd: another lambda.

    Raises:
        InvalidRequestError: a lane that the decision does not know, or a number out of range.
    """
    deny, allow = tuple(deny), None if allow is None else tuple(allow)
    _check(decision, (*deny, *(allow or ())), floor, quality_per_usd)
    asked = _asked(deny, allow, floor, quality_per_usd)
    gone = _gone(decision, deny, allow)
    excluded = {**decision.excluded, **gone}
    if decision.action != "route" or decision.lane is None:
        reason = f"The decision was {decision.action}, which no choice of lane changes: {decision.reason}"
        return WhatIf(decision.decision_id, asked, decision.lane, decision.lane, {}, False, None, reason, excluded)
    names = list(decision.estimates)
    left = np.array([[lane in decision.eligible and lane not in gone for lane in names]])
    if not left.any():
        reason = "No eligible lane is left; the reasons are in excluded."
        return WhatIf(decision.decision_id, asked, decision.lane, None, {}, True, None, reason, excluded)
    asked_floor = decision.floor if floor is None else floor
    rate = decision.quality_per_usd if quality_per_usd is None else quality_per_usd
    row, notes = _distribution(decision, left, floor=asked_floor, quality_per_usd=rate)
    if (floor, quality_per_usd) != (None, None) and decision.state.selection.incumbent is not None:
        notes = (*notes, USUAL)
    lane = names[draw(row, decision.seed)]
    changed = lane != decision.lane
    return WhatIf(
        decision_id=decision.decision_id,
        asked=asked,
        recorded_lane=decision.lane,
        lane=lane,
        propensities={name: float(share) for name, share in zip(names, row, strict=True) if share > 0},
        changed=changed,
        difference=_difference(decision.estimates[lane], decision.estimates.get(decision.lane), same=not changed),
        reason=_reason(decision, lane, changed=changed, left=int(left.sum()), floor=asked_floor),
        excluded=excluded,
        notes=notes,
    )


def _distribution(
    decision: RouteDecision, left: NDArray[np.bool_], *, floor: float, quality_per_usd: float
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Propensities over the recorded estimates, and what the record does not allow to know."""
    selection, names = decision.state.selection, list(decision.estimates)
    drawn_from = sum(share > 0 for share in decision.propensities.values())
    recorded = selection.explore_share > 0 or drawn_from <= 1
    asked = {"capped": False} | ({} if recorded else {"explore_share": 0.0})
    shares = propensities(
        decision.estimates,
        [name for name, stays in zip(names, left[0].tolist(), strict=True) if stays],
        floor=floor,
        quality_per_usd=quality_per_usd,
        selection=selection.model_copy(update=asked),
    )
    row = np.array([shares.get(name, 0.0) for name in names])
    return row, (NOT_RECORDED,) * (not recorded) + (CAPPED,) * selection.capped


def _check(decision: RouteDecision, named: tuple[str, ...], floor: float | None, rate: float | None) -> None:
    known = (*decision.eligible, *decision.excluded)
    unknown = [lane for lane in named if lane not in known]
    if unknown:
        raise InvalidRequestError(
            f"Decision {decision.decision_id} knows no lane {', '.join(unknown)}. Its lanes: {', '.join(known)}."
        )
    if floor is not None and not 0 <= floor <= 1:
        raise InvalidRequestError(f"Found floor {floor}, expected a quality from 0 to 1.")
    if rate is not None and not (rate >= 0 and math.isfinite(rate)):
        raise InvalidRequestError(f"Found quality_per_usd {rate}, expected a finite number of 0 or more.")


def _asked(deny: tuple[str, ...], allow: tuple[str, ...] | None, floor: float | None, rate: float | None) -> str:
    parts = [f"without {', '.join(deny)}"] * bool(deny)
    if allow is not None:
        parts.append(f"only {', '.join(allow) or 'no lane'}")
    if floor is not None:
        parts.append(f"floor {floor:g}")
    if rate is not None:
        parts.append(f"{rate:g} quality per USD")
    return "; ".join(parts) or "no change"


def _gone(decision: RouteDecision, deny: tuple[str, ...], allow: tuple[str, ...] | None) -> dict[str, tuple[str, ...]]:
    """Eligible lanes that the question takes away, and those that nothing was recorded of."""
    reasons: dict[str, tuple[str, ...]] = {}
    for lane in decision.eligible:
        if lane in deny:
            reasons[lane] = ("what if: denied",)
        elif allow is not None and lane not in allow:
            reasons[lane] = ("what if: not allowed",)
        elif lane not in decision.estimates:
            reasons[lane] = ("what if: its estimate was not recorded",)
    return reasons


def _difference(there: Estimate, here: Estimate | None, *, same: bool) -> Difference | None:
    if here is None:
        return None
    if same:
        return Difference(0.0, 0.0, 0.0, 0.0, 0.0)
    gain = there.quality - here.quality
    down = math.hypot(there.quality - there.quality_low, here.quality_high - here.quality)
    up = math.hypot(there.quality_high - there.quality, here.quality - here.quality_low)
    low, high = max(gain - down, -1.0), min(gain + up, 1.0)
    return Difference(gain, low, high, there.cost_usd - here.cost_usd, there.latency_ms - here.latency_ms)


def _reason(decision: RouteDecision, lane: str, *, changed: bool, left: int, floor: float) -> str:
    if not changed:
        return "The same draw takes the lane that was taken."
    if left == 1:
        return "It is the only eligible lane that is left."
    estimate = decision.estimates[lane]
    known = "known" if estimate.quality_low >= floor and estimate.evidence > 0 else "not known"
    reached = f"it is {known} to reach the floor {floor:.2f}"
    return f"The same draw over the {left} eligible lanes that are left takes it; {reached}."
