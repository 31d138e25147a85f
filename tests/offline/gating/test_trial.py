"""A challenger before a log: the estimates are those of ``ope``, and what cannot be known counts against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from router_ml.config.schema import Release
from router_ml.offline.gate import judge
from router_ml.offline.gating.trial import Trial, comparison
from router_ml.offline.ope import difference

Make = Callable[..., Trial]


def test_the_gain_of_decisions_is_the_doubly_robust_difference(make_trial: Make) -> None:
    trial = make_trial(2000, rated=0.6)
    found = comparison(trial)
    assert trial.gain.mean() == pytest.approx(found.dr.value, abs=1e-12)
    direct = difference(trial.target, trial.logging, trial.feedback, reward_model=trial.quality_model)
    assert (found.dr.low, found.dr.high) == pytest.approx((direct.low, direct.high), abs=1e-9)


def test_the_disagreement_is_the_distance_of_both_estimates(make_trial: Make) -> None:
    trial = make_trial(2000, rated=0.6, cluster=True)
    found = comparison(trial)
    gap = trial.disagreement()
    assert gap.value == pytest.approx(found.dr.value - found.snips.value, abs=1e-9)
    assert 0 < gap.standard_error < found.snips.standard_error


def test_where_the_log_could_not_go_every_choice_counts_as_lost(make_trial: Make) -> None:
    """The estimate there is the champion's own; the bound takes off all of the share."""
    trial = make_trial(2000)
    logging, target = trial.logging.copy(), trial.target.copy()
    gone = np.flatnonzero(trial.action == 0)[:100]
    logging[gone], target[gone] = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    off = replace(trial, logging=logging, target=target)
    found = comparison(off)
    assert found.off_support == pytest.approx(100 / 2000)
    assert off.reachable[gone] == pytest.approx(logging[gone])
    assert found.quality_low < found.dr.low - 0.05
    assert found.quality_high > found.dr.high + 0.05


def test_costs_that_are_missing_at_random_with_the_rating_are_weighted_by_it(make_trial: Make) -> None:
    """Where only rated decisions have a cost, they speak for the others."""
    trial = make_trial(4000, rated=0.5)
    some = replace(trial, cost_usd=np.where(np.isfinite(trial.quality), trial.cost_usd, np.nan))
    whole, part = comparison(trial).cost_usd, comparison(some).cost_usd
    assert whole is not None
    assert part is not None
    assert part.low < whole.value < part.high
    assert comparison(replace(trial, cost_usd=np.full(4000, np.nan))).cost_usd is None


def test_a_few_lost_ratings_hold_nothing_up_and_count_against_the_challenger(make_trial: Make) -> None:
    trial = make_trial(6000, cheap=0.8, dear=0.75)
    gone = np.flatnonzero(trial.action == 1)[:6]  # taken twice as often by the challenger
    quality = trial.quality.copy()
    quality[gone] = np.nan
    lossy = replace(trial, quality=quality)
    found = comparison(lossy)
    assert found.lost_quality == pytest.approx(6 / 6000)
    assert found.quality_low == pytest.approx(found.dr.low - 6 / 6000)
    assert found.quality_high == pytest.approx(found.dr.high + 6 / 6000)
    assert judge(lossy, Release()).verdict == "promote"
    assert comparison(replace(trial, rated_probability=np.ones(6000))).lost_quality == 0
    quality[np.flatnonzero(trial.action == 1)[:40]] = np.nan
    assert "have a reward" in judge(replace(trial, quality=quality), Release()).check("data").why


def test_what_chance_explains_is_not_lost(make_trial: Make) -> None:
    assert comparison(make_trial(4000, rated=0.3)).lost_quality == 0


@pytest.mark.parametrize("rated", [1.0, 0.3])
def test_a_few_lost_costs_count_as_the_largest(make_trial: Make, rated: float) -> None:
    trial = make_trial(6000, cheap=0.8, dear=0.75, rated=rated)
    known = np.isfinite(trial.quality)
    cost = np.where(known, trial.cost_usd, np.nan)
    cost[np.flatnonzero(known & (trial.action == 1))[:6]] = np.nan  # its weight is 2
    whole = comparison(replace(trial, cost_usd=np.where(known, trial.cost_usd, np.nan)))
    found = comparison(replace(trial, cost_usd=cost))
    assert whole.cost_usd is not None
    assert found.cost_usd is not None
    charge = 6 / rated / 6000 * np.nanmax(cost)
    assert found.cost_usd.high == pytest.approx(whole.cost_usd.high + charge, abs=charge / 2)
    assert found.cost_usd.high - found.cost_usd.value > charge
    assert judge(replace(trial, cost_usd=cost), Release()).verdict == "promote"


def test_too_many_lost_costs_are_named(make_trial: Make) -> None:
    trial = make_trial(4000, rated=0.5)
    cost = np.where(np.isfinite(trial.quality), trial.cost_usd, np.nan)
    cost[np.flatnonzero(np.isfinite(cost))[:60]] = np.nan
    assert "60 of" in (why := judge(replace(trial, cost_usd=cost), Release()).check("data").why)
    assert "no cost" in why
