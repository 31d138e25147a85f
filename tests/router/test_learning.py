"""Learning online: outcomes move the estimates between two retrainings, and only where it was asked for."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.errors import BundleFormatError
from router_ml.storage.bundle import Bundle

QUESTION = "Which planet of the solar system has the strongest winds?"


def test_bad_outcomes_lower_what_is_believed_of_their_lane(models: Path) -> None:
    """A lane that begins to fail loses trust before the next retraining; each outcome counts once."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle, online=True)
    before = router.predict_route(QUESTION, constraints={"explore": False})
    lane = before.lane
    assert lane is not None
    for seed in range(60):
        decision = router.predict_route(QUESTION, constraints={"allow_lanes": [lane]}, seed=seed)
        assert router.log_outcome(decision.decision_id, quality=0.0) is None, "nothing is logged, it is learned"
        router.log_outcome(decision.decision_id, quality=0.0)
    after = router.predict_route(QUESTION, constraints={"explore": False})
    assert after.state.bandit_step == before.state.bandit_step + 60
    assert after.estimates[lane].quality < before.estimates[lane].quality - 0.01
    made = weakref.ref(router.predict_route(QUESTION))
    gc.collect()  # a frame that was just left may hold it a moment longer
    assert made() is None, "10,000 of them would be 0.4 GB"


def test_without_online_an_outcome_changes_no_decision(models: Path) -> None:
    """Replay needs a bundle that stands still unless somebody asked otherwise."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle)
    before = router.predict_route(QUESTION, seed=1)
    router.log_outcome(before.decision_id, quality=0.0)
    after = router.predict_route(QUESTION, seed=1)
    assert after.estimates == before.estimates
    assert after.state == before.state


@pytest.mark.slow
def test_a_lane_that_breaks_is_left_within_its_ratings(models: Path) -> None:
    """120 ratings, as 400 requests bring at 30%, are enough to believe a lane's new quality, evidence and all."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle, online=True)
    lane = router.predict_route(QUESTION, constraints={"explore": False}).lane
    assert lane is not None
    for seed in range(120):
        decision = router.predict_route(QUESTION, constraints={"allow_lanes": [lane]}, seed=seed)
        router.log_outcome(decision.decision_id, quality=0.1)
    after = router.predict_route(QUESTION, constraints={"explore": False})
    assert after.estimates[lane].quality < 0.3
    assert after.lane != lane


def test_a_server_that_starts_again_goes_on_where_it_stopped(models: Path) -> None:
    """Same bundle, same state, same decisions; the state is plain JSON."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle, online=True)
    for seed in range(30):
        decision = router.predict_route(QUESTION, seed=seed)
        router.log_outcome(decision.decision_id, quality=0.2)
    state = json.loads(json.dumps(router.learned_state()))
    fresh = Bundle.load(models)
    again = Router(fresh.config, bundle=fresh, online=True)
    again.resume(state)
    before, after = (each.predict_route(QUESTION, seed=1) for each in (router, again))
    assert (after.estimates, after.propensities, after.state) == (before.estimates, before.propensities, before.state)
    damaged = {**state, "online": {**state["online"], "bandit": state["online"]["bandit"][:-8]}}
    with pytest.raises(BundleFormatError):
        again.resume(damaged)


def test_another_bundle_does_not_take_over_what_was_learned(models: Path) -> None:
    """A new bundle has learned those outcomes itself: counted twice they would be believed twice."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle, online=True)
    state = router.learned_state()
    decision = router.predict_route(QUESTION, seed=1)
    router.log_outcome(decision.decision_id, quality=0.0)
    fresh = Bundle.load(models)
    again = Router(fresh.config, bundle=fresh, online=True)
    unchanged = again.predict_route(QUESTION, seed=1).estimates
    again.resume({**router.learned_state(), "bundle": "another"})
    assert again.predict_route(QUESTION, seed=1).estimates == unchanged
    assert state["bundle"] == fresh.manifest.id


def test_lanes_that_the_bundle_has_not_learned_are_owed_probes_where_somebody_learns(models: Path) -> None:
    """Unlearned lanes of the shipped configuration; a router that nobody learns from does not spend money on them."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle, online=True)
    unlearned = [name for name in bundle.config.lanes if name not in bundle.allocation.quality.lanes]
    assert unlearned
    left = router.predict_route(QUESTION, seed=1).state.explore_left
    assert left == pytest.approx(sum(bundle.config.lanes[name].probe.max_cost_usd for name in unlearned))
    only = router.predict_route(QUESTION, seed=1, constraints={"allow_lanes": [unlearned[0]]})
    expected = left - only.estimates[unlearned[0]].cost_usd
    assert router.predict_route(QUESTION, seed=1).state.explore_left == pytest.approx(expected)
    assert Router(bundle.config, bundle=bundle).predict_route(QUESTION, seed=1).state.explore_left == 0


def test_what_cannot_teach_is_ignored(models: Path) -> None:
    """Unrated, unknown, or of a lane that is not configured: no error, nothing learned."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle, online=True)
    decision = router.predict_route(QUESTION)
    router.log_outcome(decision.decision_id)
    router.log_outcome("dec_other", quality=1.0)
    router.log_outcome(decision.decision_id, quality=1.0, executed_lane="no such lane")
    assert router.predict_route(QUESTION).state.bandit_step == decision.state.bandit_step


def test_a_lane_that_the_bundle_does_not_know_is_learned_too(models: Path) -> None:
    """The bandit cannot take it in, but what is believed of it moves, and it gathers evidence of its own."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle, online=True)
    before = router.predict_route(QUESTION).estimates["openai"]
    for seed in range(20):
        decision = router.predict_route(QUESTION, seed=seed, constraints={"allow_lanes": ["openai"]})
        router.log_outcome(decision.decision_id, quality=0.1)
    after = router.predict_route(QUESTION).estimates["openai"]
    assert before.evidence == 0
    assert after.evidence > 5
    assert after.quality < before.quality - 0.3
