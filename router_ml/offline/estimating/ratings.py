"""Which decisions get rated? P(rated) from what is known of them, where nobody decided it by lot.

**Assumption: ratings are missing at random.** Given the features and the lane, whether a decision was rated has nothing
to do with what its rating would have been. A user who answers only when angry breaks it, and nothing in a log can show
that; rating a random slice with a known probability needs no such assumption. Where it holds, weighting by
1 / P(rated | features, lane) makes rated rows speak for all (Rosenbaum & Rubin 1983), and ``ope.dr`` is right if either
this model or the reward model is (Robins, Rotnitzky & Zhao 1994). Rows are predicted by models that have not seen them.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.reward_models import folds_of
from router_ml.offline.feedback import Floats
from router_ml.storage.database.records import LoggedData

LEAST = 0.02  # a P(rated) below it would let one row speak for more than 50
STEPS = 30
PRIOR_ROWS = 5.0
DIRECTIONS = 16  # of embeddings, in which they spread most


def rated_probability(
    features: ArrayLike,
    action: ArrayLike,
    rated: ArrayLike,
    *,
    lanes: int,
    model: Literal["logistic", "cells"] = "logistic",
    folds: int = 5,
    groups: NDArray[Any] | None = None,
    seed: int = 0,
) -> Floats:
    """P(rated | features, lane) of each decision (n,), cross-fitted: for ``Feedback(rated_probability=...)``.

    Args:
        features: (n, f) real values for ``logistic``; for ``cells`` (n,) labels such as the intent, where each cell and
            lane has a share of its own, shrunk towards the lane's.
        action: (n,) index of the lane. rated: (n,) bool.
        groups: (n,) labels that folds must not cut.

    Raises:
        OfflineDataError: lengths that differ, features that are not finite, or ratings that are all or none.
    """
    lane, known = np.asarray(action), np.asarray(rated, dtype=bool)
    table = np.asarray(features, dtype=float if model == "logistic" else None)
    if not (len(table) == len(lane) == len(known)) or lane.min() < 0 or lane.max() >= lanes:
        raise OfflineDataError(
            f"Found {len(table)} features, {len(lane)} actions, {len(known)} ratings over {lanes} lanes. Give one of "
            "each per decision, and every lane."
        )
    if known.all() or not known.any():
        raise OfflineDataError("All decisions are rated, or none: there is nothing to model.")
    if model == "logistic" and not np.isfinite(table).all():
        raise OfflineDataError("Features hold NaN or infinity. Fill them, or leave these decisions out.")
    fold = folds_of(len(lane), groups, folds, seed)
    result = np.empty(len(lane))
    for number in range(folds):
        out = fold == number
        if model == "cells":
            result[out] = _cells(table, lane, known, out, lanes)
        else:
            design = _design(table, lane, lanes)
            result[out] = _logistic(design[~out], known[~out].astype(float), design[out])
    return np.clip(result, LEAST, 1.0)


def of_log(data: LoggedData, *, groups: NDArray[Any] | None = None) -> Floats:
    """P(rated) of decisions (n,) of a log, by where their embeddings lie, their surface features and class
    probabilities, what was estimated of each lane, and the lane that was drawn; 1 where all are rated, NaN where none.

    Args:
        groups: (n,) such as the person: folds do not cut them.
    """
    rated = np.isfinite(data.quality)
    if rated.all() or not rated.any():
        return np.full(len(data), 1.0 if rated.all() else np.nan)
    centred = data.embeddings - data.embeddings.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    estimates = np.concatenate([data.estimated_quality, data.estimated_cost_usd], axis=1)
    table = np.column_stack([centred @ directions[:, -DIRECTIONS:], data.features, estimates])
    table = np.where(np.isfinite(table), table, 0.0)
    return rated_probability(table, data.action, rated, lanes=len(data.lanes), groups=groups)


def _design(features: Floats, lane: NDArray[np.int64], lanes: int) -> Floats:
    centred = features.reshape(len(features), -1) - features.mean(axis=0)
    scale = centred.std(axis=0)
    return np.column_stack([np.ones(len(lane)), np.eye(lanes)[lane], centred / np.where(scale > 1e-9, scale, 1.0)])


def _logistic(design: Floats, known: Floats, other: Floats, *, penalty: float = 1.0) -> Floats:
    """Ridge logistic regression by Newton's method; the first column is not penalised."""
    weights = np.zeros(design.shape[1])
    weights[0] = np.log((known.sum() + 0.5) / (len(known) - known.sum() + 0.5))
    shrink = penalty * np.eye(design.shape[1])
    shrink[0, 0] = 1e-9
    for _ in range(STEPS):
        fitted = _sigmoid(design @ weights)
        slope = design.T @ (known - fitted) - shrink @ weights
        curvature = (design * (fitted * (1 - fitted))[:, None]).T @ design + shrink
        change = np.linalg.solve(curvature, slope)
        weights = weights + change * min(1.0, 5.0 / max(float(np.abs(change).max()), 1e-12))
        if np.abs(change).max() < 1e-8:
            break
    return _sigmoid(other @ weights)


def _sigmoid(value: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(value, -30, 30)))
    return result


def _cells(
    cell: NDArray[Any], lane: NDArray[np.int64], known: NDArray[np.bool_], out: NDArray[np.bool_], lanes: int
) -> Floats:
    names, code = np.unique(cell, return_inverse=True)
    both = code.reshape(len(lane)) * lanes + lane
    train = ~out
    overall = known[train].mean()

    def share(key: NDArray[np.int64], size: int, prior: Floats) -> Floats:
        hits = np.bincount(key[train], known[train].astype(float), minlength=size)
        return np.asarray((hits + PRIOR_ROWS * prior) / (np.bincount(key[train], minlength=size) + PRIOR_ROWS))

    of_lane = share(lane, lanes, np.full(lanes, overall))
    shares = share(both, len(names) * lanes, np.tile(of_lane, len(names)))
    return np.asarray(shares[both[out]], dtype=np.float64)
