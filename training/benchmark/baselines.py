"""Routers to compare with: each learns from outcomes and predicts the quality of every lane for other prompts.

All of them see the same embeddings. Those in ``BASELINES`` need the outcome of every lane per prompt, those in
``FRUGAL`` make do with one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from training.benchmark.lesson import Fit, Floats, Lesson, Predict, weighted_mean
from training.benchmark.ours import fit_bandit_alone

ALPHAS = np.logspace(-1, 3, 9)
SHRINKAGE = 10.0
LOGISTIC_STRENGTH = 1.0  # sklearn's C
FEWEST = 8  # outcomes of a lane that a regression of its own needs
Features = Callable[[Contexts], NDArray[np.float32]]


def fit_means(lesson: Lesson) -> Predict:
    """The mean of the lane, whatever the prompt: always the lane that was best for the money."""
    means = _means(lesson)
    return lambda contexts: np.repeat(means[None], len(contexts), axis=0)


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
    """Ridge on the first principal components, each lane on the prompts where it was seen."""

    def fit(lesson: Lesson) -> Predict:
        projection = lesson.projection
        return _linear(lesson, lambda contexts: projection.semantic(contexts)[:, :components])

    return fit


def fit_logistic(lesson: Lesson) -> Predict:
    """Logistic regression on the embedding; a quality between 0 and 1 is a success with that weight."""
    from sklearn.linear_model import LogisticRegression

    embedding, quality = lesson.outcomes.contexts.embedding, lesson.outcomes.quality
    twice, label = np.concatenate([embedding, embedding]), np.repeat([1, 0], len(embedding))
    slope, offset = np.zeros((embedding.shape[1], quality.shape[1])), np.zeros(quality.shape[1])
    for lane, reached in enumerate(np.clip(quality, 1e-6, 1 - 1e-6).T):  # or a perfect lane would be a single class
        model = LogisticRegression(C=LOGISTIC_STRENGTH, max_iter=300)
        model.fit(twice, label, sample_weight=np.concatenate([reached, 1 - reached]))
        slope[:, lane], offset[lane] = model.coef_[0], model.intercept_[0]
    return lambda contexts: np.asarray(1 / (1 + np.exp(-(contexts.embedding @ slope + offset))), np.float64)


def fit_cells(cells: int) -> Fit:
    """Mean of the outcomes seen in the k-means cell, shrunk to the lane's mean."""

    def fit(lesson: Lesson) -> Predict:
        from sklearn.cluster import KMeans

        count = min(cells, len(lesson.outcomes.contexts))
        model = KMeans(count, n_init=2, random_state=lesson.seed).fit(lesson.outcomes.contexts.embedding)
        member = np.eye(count)[model.labels_]
        seen = np.isfinite(lesson.outcomes.quality)
        total = member.T @ np.where(seen, lesson.outcomes.quality, 0) + SHRINKAGE * _means(lesson)
        means = total / (member.T @ seen + SHRINKAGE)
        return lambda contexts: np.asarray(means[model.predict(contexts.embedding)], np.float64)

    return fit


def fit_average(lesson: Lesson) -> Predict:
    """Average of ridge on all features, 50 neighbours and 40 cells: plain models that err differently."""
    projection = lesson.projection
    parts = [_linear(lesson, projection.features), fit_knn(50)(lesson), fit_cells(40)(lesson)]
    return lambda contexts: np.mean([predict(contexts) for predict in parts], axis=0)


def fit_mlp(lesson: Lesson) -> Predict:
    """One hidden layer on the embedding, all lanes at once, stopped on a tenth of the prompts."""
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=(32,),
        alpha=10.0,
        early_stopping=True,
        n_iter_no_change=15,
        max_iter=500,
        random_state=lesson.seed,
    )
    model.fit(lesson.outcomes.contexts.embedding * 10, lesson.outcomes.quality)  # entries of about 0.5, not 0.05
    return lambda contexts: np.asarray(model.predict(contexts.embedding * 10), np.float64)


def fit_forest(lesson: Lesson) -> Predict:
    """A small random forest over 20 principal components, all lanes in one tree."""
    from sklearn.ensemble import RandomForestRegressor

    projection = lesson.projection
    forest = RandomForestRegressor(60, min_samples_leaf=8, max_features=0.4, max_samples=0.7, random_state=lesson.seed)
    forest.fit(projection.semantic(lesson.outcomes.contexts)[:, :20], lesson.outcomes.quality)
    return lambda contexts: np.asarray(forest.predict(projection.semantic(contexts)[:, :20]), np.float64)


def _linear(lesson: Lesson, features: Features) -> Predict:
    """A ridge for each lane on the prompts where it was seen; too few of them, and the lane has its mean."""
    from sklearn.linear_model import RidgeCV

    rows, quality, means = features(lesson.outcomes.contexts), lesson.outcomes.quality, _means(lesson)
    slope, offset = np.zeros((rows.shape[1], quality.shape[1])), means.copy()
    for lane in range(quality.shape[1]):
        seen = np.isfinite(quality[:, lane])
        if seen.sum() >= FEWEST:
            model = RidgeCV(ALPHAS).fit(rows[seen], quality[seen, lane])
            slope[:, lane], offset[lane] = model.coef_, model.intercept_
    return lambda contexts: np.asarray(features(contexts) @ slope + offset, np.float64)


def _means(lesson: Lesson) -> Floats:
    return weighted_mean(lesson.outcomes.quality, lesson.outcomes.probability)


BASELINES: dict[str, Fit] = {
    "lane means": fit_means,
    "kNN 20": fit_knn(20),
    "kNN 50": fit_knn(50),
    "kNN 100": fit_knn(100),
    "ridge": fit_ridge,
    "logistic": fit_logistic,
    "PCA20 ridge": fit_pca_ridge(20),
    "k-means 12 cells": fit_cells(12),
    "k-means 40 cells": fit_cells(40),
    "average of three": fit_average,
    "MLP": fit_mlp,
    "random forest": fit_forest,
    "VW alone": fit_bandit_alone,
}
FRUGAL = ("lane means", "k-means 12 cells", "PCA20 ridge", "VW alone")
