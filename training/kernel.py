"""Regression on nearness to landmarks, for all lanes at once: what quality and cost are fitted with.

Lanes share strength in one of two ways. Where every lane was seen on every prompt, the outcomes are turned into their
principal directions over lanes, and each direction is smoothed as much as leave-one-out error asks for (a Gaussian
process with the lanes' sample covariance; Bonilla et al. 2007): what is common to all lanes is learned in detail, a
difference between two lanes only as far as the data carry it. Where lanes were seen here and there, a function common
to all lanes plus one of each lane's own are fitted together, and how far each may bend maximises the marginal
likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from router_ml.allocation.context import Contexts
from router_ml.allocation.similarity import Similarity, kernel, squares

LANDMARKS = 1024
SPARSE_LANDMARKS = 512
COARSE = 256  # features are enough to find how smooth functions are, and for held-out predictions
REACH = 0.6  # of the median distance between prompts
SMOOTHING = np.logspace(0, 2.5, 8)
COMMON, OWN = (1.0, 3.0, 10.0, 30.0), (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
INTERCEPT = 1.5
COMPLETE = 0.9  # of the prompts, from which on the incomplete ones are left out rather than the method changed
FOLDS = 4
ROWS = 8192  # at once
FOLD_STREAM = 1  # folds must not follow the stream that a caller may have drawn lanes from
_SMALLEST = 1e-5

Floats64 = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """Prompts seen from landmarks: features (n, r) whose inner products are the kernel, and ``unfold`` (m, r), which
    turns weights of features into weights of landmarks."""

    similarity: Similarity
    features: NDArray[np.floating]
    unfold: Floats64


@dataclass(frozen=True)
class Fitted:
    """offset: (L,); weights: (m, L) of landmarks; predictions (n, L) for the rows learned from: fitted, and held_out,
    each by a fit that had not seen its row; used: (n,) which of these rows it learned from."""

    offset: NDArray[np.float32]
    weights: NDArray[np.float32]
    fitted: Floats64
    held_out: Floats64
    used: NDArray[np.bool_]


def survey(contexts: Contexts, *, sparse: bool = False, seed: int = 0) -> Space:
    """Choose landmarks among the prompts, at random, and see all prompts from them.

    Args:
        sparse: outcomes are single ones; fewer landmarks then say as much, and cost less.
    """
    with one_thread():
        return _survey(contexts, sparse, seed)


def one_thread() -> threadpool_limits:
    """Sums in one order, so the same bytes on every machine; and threads of BLAS that wait for one another are a
    hundred times slower on a busy one."""
    return threadpool_limits(1, user_api="blas")


def _survey(contexts: Contexts, sparse: bool, seed: int) -> Space:
    landmarks = SPARSE_LANDMARKS if sparse else LANDMARKS
    rows = np.random.default_rng(seed).permutation(len(contexts))
    similarity = Similarity(
        landmarks=np.empty((0, 0), np.float32),
        reach=np.array([REACH * _typical_distance(contexts.embedding[rows[:500]])], np.float32),
        surface_mean=contexts.surface.mean(axis=0),
        surface_scale=contexts.surface.std(axis=0) + np.float32(1e-3),
    )
    chosen = similarity.coordinates(contexts.take(np.sort(rows[:landmarks])))
    similarity = Similarity(chosen, similarity.reach, similarity.surface_mean, similarity.surface_scale)
    among = kernel(chosen, chosen, squares(chosen)).astype(np.float64)
    size, directions = np.linalg.eigh((among + among.T) / 2)
    kept = size > _SMALLEST * size[-1]
    unfold = directions[:, kept] / np.sqrt(size[kept])
    # of single outcomes there can be very many, and what they say needs no more than single precision
    features = np.empty((len(contexts), unfold.shape[1]), np.float32 if sparse else np.float64)
    for start in range(0, len(contexts), ROWS):
        some = slice(start, start + ROWS)
        features[some] = similarity.near(contexts.take(some)).astype(np.float64) @ unfold
    return Space(similarity, features, unfold)


def _typical_distance(embedding: NDArray[np.float32]) -> float:
    gram = embedding.astype(np.float64) @ embedding.T
    length = np.diag(gram)
    squared = length[:, None] + length - 2 * gram
    apart = squared[np.triu_indices(len(squared), 1)]
    return float(np.sqrt(np.median(apart))) if len(apart) and np.median(apart) > 0 else 1.0


def regress(space: Space, target: Floats64, *, weight: Floats64 | None = None, seed: int = 0) -> Fitted:
    """Fit all lanes together.

    Args:
        target: (n, L), NaN where it was not observed; a lane that never was gets what is common to the others.
        weight: (n, L) how much each outcome counts; 1 by default.
        seed: of the folds behind ``held_out`` where outcomes are sparse.
    """
    with one_thread():
        return _regress(space, target, weight, seed)


def _regress(space: Space, target: Floats64, weight: Floats64 | None, seed: int) -> Fitted:
    seen = np.isfinite(target)
    complete = seen.all(axis=1)
    if not is_sparse(target) and (weight is None or bool((weight[complete] == 1).all())):
        offset, slope, left_out = _by_directions(space.features[complete], target[complete])
        held_out = space.features @ slope + offset
        held_out[complete] = left_out
        used = np.asarray(complete)
    else:
        counted = seen.astype(np.float64) if weight is None else np.where(seen, weight, 0.0)
        offset, slope, held_out = _common_and_own(space, np.where(seen, target, 0.0), counted, seed=seed)
        used = np.asarray(seen.any(axis=1))
    fitted = space.features @ slope.astype(space.features.dtype) + offset
    return Fitted(offset.astype(np.float32), (space.unfold @ slope).astype(np.float32), fitted, held_out, used)


def is_sparse(target: Floats64) -> bool:
    """Whether lanes were seen here and there: of the prompts with an outcome, more than a few lack that of some lane."""
    seen = np.isfinite(target)
    return bool(seen.all(axis=1).sum() < COMPLETE * seen.any(axis=1).sum())


def _by_directions(features: Floats64, target: Floats64) -> tuple[Floats64, Floats64, Floats64]:
    """Offset (L,), slope (r, L) and leave-one-out predictions (n, L)."""
    centre, mean = features.mean(axis=0), target.mean(axis=0)
    features, rest = features - centre, target - mean
    lanes = np.linalg.svd(rest.T @ rest)[0] if len(rest) else np.eye(target.shape[1])
    size, axes = np.linalg.eigh(features.T @ features)
    size, rotated, wanted = np.maximum(size, 0), features @ axes, rest @ lanes
    product, energy = rotated.T @ wanted, np.square(rotated)
    error = np.full(target.shape[1], np.inf)
    weights, held_out = np.zeros((len(axes), target.shape[1])), np.zeros_like(wanted)
    for strength in SMOOTHING:
        shrink = 1 / (size + strength)
        solved = shrink[:, None] * product
        leverage = energy @ shrink + 1 / len(rest)
        left = (wanted - rotated @ solved) / np.maximum(1 - leverage, 1e-3)[:, None]  # leave-one-out residual
        found = np.square(left).mean(axis=0)
        better = found < error
        error[better], weights[:, better] = found[better], (axes @ solved)[:, better]
        held_out[:, better] = (wanted - left)[:, better]
    slope = weights @ lanes.T
    return mean - centre @ slope, slope, held_out @ lanes.T + mean


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
    space: Space, centre: Floats64, rest: Floats64, counted: Floats64, fold: NDArray[np.integer]
) -> _Sums:
    lanes, width = rest.shape[1], space.features.shape[1] + 1
    gram, moment = np.zeros((FOLDS, lanes, width, width)), np.zeros((FOLDS, lanes, width))
    square, weight = np.zeros((FOLDS, lanes)), np.zeros((FOLDS, lanes))
    for lane in range(lanes):
        for part in range(FOLDS):
            rows = np.flatnonzero((counted[:, lane] > 0) & (fold == part))
            for start in range(0, len(rows), ROWS):
                some = rows[start : start + ROWS]
                root = np.sqrt(counted[some, lane])
                weighed, wanted = _with_constant(space.features[some], centre) * root[:, None], rest[some, lane] * root
                gram[part, lane] += weighed.T @ weighed
                moment[part, lane] += weighed.T @ wanted
                square[part, lane] += wanted @ wanted
                weight[part, lane] += counted[some, lane].sum()
    return _Sums(gram, moment, square, weight)


def _with_constant(features: NDArray[np.floating], centre: Floats64) -> Floats64:
    # the constant's own coefficient lets lanes differ in level for the price of a few outcomes
    return np.concatenate([features - centre, np.full((len(features), 1), INTERCEPT)], axis=1)


def _common_and_own(
    space: Space, target: Floats64, counted: Floats64, *, seed: int
) -> tuple[Floats64, Floats64, Floats64]:
    """Offset (L,), slope (r, L) and out-of-fold predictions (n, L).

    Rows are met block by block and only their sums are kept, so memory is that of the features themselves.
    """
    centre = space.features.mean(axis=0, dtype=np.float64)
    level = float((target * counted).sum() / max(counted.sum(), 1e-12))
    rest = np.where(counted > 0, target - level, 0.0)
    fold = np.random.default_rng([seed, FOLD_STREAM]).integers(0, FOLDS, len(target))
    sums = _summed(space, centre, rest, counted, fold)
    width = min(COARSE, space.features.shape[1]) + 1  # features ascend in what they explain of the kernel
    coarse, whole = sums.coarse(width), sums.without(None)
    common, own = _likeliest(whole.coarse(width))
    of_fold = np.stack([_solve(coarse.without(part), common, own) for part in range(FOLDS)])
    held_out = np.empty_like(target)
    for start in range(0, len(target), ROWS):
        some = slice(start, start + ROWS)
        near = _with_constant(space.features[some], centre)[:, -width:]
        held_out[some] = np.einsum("fnl,nf->nl", near @ of_fold, np.eye(FOLDS)[fold[some]]) + level
    weights = _solve(whole, common, own)
    slope = weights[:-1]
    return level + INTERCEPT * weights[-1] - centre @ slope, slope, held_out


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
