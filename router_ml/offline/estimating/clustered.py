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
EXPANDED = 30.0  # degrees of freedom
NEWTON = 100
TERMS = 10_000


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
        return student_tail((self.value - threshold) / self.standard_error, self.freedom)


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


def ratio_difference(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Mean:
    """One ratio of sums less another, each a numerator and a denominator (n,) by cluster: what both ratios share within
    a cluster cancels, so the error is that of the difference (the delta method on both, as in ``ratio``)."""
    values, influences = [], []
    for numerator, denominator in (first, second):
        values.append(float(numerator.sum() / denominator.sum()))
        influences.append((numerator - values[-1] * denominator) / denominator.mean())
    cluster = np.arange(len(influences[0]))
    return _of_influence(values[0] - values[1], influences[0] - influences[1], cluster, 0.0)


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
    return Mean(value, error, min(clusters - 1.0, freedom), rows, clusters)


def student(z: float, freedom: float) -> float:
    """The quantile of Student's t where the normal one is ``z``, for any ``freedom`` above 0.

    From 30 degrees on by Abramowitz & Stegun 26.7.5, whose error at 95% is below 1e-5 there; below by Newton's method,
    which climbs to the quantile from ``z`` because the tail is convex.

    >>> round(student(1.959964, 1), 3), round(student(1.6448536, 10), 3), round(student(1.959964, 30), 3)
    (12.706, 1.812, 2.042)
    """
    if z < 0:
        return -student(-z, freedom)
    if freedom >= EXPANDED:
        steps = (z**3 + z, 5 * z**5 + 16 * z**3 + 3 * z, 3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z)
        return z + steps[0] / (4 * freedom) + steps[1] / (96 * freedom**2) + steps[2] / (384 * freedom**3)
    wanted, t = math.erfc(z / math.sqrt(2)) / 2, z
    peak = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    for _ in range(NEWTON):
        step = (student_tail(t, freedom) - wanted) / (peak * (1 + t * t / freedom) ** (-(freedom + 1) / 2))
        t += step
        if abs(step) <= 1e-12 * max(t, 1.0):
            break
    return t


def student_tail(t: float, freedom: float) -> float:
    """P(T > t) of Student's t, by the incomplete beta function (Abramowitz & Stegun 26.7.1).

    >>> round(student_tail(1.0, 1), 12), round(student_tail(-2.920, 2), 3)
    (0.25, 0.95)
    """
    if t < 0:
        return 1 - student_tail(-t, freedom)
    square = t * t
    below, above = freedom / (freedom + square), square / (freedom + square)
    if below < (freedom / 2 + 1) / (freedom / 2 + 2.5):
        return _beta(below, above, freedom / 2, 0.5) / 2
    return 0.5 - _beta(above, below, 0.5, freedom / 2) / 2


def _beta(x: float, rest: float, a: float, b: float) -> float:
    """The regularised incomplete beta function at ``x`` = 1 - ``rest``, by its continued fraction (Abramowitz & Stegun
    26.5.8, evaluated as by Lentz 1976)."""
    if x <= 0:
        return 0.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(max(rest, 1e-300))
    )
    up, down = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    fraction = down
    for m in range(1, TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            down, up = 1 / _nonzero(1 + term * down), _nonzero(1 + term / up)
            fraction *= up * down
        if abs(up * down - 1) < 1e-15:
            break
    return front * fraction / a


def _nonzero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300


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
