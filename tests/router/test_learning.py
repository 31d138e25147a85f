"""Learning online: outcomes move the estimates between two retrainings, and only where it was asked for."""

from __future__ import annotations

from pathlib import Path

from router_ml import Router
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
        assert router.log_outcome(decision.decision_id, quality=0.0) is False, "nothing is logged, it is learned"
        router.log_outcome(decision.decision_id, quality=0.0)
    after = router.predict_route(QUESTION, constraints={"explore": False})
    assert after.state.bandit_step == before.state.bandit_step + 60
    assert after.estimates[lane].quality < before.estimates[lane].quality - 0.01


def test_without_online_an_outcome_changes_no_decision(models: Path) -> None:
    """Replay needs a bundle that stands still unless somebody asked otherwise."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle)
    before = router.predict_route(QUESTION, seed=1)
    router.log_outcome(before.decision_id, quality=0.0)
    after = router.predict_route(QUESTION, seed=1)
    assert after.estimates == before.estimates
    assert after.state == before.state


def test_what_cannot_teach_is_ignored(models: Path) -> None:
    """Unrated, unknown, or of a lane the bandit does not know: no error, nothing learned."""
    bundle = Bundle.load(models)
    router = Router(bundle.config, bundle=bundle, online=True)
    decision = router.predict_route(QUESTION)
    router.log_outcome(decision.decision_id)
    router.log_outcome("dec_other", quality=1.0)
    router.log_outcome(decision.decision_id, quality=1.0, executed_lane="openai")
    assert router.predict_route(QUESTION).state.bandit_step == decision.state.bandit_step
