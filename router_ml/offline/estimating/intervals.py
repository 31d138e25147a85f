"""From the sums of an estimator to a 95% interval: normal with its small-sample corrections, or cluster bootstrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.clustered import Z95_TWO_SIDED, student
from router_ml.offline.estimating.diagnostics import effective_sample_size
from router_ml.offline.estimating.terms import Part, Terms
from router_ml.offline.feedback import Floats

ROUNDS = 1000
BLOCK = 1 << 16  # rows
TOGETHER = 32  # rounds


class Spread(NamedTuple):
    """A value with its 95% interval and standard error."""

    value: float
    low: float
    high: float
    error: float


class Decided(Protocol):
    """What an interval needs of n decisions, such as a ``Feedback``: which are rated and which belong together."""

    @property
    def rated(self) -> NDArray[np.bool_]:
        """(n,)."""
        ...

    @property
    def cluster(self) -> NDArray[Any] | None:
        """(n,), None where each stands alone."""
        ...

    def __len__(self) -> int: ...


class Clusters:
    """Which decisions belong together: ``sums`` adds (n,) values up to one per cluster."""

    def __init__(self, feedback: Decided) -> None:
        self.rows = self.count = len(feedback)
        self._member: NDArray[np.intp] | None = None
        if feedback.cluster is not None:
            names, self._member = np.unique(feedback.cluster, return_inverse=True)
            self.count = len(names)
        if self.count < 2:
            raise OfflineDataError("All decisions are in one cluster, which says nothing about chance. Give several.")

    @property
    def given(self) -> bool:
        """Whether decisions are grouped at all."""
        return self._member is not None

    def sums(self, values: Floats) -> Floats:
        """(n,) to (clusters,)."""
        if self._member is None:
            return values
        return np.asarray(np.bincount(self._member, values, minlength=self.count), dtype=np.float64)


def value_of(parts: Sequence[Part]) -> float:
    """The estimate itself."""
    return float(sum(part.sign * _ratio(part) for part in parts))


def _ratio(part: Part) -> float:
    if part.denominator is None:
        return float(part.numerator.mean())
    return float(part.numerator.sum() / part.denominator.sum())


def influence_of(parts: Sequence[Part]) -> Floats:
    """How much each decision moves the estimate, times n: (n,), by the delta method (Hajek 1971 for ratios)."""
    total = np.zeros(len(parts[0].numerator))
    for part in parts:
        centre = _ratio(part)
        if part.denominator is None:
            total += part.sign * (part.numerator - centre)
        else:
            total += part.sign / part.denominator.mean() * (part.numerator - centre * part.denominator)
    return total


@dataclass(frozen=True)
class Weighted:
    """Of the weights w and residuals of an estimator that has them: the ``effective`` rows by Kish, sum w |w| over
    sum |w| as ``typical`` weight, the third over the second central moment of rated residuals as ``skew``, and the
    ``squares`` of the influence of single rows, summed, where these are grouped; else None."""

    effective: float
    typical: float
    skew: float
    squares: float | None


@dataclass(frozen=True)
class Summary:
    """All that a normal interval looks at: the estimate, how many ``rows`` and ``clusters``, the means of the clusters'
    influence to the second, third and fourth power, and what weights say where there are any."""

    value: float
    rows: int
    clusters: int
    second: float
    third: float
    fourth: float
    weighted: Weighted | None


def normal(terms: Terms, feedback: Decided, clusters: Clusters) -> Spread:
    """The values that the data do not rule out, their variance taken to be what it would be at each.

    A normal interval takes the variance where the estimate is. With rewards near 1 and few effective rows that is wrong
    in one direction: a log that happens to hold few failures shows a high mean *and* a small variance, and the truth is
    missed below three times as often as it should be. So, as Wilson (1927) does for a share, the interval holds each
    ``mean`` with ``(estimate - mean)^2 <= q^2 variance(mean)``, where the variance moves with the mean as it does under
    exponential tilting: by the third central moment over the second (``_skew``), which for 0/1 rewards of equal weight
    is Wilson's slope. ``q`` is Student's for the effective rows, or clusters
    where these are fewer; two count as two, and so does what is less.
    """
    return normal_of(summary(terms, feedback, clusters))


def normal_of(said: Summary) -> Spread:
    """The interval that ``normal`` describes, from what it looks at."""
    clusters, second, weighted = said.clusters, said.second, said.weighted
    variance = second * clusters / (clusters - 1) * clusters / said.rows**2
    if weighted is None:
        tilt = said.third / second / said.rows if second > 0 else 0.0
        freedom = _freedom(said)
    else:
        design = second * clusters / weighted.squares if weighted.squares is not None and second > 0 else 1.0
        tilt = design * weighted.typical * weighted.skew / said.rows
        freedom = min(clusters, weighted.effective / design) - 1
    quantile = student(Z95_TWO_SIDED, max(freedom, 1.0))
    low, high = said.value - _reach(quantile, variance, -tilt), said.value + _reach(quantile, variance, tilt)
    return Spread(said.value, low, high, math.sqrt(variance))


def summary(terms: Terms, feedback: Decided, clusters: Clusters) -> Summary:
    """What ``normal_of`` looks at."""
    rows = influence_of(terms.parts)
    influence, weighted = clusters.sums(rows), None
    if terms.weight is not None and terms.residual is not None:
        size = np.abs(terms.weight)
        weighted = Weighted(
            effective=effective_sample_size(size),
            typical=float((terms.weight * size).sum()) / float(size.sum()) if size.any() else 0.0,
            skew=_skew(terms.residual[feedback.rated]),
            squares=float(np.square(rows).sum()) if clusters.given else None,
        )
    second = float(np.square(influence).mean())
    third, fourth = (float(np.power(influence, power).mean()) for power in (3, 4))
    return Summary(value_of(terms.parts), clusters.rows, clusters.count, second, third, fourth, weighted)


def _reach(quantile: float, variance: float, slope: float) -> float:
    """The largest ``d`` with d^2 <= quantile^2 (variance + slope d)."""
    half = quantile**2 * slope / 2
    return half + math.sqrt(half**2 + quantile**2 * variance)


def _skew(residual: Floats) -> float:
    """The third over the second central moment of rated residuals; times the weight of a typical effective row, which
    is the weighted mean weight, it is the change of such a row's variance with its mean, times n.

    The shape of residuals is taken from all rated rows alike: those of large weight are few, and where they hold no
    failure yet their own third moment says that there is none. Weights have signs in differences.
    """
    seen = residual - residual.mean()
    spread = float(np.square(seen).mean())
    return float(np.power(seen, 3).mean()) / spread if spread > 0 else 0.0


def _freedom(said: Summary) -> float:
    """The degrees of freedom that a variance estimate has at this kurtosis (Satterthwaite 1946)."""
    count, excess = said.clusters, said.fourth - said.second**2
    return min(count - 1.0, 2 * count * said.second**2 / excess) if excess > 0 else count - 1.0


def bootstrap_of(every: Sequence[Terms], clusters: Clusters, *, rounds: int, seed: int) -> list[Spread]:
    """Percentile intervals (Efron & Tibshirani 1993) of several estimates over the same resamples of whole clusters.

    Raises:
        OfflineDataError: fewer than two rounds, or resamples without any weight.
    """
    columns, places = _columns(every)
    sums = np.stack([clusters.sums(column) for column in columns] + [clusters.sums(np.ones(clusters.rows))], axis=1)
    totals = _resampled(sums, max(rounds, 1), seed)
    found = []
    for terms, pairs in zip(every, places, strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            replicates = _replicates(terms.parts, pairs, totals)
        if rounds < 2 or not np.isfinite(replicates).all():
            raise OfflineDataError("Too few rounds, or too few decisions of weight, for a bootstrap. Use bootstrap=0.")
        low, high = np.quantile(replicates, [0.025, 0.975]).tolist()
        found.append(Spread(value_of(terms.parts), low, high, float(np.std(replicates, ddof=1))))
    return found


def _replicates(parts: Sequence[Part], pairs: Sequence[tuple[int, int]], totals: Floats) -> Floats:
    result = np.zeros(len(totals))
    for part, (up, down) in zip(parts, pairs, strict=True):
        result += part.sign * totals[:, up] / totals[:, down]
    return result


def _columns(every: Sequence[Terms]) -> tuple[list[Floats], list[list[tuple[int, int]]]]:
    """Every array that is summed, once, and where the numerator and denominator of each part are; -1 counts rows."""
    columns: list[Floats] = []
    index: dict[int, int] = {}

    def place(values: Floats | None) -> int:
        if values is None:
            return -1
        if id(values) not in index:
            index[id(values)] = len(columns)
            columns.append(values)
        return index[id(values)]

    return columns, [[(place(part.numerator), place(part.denominator)) for part in terms.parts] for terms in every]


def _resampled(sums: Floats, rounds: int, seed: int) -> Floats:
    """Sums over each resample, (rounds, columns). Blocks of rows fit the cache; how many draws fall into each block is
    drawn first, so that together they are plain draws with replacement."""
    rng, count = np.random.default_rng(seed), len(sums)
    starts = np.arange(0, count, BLOCK)
    sizes = np.minimum(count - starts, BLOCK)
    draws = rng.multinomial(count, sizes / count, size=rounds)
    totals = np.zeros((rounds, sums.shape[1]))
    for number, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        block = sums[start : start + size]
        for first in range(0, rounds, TOGETHER):
            mine = draws[first : first + TOGETHER, number]
            times = [np.bincount(rng.integers(size, size=each, dtype=np.uint16), minlength=size) for each in mine]
            totals[first : first + TOGETHER] += np.stack(times).astype(np.float64) @ block
    return totals
