"""Before a number is believed: does the log fit its own propensities, and does it know the policy at all?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.diagnostics import chi_square_tail, diagnose, sample_ratio
from router_ml.offline.feedback import Feedback
from router_ml.storage.database.records import LoggedData


def feedback_of(logging: Any, action: Any) -> Feedback:
    logging, action = np.asarray(logging, dtype=float), np.asarray(action)
    rows = np.arange(len(action))
    return Feedback(action=action, propensity=logging[rows, action], reward=np.ones(len(action)), logging=logging)


def random_log(seed: int, count: int = 500) -> Feedback:
    """Decisions whose propensities differ from row to row, the last lane often impossible."""
    rng = np.random.default_rng(seed)
    logging = rng.dirichlet(np.ones(4), size=count)
    logging[rng.random(count) < 0.5, 3] = 0
    logging /= logging.sum(axis=1, keepdims=True)
    action = (rng.random(count)[:, None] > logging.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return feedback_of(logging, action)


def test_equal_rows_give_pearsons_test() -> None:
    """60 against 40 at even odds: 4.0 on one degree of freedom."""
    result = sample_ratio(feedback_of([[0.5, 0.5]] * 100, [0] * 60 + [1] * 40))
    assert (result.statistic, result.degrees_of_freedom) == (pytest.approx(4.0), 1)
    assert result.p_value == pytest.approx(0.0455, abs=1e-4)
    assert result.observed.tolist() == [60, 40]
    assert result.expected.tolist() == [50, 50]


def test_a_true_log_is_rarely_accused_and_one_with_lost_rows_is_found() -> None:
    """A test that cried wolf would be switched off; lost rows bias every estimate in silence."""
    honest = [sample_ratio(random_log(seed)).p_value for seed in range(400)]
    assert 0.02 < np.mean(np.array(honest) < 0.05) < 0.09
    log = random_log(1, count=4000)
    assert log.logging is not None
    kept = ~((log.action == 0) & (np.random.default_rng(0).random(4000) < 0.4))
    assert sample_ratio(feedback_of(log.logging[kept], log.action[kept])).p_value < 1e-4


def test_nothing_random_cannot_be_tested_for_randomness() -> None:
    result = sample_ratio(feedback_of([[1.0, 0.0]] * 5, [0] * 5))
    assert (result.degrees_of_freedom, result.p_value) == (0, 1.0)
    with pytest.raises(OfflineDataError, match="needs the full propensities"):
        sample_ratio(Feedback(action=[0, 0], propensity=[1.0, 1.0], reward=[1.0, 1.0]))


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 10])
def test_the_chi_square_tail_is_the_one_of_the_tables(freedom: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is the reference here")
    for statistic in (0.0, 0.1, 3.0, 12.0, 80.0):
        assert chi_square_tail(statistic, freedom) == pytest.approx(stats.chi2.sf(statistic, freedom), rel=1e-10)


def test_diagnostics_by_hand() -> None:
    """Weights 2, 0, 2, 0; the last two rows not rated."""
    feedback = Feedback(
        action=[0, 1, 0, 1],
        propensity=[0.5] * 4,
        reward=[1, 1, np.nan, np.nan],
        rated_probability=[0.5] * 4,
        left_out=12,
    )
    found = diagnose([[1.0, 0.0]] * 4, feedback)
    assert (found.n, found.rated, found.left_out_share) == (4, 2, 0.75)
    assert (found.mean_weight, found.mean_rating_weight) == (1.0, 1.0)
    assert found.mean_weight_standard_error == pytest.approx(np.std([2, 0, 2, 0], ddof=1) / 2)
    assert (found.effective_sample_size, found.max_weight) == (1.0, 4.0)
    assert found.sample_ratio is None


def test_propensities_that_did_not_act_show_in_the_mean_weight() -> None:
    """Logging the exploit probability instead of the final one, a common bug, moves E[w] away from 1."""
    rng = np.random.default_rng(0)
    action = (rng.random(2000) > 0.7).astype(int)
    target = np.tile([0.2, 0.8], (2000, 1))

    def off_by(probability: float) -> float:
        propensity = np.where(action == 0, probability, 1 - probability)
        found = diagnose(target, Feedback(action=action, propensity=propensity, reward=np.ones(2000)))
        return abs(found.mean_weight - 1) / found.mean_weight_standard_error

    assert off_by(0.7) < 3
    assert off_by(0.8) > 10


def make_log(randomised: list[bool]) -> LoggedData:
    count = len(randomised)
    names = np.array([str(number) for number in range(count)])
    drawn = np.array(randomised)
    return LoggedData(
        lanes=("fast", "premium"),
        encoder=None,
        decision_ids=names,
        created_at=np.zeros(count, dtype="datetime64[us]"),
        traffic_class=names,
        floor=np.full(count, 0.7),
        intent=names,
        domain=names,
        language=names,
        org=names,
        action=np.where(drawn, 1, -1),
        executed=np.full(count, 0),
        randomised=drawn,
        propensities=np.where(drawn[:, None], [0.75, 0.25], [0.0, 0.0]),
        eligible=np.ones((count, 2), dtype=bool),
        estimated_quality=np.full((count, 2), 0.5),
        estimated_cost_usd=np.full((count, 2), 0.01),
        quality=np.where(drawn, 0.8, np.nan),
        rated_probability=np.where(drawn, 1.0, np.nan),
        cost_usd=np.where(drawn, 0.02, np.nan),
        latency_ms=np.full(count, np.nan),
        embeddings=np.zeros((count, 0), dtype=np.float32),
        features=np.zeros((count, 0), dtype=np.float32),
        model=np.full(count, "a/model"),
        lane_version=np.full(count, "1"),
        prices=np.full(count, ""),
    )


def test_rows_without_randomisation_are_left_out_and_counted() -> None:
    """A pinned or refused request says nothing about the other lanes; the report must say how many there were."""
    data = make_log([True, False, True, False, False])
    feedback = Feedback.from_log(data)
    assert feedback.action.tolist() == [1, 1]
    assert feedback.propensity.tolist() == [0.25, 0.25]
    assert feedback.reward.tolist() == [0.8, 0.8]
    assert feedback.left_out == 3
    rows = data.select(data.randomised)
    assert diagnose(rows.propensities, feedback).left_out_share == 0.6
    assert Feedback.from_log(data, reward="cost_usd").reward.tolist() == [0.02, 0.02]


def test_outcomes_after_the_window_are_no_ratings() -> None:
    """Where everything was to be rated they are refused with what to do; left out, the others answer."""
    data = make_log([True, True, True])
    quality = np.array([0.8, np.nan, 0.8])
    late = replace(data, quality=quality, cost_usd=quality, late=np.array([False, True, False]))
    for reward in ("quality", "cost_usd"):
        with pytest.raises(OfflineDataError, match=r"1 of 3 decisions have outcomes after.*select\(~data.late\)"):
            Feedback.from_log(late, reward=reward)
        assert len(Feedback.from_log(late.select(~late.late), reward=reward)) == 2
    lot = replace(late, rated_probability=np.array([0.5, np.nan, 0.5]))
    assert Feedback.from_log(lot, least_rated=0.1).rarest == 0.1


def test_a_log_without_any_randomisation_says_so() -> None:
    with pytest.raises(OfflineDataError, match="2 decisions or more"):
        Feedback.from_log(make_log([False, False]))


def test_the_mean_weight_is_tested_against_what_the_propensities_imply() -> None:
    """On sound logs small p-values are as rare as they should be, also where heavy weights never came up."""
    small = []
    for seed in range(300):
        feedback = random_log(seed, 200)
        assert feedback.logging is not None
        lane = feedback.logging[:, :3].argmin(axis=1)
        target = 0.5 * feedback.logging + 0.5 * np.eye(4)[lane] * (feedback.logging > 0.02)
        target /= target.sum(axis=1, keepdims=True)
        small.append(diagnose(target, feedback).mean_weight_p_value < 0.05)
    assert np.mean(small) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_wrong_propensities_show_in_the_mean_weight() -> None:
    """The log says that lane 1 was drawn half the time; it was drawn in 30% of the cases."""
    feedback = feedback_of([[0.5, 0.5]] * 1000, [1] * 300 + [0] * 700)
    assert diagnose([[0.0, 1.0]] * 1000, feedback).mean_weight_p_value < 1e-6
    assert diagnose([[0.5, 0.5]] * 1000, feedback).mean_weight_p_value == 1
    without = Feedback(action=feedback.action, propensity=feedback.propensity, reward=feedback.reward)
    assert diagnose([[0.0, 1.0]] * 1000, without).mean_weight_p_value < 1e-6
