"""The champion's choices dealt at random: as often to each lane, without knowing which request goes there. What that
costs differs from what the champion costs; curves compare the two at the same spend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.policies.others import Beside
from router_ml.offline.simulation.policies.policy import NOTHING, Moment, Weighed
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.traffic.rows import LUCK, Rows

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
_ALIKE = 0.02  # costs that are called the same
_NOT_MATCHED = "its quality is of another spend, so compare the two curves at the same cost."


class Shuffled(Beside):
    """Each request gets the propensities that the champion has for another one, drawn by weight among the kinds of the
    same class with the same eligible lanes. Later turns of sessions keep the champion's choice for the lane that they
    are on: dealt anew at every turn they would lose their caches and cost far more than the champion's.

    ``cost_ratio``: what that is expected to cost in times of what the champion costs, while nothing happens; long
    requests that the champion sends to cheap lanes make it dearer.
    """

    def __init__(self, champion: Routed, seed: int, *, name: str = "shuffled") -> None:
        super().__init__(name, champion)
        kinds, self._seed = champion.kinds, seed
        self._weight = kinds.weight
        count = len(kinds)
        nothing = np.full(count, NOTHING)
        zeros = np.zeros(count, np.int64)
        self._all = Rows(
            zeros, np.arange(count), np.zeros(count), nothing, zeros, nothing, zeros, np.zeros((count, LUCK))
        )
        calm, world = self._champion.calm(), champion.world
        cost = np.nan_to_num(world.phases[0].cost_usd) * self._champion.discounts()
        usual, dealt = (
            float(self._weight @ (shares * cost).sum(axis=1))
            for shares in (calm.propensities, dealt_out(calm, self._weight))
        )
        self.cost_ratio = dealt / usual if usual > 0 else 1.0
        note = f"Expected to cost {self.cost_ratio - 1:+.1%} against the champion while nothing happens"
        apart = abs(self.cost_ratio - 1) >= _ALIKE
        self.notes += (f"{note}: {_NOT_MATCHED}" if apart else f"{note}.",)

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """The propensities of another request."""
        found = self._champion.weigh(rows, moment)
        nobody = np.full(len(self._all), NOTHING)
        every = self._champion.weigh(self._all, replace(moment, incumbent=nobody, cached=nobody * 0))
        order, ends, group = _groups(every)
        weight = np.append(0.0, np.cumsum(self._weight[order]))
        low, high = ends[group[rows.kind]], ends[group[rows.kind] + 1]
        at = weight[low] + uniform(rows.number, self._seed) * (weight[high] - weight[low])
        other = order[np.clip(np.searchsorted(weight, at, side="right") - 1, low, high - 1)]
        given = every.propensities[other]
        fits = (rows.turn == 0) & (found.fate == NOTHING)
        return replace(
            found,
            propensities=np.where(fits[:, None], given, found.propensities),
            exploit=np.where(fits, every.exploit[other], found.exploit),
        )


def dealt_out(calm: Weighed, weight: Floats) -> Floats:
    """Propensities (k, L) that each kind gets on average."""
    order, ends, group = _groups(calm)
    sums = np.add.reduceat(calm.propensities[order] * weight[order, None], ends[:-1], axis=0)
    total = np.add.reduceat(weight[order], ends[:-1])
    result: Floats = (sums / np.where(total > 0, total, 1.0)[:, None])[group]
    return result


def _groups(every: Weighed) -> tuple[Numbers, Numbers, Numbers]:
    """Kinds by group, where each group begins (and all end), and the group of each kind."""
    lanes = every.eligible.shape[1]
    key = np.column_stack([every.traffic_class, every.fate, np.packbits(every.eligible, axis=1)])
    code = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1) if lanes else key[:, 0]
    order = np.argsort(code, kind="stable")
    return order, np.append(0, np.cumsum(np.bincount(code))), code


def uniform(number: Numbers, seed: int) -> Floats:
    """Of each number (n,), the same for the same seed, in [0, 1): the finaliser of SplitMix64 (Steele, Lea & Flood
    2014)."""
    mixed = (number.astype(np.uint64) + np.uint64(seed + 1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Floats = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return result
