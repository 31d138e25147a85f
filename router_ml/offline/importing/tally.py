"""Sums over the rows of an export, by lane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from router_ml.offline.importing.rows import Row


@dataclass
class LaneTally:
    """Of one lane: rows that chose it, how many are rated, what their ratings sum to, how many have a cost, a latency,
    or were drawn; ``reachable``: drawn rows, of any lane, that could have chosen it, ``least`` the smallest probability
    with which one could. ``weight`` and ``square``: sums of 1 / propensity, and of its square, over its drawn and rated
    rows."""

    rows: int = 0
    rated: int = 0
    quality: float = 0.0
    costs: int = 0
    latencies: int = 0
    drawn: int = 0
    reachable: int = 0
    least: float = math.inf
    weight: float = 0.0
    square: float = 0.0

    def add(self, row: Row, name: str) -> None:
        """Count a row; ``name`` is the lane that this is of."""
        chance = row.propensities.get(name, 0.0)
        if row.drawn and chance > 0:
            self.reachable += 1
            self.least = min(self.least, chance)
        if row.lane != name:
            return
        self.rows += 1
        self.drawn += row.drawn
        self.costs += row.cost_usd is not None
        self.latencies += row.latency_ms is not None
        if row.quality is not None:
            self.rated += 1
            self.quality += row.quality
            if row.drawn:
                self.weight += 1 / chance
                self.square += chance**-2

    @property
    def effective(self) -> float:
        """Effective number of rated decisions that speak of a policy that always takes this lane."""
        return self.weight**2 / self.square if self.square else 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON: counts, the mean quality of rated rows, overlap."""
        return {
            "rows": self.rows,
            "rated": self.rated,
            "mean_quality": self.quality / self.rated if self.rated else None,
            "costs": self.costs,
            "latencies": self.latencies,
            "drawn": self.drawn,
            "reachable": self.reachable,
            "least_propensity": self.least if self.reachable else None,
            "effective": self.effective,
        }


@dataclass
class Ratings:
    """Of drawn rows: how many, how many are rated, and the sums of w = 1 / P(rated) and of w (w - 1) over these."""

    rows: int = 0
    rated: int = 0
    weight: float = 0.0
    excess: float = 0.0

    def add(self, row: Row) -> None:
        """Count a drawn row."""
        self.rows += 1
        if row.quality is not None:
            weight = 1 / row.rated_probability
            self.rated += 1
            self.weight += weight
            self.excess += weight * (weight - 1)
