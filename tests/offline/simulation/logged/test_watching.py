"""What a log says of another policy: the doubly robust estimate of a calm run, honest intervals, what is unknown."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.feedback import Feedback, of_action
from router_ml.offline.ope import difference as ope_difference
from router_ml.offline.ope import dr
from router_ml.offline.simulation.logged.findings import Finding, difference
from router_ml.offline.simulation.logged.stream import LogStream, as_it_came, resampled
from router_ml.offline.simulation.logged.truth import LoggedTruth, logged_truth
from router_ml.offline.simulation.logged.watching import Watched
from router_ml.offline.simulation.policies.policy import Moment
from router_ml.offline.simulation.world.world import Phase
from router_ml.storage.bundle import Bundle
from tests.offline.simulation.logs import LANES, Given, Made, carried, expected, in_calm, made_log, over_all, quiet

OTHER = (0.2, 0.3, 0.5)


@pytest.fixture(scope="module")
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config


def truth_of(made: Made, config: RouterConfig, *, seed: int = 0, **options: Any) -> LoggedTruth:
    _, person = np.unique(made.data.subject, return_inverse=True)
    alone = -1 - np.arange(len(made.data))
    cluster = np.where(made.data.subject != "", person.reshape(-1), alone)
    return logged_truth(made.data, config, expected(config, len(made.data)), cluster=cluster, seed=seed, **options)


def stream_of(made: Made, *, seed: int = 0) -> LogStream:
    return as_it_came(SimpleNamespace(), made.data.created_at, seed=seed)  # type: ignore[arg-type]


def moment(config: RouterConfig) -> Moment:
    lanes = len(config.lanes)
    nobody = np.zeros(0, dtype=np.int64)
    return Moment(datetime(2026, 3, 2, tzinfo=UTC), 0.0, np.zeros(lanes, dtype=bool), {}, nobody, nobody)


def played(made: Made, truth: LoggedTruth, config: RouterConfig, shares: Any, *, seed: int = 0) -> Finding:
    """A calm run of a policy with these propensities (n, 3)."""
    policy = Given("other", config, over_all(config, np.broadcast_to(shares, (len(made.data), 3))))
    watched = Watched(policy, truth)
    phase = quiet(truth.quality, truth.cost_usd, config=config)
    for each in in_calm(watched, stream_of(made, seed=seed), phase, moment(config)):  # type: ignore[arg-type]
        watched.add(each)
    return watched.finding()


@pytest.mark.parametrize("persons", [0, 40])
def test_a_calm_run_is_the_doubly_robust_estimate(config: RouterConfig, persons: int) -> None:
    """Value, interval and cost are those of ``ope.dr`` on the same log, and so is the difference of two policies."""
    made = made_log(config, persons=persons)
    truth = truth_of(made, config)
    data, shares = made.data, np.where(made.hard[:, None], OTHER, (0.7, 0.2, 0.1))
    found, logging = played(made, truth, config, shares), played(made, truth, config, data.propensities)
    propensity = of_action(data.propensities, data.action)
    common = {"action": truth.action, "propensity": propensity, "logging": over_all(config, data.propensities)}
    cluster = truth.cluster if persons else None
    feedback = Feedback(**common, reward=data.quality, rated_probability=data.rated_probability, cluster=cluster)
    wanted = dr(over_all(config, shares), feedback, truth.quality)
    assert found.quality.value == pytest.approx(wanted.value, abs=1e-9)
    assert (found.quality.low, found.quality.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    spent = dr(over_all(config, shares), Feedback(**common, reward=data.cost_usd, cluster=cluster), truth.cost_usd)
    assert found.cost.value == pytest.approx(spent.value, abs=1e-12)
    assert found.cost.high - found.cost.low == pytest.approx(spent.high - spent.low, rel=0.25)  # relative residuals
    paired = ope_difference(
        over_all(config, shares), over_all(config, data.propensities), feedback, reward_model=truth.quality
    )
    gain = difference(found, logging).quality
    assert (gain.value, gain.low, gain.high) == pytest.approx((paired.value, paired.low, paired.high), abs=1e-9)
    assert found.extrapolated == 0
    assert found.effective == pytest.approx(wanted.effective_sample_size)


def covered(config: RouterConfig, seeds: range, **options: Any) -> float:
    """How often the interval of another policy holds what it is truly worth."""
    target = np.array(OTHER)
    hits = 0
    for seed in seeds:
        made = made_log(config, 300, seed=seed, **options)
        found = played(made, truth_of(made, config, seed=seed), config, target, seed=seed)
        worth = 0.4 * target @ [0.35, 0.6, 0.85] + 0.6 * target @ [0.85, 0.9, 0.92]
        hits += found.quality.low <= worth <= found.quality.high
    return hits / len(seeds)


def test_another_policy_is_covered_about_95_times_in_100(config: RouterConfig) -> None:
    """Of 80 logs; 0.875 is 3 standard errors below 0.95."""
    assert covered(config, range(80)) >= 0.875


@pytest.mark.slow
@pytest.mark.parametrize("persons", [0, 60])
def test_coverage_holds_over_many_logs(config: RouterConfig, persons: int) -> None:
    share = covered(config, range(1000, 1400), persons=persons)
    assert 0.92 <= share <= 0.985


def test_a_model_alone_would_not_do(config: RouterConfig) -> None:
    """The correction makes up for a model that is wrong."""
    made = made_log(config, 2000)
    truth = truth_of(made, config, reward_model=np.full((2000, len(config.lanes)), 0.2))
    found = played(made, truth, config, OTHER)
    worth = (made.quality @ OTHER).mean()
    assert found.quality.low < worth < found.quality.high
    assert found.quality.value == pytest.approx(worth, abs=0.08)


def test_a_policy_that_leaves_the_support_is_not_known(config: RouterConfig) -> None:
    """No number, only bounds that hold whatever the unseen answers are worth; and it is said where and how much."""
    made = made_log(config, 600, shares=(0.7, 0.3, 0.0))
    truth = truth_of(made, config)
    found = played(made, truth, config, (0.5, 0.0, 0.5))
    assert math.isnan(found.quality.value)
    assert found.extrapolated == pytest.approx(0.5)
    assert found.by_lane == {("pilot", "premium"): pytest.approx(0.5)}
    assert found.by_class == {"pilot": pytest.approx(0.5)}
    assert found.hardly_known == ("premium",)
    assert found.quality.high - found.quality.low >= 0.5
    known = 0.5 * made.quality[:, 0].mean()
    assert found.quality.low <= known
    assert known + 0.5 <= found.quality.high
    assert any("not known" in note for note in found.notes)
    gain = difference(found, played(made, truth, config, (0.7, 0.3, 0.0)))
    assert math.isnan(gain.quality.value)
    assert gain.quality.low < 0 < gain.quality.high


def test_a_little_outside_widens_the_interval(config: RouterConfig) -> None:
    made = made_log(config, 600, shares=(0.7, 0.3, 0.0))
    truth = truth_of(made, config)
    inside, outside = (played(made, truth, config, each) for each in ((0.7, 0.3, 0.0), (0.67, 0.3, 0.03)))
    assert math.isfinite(outside.quality.value)
    assert outside.quality.high - outside.quality.low >= inside.quality.high - inside.quality.low + 0.025


def test_fallbacks_count_with_what_answered(config: RouterConfig) -> None:
    """Half of the calls to one lane fail and go to another: on average the truth of what answered."""
    made = made_log(config, 4000)
    truth = truth_of(made, config)
    fast, premium = (list(config.lanes).index(lane) for lane in ("fast", "premium"))
    policy = Given("other", config, over_all(config, np.tile((0.5, 0.0, 0.5), (4000, 1))))
    watched, phase = Watched(policy, truth), quiet(truth.quality, truth.cost_usd, config=config)
    watched.enter(phase)
    rng = np.random.default_rng(5)
    for rows in stream_of(made).batches():
        weighed = watched.weigh(rows, moment(config))
        watched.weigh(rows.take(slice(0, 10)), moment(config))  # again, as after a breaker has opened
        first = np.where(rng.random(len(rows)) < 0.5, fast, premium)
        final = np.where((first == fast) & (rng.random(len(rows)) < 0.5), premium, first)
        watched.add(carried(policy, rows, weighed, phase, first=first, final=final))
    found, worth = watched.finding(), (made.quality @ (0.25, 0.0, 0.75)).mean()
    assert found.quality.value == pytest.approx(worth, abs=0.05)
    assert found.sums.served.sum() == 4000


def test_a_difference_is_as_uncertain_as_the_policy_that_is_hardly_known(config: RouterConfig) -> None:
    """Many ratings of the policy that logged are no evidence of one that the log hardly tried."""
    made = made_log(config, 600, shares=(0.985, 0.0, 0.015))
    truth = truth_of(made, config)
    hardly, logging = (played(made, truth, config, each) for each in ((0.0, 0.0, 1.0), (0.985, 0.0, 0.015)))
    assert hardly.effective < 10
    assert logging.effective > 300
    found = difference(hardly, logging).quality
    assert found.high - found.low > 0.5 * (hardly.quality.high - hardly.quality.low)
    assert any("too few" in note for note in hardly.notes)
    assert hardly.hardly_known == ("premium",)


@pytest.mark.parametrize(("times", "errors"), [(0.5, None), (None, 0.5)])
def test_what_a_scenario_changes_changes_the_correction(
    config: RouterConfig, times: float | None, errors: float | None
) -> None:
    """A lane whose answers are worth half, or that makes half the errors, and that costs twice as much: so do the
    corrected outcomes of the log."""
    made = made_log(config, 500)
    truth = truth_of(made, config)
    premium = list(config.lanes).index("premium")
    quality, cost = truth.quality.copy(), truth.cost_usd.copy()
    outcomes, usd = truth.pseudo_outcomes(), truth.pseudo_outcomes(cost=True)
    for values in (quality, outcomes):
        values[:, premium] = values[:, premium] * times if times else 1 - errors * (1 - values[:, premium])  # type: ignore[operator]
    for values in (cost, usd):
        values[:, premium] *= 2
    shares = over_all(config, np.tile(OTHER, (500, 1)))
    watched = Watched(Given("other", config, shares), truth)
    for each in in_calm(watched, stream_of(made), quiet(quality, cost, config=config), moment(config)):  # type: ignore[arg-type]
        watched.add(each)
    found = watched.finding()
    assert found.quality.value == pytest.approx((shares * outcomes).sum(axis=1).mean(), abs=1e-9)
    assert found.cost.value == pytest.approx((shares * usd).sum(axis=1).mean(), abs=1e-12)


def test_copies_of_a_request_are_no_more_evidence(config: RouterConfig) -> None:
    """A stream that has every request ten times gives the same interval."""
    made = made_log(config, 300)
    truth = truth_of(made, config)
    policy = Given("other", config, over_all(config, np.tile(OTHER, (300, 1))))
    phase, found = quiet(truth.quality, truth.cost_usd, config=config), []
    for often in (1, 10):
        watched = Watched(policy, truth)
        stream = resampled(stream_of(made), requests=often * 300)
        for each in in_calm(watched, stream, phase, moment(config)):  # type: ignore[arg-type]
            watched.add(each)
        found.append(watched.finding())
    once, ten = ((each.quality.value, each.quality.low, each.quality.high) for each in found)
    assert ten == pytest.approx(once, abs=1e-9)
    assert found[0].largest == pytest.approx(found[1].largest)


def test_what_was_carried_out_counts_and_not_what_was_weighed_last(config: RouterConfig) -> None:
    """A loop that weighs ahead while a lane is down goes back to what it knew before, once the lane is up again."""
    made = made_log(config, 400)
    truth = truth_of(made, config)
    fast, premium = (list(config.lanes).index(lane) for lane in ("fast", "premium"))
    policy = Given("other", config, over_all(config, np.tile((0.5, 0.0, 0.5), (400, 1))))
    watched, phase = Watched(policy, truth), quiet(truth.quality, truth.cost_usd, config=config)
    watched.enter(phase)
    rows = next(iter(stream_of(made).batches()))
    weighed = watched.weigh(rows, moment(config))
    policy.propensities = over_all(config, np.tile((0.0, 0.0, 1.0), (400, 1)))
    down = moment(config).down
    down[fast] = True
    watched.weigh(rows, replace(moment(config), down=down))
    first = np.where(np.arange(400) % 2, fast, premium)
    watched.add(carried(policy, rows, weighed, phase, first=first, final=first))
    found = watched.finding()
    outcomes = truth.pseudo_outcomes()
    assert found.quality.value == pytest.approx(0.5 * (outcomes[:, fast] + outcomes[:, premium]).mean(), abs=1e-9)


def test_a_lane_that_appears_is_extrapolated(config: RouterConfig) -> None:
    made = made_log(config, 200)
    truth = truth_of(made, config)
    n, lanes = truth.quality.shape
    wider = np.column_stack([truth.quality, np.full(n, 0.9)])
    cost = np.column_stack([truth.cost_usd, np.full(n, 1e-4)])
    names = {**config.lanes, "novel": next(iter(config.lanes.values()))}
    policy = Given("other", config, np.tile(np.eye(lanes + 1)[lanes], (n, 1)))
    watched = Watched(policy, truth)
    for each in in_calm(watched, stream_of(made), Phase(0.0, names, wider, cost, cost), moment(config)):  # type: ignore[arg-type]
        watched.add(each)
    found = watched.finding()
    assert found.extrapolated == pytest.approx(1.0)
    assert (found.quality.low, found.quality.high) == pytest.approx((0.0, 1.0))
    assert found.by_lane == {("pilot", "novel"): pytest.approx(1.0)}


def test_what_was_not_weighed_cannot_be_counted(config: RouterConfig) -> None:
    made = made_log(config, 20, rated=1.0)
    truth = truth_of(made, config)
    policy = Given("other", config, over_all(config, np.tile(OTHER, (20, 1))))
    watched, phase = Watched(policy, truth), quiet(truth.quality, truth.cost_usd, config=config)
    watched.add(next(in_calm(policy, stream_of(made), phase, moment(config))))
    with pytest.raises(OfflineDataError, match="not weighed"):
        watched.finding()


def test_another_model_under_a_name_is_another_lane(config: RouterConfig) -> None:
    """From its change on the log speaks of the lane of today, before it does not."""
    made = made_log(config, 400)
    model = made.data.model.astype("<U80")
    model[:200][made.data.action[:200] == 2] = "openai/older"
    data = made.data.__class__(**{**made.data.__dict__, "model": model})
    truth = logged_truth(data, config, expected(config, 400), cluster=-1 - np.arange(400))
    premium = list(config.lanes).index("premium")
    changed = int(np.flatnonzero(data.action[200:] == 2)[0]) + 200
    assert not truth.possible[:changed, premium].any()
    assert truth.possible[changed:, premium].all()
    assert (truth.action[:200] != premium).all()


def test_prices_that_have_changed_are_brought_to_today(config: RouterConfig) -> None:
    """What cost twice as much then, by its estimate, counts half."""
    made = made_log(config, 400)
    dear = made.data.__class__(
        **{
            **made.data.__dict__,
            "cost_usd": 2 * made.data.cost_usd,
            "estimated_cost_usd": 2 * made.data.estimated_cost_usd,
        }
    )
    cluster = -1 - np.arange(400)
    then, now = (logged_truth(each, config, expected(config, 400), cluster=cluster) for each in (dear, made.data))
    assert then.cost_residual == pytest.approx(now.cost_residual, abs=1e-15)
    assert any("other prices" in note for note in then.notes)


def test_ratings_without_a_plan_are_modelled_and_it_is_said(config: RouterConfig) -> None:
    made = made_log(config, 400)
    said = made.data.__class__(**{**made.data.__dict__, "rated_probability": np.ones(400)})
    cluster = -1 - np.arange(400)
    truth = logged_truth(said, config, expected(config, 400), cluster=cluster)
    assert any("modelled" in note for note in truth.notes)
    assert truth.rating_weight.sum() == pytest.approx(400, rel=0.15)
    with pytest.raises(OfflineDataError, match=r"P\(rated\)"):
        logged_truth(said, config, expected(config, 400), cluster=cluster, ratings="logged")


def test_a_log_without_ratings_knows_costs_alone(config: RouterConfig) -> None:
    made = made_log(config, 500)
    bare = made.data.__class__(**{**made.data.__dict__, "quality": np.full(500, np.nan)})
    truth = logged_truth(bare, config, expected(config, 500), cluster=-1 - np.arange(500))
    found = played(replace(made, data=bare), truth, config, OTHER)
    assert math.isnan(found.quality.value)
    assert (found.quality.low, found.quality.high) == (0.0, 1.0)
    assert found.cost.low < (made.cost_usd @ OTHER).mean() < found.cost.high
    assert any("No decision is rated" in note for note in truth.notes)


def test_a_log_of_lanes_that_are_gone_is_refused(config: RouterConfig) -> None:
    made = made_log(config, 50)
    gone = made.data.__class__(**{**made.data.__dict__, "lanes": ("a", "b", "c")})
    with pytest.raises(OfflineDataError, match="bundle of the log"):
        logged_truth(gone, config, expected(config, 50), cluster=-1 - np.arange(50))
    assert set(LANES) <= set(config.lanes)


def test_a_log_that_lost_rows_is_not_trusted(config: RouterConfig) -> None:
    """Where bad answers of a lane have vanished, lanes do not come as often as they were drawn, and that is said."""
    made = made_log(config, 2000)
    kept = made.data.select(~((made.data.action == 2) & (np.arange(2000) % 2 == 0)))
    for data, said in ((made.data, False), (kept, True)):
        count = len(data)
        truth = logged_truth(data, config, expected(config, count), cluster=-1 - np.arange(count), ratings="modelled")
        assert any("not drawn as often" in note for note in truth.notes) == said
