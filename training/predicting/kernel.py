"""Regression on nearness to landmarks, for all lanes at once: what quality and cost are fitted with.

Lanes share strength in one of two ways. Where every lane was seen on a good part of the prompts, the outcomes are
turned into their principal directions over lanes, and each direction is smoothed as much as leave-one-out error asks
for (a Gaussian process with the lanes' sample covariance; Bonilla et al. 2007): what is common to all lanes is
learned in detail, a difference between two lanes only as far as the data carry it. Prompts of which one lane is known
are completed first. Where there are few complete ones, ``training.predicting.common_and_own`` fits a function common
to all lanes plus one of each lane's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from router_ml.allocation.context import Contexts
from router_ml.allocation.similarity import Similarity, kernel, squares
from training.predicting.common_and_own import ROWS, common_and_own
from training.predicting.identical import same_request

LANDMARKS = 1024
SPARSE_LANDMARKS = 512
REACH = 0.6  # of the median distance between prompts
SMOOTHING = np.logspace(0, 2.5, 8)
COMPLETE = 0.25  # of the prompts, from which on the incomplete ones are completed rather than the method changed
_SMALLEST = 1e-5

Floats64 = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """Prompts seen from landmarks: features (n, r) whose inner products are the kernel, and ``unfold`` (m, r), which
    turns weights of features into weights of landmarks. same: (n,) the first row with the same request; by default each
    is another."""

    similarity: Similarity
    features: NDArray[np.floating]
    unfold: Floats64
    same: NDArray[np.intp] | None = None


@dataclass(frozen=True)
class Fitted:
    """offset: (L,); weights: (m, L) of landmarks; predictions (n, L) for the rows learned from: fitted, and held_out,
    each by a fit that had not seen its request; used: (n,) which of these rows it learned from."""

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
    return Space(similarity, features, unfold, same_request(contexts.embedding))


def _typical_distance(embedding: NDArray[np.float32]) -> float:
    gram = embedding.astype(np.float64) @ embedding.T
    length = np.diag(gram)
    squared = length[:, None] + length - 2 * gram
    apart = squared[np.triu_indices(len(squared), 1)]
    return float(np.sqrt(np.median(apart))) if len(apart) and np.median(apart) > 0 else 1.0


def regress(
    space: Space, target: Floats64, *, weight: Floats64 | None = None, sparse: bool | None = None, seed: int = 0
) -> Fitted:
    """Fit all lanes together.

    Args:
        target: (n, L), NaN where it was not observed; a lane that never was gets what is common to the others.
        weight: (n, L) how much each outcome counts; 1 by default.
        sparse: whether to fit a common function and one of each lane's own; by default if ``is_sparse``, or where an
            outcome of a complete row counts for less than others.
        seed: of the folds behind ``held_out`` where outcomes are sparse.
    """
    with one_thread():
        seen = np.isfinite(target)
        if sparse is None:
            uneven = weight is not None and bool((weight[seen.all(axis=1)] != 1).any())
            sparse = uneven or is_sparse(target)
        return _regress(space, target, weight, sparse, seed)


def _regress(space: Space, target: Floats64, weight: Floats64 | None, sparse: bool, seed: int) -> Fitted:
    seen = np.isfinite(target)
    complete, used = np.asarray(seen.all(axis=1)), np.asarray(seen.any(axis=1))
    same = np.arange(len(target)) if space.same is None else space.same
    if not sparse:
        whole = _completed(space.features, target, complete, weight, same)
        offset, slope, left_out = _by_directions(space.features[used], whole[used], same[used])
        held_out = space.features @ slope + offset
        held_out[used] = left_out
    else:
        counted = seen.astype(np.float64) if weight is None else np.where(seen, weight, 0.0)
        offset, slope, held_out = common_and_own(
            space.features, np.where(seen, target, 0.0), counted, same=same, seed=seed
        )
    fitted = space.features @ slope.astype(space.features.dtype) + offset
    return Fitted(offset.astype(np.float32), (space.unfold @ slope).astype(np.float32), fitted, held_out, used)


def is_sparse(target: Floats64) -> bool:
    """Whether lanes were seen here and there: of the prompts with an outcome, nearly all lack that of some lane."""
    seen = np.isfinite(target)
    return bool(seen.all(axis=1).sum() <= COMPLETE * seen.any(axis=1).sum())


def _completed(
    features: NDArray[np.floating],
    target: Floats64,
    complete: NDArray[np.bool_],
    weight: Floats64 | None,
    same: NDArray[np.intp],
) -> Floats64:
    """The target with the outcomes that are missing beside others of their row filled in: what complete rows predict
    there, and as much of what the row's own outcome was off as goes along with it in complete rows.

    One step of expectation and maximisation (Dempster et al. 1977): further ones changed nothing that was measured. An
    outcome that counts for less moves its row by less.
    """
    rows = np.flatnonzero(np.isfinite(target).any(axis=1) & ~complete)
    if not len(rows):
        return target
    offset, slope, left_out = _by_directions(features[complete], target[complete], same[complete])
    off = target[complete] - left_out
    together = off.T @ off / len(off)
    predicted = features[rows] @ slope + offset
    seen = np.isfinite(target[rows])
    counted = np.where(seen, 1.0 if weight is None else weight[rows], 0.0)
    filled = predicted.copy()
    for lane in range(target.shape[1]):
        surprise = np.where(seen[:, lane], target[rows, lane] - predicted[:, lane], 0.0) * counted[:, lane]
        # with several outcomes in a row each speaks for its share
        share = surprise / np.maximum(seen.sum(axis=1), 1)
        filled += share[:, None] * (together[lane] / max(together[lane, lane], 1e-12))
    whole = target.copy()
    whole[rows] = np.where(seen & (counted == 1), target[rows], filled)
    return whole


def _by_directions(
    features: NDArray[np.floating], target: Floats64, same: NDArray[np.intp]
) -> tuple[Floats64, Floats64, Floats64]:
    """Offset (L,), slope (r, L) and predictions (n, L) that leave each request out."""
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
        left = _left_out(wanted - rotated @ solved, leverage, same)
        found = np.square(left).mean(axis=0)
        better = found < error
        error[better], weights[:, better] = found[better], (axes @ solved)[:, better]
        held_out[:, better] = (wanted - left)[:, better]
    slope = weights @ lanes.T
    return mean - centre @ slope, slope, held_out @ lanes.T + mean


def _left_out(residual: Floats64, leverage: Floats64, same: NDArray[np.intp]) -> Floats64:
    """Residuals (n, L) of fits that had not seen the request: the row, or those with the same one, which share their
    leverage h, so that m of them leave r + h sum(r) / (1 - m h) (Sherman and Morrison 1950)."""
    left = residual / np.maximum(1 - leverage, 1e-3)[:, None]
    _, group, count = np.unique(same, return_inverse=True, return_counts=True)
    again = np.flatnonzero(count[group] > 1)
    of, total = group[again], np.zeros((len(count), residual.shape[1]))
    np.add.at(total, of, residual[again])
    shared = np.bincount(group, leverage) / count
    factor = shared / np.maximum(1 - count * shared, 1e-3)
    left[again] = residual[again] + factor[of, None] * total[of]
    return left
