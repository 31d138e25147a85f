"""Intervals that hold at every sample size hold, and say what they need."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline import ope
from router_ml.offline.estimating.bounded import Setup
from router_ml.offline.feedback import Feedback, Floats


def draw(seed: int, count: int = 200, *, success: float = 0.9) -> tuple[Floats, Floats, Feedback, float, float]:
    """Target, model, feedback, the target's value and its gain over the log."""
    rng = np.random.default_rng(seed)
    logging = np.tile([0.7, 0.3], (count, 1))
    action = (rng.random(count) < 0.3).astype(int)
    odds = np.array([success - 0.2, success])
    rated = rng.random(count) < 0.8
    feedback = Feedback(
        action=action,
        propensity=logging[np.arange(count), action],
        reward=np.where(rated, rng.random(count) < odds[action], np.nan),
        rated_probability=np.full(count, 0.8),
        logging=logging,
        bounds=(0, 1),
    )
    target = np.tile([0.1, 0.9], (count, 1))
    truth = float(target[0] @ odds)
    return target, np.tile(odds, (count, 1)), feedback, truth, truth - float(logging[0] @ odds)


@pytest.mark.parametrize("interval", ["bernstein", "betting"])
def test_they_hold_at_small_samples(interval: Literal["bernstein", "betting"]) -> None:
    """At 40 decisions with heavy weights and rewards near 1, where nothing is normal."""
    missed = np.zeros(3)
    for seed in range(100):
        target, model, feedback, truth, gain = draw(seed, 40)
        assert feedback.logging is not None
        value = ope.ips(target, feedback, interval=interval)
        robust = ope.dr(target, feedback, model, interval=interval)
        paired = ope.difference(
            target, feedback.logging, feedback, estimator="dr", reward_model=model, interval=interval
        )
        for place, (found, right) in enumerate(((value, truth), (robust, truth), (paired, gain))):
            missed[place] += not found.low <= right <= found.high
            assert found.interval == interval
    assert (missed / 100 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)).all()


def test_betting_is_narrower_than_bernstein() -> None:
    """What makes it worth its time."""
    target, model, feedback, truth, _ = draw(0, 2000)
    betting = ope.dr(target, feedback, model, interval="betting")
    bernstein = ope.dr(target, feedback, model, interval="bernstein")
    assert betting.low <= truth <= betting.high
    assert betting.high - betting.low < 0.8 * (bernstein.high - bernstein.low)
    assert np.isnan(betting.standard_error)


def test_a_sequence_for_a_policy_ends_around_its_value() -> None:
    """The same log seen as a stream, for a value and for a gain, with and without a model."""
    target, model, feedback, truth, gain = draw(1, 800)
    assert feedback.logging is not None
    for sequence, right in (
        (ope.policy_sequence(target, feedback), truth),
        (ope.policy_sequence(target, feedback, reward_model=model), truth),
        (ope.policy_sequence(target, feedback, baseline=feedback.logging), gain),
    ):
        assert sequence.low.shape == (800,)
        assert sequence.low[-1] <= right <= sequence.high[-1]
        assert sequence.high[-1] - sequence.low[-1] < 0.4
        assert sequence.low[-1] <= sequence.value[-1] <= sequence.high[-1]


def test_what_they_need_is_asked_for() -> None:
    """No range, no full propensities, clusters, or an estimator that is no mean of independent terms."""
    target, _, feedback, _, _ = draw(0, 20)
    fields = {name: getattr(feedback, name) for name in ("action", "propensity", "reward", "rated_probability")}
    for incomplete in (
        Feedback(**fields, logging=feedback.logging),
        Feedback(**fields, bounds=(0, 1)),
        Feedback(**fields, logging=feedback.logging, bounds=(0, 1), cluster=np.arange(20) // 2),
    ):
        with pytest.raises(OfflineDataError, match="independent decisions, the full propensities and the range"):
            ope.ips(target, incomplete, interval="betting")
    with pytest.raises(OfflineDataError, match="needs a plain mean"):
        ope.snips(target, feedback, interval="bernstein")
    with pytest.raises(OfflineDataError, match="finite reward for every decision and lane"):
        ope.policy_sequence(target, feedback, reward_model=[[np.nan, 0.5]] * 20)


def rarely_rated(seed: int, count: int = 300) -> tuple[dict[str, Any], Floats]:
    """Three kinds of requests, rated with 1, .2 and .003; only the kind that is hardly rated fails: quality 2/3."""
    rng = np.random.default_rng(seed)
    kind, logging = rng.integers(3, size=count), np.full((count, 2), 0.5)
    probability = np.array([1, 0.2, 0.003])[kind]
    fields: dict[str, Any] = {
        "action": rng.integers(2, size=count),
        "propensity": logging[:, 0],
        "reward": np.where(rng.random(count) < probability, np.array([1.0, 1.0, 0.0])[kind], np.nan),
        "logging": logging,
        "bounds": (0, 1),
    }
    return fields, probability


def test_ratings_that_are_too_rare_to_be_seen_are_not_forgotten() -> None:
    """The largest weight is that of the rating plan: taken from the ratings that came, 73 of 120 logs missed, and 80
    more were refused for it."""
    missed = 0
    for seed in range(60):
        fields, probability = rarely_rated(seed)
        feedback = Feedback(**fields, rated_probability=probability)
        assert feedback.rarest == 0.003
        missed += not ope.snips(feedback.logging, feedback, interval="betting").low <= 2 / 3
        missed += bool((ope.policy_sequence(feedback.logging, feedback).low > 2 / 3).any()) if seed < 10 else 0
    assert missed <= 60 * 0.05 + 2 * np.sqrt(60 * 0.05 * 0.95)


def test_the_least_chance_of_a_rating_is_asked_for() -> None:
    """Known for rated decisions only, it may not be read off those that happened to be rated."""
    fields, probability = rarely_rated(1)
    rated = np.isfinite(fields["reward"])
    fields["reward"][np.flatnonzero(probability == 0.003)[0]] = 0.0  # one of them was rated: the log is accepted
    for unsaid in (np.nan, 1.0):  # 1 is what stands in an outcome for which nobody said it
        known = np.where(np.isfinite(fields["reward"]), probability, unsaid)
        feedback = Feedback(**fields, rated_probability=known)
        with pytest.raises(OfflineDataError, match=r"declare the least of the rating plan, Feedback\(least_rated"):
            ope.ips(feedback.logging, feedback, interval="betting")
        declared = replace(feedback, least_rated=0.001)
        assert declared.rarest == 0.001
        assert Setup(declared.logging, declared, None, None).reach == (0, 1000)
    with pytest.raises(OfflineDataError, match=r"least_rated is 0.01, but a decision had P\(rated\) 0.003"):
        replace(feedback, least_rated=0.01)
    alike = Feedback(
        **{**fields, "reward": np.where(rated & (np.arange(300) % 2 == 0), 1.0, np.nan)},
        rated_probability=np.where(np.arange(300) % 2 == 0, 0.25, np.nan),
    )
    assert alike.rarest == 0.25


@pytest.mark.parametrize("baseline", [False, True])
def test_no_bet_can_ruin_where_the_least_propensity_is_declared(baseline: bool) -> None:
    """Then the log's own largest weight does not count, and every outcome stays above its floor."""
    target, model, feedback, _, _ = draw(0)
    declared = replace(feedback, least_propensity=0.1)
    other = feedback.logging if baseline else None
    setup = Setup(target, declared, other, model)
    assert setup.reach == pytest.approx((-12.5 if baseline else 0.0, 12.5))
    for estimator in ("ips", "snips", "dr"):
        for bets in itertools.chain(*setup.bets(estimator)):
            assert (bets.values >= bets.floor - 1e-9).all()
    narrow, wide = (ope.dr(target, each, model, interval="bernstein") for each in (feedback, declared))
    assert wide.low < narrow.low
    with pytest.raises(OfflineDataError, match=r"least_propensity is 0.5, but a lane had 0.3"):
        replace(feedback, least_propensity=0.5)
