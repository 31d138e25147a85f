"""How many decisions until a difference shows, before any of them is logged.

A doubly robust difference of two policies moves by each decision with a standard deviation that follows from the two
policies, from what the log explores, from how noisy rewards are and from the share that is rated. The rest is the
sample size of a mean (Cohen 1988), for an interval that leaves zero out.

>>> decisions_needed(0.5, gain=0.01)
19623
>>> round(detectable_gain(0.5, decisions=19623), 4)
0.01
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from router_ml.errors import OfflineDataError
from router_ml.offline.feedback import check_distribution

_NORMAL = NormalDist()


def decisions_needed(deviation: float, *, gain: float = 0.01, power: float = 0.8, level: float = 0.95) -> int:
    """Decisions until an interval of ``level`` around a true difference ``gain`` is above zero with probability
    ``power``. Of these, ``rated`` times as many ratings (see ``deviation_of``).

    Args:
        deviation: standard deviation of one decision's influence: ``deviation_of``, or of a difference on an earlier
            log, ``standard_error * sqrt(n)``.

    Raises:
        OfflineDataError: a value out of range.
    """
    if not (gain > 0 and deviation > 0):
        raise OfflineDataError(f"Found gain {gain:g} and deviation {deviation:g}; expected both above 0.")
    return max(2, math.ceil((_quantiles(power, level) * deviation / gain) ** 2))


def detectable_gain(deviation: float, *, decisions: int, power: float = 0.8, level: float = 0.95) -> float:
    """The smallest true difference that ``decisions`` show with probability ``power``.

    Raises:
        OfflineDataError: a value out of range.
    """
    if not (decisions >= 2 and deviation > 0):
        raise OfflineDataError(f"Found {decisions} decisions and deviation {deviation:g}; expected 2 and above 0.")
    return _quantiles(power, level) * deviation / math.sqrt(decisions)


def deviation_of(
    target: ArrayLike,
    logging: ArrayLike,
    *,
    baseline: ArrayLike | None = None,
    noise: ArrayLike = 0.5,
    rated: ArrayLike = 1.0,
    reward_model: ArrayLike | None = None,
) -> float:
    """Standard deviation of one decision's influence on a doubly robust difference (Dudik, Langford & Li 2011).

    Args:
        target, logging: (n, lanes) probabilities on requests like those to come. baseline: what the target is compared
            with, by default the logging policy.
        noise: standard deviation of a reward around the reward model, a number or (n, lanes); no reward in 0..1 has
            more than 0.5.
        rated: probability that a decision is rated, a number or (n, lanes).
        reward_model: (n, lanes), for how much the difference varies between requests; without it, not at all.

    Raises:
        OfflineDataError: not probabilities, or the policies go where the log cannot.
    """
    wanted, logged = np.asarray(target, dtype=float), np.asarray(logging, dtype=float)
    other = logged if baseline is None else np.asarray(baseline, dtype=float)
    if wanted.ndim != 2 or wanted.shape != logged.shape or other.shape != logged.shape:
        raise OfflineDataError(
            f"Policies have shapes {wanted.shape}, {logged.shape}, {other.shape}; expected one shape."
        )
    for matrix, what in ((wanted, "The target policy"), (logged, "The logging policy"), (other, "The baseline")):
        check_distribution(matrix, what)
    apart = wanted - other
    if ((logged <= 0) & (apart != 0)).any():
        raise OfflineDataError("The policies differ where the log cannot go. Let the log explore these lanes.")
    spread = np.broadcast_to(np.asarray(noise, dtype=float), apart.shape)
    odds = np.broadcast_to(np.asarray(rated, dtype=float), apart.shape)
    if not ((spread >= 0).all() and ((odds > 0) & (odds <= 1)).all()):
        raise OfflineDataError("Noise must be at least 0 and P(rated) inside (0, 1].")
    squares = np.divide(apart**2 * spread**2, logged * odds, out=np.zeros_like(apart), where=logged > 0)
    variance = float(squares.sum(axis=1).mean())
    if reward_model is not None:
        variance += float((apart * np.asarray(reward_model, dtype=float)).sum(axis=1).var())
    return math.sqrt(variance)


def _quantiles(power: float, level: float) -> float:
    if not (0 < power < 1 and 0 < level < 1):
        raise OfflineDataError(f"Found power {power:g} and level {level:g}; expected both inside (0, 1).")
    return _NORMAL.inv_cdf((1 + level) / 2) + _NORMAL.inv_cdf(power)
