"""What quality could be bought at what cost on this traffic, while nothing happens: curves over the trade-off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.curves import LAMBDAS, hull, sweep
from router_ml.offline.simulation.counting.results import Curve
from router_ml.offline.simulation.logged.changes import outcomes_in
from router_ml.offline.simulation.logged.intervals import MOST_EXTRAPOLATED
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

    On the requests of a log all are worth what its decisions say (``outcomes_in``), also the oracle's, which chooses by
    the model: no upper bound. What goes to lanes that the log could not draw, beyond ``MOST_EXTRAPOLATED``, is left
    out.
    """
    kinds, world = champion.kinds, champion.world
    calm, phase = champion.calm(), world.phases[0]
    rows = np.flatnonzero((calm.fate == NOTHING) & (kinds.weight > 0))
    if not len(rows):
        return {}
    cost, quality = (phase.cost_usd * champion.discounts())[rows], phase.quality[rows]
    allowed = calm.eligible[rows] & np.isfinite(cost) & np.isfinite(quality)
    cost, quality = np.where(allowed, cost, 0.0), np.where(allowed, quality, 0.0)
    value = _Value(champion, rows, allowed)
    lanes = len(world.lanes)

    def points(every: Iterable[Floats]) -> list[tuple[float, float]]:
        found = [value.of(shares) for shares in every]
        return sorted(each for each in found if each is not None)

    preferred = np.eye(lanes)[calm.exploit[rows]]
    fixed = (np.where(allowed[:, [lane]], np.eye(lanes)[lane], preferred) for lane in range(lanes))
    best = sweep(np.where(allowed, quality, _FORBIDDEN), cost, LAMBDAS)
    asked = [champion.calm(quality_per_usd=float(each)) for each in lambdas]
    found = {
        "hull": points(fixed),
        "oracle": points(np.eye(lanes)[each] for each in best),
        "champion": points(one.propensities[rows] for one in asked),
        "shuffled": points(dealt_out(one, kinds.weight)[rows] for one in asked),
    }
    drawn = {name: np.array(each).T for name, each in found.items() if each}
    return {name: Curve(*(hull(*each) if name in ("hull", "oracle") else each)) for name, each in drawn.items()}


class _Value:
    """What shares of lanes are worth on the kinds ``rows`` (n,), where ``allowed`` (n, L)."""

    def __init__(self, champion: Routed, rows: NDArray[np.int64], allowed: NDArray[np.bool_]) -> None:
        kinds, phase = champion.kinds, champion.world.phases[0]
        quality, cost, self._known = phase.quality, phase.cost_usd, allowed
        if kinds.log is not None:
            quality, cost = outcomes_in(phase, kinds.log)
            known = kinds.log.possible
            self._known = np.pad(known, ((0, 0), (0, quality.shape[1] - known.shape[1])))[rows]
        self._weight = kinds.weight[rows] / kinds.weight[rows].sum()
        self._cost = np.where(allowed, (cost * champion.discounts())[rows], 0.0)
        self._quality, self._allowed = np.where(allowed, quality[rows], 0.0), allowed

    def of(self, shares: Floats) -> tuple[float, float] | None:
        """Mean cost and quality of ``shares`` (n, L) of lanes; None where too much of it is not known."""
        shares = np.where(self._allowed, shares, 0.0)
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
        cost, quality, unknown = (
            float(self._weight @ (shares * each).sum(axis=1)) for each in (self._cost, self._quality, ~self._known)
        )
        return None if unknown > MOST_EXTRAPOLATED else (max(cost, 0.0), min(max(quality, 0.0), 1.0))
