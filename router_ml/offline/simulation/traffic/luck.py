"""Luck: what a uniform number stands for, and more of it where a request is called again."""

from __future__ import annotations

import struct
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_KNOTS = 4096
_AT = (np.arange(_KNOTS) + 0.5) / _KNOTS
_NORMAL = np.array([NormalDist().inv_cdf(float(point)) for point in _AT])
_STEP = np.append(np.diff(_NORMAL), 0.0)
_MASK = (1 << 64) - 1


def normal(uniform: Floats | float) -> Floats:
    """Standard normal numbers by their quantiles; those farther out than 3.7 deviations are 3.7.

    >>> normal(np.array([0.5, 0.975])).round(2).tolist()
    [0.0, 1.96]
    """
    place = np.clip(np.asarray(uniform) * _KNOTS - 0.5, 0, _KNOTS - 1)
    below = np.minimum(place.astype(np.int64), _KNOTS - 2)
    return np.asarray(_NORMAL[below] + (place - below) * _STEP[below])


def again(uniform: float, turn: int) -> float:
    """Another uniform number in [0, 1) that follows from one, for ``turn`` 1, 2, ... (SplitMix64, Steele et al. 2014).

    >>> 0 <= again(0.25, 1) < 1, again(0.25, 1) == again(0.25, 1), again(0.25, 1) == again(0.25, 2)
    (True, True, False)
    """
    (bits,) = struct.unpack("<Q", struct.pack("<d", uniform))
    mixed = (bits + turn * 0x9E3779B97F4A7C15) & _MASK
    for shift, times in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = ((mixed ^ (mixed >> shift)) * times) & _MASK
    return float((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)
