"""How much a log says about a policy: read this before any estimate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.feedback import Feedback, Floats

MIN_EXPECTED = 5.0


@dataclass(frozen=True)
class SampleRatio:
    """Were lanes drawn as often as their propensities say? A tiny ``p_value`` means that the logged propensities are
    not the ones that acted, or that rows were lost: no estimate from such a log can be trusted."""

    observed: NDArray[np.int64]
    expected: Floats
    statistic: float
    degrees_of_freedom: int
    p_value: float


@dataclass(frozen=True)
class Diagnostics:
    """What a log says about one policy. ``mean_weight`` must be 1 within a few of its standard errors, and
    ``mean_weight_p_value`` tests that it is: tiny, it says that the propensities are wrong or that rows were lost.
    ``mean_rating_weight`` must be near 1 too; effective sample size and largest weight count rated rows;
    ``left_out_share`` is the part of all decisions that were not randomised; ``sample_ratio`` needs the full
    propensities."""

    n: int
    rated: int
    left_out_share: float
    effective_sample_size: float
    max_weight: float
    mean_weight: float
    mean_weight_standard_error: float
    mean_rating_weight: float
    sample_ratio: SampleRatio | None
    mean_weight_p_value: float


def diagnose(target: ArrayLike, feedback: Feedback) -> Diagnostics:
    """The diagnostics of a policy ``target`` (n, lanes).

    Raises:
        OfflineDataError: as ``Feedback.weights``.
    """
    weight = feedback.weights(target)
    used = weight * feedback.rating_weight
    error = float(weight.std(ddof=1)) / math.sqrt(len(weight))
    return Diagnostics(
        n=len(feedback),
        rated=int(feedback.rated.sum()),
        left_out_share=feedback.left_out / (feedback.left_out + len(feedback)),
        effective_sample_size=effective_sample_size(used),
        max_weight=float(used.max()),
        mean_weight=float(weight.mean()),
        mean_weight_standard_error=error,
        mean_rating_weight=float(feedback.rating_weight.mean()),
        sample_ratio=None if feedback.logging is None else sample_ratio(feedback),
        mean_weight_p_value=_mean_is_one(weight, np.asarray(target, dtype=float), feedback),
    )


def _mean_is_one(weight: Floats, target: Floats, feedback: Feedback) -> float:
    """Two-sided p-value of E[w] = 1, by the normal limit. With the full propensities the variance is the one that they
    imply, sum_a target_a^2 / p_a - 1: heavy weights that never came up are not forgotten."""
    if feedback.logging is None:
        variance = float(weight.var(ddof=1))
    else:
        squares = np.divide(target**2, feedback.logging, out=np.zeros_like(target), where=feedback.logging > 0)
        variance = max(float((squares.sum(axis=1) - 1).mean()), 0.0)
    away = abs(float(weight.mean()) - 1)
    if variance <= 1e-12:
        return float(away <= 1e-6)
    return math.erfc(away * math.sqrt(len(weight) / variance / 2))


def effective_sample_size(weight: Floats) -> float:
    """(sum w)^2 / sum w^2: how many rows of equal weight would say as much (Kish 1965).

    >>> effective_sample_size(np.array([1.0, 1.0, 0.0, 0.0]))
    2.0
    """
    squares = float(np.square(weight).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def sample_ratio(feedback: Feedback) -> SampleRatio:
    """Chi-square test of the observed actions against the logged propensities.

    It takes the covariance of the counts, sum_i diag(p_i) - p_i p_i', so it holds where propensities differ from row to
    row; where they do not, it is Pearson's test. Lanes expected fewer than five times count as one lane (Cochran 1954):
    the approximation does not hold for them, and one lucky draw would condemn a sound log.

    Raises:
        OfflineDataError: the full propensities were not given.
    """
    propensities, action = feedback.logging, feedback.action
    if propensities is None:
        raise OfflineDataError("The sample-ratio test needs the full propensities. Give Feedback its logging=.")
    observed = np.bincount(action, minlength=propensities.shape[1])
    expected = propensities.sum(axis=0)
    pooled = np.eye(len(expected))[:, expected >= MIN_EXPECTED]
    if pooled.shape[1] < len(expected):
        pooled = np.column_stack([pooled, expected < MIN_EXPECTED])
    joint = propensities @ pooled
    variance, axes = np.linalg.eigh(np.diag(expected @ pooled) - joint.T @ joint)
    varies = variance > 1e-9 * len(action)
    along = axes[:, varies].T @ ((observed - expected) @ pooled)
    statistic, freedom = float((np.square(along) / variance[varies]).sum()), int(varies.sum())
    return SampleRatio(observed, expected, statistic, freedom, chi_square_tail(statistic, freedom))


def chi_square_tail(statistic: float, degrees_of_freedom: int) -> float:
    """P(chi-square > statistic), by its finite sums (Abramowitz & Stegun 26.4.4 and 26.4.5).

    >>> round(chi_square_tail(3.841458820694124, 1), 12), round(chi_square_tail(9.487729036781154, 4), 12)
    (0.05, 0.05)
    """
    if degrees_of_freedom == 0:
        return 1.0
    half, odd = statistic / 2, degrees_of_freedom % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    term = math.exp(-half) * (math.sqrt(half) / math.gamma(1.5) if odd else 1.0)
    for step in range(degrees_of_freedom // 2):
        tail += term
        term *= half / (step + 1 + odd / 2)
    return tail
