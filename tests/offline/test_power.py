"""The sample size that is promised is the one that it takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from router_ml.offline import ope
from router_ml.offline.feedback import Feedback
from router_ml.offline.power import decisions_needed, detectable_gain, deviation_of


def test_a_simulated_log_of_that_size_shows_the_gain_as_often_as_promised() -> None:
    """Two lanes 8 points apart, half the decisions rated: 80% of the logs have an interval above zero."""
    quality, logging, target = np.array([0.70, 0.80]), np.array([0.8, 0.2]), np.array([0.1, 0.9])
    gain = float((target - logging) @ quality)
    noise = np.sqrt(quality * (1 - quality))[None, :]
    count = decisions_needed(deviation_of([target], [logging], noise=noise, rated=0.5), gain=gain)
    rng, shown, seeds = np.random.default_rng(0), 0, 300
    for _ in range(seeds):
        action = (rng.random(count) < logging[1]).astype(int)
        reward = np.where(rng.random(count) < 0.5, rng.random(count) < quality[action], np.nan)
        table = np.tile(logging, (count, 1))
        feedback = Feedback(
            action=action,
            propensity=logging[action],
            reward=reward,
            rated_probability=np.full(count, 0.5),
            logging=table,
        )
        model = np.tile(quality, (count, 1))
        found = ope.difference(np.tile(target, (count, 1)), table, feedback, reward_model=model)
        shown += found.low > 0
    assert abs(shown / seeds - 0.8) < 3 * np.sqrt(0.8 * 0.2 / seeds)


@given(st.floats(0.05, 20), st.floats(0.001, 0.5), st.floats(0.5, 0.99))
def test_both_directions_agree(deviation: float, gain: float, power: float) -> None:
    """The reverse question has the reverse answer."""
    count = decisions_needed(deviation, gain=gain, power=power)
    assert detectable_gain(deviation, decisions=count, power=power) <= gain * (1 + 1e-9)
    if count > 2:
        assert detectable_gain(deviation, decisions=count - 1, power=power) >= gain * (1 - 1e-9)


def test_what_costs_decisions() -> None:
    """Fewer ratings, less exploration and more variety between requests all take more."""
    target, logging = [[0.0, 1.0]], [[0.5, 0.5]]
    plain = deviation_of(target, logging)
    assert plain == pytest.approx(np.sqrt(0.5**2 * 0.5**2 / 0.5 * 2))
    assert deviation_of(target, logging, rated=0.25) == pytest.approx(2 * plain)
    assert deviation_of(target, [[0.9, 0.1]]) > plain
    varied = deviation_of(target * 2, logging * 2, reward_model=[[0.0, 1.0], [1.0, 0.0]])
    assert varied == pytest.approx(np.sqrt(plain**2 + 0.5**2))


def test_nonsense_is_refused() -> None:
    for call in (
        lambda: decisions_needed(0.5, gain=0),
        lambda: decisions_needed(0.5, power=1.0),
        lambda: detectable_gain(0.5, decisions=1),
        lambda: deviation_of([[0.0, 1.0]], [[1.0, 0.0]]),
        lambda: deviation_of([[0.0, 1.0]], [[0.5, 0.5]], rated=0.0),
        lambda: deviation_of([[0.0, 1.0]], [[0.5, 0.4]]),
        lambda: deviation_of([0.0, 1.0], [0.5, 0.5]),
    ):
        with pytest.raises(OfflineDataError):
            call()
