"""Reward models that have not seen the rewards they are judged on (cross-fitting, Chernozhukov et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.feedback import Feedback, Floats

Predict = Callable[[Floats], Floats]
Fit = Callable[[Floats, NDArray[np.int64], Floats], Predict]

AT_ONCE = 65_536  # rows


def folds_of(count: int, groups: NDArray[Any] | None, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold (n,) of each row; no fold cuts a group.

    Raises:
        OfflineDataError: fewer groups than folds.
    """
    member = np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]
    names = int(member.max()) + 1
    if not 2 <= folds <= names:
        raise OfflineDataError(f"{folds} folds need at least as many groups (found {names}), and at least 2.")
    fold: NDArray[np.int64] = (np.random.default_rng(seed).permutation(names) % folds)[member]
    return fold


def cross_fit(
    fit: Fit,
    features: NDArray[np.floating],
    feedback: Feedback,
    *,
    folds: int = 5,
    groups: NDArray[Any] | None = None,
    seed: int = 0,
) -> Floats:
    """Predictions (n, lanes) of a reward model, each row by a model that saw neither it nor its group.

    Args:
        fit: takes features (m, f), actions (m,) and rewards (m,) of rated rows, returns a function from features
            (k, f) to predicted rewards (k, lanes); ``ridge`` makes one, which reads the rows only once for all folds.
        features: (n, f), float32 will do.
        groups: (n,) labels that folds must not cut, such as near-duplicates or users; by default the clusters.

    Raises:
        OfflineDataError: another number of rows, features that are not finite, or too few groups or ratings for the
            folds.
    """
    if features.ndim != 2 or len(features) != len(feedback):
        raise OfflineDataError(f"Found features of {len(features)} rows for {len(feedback)} decisions.")
    if not np.isfinite(features).all():
        raise OfflineDataError("Features hold NaN or infinity. Fill them, or leave these decisions out.")
    fold = folds_of(len(feedback), feedback.cluster if groups is None else groups, folds, seed)
    rated = np.bincount(fold[feedback.rated], minlength=folds)
    if (rated.sum() == rated).any():
        raise OfflineDataError("A fold has no rated decision to learn from. Use fewer folds, or rate more.")
    if isinstance(fit, Ridge):
        return fit.held_out(features, feedback, fold)
    parts: list[tuple[NDArray[np.bool_], Floats]] = []
    for number in range(folds):
        held_out, train = fold == number, (fold != number) & feedback.rated
        predict = fit(features[train], feedback.action[train], feedback.reward[train])
        parts.append((held_out, np.asarray(predict(features[held_out]), dtype=float)))
    predictions = np.empty((len(feedback), parts[0][1].shape[1]))
    for held_out, predicted in parts:
        predictions[held_out] = predicted
    return predictions


def ridge(lanes: int, *, penalty: float = 10.0) -> Ridge:
    """A reward model for ``cross_fit``: a ridge regression over all lanes, and one per lane on what that leaves over,
    so that a lane with little data is shrunk towards the others. ``penalty`` counts in rows. Reduce
    embeddings to some tens of columns first."""
    return Ridge(lanes, penalty)


@dataclass(frozen=True)
class Ridge:
    """The model that ``ridge`` describes. It needs only sums of products, so that the rows of a fold are taken out of
    the sums rather than all others read again."""

    lanes: int
    penalty: float = 10.0

    def __call__(self, features: Floats, action: NDArray[np.int64], reward: Floats) -> Predict:
        """Fit on features (m, f), actions (m,), rewards (m,)."""
        centre, scale = features.mean(axis=0), _positive(features.std(axis=0))
        sums = self._sums((features - centre) / scale, action, reward)
        weights = self._solve(sums)
        return lambda some: np.asarray(_design((some - centre) / scale) @ weights, dtype=float)

    def held_out(self, features: NDArray[np.floating], feedback: Feedback, fold: NDArray[np.int64]) -> Floats:
        """Predictions (n, lanes) of each row by the model of all other folds."""
        centre = features.mean(axis=0, dtype=np.float64)
        scale = _positive(features.std(axis=0, dtype=np.float64))
        folds = int(fold.max()) + 1
        sums = np.zeros((folds, self.lanes, features.shape[1] + 2, features.shape[1] + 2))
        for part in _slices(len(features)):
            rated = np.flatnonzero(feedback.rated[part]) + part.start
            block = (features[rated] - centre) / scale
            for number in range(folds):
                mine = fold[rated] == number
                rows = rated[mine]
                sums[number] += self._sums(block[mine], feedback.action[rows], feedback.reward[rows])
        weights = [self._solve(sums.sum(axis=0) - sums[number]) for number in range(folds)]
        predictions = np.empty((len(features), self.lanes))
        for part in _slices(len(features)):
            design = _design((features[part] - centre) / scale)
            for number in range(folds):
                mine = fold[part] == number
                predictions[part][mine] = design[mine] @ weights[number]
        return predictions

    def _sums(self, features: Floats, action: NDArray[np.int64], reward: Floats) -> Floats:
        """Sums of products by lane, (lanes, f + 2, f + 2), over a column of ones, the features and the reward."""
        if len(action) and action.max() >= self.lanes:
            raise OfflineDataError(f"Found lane {action.max()}, the model was made for {self.lanes} lanes.")
        table = np.column_stack([_design(features), reward])
        order = np.argsort(action, kind="stable")
        ends = np.searchsorted(action[order], np.arange(self.lanes + 1))
        table = table[order]
        pieces = [table[start:stop] for start, stop in pairwise(ends)]
        return np.stack([piece.T @ piece for piece in pieces])

    def _solve(self, sums: Floats) -> Floats:
        """Weights (f + 1, lanes) from sums of products, on features standardised over these very rows."""
        total = sums.sum(axis=0)
        count, width = total[0, 0], len(total) - 1
        mean = total[0, 1:width] / count
        spread = _positive(np.sqrt(np.maximum(np.diag(total)[1:width] / count - mean**2, 0)))
        standard = np.eye(width)
        standard[0, 1:] = -mean / spread
        standard[np.arange(1, width), np.arange(1, width)] = 1 / spread
        products = standard.T @ sums[:, :width, :width] @ standard
        targets = sums[:, :width, width] @ standard
        shrink = self.penalty * np.eye(width)
        every, wanted = products.sum(axis=0), targets.sum(axis=0)
        shared = wanted[0] / count * np.eye(width)[0]
        shared = shared + np.linalg.solve(every + shrink, wanted - every @ shared)
        own = np.linalg.solve(products + shrink, (targets - products @ shared)[:, :, None])[:, :, 0]
        weights: Floats = standard @ (shared + own).T
        return weights


def _design(features: NDArray[np.floating]) -> Floats:
    return np.column_stack([np.ones(len(features)), features])


def _positive(scale: Floats) -> Floats:
    return np.where(scale > 1e-9, scale, 1.0)


def _slices(count: int) -> Iterator[slice]:
    return (slice(start, min(start + AT_ONCE, count)) for start in range(0, count, AT_ONCE))
