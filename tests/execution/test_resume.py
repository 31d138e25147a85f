"""What waits for a person goes on as it was, under the same decision, by the rules that are in force by then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml import Executor, Router
from router_ml.contract import Execution
from router_ml.errors import ExecutionError, ReviewError
from router_ml.execution.completion import Completion
from router_ml.storage.eventlog import EventLog
from tests.execution.acting import SECRET, ActingLanes, ActingTools, Scene, config, failed, scene, wants

ASKED = "What is new?"
SAID = {"who": "ada", "why": "It is right."}
PAY = wants("pay", arguments='{"order": 1}')
POLICY = {"version": "1", "owner": "o", "rationale": "r"}
PEOPLE = {**POLICY, "id": "people", "when": {"org": ["acme"]}, "then": {"human_review": "desk"}}
LOOK = {**POLICY, "id": "look", "when": {"risk": ["pii"]}, "then": {"human_review": "privacy"}}
MAIL = "Write to nora.winter@posteo-mail.net about it."


def paying(acts: dict[str, Any] | None = None, **more: Any) -> tuple[Scene, Completion]:
    """A request that waits for a person to let it pay."""
    it = scene(acts or {"a": [PAY, "Paid."]}, tools=ActingTools(approval=True), **more)
    return it, it.executor.complete(ASKED, decision=it.decide(allowed_tools=("find", "pay")))


def grant(it: Scene, done: Completion, *, granted: bool = True) -> Completion:
    assert done.review_id is not None
    it.executor.reviews.decide(done.review_id, granted, **SAID)
    return it.executor.resume(done.review_id)


def test_a_call_that_was_granted_is_made_and_the_request_goes_on() -> None:
    it, waits = paying()
    assert (waits.status, it.tools.made, it.lanes.lanes) == ("human_review", [], ["a"])
    done = grant(it, waits)
    assert (done.text, it.tools.made, it.lanes.lanes) == ("Paid.", [("pay", '{"order": 1}')], ["a", "a"])
    first, second = it.kept
    assert second.decision_id == first.decision_id
    assert (second.resumes, second.approvals) == (first.execution_id, (waits.review_id,))
    assert second.tool_calls[0].approval_id == waits.review_id
    assert (first.tool_calls[0].status, second.tool_calls[0].status) == ("waiting", "done")


def test_calls_beside_the_one_that_waited_are_answered_too() -> None:
    it, waits = paying({"a": [wants("find", "pay", "find"), "Paid."]})
    assert it.tools.made == [("find", "{}")]
    done = grant(it, waits)
    assert [name for name, _ in it.tools.made] == ["find", "pay", "find"]
    roles = [message["role"] for message in it.lanes.calls[-1].messages]
    assert (done.text, roles) == ("Paid.", ["user", "assistant", "tool", "tool", "tool"])


def test_it_goes_on_once() -> None:
    it, waits = paying()
    with pytest.raises(ReviewError):
        it.executor.resume(waits.review_id or "")
    grant(it, waits)
    with pytest.raises(ReviewError):
        it.executor.resume(waits.review_id or "")
    assert len(it.tools.made) == 1


def test_it_goes_on_with_the_next_lane_where_its_own_fails() -> None:
    it, waits = paying({"a": [PAY, failed("timeout")], "b": [PAY, "Paid."]})
    assert (grant(it, waits).text, len(it.tools.made)) == ("Paid.", 1)


def test_what_was_spent_and_called_before_counts() -> None:
    it = scene({"a": [PAY, wants("find"), "Paid."]}, tools=ActingTools(approval=True))
    limits = {"max_tool_calls": 1, "max_cost_usd": 0.0021}
    waits = it.executor.complete(ASKED, decision=it.decide(allowed_tools=("find", "pay"), limits=limits))
    with pytest.raises(ExecutionError) as caught:
        grant(it, waits)
    assert (caught.value.kind, it.tools.made) == ("over_budget", [("pay", '{"order": 1}')])


def test_an_approval_is_of_one_call_whatever_id_the_next_one_has() -> None:
    """Ids are made up by lanes, and some give every call the same."""
    more = wants("pay", arguments='{"order": 5000}')
    it, waits = paying({"a": [PAY, more, "Paid."]})
    again = grant(it, waits)
    assert (again.status, it.tools.made) == ("human_review", [("pay", '{"order": 1}')])
    assert again.review_id != waits.review_id
    assert grant(it, again).text == "Paid."
    assert it.tools.made == [("pay", '{"order": 1}'), ("pay", '{"order": 5000}')]
    assert [call.approval_id for call in it.kept[-1].tool_calls] == [again.review_id]


def test_an_approval_counts_once() -> None:
    """Nothing was done with it the first time: that is for a person to look at again."""

    class Failing(ActingTools):
        async def call(self, *given: Any, **more: Any) -> Any:
            call = await super().call(*given, **more)
            nothing = {"status": "failed", "nothing_done": True}
            return call if call.status == "waiting" else call.model_copy(update=nothing)

    it = scene({"a": [PAY, PAY, "Paid."]}, tools=Failing(approval=True))
    waits = it.executor.complete(ASKED, decision=it.decide(allowed_tools=("pay",)))
    assert grant(it, waits).status == "human_review"
    assert len(it.tools.made) == 1


def test_a_call_that_was_granted_is_made_where_an_earlier_one_had_its_id() -> None:
    it, waits = paying({"a": [wants("find"), PAY, "Paid."]})
    assert grant(it, waits).text == "Paid."
    assert it.tools.made == [("find", "{}"), ("pay", '{"order": 1}')]
    said = [message for message in it.lanes.calls[-1].messages if message["role"] in ("assistant", "tool")]
    ids = [message.get("tool_call_id") or message["tool_calls"][0]["id"] for message in said]  # type: ignore[index,call-overload]
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_a_write_whose_fate_is_not_known_is_not_made_again_anywhere_else() -> None:
    """Also after the request has waited twice, and whatever form its arguments have by then."""
    paid: list[float] = []

    def pay(sum: float) -> None:
        paid.append(sum)
        raise RuntimeError("502, after it was paid")

    functions = {"pay": pay, "refund": lambda order: "refunded"}
    first, second = (wants("refund", arguments=f'{{"order": {order}}}') for order in (1, 2))
    acts = [wants("pay", arguments='{"sum": 5}'), first, second, wants("pay", arguments='{"sum": 5.0}'), "Sorry."]
    tools = {"pay": {"version": "1", "effect": "write"}}
    tools["refund"] = {**tools["pay"], "approval": True}  # type: ignore[dict-item]
    it = scene(changes={"tools": tools})
    lanes, decision = ActingLanes({"a": acts}), it.decide(allowed_tools=("pay", "refund"))
    done = Executor(it.router, lanes=lanes, tools=functions).complete(ASKED, decision=decision)
    for _ in range(2):
        elsewhere = Executor(it.router, lanes=lanes, tools=functions)
        elsewhere.reviews.decide(done.review_id or "", True, **SAID)
        done = elsewhere.resume(done.review_id or "")
    assert (done.text, paid) == ("Sorry.", [5])
    assert "unknown whether it was done" in str(lanes.calls[-1].messages[-1])


@pytest.mark.parametrize(("on_expiry", "status"), [("deny", "refused"), ("refuse", "refused"), ("static_answer",) * 2])
@pytest.mark.parametrize("how", ["denied", "expired"])
def test_what_nobody_agreed_to_ends_as_configured(on_expiry: str, status: str, how: str) -> None:
    it, waits = paying(changes={"execution": {"review": {"on_expiry": on_expiry, "expires_minutes": 1e-6}}})
    if how == "denied":
        it, waits = paying(changes={"execution": {"review": {"on_expiry": on_expiry}}})
        done = grant(it, waits, granted=False)
    else:
        done = it.executor.resume(waits.review_id or "")
    assert (done.status, it.tools.made, it.lanes.lanes) == (status, [], ["a"])
    assert it.kept[-1].resumes == it.kept[0].execution_id


def test_rules_that_were_added_while_it_waited_hold() -> None:
    """The lane that asked may no longer be told what the tool said."""
    it, waits = paying()
    it.router.report_health("a", "down")
    done = grant(it, waits)
    assert done.execution.final_lane == "b"


def test_a_request_that_a_rule_sends_to_a_person_is_answered_once_they_agree() -> None:
    it = scene(changes={"policies": [PEOPLE]})
    waits = it.executor.complete(ASKED, metadata={"org": "acme"})
    assert (waits.status, waits.decision.lane, it.lanes.calls) == ("human_review", None, [])
    assert it.executor.reviews.state(waits.review_id or "").queue == "desk"
    done = grant(it, waits)
    assert done.answered
    assert done.decision.decision_id == waits.decision.decision_id
    assert done.execution.resumes == waits.execution.execution_id


def test_an_answer_that_waited_is_given_as_it_was() -> None:
    it = scene({"a": [MAIL]}, changes={"output_policies": [LOOK]})
    waits = it.executor.complete(ASKED, decision=it.decide())
    assert MAIL not in waits.text
    done = grant(it, waits)
    assert (done.text, done.execution.final_lane, it.lanes.lanes) == (MAIL, "a", ["a"])


def test_an_answer_that_must_not_be_given_by_then_is_not() -> None:
    """A person's look does not outrank a rule that withholds."""
    withhold = {**POLICY, "id": "no", "when": {"risk": ["secrets"]}, "then": {"withhold": "No."}}
    it = scene({"a": [f"{MAIL} {SECRET}"]}, changes={"output_policies": [LOOK]})
    waits = it.executor.complete(ASKED, decision=it.decide())
    it.router._rules = Router(config(output_policies=[LOOK, withhold]))._rules
    with pytest.raises(ExecutionError) as caught:
        grant(it, waits)
    assert caught.value.kind == "withheld"


def test_where_nothing_was_left_a_person_may_have_it_tried_again() -> None:
    it = scene({lane: [failed("server_error"), "At last."] for lane in ("a", "b", "own")})
    waits = it.executor.complete(ASKED, decision=it.decide(finally_="human_review"))
    assert waits.execution.error == "server_error"
    assert grant(it, waits).text == "At last."


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


def test_both_parts_are_in_the_log_under_one_decision(log: EventLog) -> None:
    keep = {"keep": {"low": {"level": "text"}, "medium": {"level": "text"}}}
    router = Router(config(logging=keep), log=log)
    it = scene({"a": [PAY, "Paid."]}, tools=ActingTools(approval=True), router=router)
    asked = router.predict_route(ASKED, allowed_tools=("pay",), seed=1)
    waits = it.executor.complete(ASKED, decision=asked.model_copy(update={"lane": "a"}))
    done = grant(it, waits)
    assert done.answered
    assert [one.status for one in it.kept] == ["human_review", "answered"]
    assert {one.decision_id for one in it.kept} == {asked.decision_id}
    assert isinstance(it.kept[1], Execution)
    assert datetime.now(UTC) - (it.kept[1].at or datetime.min) < timedelta(minutes=5)
