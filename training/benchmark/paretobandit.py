"""ParetoBandit (Taberner-Miller, 2026; PyPI ``paretobandit``, Apache-2.0) as rows of the benchmark.

Its policy is a ridge regression per lane (disjoint LinUCB) on whitened principal components and a constant; its cost
penalty is a lane's place on a log scale of prices. ``fit_warm`` lets it learn from given outcomes without forgetting;
``play_online`` lets it draw its own lanes with the settings that it recommends for a cold start, one run per penalty.
Only imported where it is installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts, Floats, Projection
from training.allocation import project
from training.benchmark.feedback import observe, stream
from training.benchmark.lesson import Floats as Matrix
from training.benchmark.lesson import Lesson, Predict
from training.outcomes import Pack

PENALTIES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)


def installed() -> bool:
    """Whether the package can be imported; nothing is imported yet."""
    return find_spec("pareto_bandit") is not None


def fit_warm(lesson: Lesson) -> Predict:
    """Learns every outcome, as its warm start does: moments first, then one inversion; exploits."""
    from pareto_bandit.config import BEST_K3_HPARAMS

    components = BEST_K3_HPARAMS["pca_components"]
    rows = _features(lesson.projection, lesson.outcomes.contexts, components)
    policy = _policy(lesson.lanes, rows.shape[1], alpha=0.0, forgetting=1.0, seed=lesson.seed)
    for lane, earned in zip(lesson.lanes, lesson.outcomes.quality.T, strict=True):
        seen = np.isfinite(earned)
        policy.A[lane] += rows[seen].T @ rows[seen]
        policy.b[lane] += rows[seen].T @ earned[seen]
    policy.refresh_inverse_cache()
    slope = np.stack([policy.theta[lane] for lane in lesson.lanes], axis=1)
    return lambda contexts: np.asarray(_features(lesson.projection, contexts, components) @ slope, np.float64)


def play_online(train: Pack, test: Contexts, seed: int) -> NDArray[np.intp]:
    """Lanes (penalties, n) on ``test``, after drawing its own lane for each prompt of ``train`` in a random order."""
    from pareto_bandit.config import BEST_K3_TABULA_RASA_HPARAMS as COLD

    projection = project(train.contexts)
    rows, ahead = (_features(projection, each, COLD["pca_components"]) for each in (train.contexts, test))
    place = Lesson(observe(train, "full", seed=seed), seed).cost("log", train.contexts.take(slice(1)))[0]
    order = stream(seed, "online").permutation(len(rows))
    policies = []
    for penalty in PENALTIES:
        policy = _policy(train.lanes, rows.shape[1], COLD["alpha"], COLD["forgetting_factor"], seed)
        charged = {lane: float(penalty * at) for lane, at in zip(train.lanes, place, strict=True)}
        for row in order:
            lane, _ = policy.select_arm(rows[row], cost_penalties=charged)
            policy.mark_selected(lane)
            earned = float(train.quality[row, train.lanes.index(lane)])
            policy.update(lane, rows[row], earned, advance_time=False)
        slope = np.stack([policy.theta[lane] for lane in train.lanes], axis=1)
        policies.append((ahead @ slope - penalty * place).argmax(axis=1))
    return np.stack(policies)


def _policy(lanes: tuple[str, ...], size: int, alpha: float, forgetting: float, seed: int) -> Any:
    from pareto_bandit import DisjointLinUCBPolicy

    return DisjointLinUCBPolicy(list(lanes), dim=size, alpha=alpha, forgetting_factor=forgetting, seed=seed)


def _features(projection: Projection, contexts: Contexts, components: int) -> Matrix:
    semantic: Floats = projection.semantic(contexts)[:, :components]
    return np.concatenate([semantic, np.ones((len(semantic), 1))], axis=1)
