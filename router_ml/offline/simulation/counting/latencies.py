"""Quantiles of latency in bounded memory: a histogram whose bins grow by 1%, so that no quantile is off by more."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.counting.results import Latencies

Floats = NDArray[np.float64]

LEAST_MS = 0.1
GROWTH = 1.01
BINS = 2200  # up to about 89 hours
_LOG = math.log(GROWTH)


def bins_of(milliseconds: Floats) -> NDArray[np.int64]:
    """The bin of each latency, (n,); shorter and longer ones than there are bins go into the first and the last."""
    place = np.log(np.maximum(milliseconds, LEAST_MS) / LEAST_MS) / _LOG
    return np.minimum(place.astype(np.int64), BINS - 1)


def quantile(counts: NDArray[np.int64], share: float) -> float:
    """The latency in milliseconds that ``share`` of those counted, (``BINS``,), do not pass; NaN where none is counted.

    >>> round(quantile(np.bincount(bins_of(np.array([10.0, 20.0, 400.0])), minlength=BINS), 0.5))
    20
    """
    total = int(counts.sum())
    if total == 0:
        return float("nan")
    place = int(np.searchsorted(np.cumsum(counts), share * total))
    return LEAST_MS * math.exp(_LOG * (place + 0.5))


def latencies(counts: NDArray[np.int64]) -> Latencies:
    """The three quantiles that a result gives."""
    return Latencies(quantile(counts, 0.5), quantile(counts, 0.95), quantile(counts, 0.99))
