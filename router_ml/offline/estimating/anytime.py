"""Differences of two arms that may be looked at at any time: as often as one likes, and stopped for what one sees.

Each unit (a session) was given the canary with a known probability. Its score is what it says of the difference:

    z = (x - b) (A / s - (1 - A) / (1 - s)),    A: canary or not, s: its probability, x: what was measured

Whatever ``b`` is, as long as it does not depend on this unit, z is unbiased for the mean of the canary minus that of
the champion; with the running mean of all before it, it is also quiet. Shares may change on the way. Intervals are by
betting (Waudby-Smith & Ramdas 2023, predictable plug-in).

This is for a monitor that is fed: the present interval of all that has arrived. ``confidence.arm_sequence`` holds the
same promise for a sample that is looked at as it grew, with an interval after each outcome; its bets are others, so the
two agree on the truth and not on the ends.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> canary = rng.random(4000) < 0.5
>>> x = (rng.random(4000) < np.where(canary, 0.5, 0.8)).astype(float)
>>> found = bounded(x, canary, np.full(4000, 0.5))
>>> found.low < -0.3 < found.high < -0.2
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ALPHA = 0.05
_STEP = 0.0005  # to which bounds are found
_LARGEST_BET = 0.75  # of the most that can be bet without the risk of ruin
_USUAL = 100  # units that say how large a value without bound usually is


@dataclass(frozen=True)
class Difference:
    """Canary minus champion after ``n`` units: the estimate, and the interval that holds at all times at once."""

    value: float
    low: float
    high: float
    n: int


def bounded(x: Floats, canary: Mask, share: Floats, *, alpha: float = ALPHA, first: float = 0.5) -> Difference:
    """Difference of means of values in [0, 1].

    Args:
        x, canary, share: (n,) in the order of arrival; ``share`` in (0, 1) is the probability of the canary.
        alpha: probability that the truth is ever outside, half of it on each side.
        first: what the mean is taken for before there is any.
    """
    n = len(x)
    if n == 0:
        return Difference(math.nan, -1.0, 1.0, 0)
    center = _running_mean(x, first)
    z, low, high = _scores(x, center, canary, share)
    bets = _bets(z, share, alpha)
    return Difference(
        float(z.mean()),
        low=_surely_above(z, np.minimum(bets, _LARGEST_BET / (1 - low)), alpha),
        high=-_surely_above(-z, np.minimum(bets, _LARGEST_BET / (1 + high)), alpha),
        n=n,
    )


def capped(x: Floats, canary: Mask, share: Floats, *, alpha: float = ALPHA) -> Difference:
    """Difference of means of values that are not negative and have no upper bound, such as costs.

    The first hundred units say what is usual and nothing else: values above their largest count as that, so that one
    extreme bill decides nothing. Infinite before.

    Args:
        x, canary, share: (n,) as for ``bounded``.
    """
    cap = float(x[:_USUAL].max(initial=0.0))
    if len(x) <= _USUAL or cap <= 0:
        return Difference(math.nan, -math.inf, math.inf, len(x))
    late = slice(_USUAL, None)
    usual = float(x[:_USUAL].mean()) / cap
    found = bounded(np.minimum(x[late], cap) / cap, canary[late], share[late], alpha=alpha, first=usual)
    return Difference(found.value * cap, found.low * cap, found.high * cap, found.n)


def evidence_against_shares(canary: Mask, share: Floats) -> float:
    """The largest e-value so far against the arms having been drawn with the shares that were logged: by Ville's
    inequality it reaches 1/p with probability p at most if they were."""
    if len(canary) == 0:
        return 1.0
    z = canary - share
    bets = _bets(z, share, ALPHA, scale=share * (1 - share))
    up = np.cumsum(np.log1p(np.minimum(bets, _LARGEST_BET / share) * z))
    down = np.cumsum(np.log1p(-np.minimum(bets, _LARGEST_BET / (1 - share)) * z))
    return float(np.exp(np.minimum(np.logaddexp(up, down) - math.log(2), 700)).max())


def _running_mean(x: Floats, first: float) -> Floats:
    """The mean of what came before each value, (n,)."""
    count = np.arange(1, len(x) + 1)
    return (np.cumsum(x) - x + first) / count


def _scores(x: Floats, center: Floats, canary: Mask, share: Floats) -> tuple[Floats, Floats, Floats]:
    """Scores, and the least and most that each can be for x in [0, 1]; all (n,)."""
    z = (x - center) * np.where(canary, 1 / share, -1 / (1 - share))
    low = -np.maximum(center / share, (1 - center) / (1 - share))
    high = np.maximum((1 - center) / share, center / (1 - share))
    return z, low, high


def _bets(z: Floats, share: Floats, alpha: float, *, scale: Floats | None = None) -> Floats:
    """How much to bet on each unit, from those before it, (n,)."""
    guess = 0.25 / (share * (1 - share)) if scale is None else scale
    count = np.arange(1, len(z) + 1)
    variance = (np.cumsum(z**2) - z**2 + guess) / count
    bets: Floats = np.sqrt(2 * math.log(2 / alpha) / (variance * count * np.log1p(count)))
    return bets


def _surely_above(z: Floats, bets: Floats, alpha: float) -> float:
    """The largest m, to ``_STEP``, for which betting that the mean of ``z`` is above m ever multiplied the stake by
    2 / alpha; -1 where none did. Wealth falls with m, so it is found by halving."""

    def won(m: float) -> bool:
        return bool(np.cumsum(np.log1p(bets * (z - m))).max() >= math.log(2 / alpha))

    low, high = -1.0, 1.0
    if not won(low):
        return low
    while high - low > _STEP:
        middle = (low + high) / 2
        low, high = (middle, high) if won(middle) else (low, middle)
    return low
