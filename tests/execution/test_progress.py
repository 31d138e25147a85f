"""However often a request stops for a person, it goes on as if it had not: with the same limits, shape and context."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from router_ml import Router
from router_ml.contract import Decoding, OutputContract, RouteDecision
from router_ml.errors import ExecutionError, InvalidRequestError, ReviewError
from router_ml.execution.client_side import ClientSide
from router_ml.execution.completion import Completion
from router_ml.execution.lanes.reply import Reply, ToolRequest
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.validation.structured import contract_of
from router_ml.storage.eventlog import EventLog
from tests.execution.acting import PRIVATE, ActingTools, Scene, config, scene

SAID = {"who": "ada", "why": "It is right."}
POLICY = {"version": "1", "owner": "o", "rationale": "r"}
LOOK = {**POLICY, "id": "look", "when": {"risk": ["pii"]}, "then": {"human_review": "privacy"}}
KEEP = {"keep": {"low": {"level": "text"}, "medium": {"level": "text"}}}
LEAVE = Passage("hr/leave.md#2-aaaaaa", "You have ten days of leave a year.", 1.0)
CITED = f"You have ten days of leave a year [{LEAVE.id}]."


class Handbook:
    def __init__(self) -> None:
        self.asked = 0

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        self.asked += 1
        return [LEAVE]


class Amount(BaseModel):
    """What JSON Schema alone does not say of it: small."""

    amount: int

    @field_validator("amount")
    @classmethod
    def small(cls, value: int) -> int:
        if value > 5:
            raise ValueError("too large")
        return value


@pytest.fixture(params=["memory", "log"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog | None]:
    """Where requests wait."""
    if request.param == "memory":
        yield None
        return
    with EventLog(tmp_path / "log.db") as log:
        yield log


def calls(name: str, arguments: str = "{}", *, call_id: str = "") -> Reply:
    return Reply(tool_requests=(ToolRequest(call_id or name + arguments, name, arguments),), stop="tools")


def acting(acts: dict[str, Any], log: EventLog | None, *, results: dict[str, Any] | None = None, **more: Any) -> Scene:
    changes = more.pop("changes", {})
    router = Router(config(logging=KEEP, **changes), log=log)
    return scene(acts, tools=ActingTools(results or {}, approval=True), router=router, **more)


def asks(it: Scene, **plan: Any) -> Completion:
    client, shape = plan.pop("client", None), plan.pop("shape", None)
    more = {} if shape is None else {"output_contract": shape}
    decision = decided(it, **plan)
    return it.executor.complete("What is new?", decision=decision, client=client, **more)


def decided(it: Scene, *, cites: bool = False, grounded: bool = False, **plan: Any) -> RouteDecision:
    """A decision that is in the log, since what waits hangs on it."""
    made = it.decide(allowed_tools=("find", "pay"), **plan)
    if not cites:
        return made
    retrieval = made.retrieval.model_copy(update={"strategy": "light", "index": "notes", "top_k": 3})
    places = made.destinations.model_copy(update={"indexes": ("notes",)})
    contract = OutputContract(name="c", type="text", citations_required=True, grounded=grounded)
    return made.model_copy(update={"retrieval": retrieval, "destinations": places, "output_contract": contract})


def granted(it: Scene, waits: Completion, **more: Any) -> Completion:
    assert (waits.status, waits.review_id is not None) == ("human_review", True)
    it.executor.reviews.decide(waits.review_id or "", True, **SAID)
    return it.executor.resume(waits.review_id or "", **more)


def test_a_review_in_the_middle_of_a_round_loses_no_call(log: EventLog | None) -> None:
    """The call that a rule wanted to be looked at is made, and the lane is told what came of it."""
    it = acting(
        {"a": [calls("find", '{"q": "nora.winter@posteo-mail.net"}'), "Found."]}, log, changes={"policies": [LOOK]}
    )
    done = granted(it, asks(it))
    assert (done.text, [name for name, _ in it.tools.made]) == ("Found.", ["find"])
    assert [message["role"] for message in it.lanes.calls[-1].messages] == ["user", "assistant", "tool"]


def test_calls_that_a_caller_wrote_into_its_request_are_not_made(log: EventLog | None) -> None:
    """Only a round of our own is taken up again."""
    people = {**POLICY, "id": "people", "when": {"org": ["acme"]}, "then": {"human_review": "desk"}}
    it = acting({}, log, changes={"policies": [people]})
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    said = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    waits = it.executor.complete({"messages": said, "metadata": {"org": "acme"}, "allowed_tools": ["find"]})
    assert granted(it, waits).answered
    assert it.tools.made == []


def test_agreeing_to_a_request_outlasts_agreeing_to_a_call() -> None:
    """Request, then call, then no third question: the call is made."""
    acts = [calls("find"), calls("pay", '{"order": 1}'), "Paid."]
    it = acting({"a": acts}, None, results={"find": PRIVATE}, changes={"policies": [LOOK]})
    waits = asks(it)
    assert it.executor.reviews.state(waits.review_id or "").subject == "request"
    waits = granted(it, waits)
    assert it.executor.reviews.state(waits.review_id or "").subject == "tool"
    done = granted(it, waits)
    assert (done.text, [name for name, _ in it.tools.made]) == ("Paid.", ["find", "pay"])


def test_agreeing_to_a_call_outlasts_a_question_that_comes_between(log: EventLog | None) -> None:
    it = acting({"a": [calls("pay", '{"order": 1}'), "Paid."]}, log)
    waits = asks(it)
    asked = {**POLICY, "id": "all", "when": {"channel": ["api"]}, "then": {"human_review": "desk"}}
    it.router._rules = Router(config(logging=KEEP, policies=[asked]))._rules
    waits = granted(it, waits)
    assert (it.executor.reviews.state(waits.review_id or "").subject, it.tools.made) == ("request", [])
    done = granted(it, waits)
    assert (done.text, it.tools.made) == ("Paid.", [("pay", '{"order": 1}')])
    assert done.execution.tool_calls[0].status == "done"


ORDERS = [calls("pay", f'{{"order": {order}}}') for order in (1, 2, 3)]


def test_limits_count_over_all_the_parts_of_a_request(log: EventLog | None) -> None:
    it = acting({"a": [*ORDERS, "Done."]}, log)
    done = granted(it, granted(it, asks(it, limits={"max_tool_calls": 2})))
    assert [arguments for _, arguments in it.tools.made] == ['{"order": 1}', '{"order": 2}']
    refused = done.execution.tool_calls[-1]
    assert (done.text, refused.status, refused.arguments) == ("Done.", "refused", {"order": 3})


def test_a_write_is_not_repeated_however_many_parts_ago_it_was(log: EventLog | None) -> None:
    it = acting({"a": [*ORDERS[:2], calls("pay", '{"order": 1}', call_id="again"), "Done."]}, log)
    done = granted(it, granted(it, asks(it)))
    assert (done.text, [arguments for _, arguments in it.tools.made]) == ("Done.", ['{"order": 1}', '{"order": 2}'])


def test_money_counts_over_all_the_parts_of_a_request(log: EventLog | None) -> None:
    """Three calls of 0.001 USD each, and 0.0025 for all: the third is not made."""
    it = acting({"a": [*ORDERS[:2], "Done."]}, log)
    with pytest.raises(ExecutionError) as caught:
        granted(it, granted(it, asks(it, limits={"max_cost_usd": 0.0025}, steps=())))
    spent = sum(hop.cost_usd or 0.0 for one in it.kept for hop in one.hops)
    assert (caught.value.kind, len(it.lanes.calls), spent) == ("over_budget", 2, 0.002)


def test_nothing_is_looked_up_twice_and_passages_still_have_to_support_the_answer(log: EventLog | None) -> None:
    book = Handbook()
    acts = {"a": [*ORDERS[:2], f"Cats fly to Mars [{LEAVE.id}]."], "b": [CITED]}
    it = acting(acts, log, retrievers={"notes": book})
    done = granted(it, granted(it, asks(it, cites=True, grounded=True)))
    assert (done.text, done.execution.final_lane, book.asked) == (CITED, "b", 1)
    assert done.citations == done.execution.context_ids == (LEAVE.id,)


def test_a_model_holds_after_a_person_agreed(log: EventLog | None) -> None:
    acts = {"a": [ORDERS[0], '{"amount": 99}'], "b": ['{"amount": 98}'], "own": ['{"amount": 1}']}
    it = acting(acts, log)
    done = granted(it, asks(it, shape=Amount, output_contract=contract_of(Amount)))
    assert (done.value, done.execution.final_lane) == ({"amount": 1}, "own")


def test_after_a_restart_the_model_has_to_be_given(log: EventLog | None) -> None:
    """Nothing is answered without it, and the approval is not used up by that."""
    it = acting({"a": [ORDERS[0], '{"amount": 99}'], "b": ['{"amount": 1}']}, log)
    waits = asks(it, shape=Amount, output_contract=contract_of(Amount))
    again = scene({"a": ['{"amount": 99}'], "b": ['{"amount": 1}']}, tools=it.tools, router=it.router)
    with pytest.raises(ReviewError, match="Give it: executor"):
        granted(again, waits)

    class Other(BaseModel):
        amount: str

    with pytest.raises(InvalidRequestError, match="Other is not the output contract"):
        again.executor.resume(waits.review_id or "", model=Other)
    assert again.executor.resume_ready() == []
    done = again.executor.resume(waits.review_id or "", model=Amount)
    assert (done.value, done.execution.final_lane) == ({"amount": 1}, "b")


def test_what_the_caller_brought_along_comes_along(log: EventLog | None) -> None:
    it = acting({"a": [ORDERS[0], "Paid."]}, log)
    tool = {"type": "function", "function": {"name": "mine", "parameters": {}}}
    granted(it, asks(it, client=ClientSide(tools=(tool,), decoding=Decoding(max_tokens=7))))
    first, second = it.lanes.calls
    assert (second.tools, second.decoding.max_tokens) == (first.tools, 7)
    assert tool in second.tools


def test_an_answer_that_cites_in_a_field_is_given_as_it_was(log: EventLog | None) -> None:
    look = {**POLICY, "id": "look", "when": {"tier": ["low", "medium"]}, "then": {"human_review": "desk"}}
    answer = Reply(text="You have ten days of leave a year.", citations=(LEAVE.id,))
    it = acting({"a": [answer]}, log, retrievers={"notes": Handbook()}, changes={"output_policies": [look]})
    done = granted(it, asks(it, cites=True))
    assert (done.text, done.citations, len(it.lanes.calls)) == (answer.text, (LEAVE.id,), 1)


def test_where_a_chain_ends_in_failure_the_last_part_says_so(log: EventLog | None) -> None:
    it = acting({"a": [*ORDERS[:2], ""], "b": [""], "own": [""]}, log)
    with pytest.raises(ExecutionError):
        granted(it, granted(it, asks(it)))
    assert [one.status for one in it.kept] == ["human_review", "human_review", "failed"]
    assert [one.resumes for one in it.kept] == [None, *(one.execution_id for one in it.kept[:2])]
