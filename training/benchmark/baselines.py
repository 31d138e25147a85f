"""Routers to compare: each learns from outcomes and predicts the quality of every lane for prompts it has not seen.

All of them see the same embeddings. ``ours`` is the code that routes (``training.allocation``), without the priors of a
``router.yaml``, which a plain outcome matrix does not have. The baselines need the outcome of every lane per prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts, Projection
from training.allocation import BLEND, RIDGE, Outcomes, fit_bandit, fit_quality, project, ridge

Floats = NDArray[np.float64]
Predict = Callable[[Contexts], Floats]  # n prompts to (n, L)
CostKind = Literal["predicted", "mean"]
Fit = Callable[["Lesson"], Predict]

ALPHAS = np.logspace(-1, 3, 9)
SHRINKAGE = 10.0


@dataclass(frozen=True)
class Lesson:
    """Outcomes to learn from, and what several learners make of them first, made once."""

    outcomes: Outcomes
    seed: int

    @cached_property
    def projection(self) -> Projection:
        """Principal components of the prompts."""
        return project(self.outcomes.contexts)

    @cached_property
    def log_cost(self) -> Predict:
        """Predicted USD per lane: ridge on log cost, unlogged by the mean of exp(residual) (Duan, 1983).

        A matrix has costs and no prices, so tokens cannot be worked back as the router's own cost model does.
        """
        features, log = self.projection.features(self.outcomes.contexts), np.log(self.outcomes.cost_usd)
        slope, offset = ridge(features, log, RIDGE)
        smear = np.nanmean(np.exp(log - (features @ slope + offset)), axis=0)
        low, high = np.nanmin(log), np.nanmax(log)

        def predict(contexts: Contexts) -> Floats:
            log = self.projection.features(contexts) @ slope + offset
            return np.asarray(np.exp(np.clip(log, low, high)) * smear, np.float64)

        return predict

    def cost(self, kind: CostKind, contexts: Contexts) -> Floats:
        """USD per lane, (n, L): of this prompt, or the lane's mean."""
        return self.log_cost(contexts) if kind == "predicted" else self.mean_cost(contexts)

    def mean_cost(self, contexts: Contexts) -> Floats:
        """The lane's mean cost, whatever the prompt."""
        return np.repeat(np.nanmean(self.outcomes.cost_usd, axis=0)[None], len(contexts), axis=0)


def fit_ours(lesson: Lesson) -> Predict:
    """Ridge, neighbours and cells, blended with the bandit that starts from them."""
    model = fit_quality(lesson.outcomes, lesson.projection, _lanes(lesson.outcomes), seed=lesson.seed)
    predicted = lesson.log_cost(lesson.outcomes.contexts)
    bandit = fit_bandit(lesson.outcomes, model, predicted, seed=lesson.seed)

    def predict(contexts: Contexts) -> Floats:
        batch = model.predict(contexts)
        online = bandit.predict(contexts, batch, lesson.log_cost(contexts))
        return ((1 - BLEND) * batch + BLEND * online).astype(np.float64)

    return predict


def fit_batch(lesson: Lesson) -> Predict:
    """``ours`` without the bandit: shows what Vowpal Wabbit adds."""
    model = fit_quality(lesson.outcomes, lesson.projection, _lanes(lesson.outcomes), seed=lesson.seed)
    return lambda contexts: model.predict(contexts).astype(np.float64)


def fit_knn(neighbours: int) -> Fit:
    """Mean outcome of the nearest prompts by cosine."""

    def fit(lesson: Lesson) -> Predict:
        from sklearn.neighbors import KNeighborsRegressor

        count = min(neighbours, len(lesson.outcomes.contexts))
        model = KNeighborsRegressor(count, algorithm="brute").fit(
            lesson.outcomes.contexts.embedding, lesson.outcomes.quality
        )
        return lambda contexts: np.asarray(model.predict(contexts.embedding), np.float64)

    return fit


def fit_ridge(lesson: Lesson) -> Predict:
    """Ridge on the embedding, its strength by leave-one-out."""
    return _linear(lesson, lambda contexts: contexts.embedding)


def fit_pca_ridge(components: int) -> Fit:
    """Ridge on the first principal components."""

    def fit(lesson: Lesson) -> Predict:
        projection = lesson.projection
        return _linear(lesson, lambda contexts: projection.semantic(contexts)[:, :components])

    return fit


def fit_cells(cells: int) -> Fit:
    """Mean outcome of the k-means cell, shrunk to the lane's mean."""

    def fit(lesson: Lesson) -> Predict:
        from sklearn.cluster import KMeans

        count = min(cells, len(lesson.outcomes.contexts))
        model = KMeans(count, n_init=2, random_state=lesson.seed).fit(lesson.outcomes.contexts.embedding)
        member = np.eye(count)[model.labels_]
        total = member.T @ lesson.outcomes.quality + SHRINKAGE * lesson.outcomes.quality.mean(axis=0)
        means = total / (member.sum(axis=0)[:, None] + SHRINKAGE)
        return lambda contexts: np.asarray(means[model.predict(contexts.embedding)], np.float64)

    return fit


def fit_forest(lesson: Lesson) -> Predict:
    """A small random forest over 20 principal components, all lanes in one tree."""
    from sklearn.ensemble import RandomForestRegressor

    projection = lesson.projection
    forest = RandomForestRegressor(60, min_samples_leaf=8, max_features=0.4, max_samples=0.7, random_state=lesson.seed)
    forest.fit(projection.semantic(lesson.outcomes.contexts)[:, :20], lesson.outcomes.quality)
    return lambda contexts: np.asarray(forest.predict(projection.semantic(contexts)[:, :20]), np.float64)


def _linear(lesson: Lesson, features: Callable[[Contexts], NDArray[np.float32]]) -> Predict:
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(ALPHAS, alpha_per_target=True).fit(features(lesson.outcomes.contexts), lesson.outcomes.quality)
    return lambda contexts: np.asarray(model.predict(features(contexts)), np.float64)


def _lanes(outcomes: Outcomes) -> tuple[str, ...]:
    return tuple(str(lane) for lane in range(outcomes.quality.shape[1]))


BASELINES: dict[str, Fit] = {
    "kNN 20": fit_knn(20),
    "kNN 50": fit_knn(50),
    "kNN 100": fit_knn(100),
    "ridge": fit_ridge,
    "PCA20 ridge": fit_pca_ridge(20),
    "k-means 40 cells": fit_cells(40),
    "random forest": fit_forest,
}
