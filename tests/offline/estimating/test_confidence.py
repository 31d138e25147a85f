"""Confidence sequences hold the truth at all times at once, whoever peeks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating import confidence
from router_ml.offline.estimating.confidence import (
    Floats,
    arm_sequence,
    betting_sequence,
    log_wealth,
    predicted_mean,
    residual_bets,
)

SEEDS = 400
LIMIT = 0.95 - 2 * np.sqrt(0.05 * 0.95 / SEEDS)  # more than .95 is what peeking costs, less would be a broken promise


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer candidates: ends are rounded outwards, which changes no promise."""
    monkeypatch.setattr(confidence, "CANDIDATES", 60)


@pytest.mark.parametrize("mean", [0.5, 0.93])
def test_the_truth_stays_inside_at_every_time(mean: float) -> None:
    """Someone who looks after each of 200 outcomes must not be fooled more often than someone who looks once."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(SEEDS):
        sequence = betting_sequence((rng.random(200) < mean).astype(float))
        held += bool(((sequence.low <= mean) & (mean <= sequence.high)).all())
    assert held / SEEDS >= LIMIT


def test_a_canary_is_watched_live() -> None:
    """A tenth of the requests goes to the new arm, which is 3 points worse: the truth stays inside at every time."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(SEEDS):
        treated = rng.random(200) < 0.1
        outcome = (rng.random(200) < np.where(treated, 0.87, 0.90)).astype(float)
        sequence = arm_sequence(outcome, treated, share=0.1)
        held += bool(((sequence.low <= -0.03) & (sequence.high >= -0.03)).all())
    assert held / SEEDS >= LIMIT


def test_a_harmful_canary_is_found() -> None:
    """A canary at 20% of the traffic that answers 30 points worse is caught within 3,000 requests."""
    rng = np.random.default_rng(2)
    treated = rng.random(3000) < 0.2
    outcome = (rng.random(3000) < np.where(treated, 0.6, 0.9)).astype(float)
    sequence = arm_sequence(outcome, treated, share=0.2)
    assert sequence.high[-1] < 0
    assert sequence.low[-1] <= -0.3 <= sequence.high[-1]
    assert abs(sequence.value[-1] + 0.3) < 0.1


def test_bets_do_not_know_the_shares_to_come() -> None:
    """A share that is changed after what was seen must not change what was said before."""
    rng = np.random.default_rng(4)
    treated, outcome = rng.random(200) < 0.3, rng.random(200)
    share = np.where(np.arange(200) < 150, 0.3, 0.01)
    early, all_of_it = (arm_sequence(outcome[:n], treated[:n], share=share[:n]) for n in (150, 200))
    np.testing.assert_array_equal(early.low, all_of_it.low[:150])
    np.testing.assert_array_equal(early.high, all_of_it.high[:150])


@settings(max_examples=30)
@given(arrays(float, st.integers(1, 60), elements=st.floats(0, 1)))
def test_sequences_never_widen_and_stay_in_range(values: Floats) -> None:
    """What was ruled out stays out, and the range is known."""
    sequence = betting_sequence(values)
    assert (np.diff(sequence.low) >= 0).all()
    assert (np.diff(sequence.high) <= 0).all()
    assert sequence.low.min() >= 0
    assert sequence.high.max() <= 1


@settings(max_examples=30)
@given(arrays(float, st.integers(1, 40), elements=st.floats(0, 1)), st.floats(-3, 3), st.floats(0.5, 4))
def test_a_sequence_moves_with_the_scale(values: Floats, start: float, span: float) -> None:
    """Quality in points or in shares, successes or failures: the same answer, up to a candidate's width."""
    plain, mirrored = betting_sequence(values), betting_sequence(1 - values)
    np.testing.assert_allclose(1 - mirrored.high, plain.low, atol=0.04)
    moved = betting_sequence(start + span * values, low=start, high=start + span)
    np.testing.assert_allclose((moved.low - start) / span, plain.low, atol=0.04)


def test_a_fair_game_makes_nobody_rich() -> None:
    """The wealth against the true mean is 1 on average at any time: what the guarantee rests on."""
    rng, last = np.random.default_rng(3), []
    for _ in range(1000):
        weight = np.where(rng.random(50) < 0.25, 4.0, 0.0)
        outcome = (rng.random(50) < 0.7).astype(float)
        foreseen = predicted_mean(outcome, weight, (0.0, 1.0))
        bets = residual_bets(weight, outcome, foreseen, reach=(0.0, 4.0), bounds=(0.0, 1.0), base=1.0)
        assert (bets.values >= bets.floor - 1e-9).all()
        (wealth,) = log_wealth([bets], np.array([0.7]), alpha=0.05)
        last.append(np.exp(wealth[-1, 0]))
    assert abs(np.mean(last) - 1) < 4 * np.std(last) / np.sqrt(1000)


@pytest.mark.parametrize(
    ("values", "said"),
    [([0.5, np.nan], "NaN or outside"), ([1.5], "NaN or outside"), ([], "vector of outcomes"), ([[0.5]], "vector")],
)
def test_bad_outcomes_are_refused(values: list[float], said: str) -> None:
    with pytest.raises(OfflineDataError, match=said):
        betting_sequence(values)


def test_bad_arms_are_refused() -> None:
    """An arm that is never drawn compares nothing."""
    with pytest.raises(OfflineDataError, match="never or always drawn"):
        arm_sequence([0.5, 0.5], [True, False], share=1.0)
    with pytest.raises(OfflineDataError, match="one arm to each"):
        arm_sequence([0.5, 0.5], [True], share=0.5)
    with pytest.raises(OfflineDataError, match="alpha"):
        betting_sequence([0.5], alpha=0)
