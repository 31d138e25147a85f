"""What answers are worth: old ones, those of other versions, repeats, groups, and judges that err."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from router_ml.allocation.priors import OTHER_VERSION
from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.storage.bundle import Bundle
from tests.training.evals.priors.planted_answers import NOW, answer
from training.evals.priors.answers import Answer
from training.evals.priors.counting import Count, Discounts, count
from training.evals.priors.likelihood import Reliability

CELL = ("private", "qa", "medical")


@pytest.fixture(scope="module")
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config


def counted(answers: list[Answer], config: RouterConfig, **given: Any) -> Count:
    return count(answers, config.lanes, Discounts(now=NOW, **given))[0][CELL]


def test_an_answer_of_today_counts_one_and_after_a_half_life_half(config: RouterConfig) -> None:
    """Old answers fade; those of the future, of a clock that is wrong, count as of today."""
    for days, expected in ((0, 1.0), (90, 0.5), (180, 0.25), (-5, 1.0)):
        one = answer(config, 1, 1.0, at=NOW - timedelta(days=days))
        assert counted([one], config).counted == pytest.approx(expected)


@pytest.mark.parametrize("other", [{"version": "0"}, {"model": "before/it"}])
def test_another_version_or_model_counts_for_less(config: RouterConfig, other: Mapping[str, str]) -> None:
    """An upgraded lane is not judged by what it was."""
    assert counted([answer(config, 1, 1.0, **other)], config).counted == OTHER_VERSION


def test_what_was_served_under_another_name_before_counts_for_less(config: RouterConfig) -> None:
    """A provider that changed the model silently: the latest name is what is asked now."""
    before = answer(config, 1, 0.0, served_model="m-1", at=NOW - timedelta(seconds=9))
    now = answer(config, 2, 1.0, served_model="m-2")
    assert counted([before, now], config).counted == pytest.approx(1 + OTHER_VERSION, rel=1e-5)


def test_a_lane_that_became_worse_is_judged_by_what_it_does_since(config: RouterConfig) -> None:
    """The verdict of an upgrade check discounts all that is older."""
    old, new = answer(config, 1, 1.0, at=NOW - timedelta(hours=2)), answer(config, 2, 0.0, at=NOW)
    found = counted([old, new], config, lowered={"private": NOW - timedelta(hours=1)})
    assert found.counted == pytest.approx(1 + OTHER_VERSION, rel=1e-2)
    assert found.observed == pytest.approx(OTHER_VERSION / (1 + OTHER_VERSION), rel=1e-2)


def test_ten_repeats_and_ten_paraphrases_are_one_answer_where_nothing_else_is_known(config: RouterConfig) -> None:
    """Asking the same thing ten times does not make a lane known."""
    repeats = [answer(config, 1, 1.0, repeat=number) for number in range(10)]
    assert counted(repeats, config).counted == pytest.approx(1)
    paraphrases = [answer(config, number, 1.0, cluster="one") for number in range(10)]
    found = counted(paraphrases, config)
    assert found.counted == pytest.approx(1)
    assert found.answers == 10


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_the_correlation_within_groups_is_estimated(config: RouterConfig, correlation: float) -> None:
    """150 groups of 4 say how alike the cases of a group are, up to what the assumption of one answer is worth."""
    rng = np.random.default_rng(1)
    answers = []
    for group in range(150):
        level = rng.random() < 0.7
        for case in range(4):
            right = level if rng.random() < correlation**0.5 else rng.random() < 0.7
            answers.append(answer(config, 4 * group + case, float(right), cluster=str(group)))
    found = count(answers, config.lanes, Discounts(now=NOW))[1]
    assert found == pytest.approx((150 * correlation + 10) / 160, abs=0.12)


def test_the_weight_of_a_suite_is_a_count(config: RouterConfig) -> None:
    """A suite of weight 0 says nothing at all."""
    answers = [answer(config, 1, 1.0), answer(config, 2, 0.0, suite="other")]
    found = counted(answers, config, suites={"other": 0.0})
    assert (found.counted, found.observed) == (1, 1)


def test_what_an_erring_judge_counted_is_kept_apart_and_corrected(config: RouterConfig) -> None:
    """80% passed by a judge that passes a fifth of what is wrong and a tenth less of what is right."""
    judge = Reliability(0.9, 0.8)
    answers = [answer(config, number, float(number < 80), checks=("rubric",)) for number in range(100)]
    found = counted(answers, config, judges={"rubric": judge})
    assert found.by_judge == {judge: (100, 80)}
    assert found.observed == pytest.approx((0.8 - 0.2) / 0.7)
    assert counted(answers, config, judges={"another": judge}).observed == pytest.approx(0.8)


def test_a_judge_no_better_than_a_coin_is_refused() -> None:
    """Its verdicts say nothing, and dividing by nothing says anything."""
    with pytest.raises(OfflineDataError, match="no better than a coin"):
        Discounts(now=NOW, judges={"rubric": Reliability(0.5, 0.5)})
    with pytest.raises(OfflineDataError, match="half-life"):
        replace(Discounts(now=NOW), half_life_days=0.0)
