"""When did a lane last change, and how far has it moved? A filter over the residuals of one lane.

Bayesian change-point detection (Adams & MacKay, 2007): hypotheses say when the lane last changed and what has been seen
since. "Never since the model was fitted" has a small shift and a long memory; changes at earlier ratings may have moved
the lane far and remember only what came after. Each rating adds the hypothesis of a change just now, and weighs all of
them by how well they foresaw it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HAZARD = 1 / 1000  # probability, per rating, that a lane changes
SPREAD_UNCHANGED = 0.03  # how far a fitted lane lies from its model, as a standard deviation of quality
SPREAD_CHANGED = 0.2  # how far a change moves a lane
HYPOTHESES = 24
NOISE, NOISE_WEIGHT, NOISE_MEMORY = 0.1, 10.0, 200.0  # variance of a rating: first guess, its weight, memory
LEAST_LEVEL = 0.02  # no lane fails, or answers, with less than this probability
SPREAD_CELL = 0.03  # how far a cell's shift lies from its lane's
NEW_VERSION = 0.2  # how likely a new version is to be as good as the old one, before any rating


@dataclass(frozen=True)
class LaneDrift:
    """One lane's hypotheses, oldest change first and "never" at index 0, and its cells.

    weight, mean, variance: (h,) of the hypotheses and of the shift under them; count: (h,) ratings since the change;
    noise: variance of a rating; noise_count: the ratings behind it; cell_sum, cell_count: (c,) residuals and ratings.
    """

    weight: Floats
    mean: Floats
    variance: Floats
    count: Floats
    noise: float
    noise_count: float
    cell_sum: Floats
    cell_count: Floats

    @classmethod
    def start(cls, cells: int, *, unchanged: float, noise: float = NOISE) -> LaneDrift:
        """Before any rating; ``unchanged`` is the probability that the model still describes the lane."""
        return cls(
            weight=np.array([unchanged, 1 - unchanged]),
            mean=np.zeros(2),
            variance=np.array([SPREAD_UNCHANGED, SPREAD_CHANGED]) ** 2,
            count=np.zeros(2),
            noise=noise,
            noise_count=NOISE_WEIGHT,
            cell_sum=np.zeros(cells),
            cell_count=np.zeros(cells),
        )

    @property
    def shift(self) -> float:
        """Expected shift of the lane."""
        return float(self.weight @ self.mean)

    @property
    def spread(self) -> tuple[float, float]:
        """Variance of the shift now, and what it would be without any rating."""
        now = float(self.weight @ (self.variance + (self.mean - self.shift) ** 2))
        return now, float(self.weight[0] * SPREAD_UNCHANGED**2 + (1 - self.weight[0]) * SPREAD_CHANGED**2)

    @property
    def memory(self) -> float:
        """Expected ratings since the lane's last change."""
        return float(self.weight @ self.count)

    def learn(self, cells: Floats, *, predicted: float, quality: float, dispersion: float) -> LaneDrift:
        """After one rating more.

        A rating is weighed as a Bernoulli outcome would be, its logarithm divided by ``dispersion`` (quasi-likelihood,
        Wedderburn 1974), since scores scatter less than zeros and ones do. A normal likelihood would take the first
        failure of a lane that rarely fails for a change.

        Args:
            cells: (c,) how much of it belongs to each cell. predicted, quality: 0..1.
        """
        residual = quality - predicted
        weight = np.append(self.weight * (1 - HAZARD), HAZARD)
        mean, count = np.append(self.mean, 0.0), np.append(self.count, 0.0)
        variance = np.append(self.variance, SPREAD_CHANGED**2)
        level = _expected(predicted + mean, np.sqrt(variance))
        fit = (quality * np.log(level) + (1 - quality) * np.log(1 - level)) / dispersion
        log = np.log(np.maximum(weight, 1e-300)) + fit
        weight = np.exp(log - log.max())
        weight /= weight.sum()
        noise = dispersion * level * (1 - level)
        gain = variance / (variance + noise)
        mean, variance, count = mean + gain * (residual - mean), variance * (1 - gain), count + 1
        typical, kept = float(weight @ noise), min(self.noise_count + 1, NOISE_MEMORY)
        if len(weight) > HYPOTHESES:  # the least likely change is forgotten, never "never" nor the newest
            keep = np.delete(np.arange(len(weight)), 1 + int(weight[1:-1].argmin()))
            weight, mean, variance, count = weight[keep], mean[keep], variance[keep], count[keep]
            weight /= weight.sum()
        kept_share = float(weight @ count) / (self.memory + 1)
        return LaneDrift(
            weight=weight,
            mean=mean,
            variance=variance,
            count=count,
            noise=self.noise + (typical - self.noise) / kept,
            noise_count=kept,
            cell_sum=(self.cell_sum + residual * cells) * kept_share,
            cell_count=(self.cell_count + cells) * kept_share,
        )

    def doubted(self) -> LaneDrift:
        """For a new version of the lane: whatever was believed may have changed just now."""
        return replace(
            self,
            weight=np.append(self.weight * NEW_VERSION, 1 - NEW_VERSION),
            mean=np.append(self.mean, 0.0),
            variance=np.append(self.variance, SPREAD_CHANGED**2),
            count=np.append(self.count, 0.0),
            cell_sum=self.cell_sum * NEW_VERSION,
            cell_count=self.cell_count * NEW_VERSION,
        )

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {name: np.asarray(value).tolist() for name, value in vars(self).items()}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> LaneDrift:
        """From ``state``.

        Raises:
            KeyError, TypeError, ValueError: not what ``state`` returns.
        """
        arrays = ("weight", "mean", "variance", "count", "cell_sum", "cell_count")
        values: dict[str, Any] = {name: np.asarray(record[name], np.float64) for name in arrays}
        if not all(np.isfinite(value).all() and value.ndim == 1 for value in values.values()):
            raise ValueError("expected rows of finite numbers")
        noise, noise_count = float(record["noise"]), float(record["noise_count"])
        beliefs, cells = ("weight", "mean", "variance", "count"), ("cell_sum", "cell_count")
        if any(len({len(values[name]) for name in names}) != 1 for names in (beliefs, cells)):
            raise ValueError("expected rows of equal length")
        weight, positive = values["weight"], (*values["variance"], noise)
        if not (len(weight) and abs(weight.sum() - 1) < 1e-6 and weight.min() >= 0 and min(positive) > 0):
            raise ValueError("expected weights that sum to 1 and variances above 0")
        if not (np.isfinite(noise) and min(noise_count, *values["count"], *values["cell_count"]) >= 0):
            raise ValueError("expected finite noise and counts of 0 or more")
        return cls(**values, noise=noise, noise_count=noise_count)


def _expected(mean: Floats, spread: Floats) -> Floats:
    """Mean of normal levels that are cut at ``LEAST_LEVEL`` from both ends."""
    low, high = LEAST_LEVEL, 1 - LEAST_LEVEL
    result = []
    for centre, width in zip(mean.tolist(), spread.tolist(), strict=True):
        below, above = (low - centre) / width, (high - centre) / width
        inside = centre * (_cdf(above) - _cdf(below)) - width * (_density(above) - _density(below))
        result.append(inside + low * _cdf(below) + high * (1 - _cdf(above)))
    levels: Floats = np.clip(result, low, high)
    return levels


def _cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _density(x: float) -> float:
    return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
