"""The lane that the draw of a recorded decision takes under other terms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from router_ml.allocation.replay import propensities
from router_ml.allocation.select import draw
from router_ml.contract import Estimate, RouteDecision


def taken(
    decision: RouteDecision,
    *,
    floor: float | None = None,
    quality_per_usd: float | None = None,
    costs: Mapping[str, float] | None = None,
    also: Mapping[str, Estimate] | None = None,
    without: str | None = None,
) -> str | None:
    """The lane, with the seed and the selection that were recorded; None where there is none to take.

    Args:
        floor: 0..1. quality_per_usd: lambda. costs: USD of this request, of lanes that cost something else.
        also: further lanes, with their estimates. without: a lane that is not there.
    """
    known = {lane: found for lane, found in decision.estimates.items() if lane in decision.eligible and lane != without}
    known |= also or {}
    for lane, cost in (costs or {}).items():
        known[lane] = known[lane].model_copy(update={"cost_usd": cost})
    shares = propensities(
        known,
        known,
        floor=decision.floor if floor is None else floor,
        quality_per_usd=decision.quality_per_usd if quality_per_usd is None else quality_per_usd,
        selection=decision.state.selection,
    )
    if not shares:
        return None
    names = list(known)
    return names[draw(np.array([shares.get(name, 0.0) for name in names]), decision.seed)]
