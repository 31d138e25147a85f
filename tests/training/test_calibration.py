"""Calibration: temperatures that undo a known one, thresholds that keep a promise, or no promise at all."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibration import GRID, abstention, platt, recall_threshold, softmax, temperature


def drawn(seed: int, rows: int = 600, heat: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose softmax, times ``heat``, is the true distribution of the labels."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(rows, 4)) * 3
    return (scores * heat).astype(np.float32), np.array([rng.choice(4, p=p) for p in softmax(scores)])


@pytest.mark.parametrize("heat", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_what_was_multiplied(heat: float) -> None:
    scores, truth = drawn(1, rows=4000, heat=heat)
    assert temperature(scores, truth) == pytest.approx(heat, rel=0.12)


def test_platt_finds_the_probabilities_of_a_risk() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=5000).astype(np.float32)
    truth = (rng.random(5000) < 1 / (1 + np.exp(-(2 * scores - 1)))).astype(np.float32)
    slope, offset = platt(scores, truth)
    assert (slope, offset) == (pytest.approx(2, abs=0.2), pytest.approx(-1, abs=0.2))


def test_a_risk_that_never_occurs_is_left_as_it_is() -> None:
    assert platt(np.zeros(10, np.float32), np.zeros(10, np.float32)) == (1.0, 0.0)


def test_the_promise_about_errors_is_kept_as_often_as_said() -> None:
    """Over draws of the calibration rows, the true error among answered exceeds the promised one in at most delta of
    them, plus three standard errors; a threshold merely tuned to the rate misses about half the time."""
    fresh, fresh_truth = drawn(10_000, rows=40_000)
    probabilities = softmax(fresh)
    wrong, confidence = probabilities.argmax(axis=1) != fresh_truth, probabilities.max(axis=1)
    missed, promised = 0, 0
    for seed in range(200):
        scores, truth = drawn(seed)
        below, promise = abstention(softmax(scores), truth, error=0.15, delta=0.1)
        if promise is None:
            continue
        promised += 1
        missed += wrong[confidence >= below].mean() > 0.15
    assert promised > 150
    assert missed / promised <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / promised)


def test_the_threshold_is_of_the_grid_and_says_what_it_promises() -> None:
    scores, truth = drawn(3)
    below, promise = abstention(softmax(scores), truth, error=0.2, delta=0.05)
    assert below in GRID
    assert promise is not None
    assert (promise.error, promise.confidence, promise.rows) == (0.2, 0.95, 600)


def test_what_cannot_be_proven_abstains_from_everything() -> None:
    """Too few rows, or a head that is wrong however sure it is."""
    scores, truth = drawn(4, rows=12)
    assert abstention(softmax(scores), truth, error=0.05, delta=0.05) == (1.0, None)
    sure = softmax(np.eye(4, dtype=np.float32)[np.zeros(500, int)] * 9)
    assert abstention(sure, np.ones(500, int), error=0.1, delta=0.1) == (1.0, None)


def test_a_risk_threshold_reaches_the_recall_where_false_alarms_allow() -> None:
    rng = np.random.default_rng(5)
    truth = np.r_[np.ones(200), np.zeros(2000)].astype(np.float32)
    easy = np.r_[rng.uniform(0.6, 1, 200), rng.uniform(0, 0.4, 2000)].astype(np.float32)
    threshold = recall_threshold(easy, truth, recall=0.95, false_positives=0.04)
    assert (easy[truth == 1] >= threshold).mean() >= 0.95
    assert (easy[truth == 0] >= threshold).mean() == 0
    hard = rng.uniform(0, 1, 2200).astype(np.float32)
    threshold = recall_threshold(hard, truth, recall=0.95, false_positives=0.04)
    assert (hard[truth == 0] >= threshold).mean() <= 0.04
