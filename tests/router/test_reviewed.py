"""A person lets a request through, and nothing else: every other rule holds, and nobody is asked twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml import Router
from router_ml.contract import Approval, RouteDecision, RouteRequest
from router_ml.errors import InvalidRequestError
from router_ml.ruling.of_request import REVIEWED
from tests.execution.reviewing import PRIVATE, asked, opened


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    with opened(tmp_path) as router:
        yield router


def granted(decision: RouteDecision, **changes: Any) -> Approval:
    said: dict[str, Any] = {
        **{"approval_id": "apr_1", "decision_id": decision.decision_id, "subject": "request", "state": "granted"},
        **{"queue": "legal", "who": "ada", "why": "Fine.", "at": decision.created_at},
    }
    return Approval(**{**said, **changes})


def sent_to_a_person(router: Router, text: str = "May we quote this?") -> tuple[RouteRequest, RouteDecision]:
    request = asked(text, metadata={"org": "acme"})
    decision = router.predict_route(request)
    assert (decision.action, decision.lane, decision.queue) == ("human_review", None, "legal")
    return request, decision


def test_a_granted_request_is_planned_under_its_own_id(router: Router) -> None:
    request, decision = sent_to_a_person(router)
    again = router.decide_reviewed(request, decision, granted(decision))
    assert (again.decision_id, again.trace_id, again.seed) == (decision.decision_id, decision.trace_id, decision.seed)
    assert (again.action, again.propensity, again.explored) == ("route", 1.0, False)
    assert again.lane in again.eligible
    assert [tool.name for tool in again.tools] == ["refund"]
    (let,) = (fired for fired in again.policies if fired.id == REVIEWED)
    assert "granted by ada in queue legal" in let.effect
    assert "apr_1" in let.effect
    assert router.log is not None
    assert router.log.decision(decision.decision_id) == decision, "the log keeps what was decided first"


def test_other_rules_hold_after_a_grant(router: Router) -> None:
    """A person lets it through, not out: personal data stays at home, and a rule that came since counts."""
    request, decision = sent_to_a_person(router, PRIVATE)
    again = router.decide_reviewed(request, decision, granted(decision))
    assert (again.lane, again.eligible) == ("own", ("own",))
    router.report_health("own", "down")
    stuck = router.decide_reviewed(request, decision, granted(decision))
    assert (stuck.action, stuck.queue, stuck.lane) == ("human_review", "no-eligible-lane", None)
    stop = {"id": "stop", "version": "1", "owner": "x", "rationale": "y", "when": {}, "then": {"refuse": "Not now."}}
    router.override(stop, who="ada", why="incident")
    assert router.decide_reviewed(request, decision, granted(decision)).action == "refuse"


def test_the_queue_that_let_it_through_is_not_asked_again_before_each_call(router: Router) -> None:
    request, decision = sent_to_a_person(router)
    again = router.decide_reviewed(request, decision, granted(decision))
    still = router.recheck(again)
    assert (still.human_review, still.lanes) == (None, again.eligible)
    more = {"id": "new", "version": "1", "owner": "x", "rationale": "y", "when": {}, "then": {"human_review": "board"}}
    router.override(more, who="ada", why="incident")
    assert router.recheck(again).human_review == "board"


@pytest.mark.parametrize(
    "changes", [{"state": "denied"}, {"state": "requested"}, {"subject": "tool"}, {"decision_id": "dec_other"}]
)
def test_only_a_grant_of_this_request_lets_it_through(router: Router, changes: dict[str, str]) -> None:
    request, decision = sent_to_a_person(router)
    with pytest.raises(InvalidRequestError, match="expected a granted one"):
        router.decide_reviewed(request, decision, granted(decision, **changes))


def test_what_nobody_had_to_look_at_is_not_decided_anew(router: Router) -> None:
    request = asked()
    decision = router.predict_route(request)
    with pytest.raises(InvalidRequestError, match="nobody had to look"):
        router.decide_reviewed(request, decision, granted(decision))


def test_a_request_that_waited_for_money_goes_to_the_cheapest_lane(tmp_path: Path) -> None:
    path = tmp_path / "budget.yaml"
    opened(tmp_path, log=None)
    text = (tmp_path / "router.yaml").read_text(encoding="utf-8")
    money = "budget_usd_per_day: 0.0000001, at_cap: queue, limits: {max_tool_calls: 3}"
    path.write_text(text.replace("limits: {max_tool_calls: 3}", money), encoding="utf-8")
    with Router.load(path) as router:
        router.predict_route(asked())
        request = asked("And again.")
        decision = router.predict_route(request)
        assert (decision.action, decision.queue) == ("human_review", "budget")
        again = router.decide_reviewed(request, decision, granted(decision, queue="budget"))
        assert (again.action, again.lane) == ("route", "own")


def test_what_was_let_through_is_in_the_evidence_and_in_the_budget(router: Router) -> None:
    """The log keeps one decision per id; its execution says what was planned instead; a restart counts the money."""
    from router_ml import Executor
    from router_ml.execution.story.evidence import row
    from router_ml.execution.story.story import story
    from tests.execution.acting import ActingLanes

    lanes = ActingLanes({name: ["Yes."] for name in router.config.lanes})
    with Executor(router, lanes=lanes) as executor:
        waits = executor.complete("May we quote this?", metadata={"org": "acme"})
        assert waits.review_id is not None
        executor.reviews.decide(waits.review_id, True, who="ada", why="Fine.")
        done = executor.resume(waits.review_id)
    log, decision = router.log, waits.decision
    assert log is not None
    again = done.execution.replanned
    assert again is not None
    assert again.lane == done.decision.lane
    assert REVIEWED in {fired.id for fired in again.policies}
    told = row(story(log, decision.decision_id))
    assert told["expected_cost_usd"] == again.estimate.cost_usd
    day = timedelta(days=1)
    costs = log.costs(
        decision.created_at - day, until=decision.created_at + day, traffic_classes=[decision.traffic_class]
    )
    assert [(cost.decision_id, cost.usd) for cost in costs] == [(decision.decision_id, done.execution.cost_usd)]
    own = router.memory.budgets.own([decision.created_at.date()])
    assert list(own.values()) == [pytest.approx(done.execution.cost_usd)]
