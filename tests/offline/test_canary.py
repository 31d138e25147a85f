"""A canary is stopped for harm that is shown, kept where it is not known, and never judged by who came back often."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from router_ml.contract import Execution, Hop, Outcome, RouteDecision, Validation
from router_ml.offline.canary import CanaryWatch, judge
from router_ml.offline.estimating.anytime import Difference
from router_ml.storage.database.entries import of_decision, of_execution, of_outcome
from router_ml.storage.eventlog import EventLog

START = datetime(2026, 7, 1, tzinfo=UTC)
ROLLOUT = "router/1+canary/2:a"
Make = Callable[..., RouteDecision]


@pytest.fixture
def log() -> Iterator[EventLog]:
    with EventLog("sqlite://") as opened:
        yield opened


def traffic(  # noqa: PLR0913 - what a canary can be like
    log: EventLog,
    make: Make,
    *,
    n: int,
    harm: float = 0.0,
    cheaper: float = 0.0,
    repeat: int = 1,
    refused: float = 0.0,
    seed: int = 0,
    share: float = 0.3,
    **state: Any,
) -> None:
    """Sessions of one or more turns, each rated."""
    rng = np.random.default_rng(seed)
    decisions, outcomes = [], []
    for session in range(n):
        canary = bool(rng.random() < share)
        arm = {"arm": "canary" if canary else "champion", "arm_share": share if canary else 1 - share}
        for turn in range(repeat):
            at = START + timedelta(seconds=10 * session + turn)
            told = {"rollout": ROLLOUT, "arm_session": f"s{session}", **arm, **state}
            decision = make(decision_id=f"{seed}-{session}-{turn}", created_at=at, state=told)
            decisions.append((decision, None))
            outcomes.append(
                Outcome(
                    decision_id=decision.decision_id,
                    quality=float(rng.random() < 0.8 - harm * canary),
                    cost_usd=0.001 * float(rng.lognormal(0, 0.5)) * (1 - cheaper * canary),
                    refused=bool(rng.random() < refused * canary),
                    at=at + timedelta(seconds=1),
                )
            )
    log.log_decisions(decisions)
    log.log_outcomes(outcomes)


def watch(log: EventLog, **more: Any) -> CanaryWatch:
    return CanaryWatch(log, **{"version": "2", "draw": "a", "share": 0.3, "margin": 0.02, **more})


def test_harm_that_is_shown_stops_it(log: EventLog, make_decision: Make) -> None:
    traffic(log, make_decision, n=700, harm=0.35)
    found = watch(log).look()
    assert (found.verdict, found.version) == ("stop", "2")
    assert "quality is lower by" in found.why
    assert found.quality.n == sum(found.sessions.values()) == 700
    assert json.loads(json.dumps(found.to_dict()))["quality"]["value"] == found.quality.value


def test_answers_that_fail_stop_it(log: EventLog, make_decision: Make) -> None:
    traffic(log, make_decision, n=500, refused=0.4)
    found = watch(log).look()
    assert found.verdict == "stop"
    assert "of the answers fail" in found.why


def test_without_harm_it_goes_on(log: EventLog, make_decision: Make) -> None:
    traffic(log, make_decision, n=400)
    found = watch(log).look()
    assert (found.verdict, found.why) == ("continue", "too few sessions to know that it does no harm")


def test_a_wide_margin_and_a_lower_cost_promote_it(log: EventLog, make_decision: Make) -> None:
    traffic(log, make_decision, n=900, cheaper=0.6)
    assert watch(log, margin=0.25).look().verdict == "promote"


def test_a_session_counts_once(log: EventLog, make_decision: Make) -> None:
    """Ten turns of one person are one draw of the arm: counted tenfold, few heavy users would be taken for proof."""
    traffic(log, make_decision, n=60, harm=0.4, repeat=10)
    found = watch(log).look()
    assert found.quality.n == 60
    assert found.verdict == "continue"


def test_other_draws_and_other_arms_do_not_count(log: EventLog, make_decision: Make) -> None:
    traffic(log, make_decision, n=50, harm=0.8, rollout="router/1+canary/2:before")
    traffic(log, make_decision, n=50, harm=0.8, seed=1, rollout=None)
    traffic(log, make_decision, n=50, harm=0.8, seed=2, arm="holdback")
    found = watch(log).look()
    assert (found.sessions, found.quality.n, found.verdict) == ({"champion": 0, "canary": 0}, 0, "continue")


def test_a_look_reads_what_is_new_and_says_the_same(log: EventLog, make_decision: Make) -> None:
    follows = watch(log)
    traffic(log, make_decision, n=200, harm=0.3)
    assert follows.look().quality.n == 200
    traffic(log, make_decision, n=300, harm=0.3, seed=7)
    assert follows.look().quality.n == 300  # 200 of these sessions had been seen
    assert follows.look().sessions == watch(log).look().sessions


def test_executions_say_what_failed_and_what_it_cost(log: EventLog, make_decision: Make) -> None:
    state = {"rollout": ROLLOUT, "arm_session": "s", "arm": "canary", "arm_share": 0.3}
    log.log_decision(make_decision(state=state, created_at=START))
    hop = Hop(lane="fast", provider="x", region="eu", boundary="vendor", cost_usd=0.2)
    log.write([of_execution(Execution(decision_id="dec-1", hops=(hop,)), START)])  # no lane answered
    found = watch(log).look()
    assert (found.failures.n, found.failures.value > 0, found.cost_usd.n) == (1, True, 1)


@pytest.mark.parametrize(("status", "error", "told"), [("human_review", None, 0), ("human_review", "schema", 1)])
def test_what_waits_for_a_person_is_no_failure_unless_the_lanes_failed(
    log: EventLog, make_decision: Make, status: Any, error: Any, told: int
) -> None:
    """A bundle is not to be stopped because rules send its requests to people."""
    state = {"rollout": ROLLOUT, "arm_session": "s", "arm": "canary", "arm_share": 0.3}
    log.log_decision(make_decision(state=state, created_at=START))
    hop = Hop(lane="fast", provider="x", region="eu", boundary="vendor", cost_usd=0.2)
    log.write([of_execution(Execution(decision_id="dec-1", hops=(hop,), status=status, error=error), START)])
    found = watch(log).look()
    assert (found.failures.n, found.cost_usd.n) == (told, 1)


def executed(
    log: EventLog, make: Make, *, n: int, fails: float = 0.0, free: float = 0.0, rated: bool = True, seed: int = 0
) -> None:
    """Sessions of one turn, each with its execution, and rated a minute later."""
    rng = np.random.default_rng(seed)
    for session in range(n):
        canary = bool(rng.random() < 0.5)
        at = START + timedelta(seconds=session)
        state = {"rollout": ROLLOUT, "arm_session": f"s{session}", "arm": "canary" if canary else "champion"}
        key = f"{session}"
        cost = 0.0 if canary and rng.random() < free else 0.01 * float(rng.uniform(0.5, 1.5))
        hop = Hop(lane="fast", provider="x", region="eu", boundary="vendor", cost_usd=cost)
        kept = Validation(status="failed" if rng.random() < (fails if canary else 0.02) else "passed")
        execution = Execution(decision_id=key, at=at, hops=(hop,), validation=kept, final_lane="fast")
        outcomes = [of_outcome(Outcome(decision_id=key, quality=0.8, at=at + timedelta(minutes=1)))] if rated else []
        decision = make(decision_id=key, created_at=at, state={**state, "arm_share": 0.5})
        log.write([of_decision(decision), of_execution(execution, at), *outcomes])


@pytest.mark.parametrize("rated", [False, True])
def test_a_rating_does_not_hide_that_an_answer_failed(log: EventLog, make_decision: Make, *, rated: bool) -> None:
    executed(log, make_decision, n=400, fails=0.6, rated=rated)
    found = watch(log, share=0.5).look()
    assert (found.verdict, found.failures.n) == ("stop", 400)


def test_a_first_answer_is_first_by_time_whatever_is_read_first(log: EventLog, make_decision: Make) -> None:
    """A later turn that is rated does not stand for the first one, of which only the execution is known."""
    state = {"rollout": ROLLOUT, "arm_session": "s", "arm": "canary", "arm_share": 0.3}
    for turn in range(2):
        log.log_decision(make_decision(decision_id=f"t{turn}", state=state, created_at=START))
    late = START + timedelta(minutes=1)
    log.log_outcome(Outcome(decision_id="t1", quality=1.0, cost_usd=5.0, at=late))
    log.write([of_execution(Execution(decision_id="t0", at=START), START)])
    log.log_outcome(Outcome(decision_id="t0", quality=0.2, at=late + timedelta(minutes=1)))
    follows = watch(log)
    follows.look()
    assert [follows._units(what)[0].tolist() for what in ("failed", "quality", "cost_usd")] == [[1.0], [1.0], [5.0]]


def test_a_lane_that_costs_nothing_counts_as_free(log: EventLog, make_decision: Make) -> None:
    executed(log, make_decision, n=600, free=0.9)
    found = watch(log, share=0.5).look()
    assert found.cost_usd.n == 500  # the first hundred say what is usual
    assert found.cost_usd.high < -0.005


def test_sessions_keep_their_order_from_look_to_look(log: EventLog, make_decision: Make) -> None:
    """What was bet on the first sessions stands, though some are rated only after others were seen."""
    follows = watch(log)
    executed(log, make_decision, n=60, rated=False)
    for session in (3, 40):
        log.log_outcome(Outcome(decision_id=f"{session}", refused=True, cost_usd=9.0, at=START + timedelta(hours=1)))
    follows.look()
    before = {what: follows._units(what)[0] for what in ("failed", "cost_usd")}
    for session in range(20):
        log.log_outcome(Outcome(decision_id=f"{session}", quality=1.0, cost_usd=7.0, at=START + timedelta(hours=2)))
    for later in (follows, watch(log)):
        later.look()
        for what, values in before.items():
            assert later._units(what)[0].tolist() == values.tolist()


def test_arms_that_do_not_follow_their_shares_are_not_judged(log: EventLog, make_decision: Make) -> None:
    """A lost half of the canary's records must not look like a cheap canary."""
    traffic(log, make_decision, n=900, cheaper=0.6)
    found = watch(log, share=0.6, margin=0.3).look()
    assert found.verdict == "continue"
    assert "do not follow their shares" in found.why


@pytest.mark.parametrize(
    ("quality", "failures", "cost", "verdict"),
    [
        ((-0.2, -0.011), (-0.1, 0.1), (-1.0, 1.0), "stop"),
        ((-0.2, -0.009), (-0.1, 0.1), (-1.0, -0.5), "continue"),
        ((-0.2, 0.1), (0.011, 0.1), (-1.0, 1.0), "stop"),
        ((-0.009, 0.1), (-0.1, 0.009), (-1.0, -0.5), "promote"),
        ((-0.009, 0.1), (-0.1, 0.011), (-1.0, -0.5), "continue"),
        ((0.001, 0.1), (-0.1, 0.009), (-1.0, 1.0), "promote"),
        ((-0.009, 0.1), (-0.1, 0.009), (-1.0, 1.0), "continue"),
    ],
)
def test_what_leads_to_which_verdict(
    quality: tuple[float, float], failures: tuple[float, float], cost: tuple[float, float], verdict: str
) -> None:
    parts = [Difference(0.0, low, high, 1000) for low, high in (quality, failures, cost)]
    assert judge(*parts, not_drawn=1.0, margin=0.01)[0] == verdict
