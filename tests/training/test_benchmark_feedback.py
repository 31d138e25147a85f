"""A router of the benchmark sees what a log would hold, and never more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.benchmark import protocol
from training.benchmark.feedback import EVALUATED, SKEW_EVEN, Logging, observe, skewed
from training.outcomes import Pack


@given(seed=st.integers(0, 50), lanes=st.integers(2, 6), logging=st.sampled_from(["uniform", "skewed"]))
def test_bandit_feedback_hides_all_but_one_lane(
    make_pack: Callable[..., Pack], seed: int, lanes: int, logging: Logging
) -> None:
    """One outcome per prompt, its probability logged; anything more would be peeking. Every fold sees every lane."""
    pack = make_pack(groups=100, lanes=lanes)
    outcomes = observe(pack, "bandit", logging, seed=seed)
    seen = np.isfinite(outcomes.quality)
    assert (seen.sum(axis=1) == 1).all()
    assert (seen == np.isfinite(outcomes.cost_usd)).all()
    drawn_with = skewed(pack, seed=seed) if logging == "skewed" else np.full(seen.shape, 1 / lanes)
    assert (outcomes.probability[seen] == drawn_with[seen]).all()
    plain = np.random.default_rng(seed).integers(0, lanes, len(seen))  # the stream that training draws its folds from
    assert (plain == seen.argmax(axis=1)).mean() < 0.8
    assert (outcomes.quality[seen] == pack.quality[seen]).all()
    for rows, lesson in protocol._course(pack, "bandit", logging, seed).folds:
        assert np.isfinite(lesson.outcomes.quality).any(axis=0).all()
        assert not set(pack.group[rows]) & set(np.delete(pack.group, rows))


def test_a_skewed_log_prefers_lanes_by_prompt_and_never_rules_one_out(make_pack: Callable[..., Pack]) -> None:
    """Without preferences the row would be the even one again; without a least probability nothing could be learned."""
    pack = make_pack(lanes=6)
    drawn_with = skewed(pack, seed=3)
    assert drawn_with.sum(axis=1) == pytest.approx(1)
    assert drawn_with.min() >= SKEW_EVEN / 6
    assert drawn_with.mean(axis=0).max() > 3 * drawn_with.mean(axis=0).min()
    assert (drawn_with.std(axis=0) > 0.01).any()


@pytest.mark.parametrize("logging", ["uniform", "skewed"])
def test_lanes_are_drawn_as_often_as_the_log_says(pack: Pack, logging: Logging) -> None:
    """A propensity that is not the frequency would bias everything that is weighted by it."""
    drawn = [np.isfinite(observe(pack, "bandit", logging, seed=seed).quality) for seed in range(300)]
    said = [
        np.full(pack.quality.shape, 1 / 3) if logging == "uniform" else skewed(pack, seed=seed) for seed in range(300)
    ]
    assert np.mean(drawn, axis=(0, 1)) == pytest.approx(np.mean(said, axis=(0, 1)), abs=0.01)
    weighted = [each / probability for each, probability in zip(drawn, said, strict=True)]
    assert np.mean(weighted, axis=(0, 1)) == pytest.approx(np.ones(3), abs=0.02)


@pytest.mark.parametrize("logging", ["uniform", "skewed"])
def test_priors_are_two_hundred_evaluated_prompts(pack: Pack, logging: Logging) -> None:
    outcomes = observe(pack, "prior+bandit", logging, seed=0)
    seen = np.isfinite(outcomes.quality).sum(axis=1)
    assert sorted(set(seen.tolist())) == [1, 3]
    assert (seen == 3).sum() == EVALUATED == 200
    assert (outcomes.probability[seen == 3] == 1).all()


@pytest.mark.parametrize("logging", ["uniform", "skewed"])
def test_calibration_from_single_outcomes_is_unbiased(pack: Pack, logging: Logging) -> None:
    """Doubly robust: averaged over what might have been logged, the truth, whatever was predicted."""
    predicted = np.full(pack.quality.shape, 0.3)
    draws = [observe(pack, "bandit", logging, seed=seed) for seed in range(400)]
    corrected = [protocol._corrected(predicted, each.quality, each.probability) for each in draws]
    assert np.mean(corrected, axis=(0, 1)) == pytest.approx(pack.quality.mean(axis=0), abs=0.02)
    whole = observe(pack, "full", seed=0)
    assert protocol._corrected(predicted, whole.quality, whole.probability) == pytest.approx(pack.quality)
