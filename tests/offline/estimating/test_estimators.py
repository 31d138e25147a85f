"""The estimators around the headline, what they agree with, and intervals near the edge of the rewards' range."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from router_ml.offline import ope
from router_ml.offline.feedback import Feedback, Floats

LANES = 3
TARGET = [[0.2, 0.8], [0.4, 0.6], [1, 0], [0, 1]]
MODEL = [[0.8, 0.5], [0.6, 0.6], [0.9, 0.3], [0.4, 0.8]]
FOUR: dict[str, Any] = {"action": [0, 1, 0, 1], "propensity": [0.5, 0.5, 0.8, 0.2], "reward": [1, 0, 1, 1]}


def log_of(seed: int, count: int = 80, rated: float = 0.7) -> tuple[Floats, Floats, Feedback]:
    """Target, reward model and feedback of a made-up log with missing ratings."""
    rng = np.random.default_rng(seed)
    logging = 0.5 * rng.dirichlet(np.ones(LANES), size=count) + 0.5 / LANES
    action = (rng.random(count)[:, None] > logging.cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward = np.where(rng.random(count) < rated, rng.random(count), np.nan)
    feedback = Feedback(
        action=action,
        propensity=logging[np.arange(count), action],
        reward=reward,
        rated_probability=np.full(count, rated),
        logging=logging,
        bounds=(0, 1),
    )
    return rng.dirichlet(np.ones(LANES), size=count), rng.random((count, LANES)), feedback


@given(st.integers(0, 10_000))
def test_ips_and_snips_agree_with_an_independent_implementation(seed: int) -> None:
    """vw-estimators adds up one example at a time; ours must be the same numbers to 1e-9."""
    bandits = pytest.importorskip("estimators.bandits", reason="vw-estimators is the reference here")
    target, _, feedback = log_of(seed, rated=1.0)
    for name, ours in (("ips", ope.ips(target, feedback)), ("snips", ope.snips(target, feedback))):
        theirs = importlib.import_module(f"{bandits.__name__}.{name}").Estimator()
        for row, action in enumerate(feedback.action):
            theirs.add_example(feedback.propensity[row], feedback.reward[row], target[row, action])
        assert ours.value == pytest.approx(theirs.get(), rel=1e-9, abs=1e-9)


def test_sndr_clipped_and_switch_by_hand() -> None:
    """Weights .4, 1.2, 1.25, 5; residuals .2, -.6, .1, .2; model under the target .56, .6, .9, .8."""
    feedback = Feedback(**FOUR)
    residuals, model = 0.4 * 0.2 - 1.2 * 0.6 + 1.25 * 0.1 + 5 * 0.2, (0.56 + 0.6 + 0.9 + 0.8) / 4
    assert ope.sndr(TARGET, feedback, MODEL).value == pytest.approx(model + residuals / 7.85)
    clipped = ope.clipped_ips(TARGET, feedback, clip=2.0)
    assert clipped.value == pytest.approx((0.4 + 1.25 + 2) / 4)
    assert clipped.max_weight == 2
    switch = ope.switch_dr(TARGET, feedback, MODEL, clip=2.0)
    assert switch.value == pytest.approx(model + (residuals - 5 * 0.2) / 4)
    assert all(each.diagnostic for each in (clipped, switch, ope.dm(TARGET, feedback, MODEL)))
    assert not any(each.diagnostic for each in (ope.dr(TARGET, feedback, MODEL), ope.snips(TARGET, feedback)))


@given(st.integers(0, 10_000))
def test_without_heavy_weights_the_diagnostics_are_what_they_diagnose(seed: int) -> None:
    """Clipping above the largest weight changes nothing; switching below the smallest leaves the model alone."""
    target, model, feedback = log_of(seed)
    assert ope.clipped_ips(target, feedback, clip=1e6).value == pytest.approx(ope.ips(target, feedback).value)
    assert ope.switch_dr(target, feedback, model, clip=1e6).value == pytest.approx(
        ope.dr(target, feedback, model).value
    )
    assert ope.switch_dr(target, feedback, model, clip=1e-9).value == pytest.approx(
        ope.dm(target, feedback, model).value
    )


@given(st.integers(0, 10_000), st.booleans())
def test_all_at_once_is_one_by_one(seed: int, paired: bool) -> None:
    """The fast way must not be another way."""
    target, model, feedback = log_of(seed)
    baseline = feedback.logging if paired else None
    found = ope.evaluate_all(target, feedback, reward_model=model, baseline=baseline)
    assert next(iter(found)) == "dr"
    if paired:
        assert feedback.logging is not None
        for name in ("dr", "sndr", "snips", "ips"):
            one = ope.difference(target, feedback.logging, feedback, estimator=name, reward_model=model)
            assert found[name] == one
    else:
        assert found["sndr"] == ope.sndr(target, feedback, model)
        assert found["ips"] == ope.ips(target, feedback)
        assert found["switch_dr"] == ope.switch_dr(target, feedback, model)


def test_all_at_once_bootstraps_the_same_clusters() -> None:
    """One resample for all estimators: as wide as the interval that the influence function gives."""
    target, model, feedback = log_of(3, count=3000)
    analytic = ope.evaluate_all(target, feedback, reward_model=model)
    resampled = ope.evaluate_all(target, feedback, reward_model=model, bootstrap=400, seed=1)
    for name in analytic:
        assert resampled[name].interval == "bootstrap"
        assert resampled[name].standard_error == pytest.approx(analytic[name].standard_error, rel=0.15)


def test_a_large_log_is_resampled_in_blocks_without_loss() -> None:
    """More rows than one block: the error of a mean must still be the one of all rows."""
    count = 150_000
    reward = np.random.default_rng(0).random(count)
    feedback = Feedback(action=np.zeros(count, dtype=int), propensity=np.ones(count), reward=reward)
    found = ope.ips(np.ones((count, 1)), feedback, bootstrap=100, seed=2)
    assert found.standard_error == pytest.approx(reward.std() / np.sqrt(count), rel=0.25)


def test_rewards_near_the_top_get_an_interval_that_reaches_down() -> None:
    """40 effective rows of a lane that succeeds 95% of the time: symmetric intervals hold the truth 87% of the time,
    since a log without failures shows no variance either."""
    rng, held, seeds = np.random.default_rng(1), 0, 400
    for _ in range(seeds):
        action = rng.integers(0, 4, size=160)
        reward = (rng.random(160) < 0.95).astype(float)
        estimate = ope.snips([[1.0, 0, 0, 0]] * 160, Feedback(action=action, propensity=[0.25] * 160, reward=reward))
        held += estimate.low <= 0.95 <= estimate.high
        assert estimate.high - estimate.value <= estimate.value - estimate.low + 1e-12 or estimate.value < 0.6
    assert held / seeds > 0.93


@given(st.integers(0, 10_000))
def test_intervals_turn_round_with_the_rewards(seed: int) -> None:
    """Failures counted instead of successes: the same interval, mirrored."""
    target, model, feedback = log_of(seed)
    turned = Feedback(
        action=feedback.action,
        propensity=feedback.propensity,
        reward=1 - feedback.reward,
        rated_probability=feedback.rated_probability,
        logging=feedback.logging,
    )
    before, after = ope.sndr(target, feedback, model), ope.sndr(target, turned, 1 - model)
    assert (1 - after.high, 1 - after.low) == pytest.approx((before.low, before.high))
    snips, mirrored = ope.snips(target, feedback), ope.snips(target, turned)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((snips.low, snips.high))


BROKEN: dict[str, Any] = {
    "propensity": [0.0, -0.1, 1.01, np.nan, np.inf],
    "reward": [np.inf, -np.inf],
    "action": [-1],
    "rated_probability": [0.0, -1.0, 1.5, np.nan],
}


@given(st.data(), st.sampled_from(sorted(BROKEN)), st.integers(0, 10_000))
def test_one_broken_value_anywhere_gives_no_number(data: st.DataObject, field: str, seed: int) -> None:
    """A single impossible propensity among many is enough to refuse the log."""
    _, _, feedback = log_of(seed)
    fields = {name: getattr(feedback, name).copy() for name in ("action", "propensity", "reward", "rated_probability")}
    places = np.flatnonzero(feedback.rated)
    fields[field][data.draw(st.sampled_from(places.tolist()))] = data.draw(st.sampled_from(BROKEN[field]))
    with pytest.raises(OfflineDataError):
        Feedback(**fields)


@given(st.data(), st.integers(0, 10_000))
def test_a_policy_that_is_none_or_leaves_the_support_gives_no_number(data: st.DataObject, seed: int) -> None:
    """NaN, negative, unnormalised, another shape, or probability where the log could not go."""
    target, model, feedback = log_of(seed)
    assert feedback.logging is not None
    row, bad = data.draw(st.integers(0, len(target) - 1)), target.copy()
    kind = data.draw(st.sampled_from(["nan", "negative", "sum", "rows", "lanes", "support"]))
    if kind == "support":
        logging = feedback.logging.copy()
        lane = int((feedback.action[row] + 1) % LANES)
        logging[row, lane] = 0
        logging[row] /= logging[row].sum()
        bad[row] = np.eye(LANES)[lane]
        propensity = logging[np.arange(len(bad)), feedback.action]
        feedback = Feedback(action=feedback.action, propensity=propensity, reward=np.ones(len(bad)), logging=logging)
    elif kind in ("rows", "lanes"):
        bad = bad[:-1] if kind == "rows" else np.column_stack([bad, np.zeros(len(bad))])
    else:
        bad[row, 0] = {"nan": np.nan, "negative": -0.2, "sum": bad[row, 0] + 0.01}[kind]
    for call in (
        lambda: ope.ips(bad, feedback),
        lambda: ope.evaluate_all(bad, feedback, reward_model=model),
        lambda: ope.dr(bad, feedback, model),
        lambda: ope.diagnose(bad, feedback),
    ):
        with pytest.raises(OfflineDataError):
            call()


def test_what_has_no_meaning_is_refused_with_a_reason() -> None:
    """Clips of zero, models for other lanes, intervals that an estimator does not have, rewards outside their range."""
    target, model, feedback = log_of(1)
    with pytest.raises(OfflineDataError, match="clipped at 0"):
        ope.clipped_ips(target, feedback, clip=0.0)
    with pytest.raises(OfflineDataError, match="no betting interval for sndr"):
        ope.sndr(target, feedback, model, interval="betting")
    with pytest.raises(OfflineDataError, match="sndr needs reward_model"):
        ope.difference(target, target, feedback, estimator="sndr")
    with pytest.raises(OfflineDataError, match="bounds say 0 to"):
        Feedback(**{**FOUR, "bounds": (0, 0.5)})
    with pytest.raises(OfflineDataError, match="Found lane 2"):
        ope.cross_fit(ope.ridge(2), np.zeros((80, 1)), feedback)
    with pytest.raises(OfflineDataError, match="NaN or infinity"):
        ope.cross_fit(ope.ridge(3), np.full((80, 1), np.nan), feedback)
    with pytest.raises(OfflineDataError, match="No rated decision took a lane"):
        ope.ips(
            [[1.0, 0.0]] * 3, Feedback(action=[1, 1, 1], propensity=[0.5] * 3, reward=[1] * 3, logging=[[0.5, 0.5]] * 3)
        )


@pytest.mark.parametrize("count", [2, 3, 5])
def test_intervals_hold_for_a_handful_of_organisations(count: int) -> None:
    """Each has its own effect: with two of them counted as three, 17% missed."""
    rng, missed = np.random.default_rng(count), 0
    for _ in range(200):
        organisation, action = rng.integers(count, size=1000), rng.integers(2, size=1000)
        quality = 0.7 + action * rng.normal(-0.01, 0.05, count)[organisation]
        logging = np.full((1000, 2), 0.5)
        feedback = Feedback(
            action=action,
            propensity=logging[:, 0],
            reward=(rng.random(1000) < quality).astype(float),
            logging=logging,
            cluster=organisation,
        )
        gain = ope.difference(np.tile([0.0, 1.0], (1000, 1)), logging, feedback, reward_model=np.full((1000, 2), 0.7))
        missed += not gain.low <= -0.005 <= gain.high
    assert missed / 200 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 200)
