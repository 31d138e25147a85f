"""Sums of parts of a log that add up to off-policy estimates with their normal intervals.

Every sum is central or of one sign, and those of ratios are kept around the ratio of their own part, so that nothing
cancels (Chan, Golub & LeVeque 1983). Parts are put together all at once with correctly rounded sums, so their order
does not matter to any bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.engine.moments import Moments, WeightSums
from router_ml.offline.estimating.intervals import Summary, Weighted
from router_ml.offline.estimating.terms import Terms
from router_ml.offline.feedback import Floats


@dataclass(frozen=True)
class Sums:
    """Of one estimator over ``rows`` decisions.

    An estimate has parts, each ``signs`` times a mean or a ratio. ``pivots``: the ratio of each part in these rows,
    None of a mean. Columns are the numerators, less pivot times denominator, and the denominators of the ratios:
    ``means`` (p,) and ``spread`` (p, p), their central products summed. ``whole``: moments of a row's value, where all
    parts are means. ``weight`` and ``residual`` as the interval looks at them, where the estimator has them; ``used``:
    the weights that count for effective rows, and ``largest`` of them.
    """

    rows: int
    signs: tuple[float, ...]
    pivots: tuple[float | None, ...]
    means: Floats
    spread: Floats
    whole: Moments
    weight: WeightSums | None
    residual: Moments
    used: WeightSums
    largest: float

    @classmethod
    def of(cls, terms: Terms, rated: NDArray[np.bool_]) -> Sums:
        """Of some rows; ``rated`` (n,) of them."""
        pivots = tuple(_pivot(part.numerator, part.denominator) for part in terms.parts)
        columns = np.stack(
            [
                column
                for part, pivot in zip(terms.parts, pivots, strict=True)
                for column in _columns(part.numerator, part.denominator, pivot)
            ],
            axis=1,
        )
        means = columns.mean(axis=0)
        away = columns - means
        plain = all(pivot is None for pivot in pivots)
        values = sum(part.sign * part.numerator for part in terms.parts) if plain else np.zeros(0)
        residual = np.zeros(0) if terms.residual is None else terms.residual[rated]
        return cls(
            rows=len(rated),
            signs=tuple(part.sign for part in terms.parts),
            pivots=pivots,
            means=means,
            spread=away.T @ away,
            whole=Moments.of(np.asarray(values)),
            weight=None if terms.weight is None else WeightSums.of(terms.weight),
            residual=Moments.of(residual),
            used=WeightSums.of(terms.used),
            largest=float(terms.used.max()),
        )

    @classmethod
    def together(cls, parts: Sequence[Sums]) -> Sums:
        """Of all rows of the parts."""
        rows = sum(part.rows for part in parts)
        pivots = _pivots(parts)
        turned = [part.around(pivots) for part in parts]
        means = np.array(
            [math.fsum(p.rows * m for p, m in _each(turned, c)) / rows for c in range(len(turned[0].means))]
        )
        shifts = [part.means - means for part in turned]
        pieces = [part.spread + part.rows * np.outer(d, d) for part, d in zip(turned, shifts, strict=True)]
        weights = [part.weight for part in parts if part.weight is not None]
        return cls(
            rows=rows,
            signs=parts[0].signs,
            pivots=pivots,
            means=means,
            spread=_summed(pieces),
            whole=Moments.together([part.whole for part in parts]),
            weight=WeightSums.together(weights) if weights else None,
            residual=Moments.together([part.residual for part in parts]),
            used=WeightSums.together([part.used for part in parts]),
            largest=max(part.largest for part in parts),
        )

    def around(self, pivots: tuple[float | None, ...]) -> Sums:
        """The same around other ratios."""
        turn, at = np.eye(len(self.means)), 0
        for old, new in zip(self.pivots, pivots, strict=True):
            if old is not None and new is not None:
                turn[at, at + 1] = old - new
            at += 1 if old is None else 2
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Sums(**{**values, "pivots": pivots, "means": turn @ self.means, "spread": turn @ self.spread @ turn.T})

    @property
    def value(self) -> float:
        """The estimate."""
        return float(sum(sign * value for sign, value in zip(self.signs, self._values, strict=True)))

    @property
    def _values(self) -> list[float]:
        """The mean or ratio of each part."""
        found, at = [], 0
        for pivot in self.pivots:
            if pivot is None:
                found.append(float(self.means[at]))
            else:
                found.append(pivot + float(self.means[at] / self.means[at + 1]))
            at += 1 if pivot is None else 2
        return found

    def summary(self, clusters: Clustered | None) -> Summary:
        """What a normal interval looks at; ``clusters``: where rows are grouped."""
        slope, squares = self._slope(), None
        if clusters is not None:
            squares = float(slope @ self.spread @ slope)
            influence = clusters.influence(self._values, self.signs, self.pivots, self.denominators)
            count = len(influence)
            second, third, fourth = (float(np.power(influence, power).mean()) for power in (2, 3, 4))
        else:
            count = self.rows
            second = float(slope @ self.spread @ slope) / count
            third, fourth = self.whole.third / count, self.whole.fourth / count
        weighted = None
        if self.weight is not None:
            size, seen = self.weight.size, self.residual
            weighted = Weighted(
                effective=self.weight.effective,
                typical=self.weight.signed / size if size > 0 else 0.0,
                skew=seen.third / seen.second if seen.second > 0 else 0.0,
                squares=squares,
            )
        return Summary(self.value, self.rows, count, max(second, 0.0), third, fourth, weighted)

    @property
    def denominators(self) -> list[float]:
        """The mean of each part's denominator, 1 of a mean."""
        found, at = [], 0
        for pivot in self.pivots:
            found.append(1.0 if pivot is None else float(self.means[at + 1]))
            at += 1 if pivot is None else 2
        return found

    def _slope(self) -> Floats:
        """How the estimate moves with each column, (p,): the delta method (Hajek 1971)."""
        slope: list[float] = []
        rest = zip(self.signs, self.pivots, self._values, self.denominators, strict=True)
        for sign, pivot, value, size in rest:
            slope += [sign] if pivot is None else [sign / size, -sign * (value - pivot) / size]
        return np.array(slope)


@dataclass(frozen=True)
class Clustered:
    """Sums by cluster (c,): ``name`` (a hash), ``rows``, and (c, p) numerators and denominators of one estimator."""

    name: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: Floats

    @classmethod
    def of(cls, terms: Terms, name: NDArray[np.int64]) -> Clustered:
        """Of rows (n,) with the names of their clusters."""
        found, member = np.unique(name, return_inverse=True)
        each = [column for part in terms.parts for column in _columns(part.numerator, part.denominator, 0.0)]
        sums = [np.bincount(member, column, minlength=len(found)) for column in each]
        return cls(found, np.bincount(member, minlength=len(found)), np.stack(sums, axis=1))

    @classmethod
    def together(cls, parts: Sequence[Clustered]) -> Clustered:
        """Of all clusters of the parts, added in their order."""
        found, member = np.unique(np.concatenate([part.name for part in parts]), return_inverse=True)
        columns = np.concatenate([part.columns for part in parts])
        rows = np.concatenate([part.rows for part in parts])
        sums = [np.bincount(member, column, minlength=len(found)) for column in columns.T]
        counts = np.bincount(member, rows, minlength=len(found)).astype(np.int64)
        return cls(found, counts, np.stack(sums, axis=1))

    def influence(
        self, values: Sequence[float], signs: Sequence[float], pivots: Sequence[float | None], sizes: Sequence[float]
    ) -> Floats:
        """How much each cluster moves the estimate, times n: (c,)."""
        total, at = np.zeros(len(self.name)), 0
        for value, sign, pivot, size in zip(values, signs, pivots, sizes, strict=True):
            below = self.rows if pivot is None else self.columns[:, at + 1]
            total += sign / size * (self.columns[:, at] - value * below)
            at += 1 if pivot is None else 2
        return total


def _each(parts: Sequence[Sums], column: int) -> list[tuple[Sums, float]]:
    return [(part, float(part.means[column])) for part in parts]


def _summed(pieces: Sequence[Floats]) -> Floats:
    flat = np.stack([piece.ravel() for piece in pieces])
    return np.array([math.fsum(column) for column in flat.T.tolist()]).reshape(pieces[0].shape)


def _pivot(numerator: Floats, denominator: Floats | None) -> float | None:
    if denominator is None:
        return None
    below = float(denominator.sum())
    return float(numerator.sum()) / below if below > 0 else 0.0


def _pivots(parts: Sequence[Sums]) -> tuple[float | None, ...]:
    """The ratio of each part over all rows."""
    found: list[float | None] = []
    at = 0
    for index, pivot in enumerate(parts[0].pivots):
        if pivot is None:
            found.append(None)
            at += 1
            continue
        below = math.fsum(part.rows * float(part.means[at + 1]) for part in parts)
        above = math.fsum(_numerator(part, index, at) for part in parts)
        found.append(above / below if below > 0 else 0.0)
        at += 2
    return tuple(found)


def _numerator(part: Sums, index: int, at: int) -> float:
    pivot = part.pivots[index] or 0.0
    return part.rows * (float(part.means[at]) + pivot * float(part.means[at + 1]))


def _columns(numerator: Floats, denominator: Floats | None, pivot: float | None) -> list[Floats]:
    return [numerator] if denominator is None else [numerator - (pivot or 0.0) * denominator, denominator]
