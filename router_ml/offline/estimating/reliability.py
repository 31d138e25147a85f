"""How far predicted qualities are from what happens, and whether one model is further off than another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from router_ml.offline.feedback import Floats

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Root mean squared calibration error of two models on the same outcomes, 0..1, chance taken off; ``difference`` of
    their squares, second minus first, with its standard error."""

    first: float
    second: float
    difference: float
    standard_error: float


class _Squared(NamedTuple):
    value: float
    influence: Floats
    by_chance: float


def reliability(first: Floats, second: Floats, outcome: Floats, weight: Floats) -> Reliability:
    """Compare two predictions (n,) of an ``outcome`` (n,), each row counting ``weight`` (n,).

    The squared error of ten equally full bins is above 0 for a perfect model too, by the variance of each bin's mean,
    which is taken off (Kumar, Liang & Ma 2019). The error of the difference is by the delta method, paired, plus what
    chance alone does to bins that are not off at all.
    """
    share = weight / weight.sum()
    one, two = _squared(first, outcome, share), _squared(second, outcome, share)
    variance = float(np.square(two.influence - one.influence).sum()) + one.by_chance + two.by_chance
    error = math.sqrt(max(variance, 0.0))
    root = [math.sqrt(max(each.value, 0.0)) for each in (one, two)]
    return Reliability(root[0], root[1], two.value - one.value, error)


def _squared(predicted: Floats, outcome: Floats, share: Floats) -> _Squared:
    edges = np.quantile(predicted, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.searchsorted(edges, predicted, side="right")
    residual = outcome - predicted
    mass = np.bincount(bins, share, BINS)
    held = np.where(mass > 0, mass, 1.0)
    centre = np.bincount(bins, share * residual, BINS) / held
    around = residual - centre[bins]
    count = np.maximum(np.bincount(bins, minlength=BINS), 2)
    variance = np.bincount(bins, np.square(share * around), BINS) / np.square(held) * count / (count - 1)
    influence = share * (2 * centre[bins] * around + np.square(centre[bins]) - float(mass @ np.square(centre)))
    return _Squared(
        float(mass @ (np.square(centre) - variance)), influence, float(2 * np.square(mass * variance).sum())
    )
