"""Is the mean of bounded gains above zero? A test by betting, exact at every sample size.

A gambler starts with 1 and bets on gains that come in random order, before seeing each. If their mean is at most zero,
no way of betting reaches 1 / delta with probability above delta (Ville 1939; Waudby-Smith & Ramdas 2024): reaching it
rejects "the mean is at most zero" at level delta. How much is bet decides only the power. Here each bet is the one that
reaches the target by the last gain most probably, if gains were Gaussian (Browne 1999): with wealth w and m gains left,

    bet = phi(Phi^-1(delta w)) / (delta sigma sqrt(m))

capped so that the worst gain cannot ruin the gambler. Bets that grow wealth fastest, the usual choice, need a mean of
2.15 standard errors for delta = .1 where this needs about 1.28, as the test that assumes Gaussian means does.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError

Floats = NDArray[np.float64]

AIM = 1.05  # of the target: bets come in steps, and one that falls just short has lost
PRIOR_GAINS = 10.0  # how many gains the first guess of their variance is worth
_GRID = np.linspace(0, 1, 2049)
_NORMAL = NormalDist()
_DENSITY = np.array([0.0, *(_NORMAL.pdf(_NORMAL.inv_cdf(float(p))) for p in _GRID[1:-1]), 0.0])


def above_zero(gains: Floats, *, worst: float, delta: float, variance: float, seed: int = 0) -> NDArray[np.bool_]:
    """Whether the mean of each column of independent ``gains`` (n, ...) is above zero, at level ``delta`` each.

    Args:
        worst: the largest possible loss; no gain is below ``-worst``.
        variance: a guess of the variance of a gain, from anything but the gains.
        seed: of the order, which must not follow the gains.

    Raises:
        OfflineDataError: a gain is not a number or below ``-worst``, or ``delta`` is not inside 0..1.
    """
    order = np.random.default_rng(seed).permutation(len(gains))
    return race((gains[row] for row in order), len(gains), worst=worst, delta=delta, variance=variance)


def race(draws: Iterable[Floats], count: int, *, worst: float, delta: float, variance: float) -> NDArray[np.bool_]:
    """Who reaches 1 / ``delta``: ``count`` draws of gains, of any one shape, each entry a gambler of its own.

    Raises:
        OfflineDataError: as ``above_zero``.
    """
    if not (0 < delta < 1 and worst > 0 and variance > 0):
        raise OfflineDataError(
            f"Found delta {delta:g}, worst {worst:g}, variance {variance:g}; expected all above 0, delta below 1."
        )
    scale = delta / AIM
    wealth: Floats = np.ones(())
    total, squares = np.zeros(()), np.zeros(())
    for seen, gain in enumerate(draws):
        if not (gain >= -worst * (1 + 1e-9)).all():
            raise OfflineDataError(
                f"A gain is NaN or below the worst that was declared, -{worst:g}. Declare the true one."
            )
        spread = PRIOR_GAINS * variance + np.maximum(squares - total * total / max(seen, 1), 0)
        sigma = np.sqrt(spread / (PRIOR_GAINS + seen))
        density = np.interp(scale * wealth, _GRID, _DENSITY)
        bet = np.minimum(density / (scale * sigma * np.sqrt(count - seen)), wealth / worst)
        wealth = np.where(wealth >= 1 / delta, wealth, np.maximum(wealth + bet * gain, 0))
        total, squares = total + gain, squares + gain * gain
    reached: NDArray[np.bool_] = wealth >= 1 / delta
    return reached


def needed(mean: float, deviation: float, *, delta: float, power: float = 0.8) -> float:
    """About how many gains of this mean and standard deviation show, with probability ``power``, that it is above zero;
    infinite where it is not."""
    if mean <= 0:
        return float("inf")
    return ((_NORMAL.inv_cdf(1 - delta) + _NORMAL.inv_cdf(power)) * deviation / mean) ** 2
