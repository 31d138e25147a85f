"""Means with intervals and p-values where rows depend on each other within a cluster; works without scipy.

Rows of one cluster (near-duplicate prompts, one user) are summed first; only clusters count as independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Z95_ONE_SIDED = 1.6448536269514722
Z95_TWO_SIDED = 1.959963984540054


@dataclass(frozen=True)
class Mean:
    """A mean over rows: its standard error, the degrees of freedom of that, and the rows and clusters behind it."""

    value: float
    standard_error: float
    freedom: float
    rows: int
    clusters: int

    def half(self, z: float = Z95_TWO_SIDED) -> float:
        """Half the width of the interval whose normal quantile is ``z``."""
        return student(z, self.freedom) * self.standard_error

    def p_above(self, threshold: float) -> float:
        """One-sided p-value of the claim that the true mean is above ``threshold``; 1 minus it claims below."""
        if self.standard_error == 0:
            return float(self.value <= threshold)
        if not math.isfinite(self.standard_error):
            return 1.0 if self.value <= threshold else 0.5
        t = (self.value - threshold) / self.standard_error
        z = t * (1 - 1 / (4 * self.freedom)) / math.sqrt(1 + t * t / (2 * self.freedom))  # Abramowitz & Stegun 26.7.8
        return 0.5 * math.erfc(z / math.sqrt(2))


def mean(values: Floats, cluster: NDArray[Any], *, reach: float = 0.0) -> Mean:
    """The mean of ``values`` (n,) over clusters (n,).

    Args:
        reach: how far from 0 a cluster's mean could be. Two further clusters at plus and minus ``reach`` then widen the
            error, as Agresti & Coull (1998) do for shares: ten rows that are all alike are no proof that all rows are.
    """
    centre = float(values.mean())
    return _of_influence(centre, values - centre, cluster, reach)


def ratio(numerator: Floats, denominator: Floats, cluster: NDArray[Any]) -> Mean:
    """Sum over sum of (n,) values, by the delta method (Hajek 1971)."""
    value = float(numerator.sum() / denominator.sum())
    return _of_influence(value, (numerator - value * denominator) / denominator.mean(), cluster, 0.0)


def _of_influence(value: float, influence: Floats, cluster: NDArray[Any], reach: float) -> Mean:
    _, member = np.unique(cluster, return_inverse=True)
    per_cluster = np.bincount(member, influence)
    rows, clusters = len(influence), len(per_cluster)
    if clusters < 2:
        return Mean(value, math.inf, 1.0, rows, clusters)
    squares = np.append(np.square(per_cluster), [np.square(reach * rows / clusters)] * 2)
    error = math.sqrt(float(squares.sum()) * clusters / (clusters - 1)) / rows
    second = float(squares.sum()) / clusters
    excess = float(np.square(squares).sum()) / clusters - second**2
    # degrees of freedom of a variance estimate at this kurtosis (Satterthwaite 1946)
    freedom = 2 * clusters * second**2 / excess if excess > 0 else math.inf
    return Mean(value, error, max(2.0, min(clusters - 1.0, freedom)), rows, clusters)


def student(z: float, freedom: float) -> float:
    """The quantile of Student's t where the normal one is ``z``, by Abramowitz & Stegun 26.7.5.

    >>> round(student(1.6448536, 10), 3), round(student(1.959964, 30), 3)
    (1.812, 2.042)
    """
    steps = (z**3 + z, 5 * z**5 + 16 * z**3 + 3 * z, 3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z)
    return z + steps[0] / (4 * freedom) + steps[1] / (96 * freedom**2) + steps[2] / (384 * freedom**3)


def benjamini_hochberg(p_values: Sequence[float], *, level: float = 0.05) -> NDArray[np.bool_]:
    """Which claims to make so that at most ``level`` of the claims made are expected to be wrong (1995).

    >>> benjamini_hochberg([0.01, 0.6, 0.02, 0.9]).tolist()
    [True, False, True, False]
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    passes = np.flatnonzero(p[order] <= level * np.arange(1, len(p) + 1) / max(len(p), 1))
    claimed = np.zeros(len(p), bool)
    if len(passes):
        claimed[order[: passes[-1] + 1]] = True
    return claimed
