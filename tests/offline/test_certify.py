"""What a certificate says must hold: never a lambda past the first failure, never a policy that was not tested."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.config import TrafficClass
from router_ml.config.schema import Promise
from router_ml.errors import OfflineDataError
from router_ml.offline.certify import MOST_COPIES, certify, lambdas_for, logged_gains, matrix_gains
from router_ml.offline.feedback import Feedback
from router_ml.storage.promises import Certificate

LANES = ("cheap", "dear")
LAMBDAS = np.array([0.0, 1.0, 10.0, 100.0])
SHARES = {0.0: 0.0, 1.0: 0.3, 10.0: 0.6, 100.0: 1.0}  # of requests on the cheap lane


def mixture(count: int):
    return lambda each: np.tile([SHARES[each], 1 - SHARES[each]], (count, 1))


def matrix(count: int = 1500, seed: int = 0) -> np.ndarray:
    """Quality .5 on the cheap lane and .9 on the dear one."""
    return (np.random.default_rng(seed).random((count, 2)) < [0.5, 0.9]).astype(float)


def promise(floor: float, **fields: object) -> TrafficClass:
    return TrafficClass(floor=floor, promise=Promise.model_validate(fields), quality_per_usd=30)


def of_matrix(of: TrafficClass, quality: np.ndarray, group: np.ndarray | None = None) -> Certificate:
    group = np.arange(len(quality)) if group is None else group
    gains = matrix_gains(mixture(len(quality)), LAMBDAS, quality, group=group, promised=of, lanes=LANES)
    return certify(gains, LAMBDAS, of, basis="test", uncovered=np.zeros(4), prices_sha256="p")


@pytest.mark.parametrize(("floor", "largest"), [(0.85, 0.0), (0.74, 1.0), (0.6, 10.0), (0.4, 100.0)])
def test_the_largest_lambda_that_keeps_the_floor_is_found(floor: float, largest: float) -> None:
    found = of_matrix(promise(floor), matrix())
    assert found.lambda_max == largest
    assert found.quality >= floor
    assert (found.rows, found.floor) == (1500, floor)


def test_a_floor_that_no_policy_reaches_is_not_certified_and_the_reason_says_so() -> None:
    found = of_matrix(promise(0.95), matrix())
    assert found.lambda_max is None
    assert "Even at lambda 0" in found.reason
    assert "Lower the promise" in found.reason


def test_too_little_evidence_says_how_much_more_is_needed() -> None:
    found = of_matrix(promise(0.85), matrix(60, seed=3))
    assert found.lambda_max is None
    assert "more would be needed" in found.reason


def test_nothing_after_the_first_failure_is_certified() -> None:
    """Otherwise testing many lambdas would find one that passes by luck."""
    quality = matrix()
    shares = {0.0: 0.0, 1.0: 1.0, 10.0: 0.0, 100.0: 0.0}
    policy = lambda each: np.tile([shares[each], 1 - shares[each]], (len(quality), 1))  # noqa: E731
    of = promise(0.7)
    gains = matrix_gains(policy, LAMBDAS, quality, group=np.arange(1500), promised=of, lanes=LANES)
    assert certify(gains, LAMBDAS, of, basis="", uncovered=np.zeros(4), prices_sha256="").lambda_max == 0.0


def test_a_loss_is_measured_against_the_best_lane() -> None:
    """At lambda 1 the mixture loses .12 against the dear lane: allowed at .2, not at .1."""
    quality = matrix()
    assert of_matrix(promise(0.0, kind="loss", max_loss=0.2), quality).lambda_max == 1.0
    tight = of_matrix(promise(0.0, kind="loss", max_loss=0.1), quality)
    assert tight.lambda_max == 0.0
    assert "cheap, dear" in tight.reason


def test_copies_of_a_prompt_are_no_further_evidence() -> None:
    """Sixty prompts that are each evaluated ten times over still are sixty."""
    quality = matrix(60, seed=3)
    found = of_matrix(promise(0.85), np.repeat(quality, 10, axis=0), np.repeat(np.arange(60), 10))
    assert found.groups == 60
    assert found.lambda_max is None


def test_a_group_weighs_at_most_a_few_prompts() -> None:
    quality = np.ones((100, 2))
    group = np.append(np.zeros(50, int), np.arange(1, 51))
    gains = matrix_gains(mixture(100), LAMBDAS, quality, group=group, promised=promise(0.5), lanes=LANES)
    assert gains.values.max() == pytest.approx(MOST_COPIES * 0.5)
    assert gains.worst == pytest.approx(MOST_COPIES * 0.5)


def test_a_lane_without_outcomes_must_not_be_taken() -> None:
    quality = matrix(20)
    quality[3, 0] = np.nan
    with pytest.raises(OfflineDataError, match="lane 0 for prompt 3"):
        of_matrix(promise(0.5), quality)


def logged(count: int, seed: int) -> Feedback:
    random = np.random.default_rng(seed)
    quality, action = matrix(count, seed), random.integers(0, 2, count)
    rated = random.random(count) < 0.5
    reward = np.where(rated, quality[np.arange(count), action], np.nan)
    half = np.full(count, 0.5)
    return Feedback(action, half, reward, rated_probability=half, logging=np.full((count, 2), 0.5))


def of_log(of: TrafficClass, feedback: Feedback, *, model: np.ndarray | None = None) -> Certificate:
    gains = logged_gains(mixture(len(feedback)), LAMBDAS, feedback, promised=of, lanes=LANES, model=model)
    return certify(gains, LAMBDAS, of, basis="log", uncovered=np.zeros(4), prices_sha256="p")


def test_logged_outcomes_certify_too_and_need_more_of_them() -> None:
    of, model = promise(0.7), np.tile([0.5, 0.9], (4000, 1))
    assert of_log(of, logged(4000, 0), model=model).lambda_max == 1.0
    few = of_log(of, logged(40, 0), model=model[:40])
    assert few.lambda_max is None
    assert "needed" in few.reason


def test_a_wrong_model_of_quality_certifies_no_broken_promise() -> None:
    """It says that both lanes are perfect; the logged outcomes correct it."""
    broken = [of_log(promise(0.93), logged(600, seed), model=np.ones((600, 2))).lambda_max for seed in range(40)]
    assert sum(each is not None for each in broken) <= 10


def test_where_the_log_could_not_go_quality_counts_as_zero() -> None:
    logging = np.tile([0.0, 1.0], (800, 1))
    quality = matrix(800)
    feedback = Feedback(np.ones(800, int), np.ones(800), quality[:, 1], logging=logging)
    found = of_log(promise(0.5), feedback, model=np.ones((800, 2)))
    assert found.lambda_max == 1.0, "at lambda 1 the cheap lane's 30% count as nothing: .63; at 10: .36"


def test_the_own_lambda_of_a_class_is_among_those_tested() -> None:
    of = promise(0.5)
    assert 30.0 in lambdas_for(of)
    assert lambdas_for(of)[0] == 0.0
    assert (np.diff(lambdas_for(of)) > 0).all()
