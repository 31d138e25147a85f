"""Other tests that a mean is above zero, to compare the one that certifies with; same arguments, same guarantee.

* bets that grow wealth fastest, by the predictable plug-in of Waudby-Smith & Ramdas (2024), section 3
* Hoeffding-Bentkus (Bates et al. 2021), the usual choice of learn-then-test, which looks at the mean alone
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CAP = 0.75  # of what the worst gain could take


def growth_bets(
    draws: Iterable[Floats], count: int, *, worst: float, delta: float, variance: float
) -> NDArray[np.bool_]:
    """Capital that reached 1 / delta at any time, with bets sqrt(2 log(1 / delta) / (n variance))."""
    wealth, highest = np.zeros(()), np.zeros(())
    total, squares = np.zeros(()), np.zeros(())
    for seen, gain in enumerate(draws):
        spread = (variance + np.maximum(squares - total * total / max(seen, 1), 0)) / (1 + seen)
        bet = np.minimum(np.sqrt(2 * np.log(1 / delta) / (count * spread)), _CAP / worst)
        wealth = wealth + np.log1p(bet * gain)
        highest = np.maximum(highest, wealth)
        total, squares = total + gain, squares + gain * gain
    reached: NDArray[np.bool_] = highest >= np.log(1 / delta)
    return reached


def hoeffding_bentkus(
    draws: Iterable[Floats], count: int, *, worst: float, best: float, delta: float
) -> NDArray[np.bool_]:
    """Whether the smaller of Hoeffding's and Bentkus' bounds is at most delta; no gain is above ``best``."""
    from scipy.stats import binom

    mean = sum(draws, np.zeros(())) / count
    level = best / (worst + best)  # losses (best - gain) / (worst + best) in 0..1 are tested against it
    risk = np.clip((best - mean) / (worst + best), 0, 1)
    below = np.minimum(risk, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = np.where(below > 0, below * np.log(below / level), 0) + np.where(
            below < 1, (1 - below) * np.log((1 - below) / (1 - level)), 0
        )
    bentkus = np.e * binom.cdf(np.ceil(count * risk - 1e-9), count, level)
    passed: NDArray[np.bool_] = np.minimum(np.exp(-count * divergence), bentkus) <= delta
    return passed
