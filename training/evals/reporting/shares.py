"""Shares and means over cases, with 95% intervals.

Where every row stands for itself, a share has the interval of Wilson (1927). Where rows share a cluster (paraphrases
of one question, repeats of one case) only clusters are independent: Wilson's for as many rows as theirs are worth
(their effective size: Kish 1965; Korn and Graubard 1998), with Student's t of the clusters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from router_ml.offline.estimating.clustered import Z95_TWO_SIDED, mean, student

Method = Literal["wilson", "clusters"]


@dataclass(frozen=True)
class Share:
    """A share or a mean in 0..1 of ``n`` rows in ``clusters``, with its 95% interval. ``value`` None: no row."""

    n: int
    passed: int
    value: float | None
    low: float
    high: float
    clusters: int
    method: Method

    def __str__(self) -> str:
        if self.value is None:
            return "nothing judged"
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"


def share(passed: Sequence[bool], cluster: Sequence[str]) -> Share:
    """The share of (n,) rows that passed, in (n,) clusters.

    >>> str(share([True] * 18 + [False] * 2, [str(number) for number in range(20)]))
    '90.0% (69.9% to 97.2%)'
    """
    count = len(passed)
    groups = len(set(cluster))
    if not count:
        return Share(0, 0, None, 0.0, 1.0, 0, "wilson")
    good = sum(passed)
    if groups == count:
        low, high = wilson(good, count)
        return Share(count, good, good / count, low, high, groups, "wilson")
    low, high = _over_clusters([float(one) for one in passed], cluster)
    return Share(count, good, good / count, low, high, groups, "clusters")


def mean_quality(values: Sequence[float], cluster: Sequence[str]) -> Share:
    """The mean of (n,) qualities in 0..1, which need not be 0 or 1: always over clusters. ``passed`` counts those of at
    least one half."""
    if not values:
        return Share(0, 0, None, 0.0, 1.0, 0, "clusters")
    low, high = _over_clusters(values, cluster)
    good = sum(one >= 0.5 for one in values)
    return Share(len(values), good, float(np.mean(values)), low, high, len(set(cluster)), "clusters")


def wilson(good: int, count: int, *, z: float = Z95_TWO_SIDED) -> tuple[float, float]:
    """The interval of Wilson (1927) for a share of independent rows."""
    return _score(good / count, count, z=z)


def _score(value: float, count: float, *, z: float) -> tuple[float, float]:
    square = z * z
    centre = (value + square / (2 * count)) / (1 + square / count)
    half = z / (1 + square / count) * math.sqrt(value * (1 - value) / count + square / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def _over_clusters(values: Sequence[float], cluster: Sequence[str]) -> tuple[float, float]:
    """The variance over clusters is that of these and of one more, whose rows are all alike: few clusters that happen
    to agree are no proof that all do. Rows are never worth more than as many that stand for themselves."""
    found = mean(np.asarray(values, float), np.asarray(cluster, dtype=str))
    clusters, value = found.clusters, found.value
    if clusters < 2:
        return 0.0, 1.0
    sizes = np.unique(np.asarray(cluster, dtype=str), return_counts=True)[1]
    alike = found.rows**2 / float(np.square(sizes).sum())
    largest = value * (1 - value)
    if largest > 0:
        variance = (found.standard_error**2 * (clusters - 1) + largest / alike) / clusters
        worth = min(found.rows, largest / variance)
    else:
        worth = alike
    return _score(value, worth, z=student(Z95_TWO_SIDED, clusters - 1))
