"""What evidence a lane lacks to be known to reach a floor: the bound of ``quality.believe``, solved for its weight.

Wilson's bounds at a mean m and a weight w are the roots of (p - m)^2 = z^2 p (1 - p) / w (Wilson 1927). Solved for w at
p = floor, that is the weight at which the lower bound is the floor; and both bounds together give back m and w:
with u = sqrt(low high) + sqrt((1 - low)(1 - high)), m = sqrt(low high) / u and w = z^2 u^2 / (1 - u^2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_90 = 1.6448536269514722  # of the interval that estimates carry
MOST = 100.0  # outcomes and evaluated answers that a belief counts: both are capped


@dataclass(frozen=True)
class Missing:
    """``mean`` and ``weight``: of the belief; ``needed``: the weight at which the lower bound reaches the floor, None
    where none does, since the mean itself does not."""

    mean: float
    weight: float
    needed: float | None

    @property
    def more(self) -> int | None:
        """Further answers at this quality, rounded up; None where no number is enough."""
        return None if self.needed is None else max(math.ceil(self.needed - self.weight), 1)

    @property
    def words(self) -> str:
        """In words, as an operator reads them."""
        if self.more is None:
            return "no amount of evidence at this quality"
        many = f"about {self.more:,} more at this quality"
        if self.needed is not None and self.needed > MOST:
            return f"{many}, beyond the {MOST:g} that a belief counts: it has to answer better"
        return many


def weight_for(mean: float, floor: float) -> float | None:
    """The weight at which the lower bound at ``mean`` is ``floor``; None where the mean is not above it.

    >>> round(weight_for(0.85, 0.75), 1)
    50.7
    """
    return Z_90**2 * floor * (1 - floor) / (mean - floor) ** 2 if mean > floor else None


def of_bounds(low: float, high: float) -> tuple[float, float]:
    """Mean and weight of a belief from its bounds.

    >>> mean, weight = of_bounds(0.6375, 0.9)
    >>> round(weight_for(mean, 0.6375) / weight, 6)
    1.0
    """
    u = math.sqrt(low * high) + math.sqrt((1 - low) * (1 - high))
    if not 0 < u < 1:
        return (low + high) / 2, 0.0 if u <= 0 else math.inf
    return math.sqrt(low * high) / u, Z_90**2 * u * u / (1 - u * u)


def missing(low: float, high: float, floor: float) -> Missing | None:
    """What a belief with these bounds lacks to reach a floor; None where it reaches it.

    A bound that was widened to hold what is predicted of a request makes it look less certain than its cell is, so more
    may be asked for than is needed.
    """
    if low >= floor:
        return None
    mean, weight = of_bounds(low, high)
    return Missing(mean, weight, weight_for(mean, floor))
