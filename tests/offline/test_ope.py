"""Off-policy estimates are right on average, their intervals hold what they say, and bad data give no number.

Coverage at other sizes: ``python -c "import runpy; t = runpy.run_path('tests/offline/test_ope.py');
[print(row) for row in t['coverage_table'](2000)]"`` (some minutes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from router_ml.offline import ope
from router_ml.offline.feedback import Floats
from router_ml.offline.ope import Feedback

LANES = 4
SEEDS = 300
NAMES = ("ips", "snips", "dm", "dr", "dr difference", "snips difference")


@cache
def world(sharpness: float, prompts: int = 20_000) -> tuple[Floats, Floats, Floats, Floats]:
    """Features, full-information quality of every lane (0 or 1), a logging policy with a floor of 5% per lane, and a
    greedier target policy. Sharpness 0 logs uniformly."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(prompts, 4))
    skill = features @ rng.normal(size=(4, LANES)) + np.linspace(-0.5, 1, LANES)
    quality = (rng.random(skill.shape) < 1 / (1 + np.exp(-skill))).astype(float)
    liked = np.exp(sharpness * (skill + rng.normal(size=skill.shape)))
    logging = 0.8 * liked / liked.sum(axis=1, keepdims=True) + 0.2 / LANES
    best_guess = (skill + 0.3 * rng.normal(size=skill.shape)).argmax(axis=1)
    target = 0.9 * np.eye(LANES)[best_guess] + 0.1 / LANES
    return features, quality, logging, target


def draw(rng: np.random.Generator, probabilities: Floats) -> Any:
    return (rng.random(len(probabilities))[:, None] > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)


def simulate(
    seed: int, *, sharpness: float = 1.0, count: int = 1000, rated: float = 1.0
) -> tuple[Floats, Feedback, Floats]:
    """Target policy, feedback and features of ``count`` logged decisions."""
    features, quality, logging, target = world(sharpness)
    rng = np.random.default_rng(1000 + seed)
    prompt = rng.integers(len(quality), size=count)
    action = draw(rng, logging[prompt])
    feedback = Feedback(
        action=action,
        propensity=logging[prompt, action],
        reward=np.where(rng.random(count) < rated, quality[prompt, action], np.nan),
        rated_probability=np.full(count, rated),
        logging=logging[prompt],
    )
    return target[prompt], feedback, features[prompt]


@cache
def study(sharpness: float, count: int, rated: float, seeds: int = SEEDS) -> dict[str, tuple[float, float]]:
    """Coverage of the 95% interval and root mean squared error of each estimator against the known truth."""
    _, quality, logging, target = world(sharpness)
    truth = float((target * quality).sum(axis=1).mean())
    gain = truth - float((logging * quality).sum(axis=1).mean())
    errors: dict[str, list[tuple[bool, float]]] = {name: [] for name in NAMES}
    for seed in range(seeds):
        policy, feedback, features = simulate(seed, sharpness=sharpness, count=count, rated=rated)
        model = ope.cross_fit(ope.ridge(LANES), features, feedback)
        for estimate in (
            ope.ips(policy, feedback),
            ope.snips(policy, feedback),
            ope.dm(policy, feedback, model),
            ope.dr(policy, feedback, model),
            ope.difference(policy, feedback.logging, feedback, reward_model=model),
            ope.difference(policy, feedback.logging, feedback, estimator="snips"),
        ):
            right = gain if "difference" in estimate.name else truth
            errors[estimate.name].append((estimate.low <= right <= estimate.high, estimate.value - right))
    return {
        name: (float(np.mean([held for held, _ in found])), float(np.sqrt(np.mean([error**2 for _, error in found]))))
        for name, found in errors.items()
    }


def coverage_table(seeds: int) -> Iterator[str]:
    for sharpness in (0.0, 1.0):
        for rated in (1.0, 0.3):
            for count in (300, 1000, 3000):
                found = study(sharpness, count, rated, seeds)
                cells = "  ".join(f"{name} {held:.3f} (rmse {error:.4f})" for name, (held, error) in found.items())
                yield f"logging {'skewed' if sharpness else 'uniform'}, rated {rated}, n {count}: {cells}"


@pytest.mark.parametrize("rated", [1.0, 0.3])
@pytest.mark.parametrize("sharpness", [0.0, 1.0])
def test_95_percent_intervals_hold_the_truth_95_percent_of_the_time(sharpness: float, rated: float) -> None:
    """A gate that trusts intervals which are too narrow promotes worse routers; too wide ones never promote."""
    binomial_error = np.sqrt(0.95 * 0.05 / SEEDS)
    found = study(sharpness, 1000, rated)
    for name in ("snips", "dr", "dr difference", "snips difference"):
        assert abs(found[name][0] - 0.95) < 3 * binomial_error, (name, found[name])


@pytest.mark.slow
@pytest.mark.parametrize("rated", [1.0, 0.3])
@pytest.mark.parametrize("sharpness", [0.0, 1.0])
@pytest.mark.parametrize("count", [300, 1000, 3000])
def test_doubly_robust_intervals_hold_at_every_size(sharpness: float, rated: float, count: int) -> None:
    """The headline number, down to 90 ratings."""
    held, _ = study(sharpness, count, rated, 2000)["dr"]
    assert abs(held - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize("rated", [1.0, 0.3])
@pytest.mark.parametrize("sharpness", [0.0, 1.0])
def test_the_reward_model_and_self_normalising_cut_the_error(sharpness: float, rated: float) -> None:
    """What the headline estimator is for; the direct method shows why it is no evidence."""
    found = study(sharpness, 1000, rated)
    assert found["dr"][1] < found["snips"][1] < found["ips"][1]
    assert found["dm"][0] < 0.7


def test_ips_and_snips_by_hand() -> None:
    """Weights .4, 1.2, 1.25, 5; rewards 1, 0, 1, 1."""
    target = [[0.2, 0.8], [0.4, 0.6], [1, 0], [0, 1]]
    feedback = Feedback(action=[0, 1, 0, 1], propensity=[0.5, 0.5, 0.8, 0.2], reward=[1, 0, 1, 1])
    ips = ope.ips(target, feedback)
    assert ips.value == pytest.approx((0.4 + 1.25 + 5) / 4)
    assert ips.standard_error == pytest.approx(np.std([0.4, 0, 1.25, 5], ddof=1) / 2)
    assert (ips.name, ips.n, ips.max_weight) == ("ips", 4, pytest.approx(5))
    assert ips.effective_sample_size == pytest.approx(7.85**2 / (0.16 + 1.44 + 1.5625 + 25))
    snips = ope.snips(target, feedback)
    value = 6.65 / 7.85
    assert snips.value == pytest.approx(value)
    influence = np.array([0.4 * (1 - value), -1.2 * value, 1.25 * (1 - value), 5 * (1 - value)]) / (7.85 / 4)
    assert snips.standard_error == pytest.approx(np.sqrt((influence**2).sum() * 4 / 3) / 4)
    assert snips.low < value < snips.high


@pytest.mark.parametrize("reward", [[1, 0, 1, 1, 0, 0.5], [0, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 1]])
def test_few_or_heavy_rows_widen_the_interval_as_students_t_does(reward: list[float]) -> None:
    """The variance of a handful of rows is itself a guess; the normal quantile would pretend to know it."""
    stats = pytest.importorskip("scipy.stats", reason="scipy is the reference here")
    estimate = ope.ips([[1.0]] * 6, Feedback(action=[0] * 6, propensity=[1.0] * 6, reward=reward))
    away = np.array(reward) - np.mean(reward)
    spread = (away**4).mean() - (away**2).mean() ** 2
    freedom = max(2, min(5, 12 * (away**2).mean() ** 2 / spread if spread > 1e-12 else 5))
    assert estimate.standard_error == pytest.approx(np.std(reward, ddof=1) / np.sqrt(6))
    reach = np.sqrt((estimate.high - estimate.value) * (estimate.value - estimate.low))
    quantile = reach / estimate.standard_error
    assert quantile == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.02)


def test_dm_and_dr_by_hand() -> None:
    """Model values .56, .6, .9, .8 under the target; residuals at the logged lane .2, -.6, .1, .2."""
    target = [[0.2, 0.8], [0.4, 0.6], [1, 0], [0, 1]]
    model = [[0.8, 0.5], [0.6, 0.6], [0.9, np.nan], [0.4, 0.8]]
    feedback = Feedback(action=[0, 1, 0, 1], propensity=[0.5, 0.5, 0.8, 0.2], reward=[1, 0, 1, 1])
    assert ope.dm(target, feedback, model).value == pytest.approx((0.56 + 0.6 + 0.9 + 0.8) / 4)
    residuals = 0.4 * 0.2 - 1.2 * 0.6 + 1.25 * 0.1 + 5 * 0.2
    assert ope.dr(target, feedback, model).value == pytest.approx((2.86 + residuals) / 4)


def test_a_missing_rating_is_not_a_zero() -> None:
    """Half the rows are rated, all of these 1: the value is 1, not one half."""
    feedback = Feedback(
        action=[0] * 4, propensity=[1.0] * 4, reward=[1, np.nan, 1, np.nan], rated_probability=[0.5, np.nan] * 2
    )
    target = [[1.0]] * 4
    assert ope.ips(target, feedback).value == pytest.approx(1)
    assert ope.snips(target, feedback).value == pytest.approx(1)
    assert ope.dr(target, feedback, [[0.9]] * 4).value == pytest.approx(1)
    assert ope.diagnose(target, feedback).rated == 2


small = st.integers(0, 10_000)


@given(small)
def test_the_logging_policy_is_worth_what_it_earned(seed: int) -> None:
    """On its own log, a policy's value is the plain mean, whatever the estimator's weights are for."""
    _, feedback, _ = simulate(seed, count=50)
    assert feedback.logging is not None
    for estimate in (ope.ips(feedback.logging, feedback), ope.snips(feedback.logging, feedback)):
        assert estimate.value == pytest.approx(feedback.reward.mean())
    assert ope.diagnose(feedback.logging, feedback).effective_sample_size == pytest.approx(50)


@given(small)
def test_a_model_of_zeros_makes_dr_ips_and_a_perfect_one_makes_it_exact(seed: int) -> None:
    """The two ends of double robustness."""
    target, feedback, _ = simulate(seed, count=50)
    zeros = np.zeros(target.shape)
    assert ope.dr(target, feedback, zeros).value == pytest.approx(ope.ips(target, feedback).value)
    perfect = np.random.default_rng(seed).random(target.shape)
    reward = perfect[np.arange(50), feedback.action]
    known = Feedback(action=feedback.action, propensity=feedback.propensity, reward=reward, logging=feedback.logging)
    assert ope.dr(target, known, perfect).value == pytest.approx((target * perfect).sum(axis=1).mean())


@given(small, st.floats(-5, 5))
def test_snips_moves_with_the_reward_and_stays_within_it(seed: int, shift: float) -> None:
    """Renaming 0..1 to 1..2 must not change what is better."""
    target, feedback, _ = simulate(seed, count=50)
    moved = replace(feedback, reward=feedback.reward + shift)
    before, after = ope.snips(target, feedback), ope.snips(target, moved)
    assert after.value == pytest.approx(before.value + shift)
    assert after.standard_error == pytest.approx(before.standard_error)
    assert 0 <= before.value <= 1


@given(small)
def test_a_policy_does_not_differ_from_itself_and_differences_add_up(seed: int) -> None:
    """A paired interval must know that both policies are judged on the same rows."""
    target, feedback, _ = simulate(seed, count=50)
    same = ope.difference(target, target, feedback, estimator="snips")
    assert (same.value, same.low, same.high) == (0, 0, 0)
    uniform = np.full(target.shape, 1 / LANES)
    paired = ope.difference(target, uniform, feedback, estimator="ips")
    assert paired.value == pytest.approx(ope.ips(target, feedback).value - ope.ips(uniform, feedback).value)


def test_repeated_rows_of_one_cluster_are_not_more_evidence() -> None:
    """A session logged ten times over would otherwise shrink the interval threefold."""
    target, feedback, _ = simulate(1, count=200)
    rows = np.repeat(np.arange(200), 10)
    fields = {"action": feedback.action[rows], "propensity": feedback.propensity[rows], "reward": feedback.reward[rows]}
    single, blind = ope.snips(target, feedback), ope.snips(target[rows], Feedback(**fields))
    clustered = ope.snips(target[rows], Feedback(**fields, cluster=rows))
    assert blind.standard_error < 0.35 * single.standard_error
    assert clustered.standard_error == pytest.approx(single.standard_error)
    assert (clustered.low, clustered.high) == pytest.approx((single.low, single.high))
    resampled = ope.snips(target[rows], Feedback(**fields, cluster=rows), bootstrap=2000)
    assert resampled.standard_error == pytest.approx(single.standard_error, rel=0.1)


def test_the_bootstrap_agrees_with_the_influence_function() -> None:
    """Two roads to one interval; the seed makes it repeatable."""
    target, feedback, features = simulate(2, count=2000)
    model = ope.cross_fit(ope.ridge(LANES), features, feedback)
    analytic = ope.difference(target, feedback.logging, feedback, reward_model=model)
    resampled = ope.difference(target, feedback.logging, feedback, reward_model=model, bootstrap=1000, seed=3)
    assert resampled.value == analytic.value
    assert resampled.standard_error == pytest.approx(analytic.standard_error, rel=0.1)
    assert (resampled.low, resampled.high) == pytest.approx((analytic.low, analytic.high), abs=0.01)
    assert resampled == ope.difference(target, feedback.logging, feedback, reward_model=model, bootstrap=1000, seed=3)


def test_cross_fitting_never_shows_a_model_its_own_rows_or_group() -> None:
    """A model that has seen the answer makes every policy that agrees with it look good."""
    _, feedback, features = simulate(4, count=300, rated=0.5)
    features = np.column_stack([features, np.arange(300)])
    groups = np.arange(300) // 7
    seen: list[set[int]] = []

    def spy(rows: Floats, action: Any, reward: Floats) -> ope.Predict:
        assert np.isfinite(reward).all()
        seen.append({int(row) // 7 for row in rows[:, -1]})
        return lambda some: np.repeat(some[:, -1:], LANES, axis=1) + 1000 * (len(seen) - 1)

    predictions = ope.cross_fit(spy, features, feedback, folds=4, groups=groups, seed=1)
    assert len(seen) == 4
    np.testing.assert_array_equal(predictions[:, 0] % 1000, np.arange(300))
    fold = (predictions[:, 0] // 1000).astype(int)
    assert set(fold) == {0, 1, 2, 3}
    for number in range(4):
        assert not seen[number] & set(groups[fold == number])
    again = ope.cross_fit(ope.ridge(LANES), features, feedback, seed=1)
    np.testing.assert_array_equal(again, ope.cross_fit(ope.ridge(LANES), features, feedback, seed=1))


def test_ridge_learns_lanes_and_shrinks_an_unseen_one_to_the_others() -> None:
    """A lane without data gets the common prediction, not zero and not an error."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 3))
    action = rng.integers(0, 2, size=600)
    reward = 0.5 + features[:, 0] * np.where(action == 0, 1.0, -1.0) + features[:, 1]
    predicted = ope.ridge(3, penalty=0.1)(features, action, reward)(np.array([[1.0, 0, 0], [0, 1, 0]]))
    np.testing.assert_allclose(predicted[:, :2], [[1.5, -0.5], [1.5, 1.5]], atol=0.05)
    np.testing.assert_allclose(predicted[:, 2], [0.5, 1.5], atol=0.15)


GOOD: dict[str, Any] = {"action": [0, 1, 0], "propensity": [0.5, 0.5, 0.8], "reward": [1.0, 0.0, 1.0]}
VECTORS = [[0.5, 0.5, 0], [0.5, 0.5, 0], [0.8, 0.2, 0]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"propensity": [0.5, 0.0, 0.8]}, r"1 of 3 propensities are NaN or outside \(0, 1\], first in row 1"),
        ({"propensity": [0.5, 0.5, 1.5]}, "first in row 2"),
        ({"propensity": [np.nan, 0.5, 0.8]}, "first in row 0"),
        ({"propensity": [0.5, 0.5]}, "vectors of one length"),
        ({"action": [0], "propensity": [0.5], "reward": [1.0]}, "2 decisions or more"),
        ({"action": [0, 1, -1]}, "not the index of a lane"),
        ({"action": [0.0, 1.0, 0.0]}, "not the index of a lane"),
        ({"reward": [np.nan] * 3}, "at least one must be rated"),
        ({"reward": [1.0, np.inf, 0.0]}, "must be finite"),
        ({"reward": [1.0, np.nan, 0.0]}, r"2 of 3 decisions have a reward .*P\(rated\) speaks for 2"),
        ({"rated_probability": [0.3, 0.0, 0.3]}, r"P\(rated\) that is NaN or outside"),
        ({"rated_probability": [0.3, np.nan, 0.3]}, r"P\(rated\) that is NaN or outside"),
        ({"logging": [[0.5, 0.5], [0.5, 0.5], [0.8, 0.1]]}, "sums to 0.9 in row 2"),
        ({"logging": [[0.5, 0.5], [0.5, 0.5], [1.2, -0.2]]}, "negative"),
        ({"logging": [[0.5, 0.5], [0.4, 0.6], [0.8, 0.2]]}, "propensity of row 1 is not that of its action"),
        ({"logging": [[0.5, 0.5]] * 2}, "one row each"),
    ],
)
def test_a_log_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    """Vowpal Wabbit and friends take p = 0 and NaN in silence; a wrong number is worse than none."""
    with pytest.raises(OfflineDataError, match=said):
        Feedback(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("target", "logging", "said"),
    [
        ([[0.5, 0.6]] * 3, None, "sums to 1.1 in row 0"),
        ([[1.5, -0.5]] * 3, None, "negative"),
        ([[np.nan, 1]] * 3, None, "NaN"),
        ([[0.5, 0.5]] * 2, None, r"Expected a target policy \(3, lanes\)"),
        ([0.5, 0.5, 0.5], None, "one row per decision"),
        ([[1.0]] * 3, None, "holds lane 1, the target policy knows only lanes 0 to 0"),
        ([[0.5, 0, 0.5]] * 3, None, r"in 3 of 3 decisions it may take lanes \[2\]"),
        ([[0.5, 0, 0.5], [1, 0, 0], [1, 0, 0]], VECTORS, r"in 1 of 3 decisions it may take lanes \[2\]"),
        ([[0.5, 0.5]] * 3, VECTORS, r"\(3, 2\), the logged one \(3, 3\)"),
    ],
)
@pytest.mark.parametrize("estimator", ["ips", "snips", "dm", "dr"])
def test_a_target_that_the_log_cannot_speak_of_is_refused(
    target: Any, logging: Any, said: str, estimator: ope.Estimator
) -> None:
    """IPS silently counts 0 for what was never tried; here that is an error in every estimator."""
    feedback = Feedback(**GOOD, logging=logging)
    model = np.ones(np.shape(target))
    with pytest.raises(OfflineDataError, match=said):
        ope.difference(target, target, feedback, estimator=estimator, reward_model=model)


def test_a_reward_model_that_is_missing_or_broken_is_refused() -> None:
    """NaN is allowed only where nobody looks."""
    feedback, target = Feedback(**GOOD), [[1.0, 0.0]] * 3
    with pytest.raises(OfflineDataError, match="dr needs reward_model="):
        ope.difference(target, target, feedback)
    with pytest.raises(OfflineDataError, match=r"\(3, 1\), the target policy \(3, 2\)"):
        ope.dr(target, feedback, [[0.5]] * 3)
    with pytest.raises(OfflineDataError, match="NaN or infinity where it is needed"):
        ope.dr(target, feedback, [[0.5, np.nan]] * 3)
    assert ope.dm(target, feedback, [[0.5, np.nan]] * 3).value == 0.5
    with pytest.raises(OfflineDataError, match="NaN or infinity where it is needed"):
        ope.dm([[0.9, 0.1]] * 3, feedback, [[0.5, np.nan]] * 3)
    with pytest.raises(OfflineDataError, match="No rated decision took a lane of the target"):
        ope.snips(
            [[1.0, 0.0]] * 3, Feedback(action=[1, 1, 1], propensity=[0.5] * 3, reward=[1] * 3, logging=[[0.5, 0.5]] * 3)
        )
    with np.errstate(invalid="ignore"), pytest.raises(OfflineDataError, match="too few decisions of weight"):
        ope.snips(target, Feedback(**GOOD), bootstrap=100)
    with pytest.raises(OfflineDataError, match="one cluster"):
        ope.ips(target, Feedback(**GOOD, cluster=["a", "a", "a"]))
    with pytest.raises(OfflineDataError, match="features of 2 rows for 3 decisions"):
        ope.cross_fit(ope.ridge(2), np.zeros((2, 1)), feedback)
    with pytest.raises(OfflineDataError, match=r"9 folds need at least as many groups \(found 3\)"):
        ope.cross_fit(ope.ridge(2), np.zeros((3, 1)), feedback, folds=9)


def test_ratings_of_whole_sessions_are_not_mistaken_for_missing_ones() -> None:
    """Rating all or nothing of a session varies far more than rating single decisions; the check must allow for it."""
    session = np.repeat(np.arange(40), 25)
    kept = np.random.default_rng(3).random(40) < 0.15
    fields: dict[str, Any] = {
        "action": np.zeros(1000, dtype=int),
        "propensity": np.full(1000, 0.5),
        "reward": np.where(kept[session], 1.0, np.nan),
        "rated_probability": np.full(1000, 0.3),
    }
    with pytest.raises(OfflineDataError, match="rated_probability of log_outcome, or of an import"):
        Feedback(**fields)
    assert len(Feedback(**fields, cluster=session)) == 1000
