"""Luck is what it claims to be: uniform, normal, and each call's own."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.offline.simulation.traffic.luck import again, normal


def test_quantiles_are_those_of_a_normal_distribution() -> None:
    points = (np.arange(100_000) + 0.5) / 100_000
    drawn = normal(points)
    assert drawn.mean() == pytest.approx(0.0, abs=1e-9)
    assert drawn.std() == pytest.approx(1.0, abs=2e-3)
    assert (np.diff(drawn) >= 0).all()
    assert np.isfinite(normal(np.array([0.0, 1.0 - 2**-53]))).all(), "no luck is so bad that a call never ends"


def test_further_luck_is_uniform_and_independent_of_the_first() -> None:
    """So that the second lane does not fail because the first did."""
    first = np.random.default_rng(0).random(20_000)
    unlucky = first[first < 0.1]
    second = np.array([again(float(one), 1) for one in unlucky])
    third = np.array([again(float(one), 2) for one in unlucky])
    assert abs(second.mean() - 0.5) < 4 * np.sqrt(1 / 12 / len(second))
    assert abs(np.corrcoef(unlucky, second)[0, 1]) < 4 / np.sqrt(len(second))
    assert abs(np.corrcoef(second, third)[0, 1]) < 4 / np.sqrt(len(second))
