"""Confident learning finds labels that were flipped on purpose, and little else."""

from __future__ import annotations

import numpy as np

from training.noise import confident_learning
from training.reading.calibration import softmax


def test_flipped_labels_are_found_and_clean_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 1000)
    scores = (np.eye(5)[truth] * 6 + rng.normal(size=(1000, 5))).astype(np.float32)
    labels = truth.copy()
    flipped = rng.choice(1000, 50, replace=False)
    labels[flipped] = (labels[flipped] + 1) % 5
    found = confident_learning(softmax(scores), labels)
    assert len({each.row for each in found} & set(flipped)) >= 45
    assert len(found) <= 60
    assert all(each.suggested == truth[each.row] for each in found if each.row in flipped)
    margins = [each.margin for each in found]
    assert margins == sorted(margins, reverse=True)


def test_a_class_that_does_not_occur_suggests_nothing() -> None:
    probabilities = np.array([[0.2, 0.1, 0.7], [0.9, 0.05, 0.05]], np.float32)
    assert all(each.suggested != 2 for each in confident_learning(probabilities, np.array([0, 1])))
