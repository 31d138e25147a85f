"""One decision for many requests of one traffic class: the router's steps in its order, over arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates, usual_lane
from router_ml.allocation.select import Rule, best, distribution, ranks, worths
from router_ml.config import RouterConfig, TrafficClass
from router_ml.deciding.terms import margin_of, may_probe, rule_in_force
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.policies.policy import NOTHING
from router_ml.state.budgets import Standing

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """What is asked of a class at a moment: its rule without and with exploration, and the probes that lanes are owed,
    by name."""

    promise: TrafficClass
    plain: Rule
    exploring: Rule
    probes: tuple[tuple[str, float], ...]

    @classmethod
    def of(
        cls,
        config: RouterConfig,
        name: str,
        *,
        certified: float | None,
        standing: Standing | None,
        now: datetime,
        probes: Mapping[str, float],
    ) -> Asked:
        """Of the class ``name``; the arguments are those of ``terms``."""
        promise = config.traffic_classes[name]
        plain, exploring = (
            rule_in_force(config, promise, explore=explore, certified=certified, standing=standing, now=now)
            for explore in (False, True)
        )
        owed = tuple(probes.items()) if may_probe(exploring, promise) and not exploring.capped else ()
        return cls(promise, plain, exploring, owed)

    def at(self, quality_per_usd: float) -> Asked:
        """The same at another lambda."""
        plain, exploring = (replace(rule, quality_per_usd=quality_per_usd) for rule in (self.plain, self.exploring))
        return replace(self, plain=plain, exploring=exploring)

    @cached_property
    def stopped(self) -> int:
        """The fate of what would go on, where the spent budget keeps it from every lane; -1 else."""
        if not self.plain.capped or self.promise.at_cap == "cheapest":
            return NOTHING
        return FATES.index("refused_by_budget" if self.promise.at_cap == "refuse" else "queued")


class Columns(NamedTuple):
    """What is weighed of n requests, over the K lanes of the router; as in ``Weighed``."""

    propensities: Floats
    exploit: NDArray[np.int64]
    eligible: Mask
    worth: Floats
    fate: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Columns:
        """The chosen rows."""
        return Columns(self[0][rows], self[1][rows], self[2][rows], self[3][rows], self[4][rows])

    def put(self, rows: NDArray[np.int64], values: Columns) -> None:
        """Put values into these rows."""
        for into, each in zip(self, values, strict=True):
            into[rows] = each

    @classmethod
    def empty(cls, rows: int, lanes: int) -> Columns:
        """Room for so many."""
        shape = rows, lanes
        nothing = np.full(rows, NOTHING)
        return cls(np.zeros(shape), nothing, np.zeros(shape, bool), np.zeros(shape), nothing.copy())


def weigh(
    estimates: Estimates,
    eligible: Mask,
    rule: Rule,
    config: RouterConfig,
    *,
    incumbent: NDArray[np.intp] | None = None,
    probes: Mapping[str, float] | None = None,
) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Propensities (n, K), the preferred lane (n,), and worth (n, K) by which ``choose`` ranks: the preferred lane
    first, higher first.

    Args:
        incumbent: (n,) the lane of each one's session; by default the usual lane of such requests may stay.
    """
    in_session = incumbent is not None
    if rule.capped:
        incumbent = None
    elif incumbent is None and config.stability.margin > 0:
        incumbent = usual_lane(estimates.belief, estimates.typical, eligible, rule)
    if incumbent is not None:
        rule = replace(rule, margin=margin_of(config, in_session=in_session))
    belief, cost = estimates.belief, estimates.cost_usd
    exploit = best(belief, cost, eligible, rule, incumbent=incumbent)
    shares = np.array([probes.get(lane, 0.0) for lane in config.lanes]) if probes else None
    propensities = distribution(belief, cost, eligible, rule, exploit=exploit, probes=shares)
    worth, first = worths(belief, cost, eligible, rule, incumbent=incumbent)
    return propensities, exploit, _places(ranks(worth, first, cost, eligible), exploit)


def _places(order: NDArray[np.intp], exploit: NDArray[np.intp]) -> Floats:
    """Minus the place of each lane in an order from the best on, 1 for the preferred one."""
    result = np.empty(order.shape)
    np.put_along_axis(result, order, -np.arange(order.shape[1], dtype=np.float64)[None], axis=1)
    rows = np.flatnonzero(exploit >= 0)
    result[rows, exploit[rows]] = 1.0
    return result
