"""What quality could be bought at what cost on this traffic, while nothing happens: curves over the trade-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.curves import LAMBDAS, hull, means, sweep
from router_ml.offline.simulation.counting.results import Curve
from router_ml.offline.simulation.policies.policy import NOTHING
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.policies.shuffled import dealt_out

Floats = NDArray[np.float64]
_FORBIDDEN = -1e9  # quality of a lane that a request may not go to
_OWN: Floats = np.logspace(-1, 5, 25)


def curves(champion: Routed, *, lambdas: Sequence[float] | Floats = _OWN) -> Mapping[str, Curve]:
    """``hull`` of the fixed lanes, ``oracle``, ``champion``, ``shuffled``, by weight over the kinds that lanes answer.

    Rules hold for all of them: where they keep a request from a fixed lane it goes where the champion would send it.
    The champion keeps its floors and explores as it does; ``lambdas`` are what it is asked for in all classes. The
    oracle's curve is a hull. All begin where they are cheapest; there are none where no kind goes to a lane.
    """
    kinds, world = champion.kinds, champion.world
    calm, phase = champion.calm(), world.phases[0]
    rows = np.flatnonzero((calm.fate == NOTHING) & (kinds.weight > 0))
    if not len(rows):
        return {}
    weight = kinds.weight[rows] / kinds.weight[rows].sum()
    cost, quality = (phase.cost_usd * champion.discounts())[rows], phase.quality[rows]
    allowed = calm.eligible[rows] & np.isfinite(cost) & np.isfinite(quality)
    cost, quality = np.where(allowed, cost, 0.0), np.where(allowed, quality, 0.0)

    def point(shares: Floats) -> tuple[float, float]:
        shares = np.where(allowed, shares, 0.0)
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
        return float(weight @ (shares * cost).sum(axis=1)), float(weight @ (shares * quality).sum(axis=1))

    def curve(points: Sequence[tuple[float, float]]) -> Curve:
        return Curve(*(np.array(each) for each in zip(*sorted(points), strict=True)))

    preferred = np.eye(len(world.lanes))[calm.exploit[rows]]
    fixed = [
        np.where(allowed[:, [lane]], np.eye(len(world.lanes))[lane], preferred) for lane in range(len(world.lanes))
    ]
    best = sweep(np.where(allowed, quality, _FORBIDDEN), cost, LAMBDAS)
    asked = [champion.calm(quality_per_usd=float(each)) for each in lambdas]
    return {
        "hull": Curve(*hull(*np.array([point(one) for one in fixed]).T)),
        "oracle": Curve(*hull(*means(quality, cost, best, weight))),
        "champion": curve([point(one.propensities[rows]) for one in asked]),
        "shuffled": curve([point(dealt_out(one, kinds.weight)[rows]) for one in asked]),
    }
