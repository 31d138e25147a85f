"""A function common to all lanes plus one of each lane's own, fitted together to outcomes seen here and there.

How far each may bend maximises the marginal likelihood. A fit needs of its rows no more than their sums, so any number
of them takes the memory of their features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COARSE = 256  # features are enough to find how smooth functions are, and for held-out predictions
COMMON, OWN = (1.0, 3.0, 10.0, 30.0), (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
INTERCEPT = 1.5
FOLDS = 4
FOLD_STREAM = 1  # folds must not follow the stream that a caller may have drawn lanes from
ROWS = 8192  # at once

Features = NDArray[np.floating]
Floats64 = NDArray[np.float64]


def common_and_own(
    features: Features, target: Floats64, counted: Floats64, *, same: NDArray[np.intp], seed: int
) -> tuple[Floats64, Floats64, Floats64]:
    """Offset (L,), slope (r, L) and out-of-fold predictions (n, L); a request, whose first row ``same`` (n,) names, is
    whole in its fold.

    Rows are met block by block and only their sums are kept, so memory is that of the features themselves.
    """
    centre = features.mean(axis=0, dtype=np.float64)
    level = float((target * counted).sum() / max(counted.sum(), 1e-12))
    rest = np.where(counted > 0, target - level, 0.0)
    fold = np.random.default_rng([seed, FOLD_STREAM]).integers(0, FOLDS, len(target))[same]
    sums = _summed(features, centre, rest, counted, fold)
    width = min(COARSE, features.shape[1]) + 1  # features ascend in what they explain of the kernel
    coarse, whole = sums.coarse(width), sums.without(None)
    common, own = _likeliest(whole.coarse(width))
    of_fold = np.stack([_solve(coarse.without(part), common, own) for part in range(FOLDS)])
    held_out = np.empty_like(target)
    for start in range(0, len(target), ROWS):
        some = slice(start, start + ROWS)
        near = _with_constant(features[some], centre)[:, -width:]
        held_out[some] = np.einsum("fnl,nf->nl", near @ of_fold, np.eye(FOLDS)[fold[some]]) + level
    weights = _solve(whole, common, own)
    slope = weights[:-1]
    return level + INTERCEPT * weights[-1] - centre @ slope, slope, held_out


@dataclass(frozen=True)
class _Sums:
    """All that a fit needs of any number of rows, by fold and lane: weighed Gram matrices (F, L, w, w), moments
    (F, L, w), squared targets and weights (F, L)."""

    gram: Floats64
    moment: Floats64
    square: Floats64
    weight: Floats64

    def without(self, fold: int | None) -> _Sums:
        """The sums over all folds but one, or over all, as one."""
        others = [part for part in range(FOLDS) if part != fold]
        return _Sums(*(part[others].sum(axis=0, keepdims=True) for part in vars(self).values()))

    def coarse(self, width: int) -> _Sums:
        """Of the last ``width`` features alone."""
        return _Sums(self.gram[:, :, -width:, -width:], self.moment[:, :, -width:], self.square, self.weight)


def _summed(
    features: Features, centre: Floats64, rest: Floats64, counted: Floats64, fold: NDArray[np.integer]
) -> _Sums:
    lanes, width = rest.shape[1], features.shape[1] + 1
    gram, moment = np.zeros((FOLDS, lanes, width, width)), np.zeros((FOLDS, lanes, width))
    square, weight = np.zeros((FOLDS, lanes)), np.zeros((FOLDS, lanes))
    for lane in range(lanes):
        for part in range(FOLDS):
            rows = np.flatnonzero((counted[:, lane] > 0) & (fold == part))
            for start in range(0, len(rows), ROWS):
                some = rows[start : start + ROWS]
                root = np.sqrt(counted[some, lane])
                weighed, wanted = _with_constant(features[some], centre) * root[:, None], rest[some, lane] * root
                gram[part, lane] += weighed.T @ weighed
                moment[part, lane] += weighed.T @ wanted
                square[part, lane] += wanted @ wanted
                weight[part, lane] += counted[some, lane].sum()
    return _Sums(gram, moment, square, weight)


def _with_constant(features: Features, centre: Floats64) -> Floats64:
    # the constant's own coefficient lets lanes differ in level for the price of a few outcomes
    return np.concatenate([features - centre, np.full((len(features), 1), INTERCEPT)], axis=1)


def _likeliest(sums: _Sums) -> tuple[float, float]:
    """Ridge strengths (common, own) of largest marginal likelihood, the noise profiled out.

    With own functions integrated out, a lane's outcomes have covariance I + Z Z' / own around the common function, so
    both determinants and quadratic forms come from one eigendecomposition per lane.
    """
    width = sums.moment.shape[2]
    parts = []
    for gram, moment, total in zip(sums.gram[0], sums.moment[0], sums.square[0], strict=True):
        size, axes = np.linalg.eigh(gram)
        parts.append((np.maximum(size, 0), axes, axes.T @ moment, float(total)))
    outcomes = float(sums.weight.sum())
    best, found = -np.inf, (COMMON[0], OWN[0])
    for own in OWN:
        matrix, moment, determinant, square = np.zeros((width, width)), np.zeros(width), 0.0, 0.0
        for size, axes, along, total in parts:
            shrink = own / (size + own)
            matrix += (axes * (size * shrink)) @ axes.T
            moment += axes @ (shrink * along)
            determinant += float(np.log1p(size / own).sum())
            square += total - float((along * along / (size + own)).sum())
        size, axes = np.linalg.eigh(matrix)
        size, along = np.maximum(size, 0), axes.T @ moment
        for common in COMMON:
            left = max(square - float((along * along / (size + common)).sum()), 1e-12)
            likelihood = -outcomes * np.log(left) - determinant - float(np.log1p(size / common).sum())
            if likelihood > best:
                best, found = likelihood, (common, own)
    return found


def _solve(sums: _Sums, common: float, own: float) -> Floats64:
    """Weights (w, L) of common and own function together, for given ridge strengths."""
    width = sums.moment.shape[2]
    unit = np.eye(width)
    matrix, moment, parts = common * unit, np.zeros(width), []
    for gram, along in zip(sums.gram[0], sums.moment[0], strict=True):
        inverse = np.linalg.inv(gram + own * unit)
        matrix += own * (unit - own * inverse)
        moment += own * (inverse @ along)
        parts.append((gram, along, inverse))
    shared = np.linalg.solve(matrix, moment)
    return np.stack([shared + inverse @ (along - gram @ shared) for gram, along, inverse in parts], axis=1)
