"""Calibration: temperatures that undo a known one, thresholds that keep a promise, or no promise at all."""

from __future__ import annotations

import numpy as np
import pytest

from training.labelled.examples import Example, Targets, Taxonomy
from training.reading.calibration import (
    GRID,
    NEVER,
    abstention,
    calibrate,
    excess,
    platt,
    recall_threshold,
    softmax,
    temperature,
)


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
    assert abstention(softmax(scores), truth, error=0.05, delta=0.05) == (NEVER, None)
    sure = softmax(np.eye(4, dtype=np.float32)[np.zeros(500, int)] * 9)
    below, promise = abstention(sure, np.ones(500, int), error=0.1, delta=0.1)
    assert promise is None
    assert not (np.eye(4).max(axis=1) >= below).any()  # even certainty abstains


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


def test_without_positives_or_negatives_there_is_still_a_threshold() -> None:
    some = np.linspace(0, 1, 50).astype(np.float32)
    for truth in (np.zeros(50, np.float32), np.ones(50, np.float32)):
        assert 0 < recall_threshold(some, truth, recall=0.9, false_positives=0.05) < 1


def test_what_the_highest_of_many_is_higher_by() -> None:
    """Of an exponential tail: the threshold that one text in 25 passes is passed by one document of 58 pieces in 25,
    once its highest score is lowered by excess times log 58."""
    rng = np.random.default_rng(6)
    quiet = rng.exponential(1.3, 4000).astype(np.float32)
    scale = excess(quiet, np.zeros(4000))
    assert scale == pytest.approx(1.3, rel=0.15)
    highest = rng.exponential(1.3, (3000, 58)).max(axis=1) - scale * np.log(58)
    assert (highest > np.quantile(quiet, 0.96)).mean() == pytest.approx(0.04, abs=0.03)
    assert excess(quiet[:50], np.zeros(50)) == 0


def test_a_head_without_a_calibration_row_never_answers() -> None:
    taxonomy = Taxonomy(("a", "b"), ("c", "d"), ("chat", "batch"), ("r",))
    examples = [Example(str(at), "x", {"intent": "ab"[at % 2]}, {"r": at % 3 == 0}) for at in range(90)]
    targets = Targets.of(examples, taxonomy)
    raw = np.nan_to_num(targets.values, nan=0.5) * 6 - 3
    spec = calibrate(raw, targets)
    assert spec.domain.abstain_below == NEVER
    assert spec.domain.promise is None
    assert spec.intent.abstain_below < 1
    assert spec.intent.promise is not None
