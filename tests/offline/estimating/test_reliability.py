"""Calibration error: nothing where there is none, what it is where there is some, and a fair comparison."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.offline.estimating.reliability import reliability


def _world(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.2, 0.9, n)
    return truth, (rng.random(n) < truth).astype(float)


def test_a_constant_error_is_found() -> None:
    truth, outcome = _world(50_000, 0)
    found = reliability(truth, truth + 0.1, outcome, np.ones(len(truth)))
    assert found.second == pytest.approx(0.1, abs=0.01)
    assert found.first < 0.02
    assert found.difference == pytest.approx(0.01, abs=0.003)


def test_chance_alone_seldom_condemns_a_perfect_model() -> None:
    """Two models that are both right: one that looks surely worse is a false alarm, of which 5% are allowed."""
    alarms = 0
    for seed in range(300):
        truth, outcome = _world(400, seed)
        other = np.clip(truth + 0.01 * np.random.default_rng(seed).standard_normal(400), 0, 1)
        found = reliability(truth, other, outcome, np.ones(400))
        alarms += found.difference > 1.645 * found.standard_error
    assert alarms <= 24  # 5% and two standard errors


def test_a_worse_model_is_seen_at_a_thousand_ratings() -> None:
    seen = 0
    for seed in range(50):
        truth, outcome = _world(1000, seed)
        found = reliability(truth, np.clip(truth + 0.1, 0, 1), outcome, np.ones(1000))
        seen += found.difference > 1.645 * found.standard_error
    assert seen >= 45


def test_weights_count_rows() -> None:
    truth, outcome = _world(1000, 1)
    twice = np.concatenate([truth, truth[:500]]), np.concatenate([outcome, outcome[:500]])
    weight = np.where(np.arange(1000) < 500, 2.0, 1.0)
    once = reliability(truth, truth + 0.2, outcome, weight)
    repeated = reliability(twice[0], twice[0] + 0.2, twice[1], np.ones(1500))
    assert once.second == pytest.approx(repeated.second, abs=0.01)
