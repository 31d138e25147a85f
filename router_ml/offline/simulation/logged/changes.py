"""What a log's outcomes are worth where a scenario has changed lanes and prices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.logged.truth import LoggedTruth
from router_ml.offline.simulation.world.world import Phase

Floats = NDArray[np.float64]


def outcomes_in(phase: Phase, truth: LoggedTruth) -> tuple[Floats, Floats]:
    """Corrected quality and cost of every lane under a phase, (k, L) each; see ``LoggedTruth.pseudo_outcomes``."""
    quality, cost = phase.quality.copy(), phase.cost_usd.copy()
    rows = np.flatnonzero(truth.action >= 0)
    at = rows, truth.action[rows]
    quality[at] += truth.surplus[rows] * slope(quality[at], truth.quality[at])
    cost[at] += truth.cost_surplus[rows] * ratio(cost[at], truth.cost_usd[at])
    return quality, cost


def slope(now: Floats, before: Floats) -> Floats:
    """By how much a correction shrinks with a quality that a scenario has changed: as answers that are worth a part of
    what they were (``regression``), or as errors that are a part of what they were (``upgrade``)."""
    better = now > before
    return np.where(better, ratio(1 - now, 1 - before), ratio(now, before))


def ratio(now: Floats, before: Floats) -> Floats:
    """By how much truth has changed; 1 where there was none."""
    return np.divide(now, before, out=np.ones_like(now), where=before > 0)
