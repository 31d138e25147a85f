"""The code that routes, as a row of the benchmark: the one place where it calls ``training.allocation`` to fit.

Without the priors of a ``router.yaml``, which a plain outcome matrix does not have.
"""

from __future__ import annotations

import numpy as np

from router_ml.allocation.bandit import Bandit
from router_ml.allocation.context import Contexts
from training.allocation import BLEND, fit_bandit
from training.benchmark.lesson import Floats, Lesson, Predict, weighted_mean


def fit_ours(lesson: Lesson) -> Predict:
    """The batch model, blended with the bandit that starts from it."""
    model, prior = lesson.quality
    predicted = lesson.log_cost(lesson.outcomes.contexts)
    bandit = fit_bandit(lesson.outcomes, lesson.lanes, prior, predicted, seed=lesson.seed)

    def predict(contexts: Contexts) -> Floats:
        batch = model.predict(contexts)
        online = bandit.predict(contexts, batch, lesson.log_cost(contexts))
        return ((1 - BLEND) * batch + BLEND * online).astype(np.float64)

    return predict


def fit_batch(lesson: Lesson) -> Predict:
    """``ours`` without the bandit: shows what Vowpal Wabbit adds."""
    model, _ = lesson.quality
    return lambda contexts: model.predict(contexts).astype(np.float64)


def fit_bandit_alone(lesson: Lesson) -> Predict:
    """Vowpal Wabbit as the router configures it, with nothing to start from but the lanes' means."""
    outcomes = lesson.outcomes
    start = weighted_mean(outcomes.quality, outcomes.probability).astype(np.float32)
    bandit = Bandit(lesson.projection, lesson.lanes)
    rows, lanes = np.nonzero(np.isfinite(outcomes.quality))
    order = np.random.default_rng(lesson.seed).permutation(len(rows))
    rows, lanes = rows[order], lanes[order]
    contexts = outcomes.contexts.take(rows)
    bandit.learn(
        contexts,
        np.repeat(start[None], len(rows), axis=0),
        lesson.log_cost(contexts),
        action=lanes,
        quality=outcomes.quality[rows, lanes],
        probability=outcomes.probability[rows, lanes],
    )

    def predict(contexts: Contexts) -> Floats:
        prior = np.repeat(start[None], len(contexts), axis=0)
        return bandit.predict(contexts, prior, lesson.log_cost(contexts)).astype(np.float64)

    return predict
