"""The test behind a promise: it must not reject too often, whatever the gains look like, and not need too many."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.capital import above_zero, needed, race

DELTA = 0.1


@pytest.mark.parametrize(("loss", "gain"), [(0.95, 0.05), (0.05, 0.95), (0.5, 0.5)])
@pytest.mark.parametrize("count", [10, 200])
def test_a_mean_of_zero_is_rejected_at_most_as_often_as_promised(loss: float, gain: float, count: int) -> None:
    """Also with few and with very skewed gains, where tests that assume Gaussian means fail."""
    experiments, random = 4000, np.random.default_rng(0)
    gains = np.where(random.random((count, experiments)) < loss, gain, -loss)  # mean zero: loss x gain each way
    rejected = race(iter(gains), count, worst=loss, delta=DELTA, variance=0.25).mean()
    assert rejected <= DELTA + 4 * math.sqrt(DELTA * (1 - DELTA) / experiments)


def test_it_is_nearly_as_strong_as_a_test_that_assumes_gaussian_means() -> None:
    """At a mean of 1.28 + 0.84 standard errors such a test rejects in 80% of the experiments."""
    count, experiments, random = 1500, 600, np.random.default_rng(1)
    mean = (1.2816 + 0.8416) * 0.25 / math.sqrt(count)
    gains = mean + random.choice([-0.25, 0.25], (count, experiments))
    assert race(iter(gains), count, worst=0.9, delta=DELTA, variance=0.09).mean() > 0.72


@given(arrays(np.float64, (20, 3), elements=st.floats(-1, 0)), st.floats(0.01, 0.5))
def test_losses_never_win(gains: np.ndarray, delta: float) -> None:
    assert not above_zero(gains, worst=1.0, delta=delta, variance=0.1).any()


@given(st.integers(0, 1000))
def test_the_same_gains_and_seed_give_the_same_answer(seed: int) -> None:
    gains = np.random.default_rng(seed).uniform(-0.5, 0.6, (50, 4))
    first, second = (above_zero(gains, worst=0.5, delta=DELTA, variance=0.1, seed=seed) for _ in range(2))
    assert np.array_equal(first, second)


def test_no_gains_show_nothing() -> None:
    assert not above_zero(np.zeros((0, 2)), worst=1.0, delta=DELTA, variance=0.1).any()


@pytest.mark.parametrize("bad", [float("nan"), -0.6])
def test_a_gain_below_the_declared_worst_is_refused(bad: float) -> None:
    """It could ruin the gambler twice over, and the test would not hold."""
    with pytest.raises(OfflineDataError, match=r"below the worst that was declared, -0\.5"):
        above_zero(np.array([[0.1], [bad]]), worst=0.5, delta=DELTA, variance=0.1)


def test_how_many_are_needed_falls_with_the_square_of_the_mean() -> None:
    assert needed(0.02, 0.3, delta=DELTA) == pytest.approx(4 * needed(0.04, 0.3, delta=DELTA))
    assert needed(0.0, 0.3, delta=DELTA) == math.inf
