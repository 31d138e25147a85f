"""Moments of values in parts, put together without cancellation and without regard to order.

Higher moments as Pebay (2008), "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
statistical moments"; sums over parts are correctly rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router_ml.offline.feedback import Floats


@dataclass(frozen=True)
class Moments:
    """Of one variable: how many, mean, and central powers 2 to 4, summed."""

    count: int
    mean: float
    second: float
    third: float
    fourth: float

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Of (n,) values."""
        mean = float(values.mean()) if len(values) else 0.0
        away = values - mean
        powers = (float(np.power(away, power).sum()) for power in (2, 3, 4))
        return cls(len(values), mean, *powers)

    @classmethod
    def together(cls, parts: Sequence[Moments]) -> Moments:
        """Of all values of the parts."""
        count = sum(part.count for part in parts)
        mean = math.fsum(part.count * part.mean for part in parts) / count if count else 0.0
        away = [(part, part.mean - mean) for part in parts]
        return cls(
            count,
            mean,
            math.fsum(part.second + part.count * d**2 for part, d in away),
            math.fsum(part.third + 3 * d * part.second + part.count * d**3 for part, d in away),
            math.fsum(
                part.fourth + 4 * d * part.third + 6 * d**2 * part.second + part.count * d**4 for part, d in away
            ),
        )


@dataclass(frozen=True)
class WeightSums:
    """Of weights w that may have signs: sums of |w|, w^2 and w |w|."""

    size: float
    squares: float
    signed: float

    @classmethod
    def of(cls, weight: Floats) -> WeightSums:
        """Of (n,) weights."""
        size = np.abs(weight)
        return cls(float(size.sum()), float(np.square(weight).sum()), float((weight * size).sum()))

    @classmethod
    def together(cls, parts: Sequence[WeightSums]) -> WeightSums:
        """Of all weights of the parts."""
        return cls(*(math.fsum(getattr(part, name) for part in parts) for name in ("size", "squares", "signed")))

    @property
    def effective(self) -> float:
        """How many rows of equal weight would say as much (Kish 1965)."""
        return self.size**2 / self.squares if self.squares > 0 else 0.0
