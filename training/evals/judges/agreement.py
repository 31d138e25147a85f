"""How far a judge agrees with people, on answers that both have judged.

Kappa is agreement beyond chance (Cohen 1960), weighted by squared distance for grades (Cohen 1968); where almost all
answers are right, chance alone agrees often and kappa is low for a good judge, which AC1 (Gwet 2008) is not.
Sensitivity and specificity say more: which share of the right answers the judge passes, and which of the wrong ones it
fails. Intervals: Wilson for shares; for kappa, AC1 and bias the posterior of the four shares of the table under the
prior of Jeffreys, since a bootstrap of answers among which hardly any differ takes that for certain; for grades the
percentile bootstrap over cases, which does, so few grades that all agree have too narrow an interval.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError

Floats = NDArray[np.float64]
_Z = 1.959963984540054
DRAWS = 1000


@dataclass(frozen=True)
class Measured:
    """A value with its 95 % interval, of ``n`` answers; the value is nan where it is not defined."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Agreement:
    """A judge against people, right = 1. ``table``: answers by (human, judge); ``bias``: share that the judge passes
    minus the share that people pass; ``p_bias``: how likely a difference as large is by chance (exact McNemar)."""

    n: int
    raw: Measured
    kappa: Measured
    ac1: Measured
    sensitivity: Measured
    specificity: Measured
    bias: Measured
    p_bias: float
    table: dict[str, int]


@dataclass(frozen=True)
class Grades:
    """Grades of a judge against those of people. ``shift``: mean grade of the judge minus that of people."""

    n: int
    same: Measured
    kappa: Measured
    spearman: Measured
    shift: Measured


def wilson(count: int, of: int, *, z: float = _Z) -> Measured:
    """A share with its Wilson score interval (Wilson 1927)."""
    if of == 0:
        return Measured(math.nan, 0.0, 1.0, 0)
    share, spread = count / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return Measured(share, max(middle - half, 0.0), min(middle + half, 1.0), of)


def kappa(human: ArrayLike, judge: ArrayLike, *, squared: bool = False) -> float:
    """Cohen's kappa of two labellings (n,) of ordered or plain integers, ``squared``: weighted by squared distance.
    Nan where both give one and the same label throughout, since then chance agrees always.

    >>> round(kappa([1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 1]), 3)
    0.333
    """
    one, other = np.asarray(human, dtype=float), np.asarray(judge, dtype=float)
    labels = np.unique(np.concatenate([one, other]))
    first = (one[:, None] == labels).mean(0)
    second = (other[:, None] == labels).mean(0)
    apart = np.subtract.outer(labels, labels) ** 2 if squared else 1.0 - np.eye(len(labels))
    by_chance = float(first @ apart @ second)
    seen = float(np.mean((one - other) ** 2 if squared else one != other))
    return 1.0 - seen / by_chance if by_chance > 0 else math.nan


def ac1(human: ArrayLike, judge: ArrayLike) -> float:
    """Gwet's AC1 of two labellings (n,) into right and wrong."""
    one, other = np.asarray(human, dtype=float), np.asarray(judge, dtype=float)
    share = float(np.concatenate([one, other]).mean())
    by_chance = 2 * share * (1 - share)
    return (float(np.mean(one == other)) - by_chance) / (1 - by_chance)


def spearman(human: ArrayLike, judge: ArrayLike) -> float:
    """Spearman's rank correlation of two gradings (n,); nan where one of them gives one grade throughout."""
    from scipy.stats import rankdata

    first, second = rankdata(human), rankdata(judge)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def agreement(human: ArrayLike, judge: ArrayLike, *, seed: int = 0) -> Agreement:
    """Verdicts of a judge against those of people.

    Args:
        human, judge: (n,) of 0 and 1, in the same order.

    Raises:
        OfflineDataError: there are none, not as many of the one as of the other, or others than 0 and 1.
    """
    from scipy.stats import binomtest

    one, other = _pair(human, judge)
    if not set(np.unique(np.concatenate([one, other]))) <= {0.0, 1.0}:
        raise OfflineDataError("Verdicts have to be 0 (wrong) or 1 (right). For others compare grades.")
    right, wrong = int(one.sum()), int((1 - one).sum())
    passed, failed = int((one * other).sum()), int(((1 - one) * (1 - other)).sum())
    more, fewer = wrong - failed, right - passed
    drawn = np.random.default_rng(seed).dirichlet(np.array([passed, fewer, more, failed]) + 0.5, DRAWS).T

    def of_table(value: float, measure: Callable[[Floats], Floats]) -> Measured:
        low, high = np.quantile(measure(drawn), [0.025, 0.975]) if math.isfinite(value) else (math.nan, math.nan)
        return Measured(value, min(float(low), value), max(float(high), value), len(one))

    return Agreement(
        n=len(one),
        raw=wilson(passed + failed, len(one)),
        kappa=of_table(kappa(one, other), _kappa),
        ac1=of_table(ac1(one, other), _ac1),
        sensitivity=wilson(passed, right),
        specificity=wilson(failed, wrong),
        bias=of_table(_shift(one, other), lambda shares: shares[2] - shares[1]),
        p_bias=float(binomtest(more, more + fewer).pvalue) if more + fewer else 1.0,
        table={"both right": passed, "judge too strict": fewer, "judge too lenient": more, "both wrong": failed},
    )


def _kappa(shares: Floats) -> Floats:
    """Of shares (4, n) of both right, judge too strict, judge too lenient, both wrong."""
    both, strict, lenient, neither = shares
    by_chance = (both + strict) * (both + lenient) + (lenient + neither) * (strict + neither)
    return np.asarray((both + neither - by_chance) / (1 - by_chance))


def _ac1(shares: Floats) -> Floats:
    both, strict, lenient, neither = shares
    right = both + (strict + lenient) / 2
    by_chance = 2 * right * (1 - right)
    return np.asarray((both + neither - by_chance) / (1 - by_chance))


def grades(human: ArrayLike, judge: ArrayLike, *, seed: int = 0) -> Grades:
    """Grades (n,) of a judge against those (n,) of people, on the same scale.

    Raises:
        OfflineDataError: there are none, or not as many of the one as of the other.
    """
    one, other = _pair(human, judge)
    return Grades(
        n=len(one),
        same=wilson(int(np.sum(one == other)), len(one)),
        kappa=bootstrap(lambda a, b: kappa(a, b, squared=True), one, other, seed=seed),
        spearman=bootstrap(spearman, one, other, seed=seed),
        shift=bootstrap(_shift, one, other, seed=seed),
    )


def bootstrap(
    measure: Callable[[Floats, Floats], float], human: Floats, judge: Floats, *, seed: int, draws: int = DRAWS
) -> Measured:
    """A measure of two labellings with its percentile bootstrap interval, over the draws where it is defined."""
    value, n = measure(human, judge), len(human)
    rows = np.random.default_rng(seed).integers(0, n, (draws, n))
    drawn = np.array([measure(human[row], judge[row]) for row in rows])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Measured(value, math.nan, math.nan, n)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Measured(value, float(low), float(high), n)


@dataclass(frozen=True)
class PositionBias:
    """A pairwise judge, asked in both orders. ``consistent``: share of pairs where both orders say the same;
    ``a``, ``b``: pairs where one place won both times; ``p``: how likely they are so uneven by chance."""

    consistent: Measured
    a: int
    b: int
    p: float


def position_bias(orders: Sequence[tuple[str, str]]) -> PositionBias:
    """From what won, ``A``, ``B`` or ``tie``, with the first answer shown as A and with it shown as B."""
    from scipy.stats import binomtest

    same = sum(sorted(one) == ["A", "B"] or one == ("tie", "tie") for one in orders)
    places = Counter(one[0] for one in orders if one[0] == one[1] != "tie")
    a, b = places["A"], places["B"]
    return PositionBias(wilson(same, len(orders)), a, b, float(binomtest(a, a + b).pvalue) if a + b else 1.0)


def _shift(human: Floats, judge: Floats) -> float:
    return float(judge.mean() - human.mean())


def _pair(human: ArrayLike, judge: ArrayLike) -> tuple[Floats, Floats]:
    one, other = np.asarray(human, dtype=np.float64), np.asarray(judge, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or not len(one):
        raise OfflineDataError(
            f"Found labels of people {one.shape} and of the judge {other.shape}; expected as many of both, one or more."
        )
    return one, other
