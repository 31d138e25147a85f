"""What a finding tells: honest costs, verdicts as everywhere, and nothing that cannot be or that nobody knows."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from router_ml.config import RouterConfig, TrafficClass
from router_ml.offline.simulation.counting.counted import LEAST_CLUSTERS
from router_ml.offline.simulation.counting.results import ClassResult, Interval, Latencies
from router_ml.offline.simulation.logged.findings import Finding, difference, finding
from router_ml.offline.simulation.logged.intervals import within
from router_ml.offline.simulation.logged.truth import LoggedTruth, logged_truth
from router_ml.storage.bundle import Bundle
from tests.offline.simulation.logged.test_watching import OTHER, played, truth_of
from tests.offline.simulation.logs import USD, Made, expected, made_log

PREMIUM = (0.0, 0.0, 1.0)
WITHOUT = (0.7, 0.3, 0.0)
MEAN = math.exp(0.3**2 / 2)  # of what a made request costs, over its usual cost


@pytest.fixture(scope="module")
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config


def believing(made: Made, config: RouterConfig, times: float) -> LoggedTruth:
    """The truth of a log under a bundle that believes, then and now, that premium costs ``times`` what it does."""
    count = len(made.data)
    said = expected(config, count)
    cost = said.cost_usd.copy()
    cost[:, list(config.lanes).index("premium")] *= times
    then = made.data.estimated_cost_usd * (1.0, 1.0, times)
    data = replace(made.data, estimated_cost_usd=then)
    return logged_truth(data, config, replace(said, cost_usd=cost), cluster=-1 - np.arange(count))


def dark(found: Finding, **zero: Any) -> Finding:
    """The same policy, had nothing been answered."""
    none = np.zeros(len(found.truth))
    sums = replace(found.sums, served=none, quality=none, least=none, most=none, weight=none, **zero)
    return finding("dark", found.truth, sums, promises=found.promises)


def a_class(floor: float) -> ClassResult:
    nothing = Latencies(math.nan, math.nan, math.nan)
    value = Interval(0.9, 0.89, 0.91)
    return ClassResult("pilot", 10, 10, 10, 1.0, value, floor, "kept", nothing, 0.0, None, 0, {})


@pytest.mark.parametrize(("share", "least"), [(0.01, 0.85), (0.03, 0.89)])
def test_the_cost_of_a_lane_that_is_hardly_logged_is_as_uncertain_as_that(
    config: RouterConfig, share: float, least: float
) -> None:
    """Of 80 logs of 400; one interval in three missed, as long as four calls counted like 400."""
    hits = 0
    for seed in range(80):
        made = made_log(config, 400, seed=seed, shares=(1 - share, 0.0, share))
        found = played(made, truth_of(made, config, seed=seed), config, PREMIUM, seed=seed).cost
        hits += found.low <= USD[2] * MEAN <= found.high
    assert hits / 80 >= least


def test_a_cost_that_no_decision_knows_is_called_a_belief(config: RouterConfig) -> None:
    """A lane that was never logged costs what the bundle believes, here a third: no interval could hold the truth."""
    made = made_log(config, 400, shares=WITHOUT)
    truth = believing(made, config, 1 / 3)
    found, usual = (played(made, truth, config, each) for each in ((0.5, 0.0, 0.5), WITHOUT))
    assert math.isfinite(found.cost.value)
    assert math.isnan(found.cost.low)
    assert math.isnan(found.cost.high)
    assert any("is the bundle's belief" in note for note in found.notes)
    assert not any("belief" in note for note in usual.notes)
    assert usual.cost.low < np.dot(WITHOUT, USD) * MEAN < usual.cost.high
    gain = difference(found, usual).usd_per_1000
    assert math.isnan(gain.low)


def test_a_dear_lane_is_a_belief_by_its_share_of_the_money(config: RouterConfig) -> None:
    made = made_log(config, 400, shares=WITHOUT)
    found = played(made, truth_of(made, config), config, (0.96, 0.0, 0.04))
    assert found.extrapolated == pytest.approx(0.04)
    assert math.isfinite(found.quality.value)
    assert math.isnan(found.cost.low)


def test_money_is_played_on_the_level_of_the_log(config: RouterConfig) -> None:
    """Budgets are charged what lanes are taken to cost, so that has to be what they did cost: a bundle that believes a
    half is brought up to it, and told so. A lane that was hardly seen moves little."""
    made = made_log(config, 2000)
    premium = list(config.lanes).index("premium")
    truth = believing(made, config, 0.5)
    assert truth.cost_usd[:, premium].mean() == pytest.approx(USD[2] * MEAN, rel=0.05)
    assert any("premium 2 times" in note for note in truth.notes)
    assert not any("than the bundle expects" in note for note in truth_of(made, config).notes)
    once = made_log(config, 400, shares=(0.998, 0.0, 0.002))
    assert believing(once, config, 0.5).cost_usd[:, premium].mean() < 0.7 * USD[2]


def test_a_promise_that_a_mean_does_not_keep_is_not_judged_by_it(config: RouterConfig) -> None:
    """A promise of a largest loss is not kept by a high mean, and few persons show nothing, whoever says so."""
    made = made_log(config, 400)
    found = played(made, truth_of(made, config), config, OTHER)
    mean = config.traffic_classes["pilot"].model_copy(update={"floor": 0.3})
    loss = mean.model_copy(update={"promise": mean.promise.model_copy(update={"kind": "loss"})})
    nothing = TrafficClass(floor=0.0, quality_per_usd=30.0)

    def told(promise: TrafficClass, asked: Finding = found) -> str:
        return replace(asked, promises={"pilot": promise})._class(a_class(promise.floor)).floor_verdict

    assert (told(mean), told(loss), told(nothing)) == ("kept", "not shown", "no promise")
    assert told(mean.model_copy(update={"floor": 0.99})) == "missed"
    few = replace(found.truth, cluster=np.arange(400) % (LEAST_CLUSTERS - 1))
    assert told(mean, replace(found, truth=few)) == "not shown"


def test_nothing_is_told_that_cannot_be(config: RouterConfig) -> None:
    """In small logs the estimate itself leaves 0..1 and the interval of a bound."""
    seen = 0
    for seed in range(30):
        made = made_log(config, 12, seed=seed, rated=0.5, shares=(0.5, 0.3, 0.2))
        found = played(made, truth_of(made, config, seed=seed), config, OTHER, seed=seed)
        assert 0 <= found.quality.low <= found.quality.high <= 1
        assert found.cost.value >= 0
        if math.isfinite(found.quality.value):
            assert found.quality.low <= found.quality.value <= found.quality.high
        raw = found.sums.quality.sum() / found.sums.served.sum()
        seen += not 0 <= raw <= 1
    assert seen, "none of these logs leaves 0..1"
    assert within(Interval(1.21, 1.1, 1.4), 0.0, 1.0) == Interval(1.0, 1.0, 1.0)
    assert within(Interval(-0.1, -0.4, 0.2), 0.0, 1.0) == Interval(0.0, 0.0, 0.2)
    assert math.isnan(within(Interval(math.nan, -1.0, 2.0), 0.0, 1.0).value)


def test_what_answered_nothing_is_not_called_extrapolated(config: RouterConfig) -> None:
    """The reason that is given is the reason, and there is no number to compare."""
    made = made_log(config, 200)
    found = played(made, truth_of(made, config), config, OTHER)
    none = np.zeros(200)
    silent, idle = dark(found), dark(found, due=none, cost_usd=none)
    assert any("nothing was answered" in note for note in silent.notes)
    assert not any("is extrapolated" in note for note in silent.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, two = difference(silent, found), difference(found, idle)
    assert math.isnan(one.quality.value)
    assert math.isnan(one.quality.low)
    assert one.success.value == pytest.approx(-1.0)
    assert one.usd_per_1000.value == pytest.approx(0.0)
    assert all(math.isnan(each.value) for each in (two.quality, two.usd_per_1000, two.success))
