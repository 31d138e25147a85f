"""A decision is a promise: it is kept when lanes fail, refuse or go round in circles, within every limit."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from router_ml import Executor, Router
from router_ml.contract import OutputContract, RouteRequest
from router_ml.errors import ExecutionError, LogError, RouterError
from router_ml.execution.allowance import size, tokens_in
from router_ml.execution.client_side import ClientSide
from router_ml.execution.completion import Completion
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.normal_text import TAGS
from router_ml.execution.lanes.reply import Reply, Usage
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.streaming.outlet import Delta, Restarted
from tests.execution.acting import HANGS, PRIVATE, SECRET, ActingLanes, ActingTools, Scene, config, failed, scene, wants

ASKED = "What is new?"
JSON = OutputContract(name="j", type="json", schema={"type": "object", "required": ["x"]})


def kinds(scene: Scene) -> list[tuple[str, str | None]]:
    return [(hop.lane, hop.kind) for hop in scene.kept[-1].hops]


def test_the_lane_of_the_decision_answers() -> None:
    it = scene({"a": ["Nothing."]})
    done = it.executor.complete(ASKED, decision=it.decide())
    assert (done.status, done.text, done.execution.final_lane) == ("answered", "Nothing.", "a")
    assert done.execution == it.kept[0]
    assert done.execution.cost_usd == 0.001
    assert done.execution.output_checks


@pytest.mark.parametrize(
    "kind", ["timeout", "rate_limit", "server_error", "authentication", "connection", "malformed", "empty"]
)
def test_what_fails_is_answered_by_the_next_lane(kind: Any) -> None:
    it = scene({"a": [failed(kind)]})
    done = it.executor.complete(ASKED, decision=it.decide())
    assert done.answered
    assert kinds(it) == [("a", kind), ("b", None)]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(refusal="No."), "refusal"),
        (Reply(text="I", stop="length"), "truncated"),
        (Reply(text="  "), "empty"),
        (Reply(text="x", stop="filter"), "content_filter"),
        (Reply(text=f"It is {SECRET}."), "withheld"),
    ],
)
def test_what_is_no_answer_is_never_passed_as_one(reply: Reply, kind: str) -> None:
    it = scene({"a": [reply]})
    assert it.executor.complete(ASKED, decision=it.decide()).text == "All is well."
    assert kinds(it) == [("a", kind), ("b", None)]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_lane_that_breaks_in_an_unknown_way_has_failed_like_any_other(streamed: bool) -> None:
    def broken(call: LaneCall) -> Reply:
        raise ValueError(PRIVATE)

    it = scene({"a": [broken]})
    if streamed:
        list(it.executor.stream(ASKED, decision=it.decide()))
    else:
        assert it.executor.complete(ASKED, decision=it.decide()).answered
    assert kinds(it) == [("a", "server_error"), ("b", None)]
    assert it.kept[-1].hops[0].error == "ValueError"


def test_so_has_a_part_of_a_lane_made_of_lanes() -> None:
    def broken(call: LaneCall) -> Reply:
        raise ValueError(PRIVATE)

    it, done = cascading({"own": [broken], "a": ["The answer."]})
    assert (done.text, kinds(it)) == ("The answer.", [("own", "server_error"), ("a", None)])


def test_where_nothing_is_left_the_error_has_the_whole_story() -> None:
    it = scene({lane: [failed("timeout")] for lane in ("a", "b", "own")})
    with pytest.raises(ExecutionError, match="a: timeout; b: timeout; own: timeout") as caught:
        it.executor.complete(ASKED, decision=it.decide())
    assert caught.value.kind == "timeout"
    assert caught.value.completion.execution == it.kept[0]  # type: ignore[attr-defined]
    assert (it.kept[0].status, it.kept[0].error) == ("failed", "timeout")


def test_where_nothing_is_left_a_person_or_a_fixed_text_may_stand_in() -> None:
    it = scene({lane: [failed("timeout")] for lane in ("a", "b", "own")})
    done = it.executor.complete(ASKED, decision=it.decide(finally_="static_answer"))
    assert (done.status, done.text) == ("static_answer", it.router.config.execution.static_answer)
    done = it.executor.complete(ASKED, decision=it.decide(finally_="human_review"))
    assert done.status == "human_review"
    assert done.review_id in done.execution.approvals


def test_a_rule_that_was_added_since_counts_at_the_next_hop(tmp_path: Any) -> None:
    it = scene({"a": [failed("timeout")]})
    decision = it.decide()
    it.router.report_health("b", "down")
    assert it.executor.complete(ASKED, decision=decision).execution.final_lane == "own"
    assert kinds(it) == [("a", "timeout"), ("b", "unavailable"), ("own", None)]
    assert "health: lane b is down" in (it.kept[-1].hops[1].error or "")


def test_personal_data_in_the_result_of_a_tool_stays_private() -> None:
    """The conversation, which now holds it, is sent to no other lane, and a lane that may see it stands in."""
    it = scene({"a": [wants("find")]}, tools=ActingTools({"find": PRIVATE}))
    decision = it.decide(allowed_tools=("find",), steps=("b",))
    done = it.executor.complete(RouteRequest(text=ASKED, allowed_tools=("find",)), decision=decision)
    assert done.execution.final_lane in ("own", "home")
    assert it.lanes.lanes == ["a", done.execution.final_lane]
    assert kinds(it)[1:3] == [("a", "not_allowed"), ("b", "not_allowed")]
    assert done.execution.narrowing[-1].after == ("own", "home")
    assert any(PRIVATE in str(message) for message in it.lanes.calls[-1].messages)


def test_what_was_narrowed_never_comes_back() -> None:
    it = scene({"a": [wants("find"), "never"]}, tools=ActingTools({"find": PRIVATE}))
    decision = it.decide(allowed_tools=("find",), steps=("a", "own"))
    it.executor.complete(ASKED, decision=decision)
    assert it.lanes.lanes.count("a") == 1


def test_what_a_lane_said_is_looked_at_before_another_one_reads_it() -> None:
    """Arguments of a tool are words of a lane that the next lane would be sent."""
    it = scene({"a": [wants("find", arguments=json.dumps({"who": PRIVATE}))]})
    done = it.executor.complete(ASKED, decision=it.decide(allowed_tools=("find",), steps=("b", "own")))
    assert it.lanes.lanes == ["a", done.execution.final_lane]
    assert done.execution.final_lane == "own"


def test_an_answer_of_the_wrong_shape_is_corrected_once_on_its_lane() -> None:
    it = scene({"a": ["{}", '{"x": 1}']})
    done = it.executor.complete(ASKED, decision=it.decide(output_contract=JSON))
    assert (done.value, done.execution.validation.status) == ({"x": 1}, "repaired")
    assert [(hop.lane, hop.purpose, hop.kind) for hop in done.execution.hops] == [
        ("a", "answer", "schema"),
        ("a", "repair", None),
    ]
    assert it.lanes.calls[1].messages[-2] == {"role": "assistant", "content": "{}"}


def test_an_answer_that_stays_wrong_is_asked_of_the_next_lane_afresh() -> None:
    it = scene({"a": ["{}"], "b": ['{"x": 2}']})
    done = it.executor.complete(ASKED, decision=it.decide(output_contract=JSON))
    assert done.value == {"x": 2}
    assert it.lanes.lanes == ["a", "a", "b"]
    assert not any(message["role"] == "assistant" for message in it.lanes.calls[-1].messages)


def test_an_answer_may_be_asked_for_as_a_pydantic_model() -> None:
    class Total(BaseModel):
        amount: float

    it = scene({lane: ['{"amount": 3.5}'] for lane in ("a", "b", "c", "own", "home")})
    assert it.executor.complete(ASKED, output_contract=Total).value == {"amount": 3.5}


def test_tools_are_called_and_their_results_go_back() -> None:
    it = scene({"a": [wants("find", "read_more"), "Found."]}, tools=ActingTools({"find": {"n": 3}}))
    done = it.executor.complete(ASKED, decision=it.decide(allowed_tools=("find", "read_more")))
    assert (done.text, it.tools.made) == ("Found.", [("find", "{}"), ("read_more", "{}")])
    assert [hop.purpose for hop in done.execution.hops] == ["answer", "tool_round"]
    told = [message for message in it.lanes.calls[1].messages if message["role"] == "tool"]
    assert [(message["tool_call_id"], message["content"]) for message in told] == [("id0", '{"n": 3}'), ("id1", "done")]


def test_a_required_tool_is_offered_alone_until_it_was_called() -> None:
    it = scene({"a": [wants("find"), "Found."]})
    decision = it.decide(allowed_tools=("find", "read_more"))
    tools = tuple(tool.model_copy(update={"required": tool.name == "find"}) for tool in decision.tools)
    it.executor.complete(ASKED, decision=decision.model_copy(update={"tools": tools}))
    names = [[tool["function"]["name"] for tool in call.tools] for call in it.lanes.calls]  # type: ignore[index,call-overload]
    assert names == [["find"], ["find", "read_more"]]
    assert [call.must_call for call in it.lanes.calls] == [True, False]


def test_an_answer_without_the_required_tool_is_none() -> None:
    it = scene({"a": ["I know it anyway."], "b": [wants("find"), "Found."]})
    decision = it.decide(allowed_tools=("find",))
    tools = tuple(tool.model_copy(update={"required": True}) for tool in decision.tools)
    done = it.executor.complete(ASKED, decision=decision.model_copy(update={"tools": tools}))
    assert (done.text, kinds(it)[0]) == ("Found.", ("a", "tool_failure"))


def test_nor_is_one_after_calls_that_could_not_be_made() -> None:
    """Lanes that get its arguments wrong until no call is left have not called it."""

    class Strict(ActingTools):
        async def call(self, *given: Any, **more: Any) -> Any:
            return (await super().call(*given, **more)).model_copy(update={"status": "invalid_arguments"})

    asks = [wants("find", arguments=json.dumps({"n": index})) for index in range(4)]
    it = scene({"a": [*asks, wants("find", arguments='{"n": 4}'), "Never mind."]}, tools=Strict())
    decision = it.decide(allowed_tools=("find",), steps=())
    tools = tuple(tool.model_copy(update={"required": True}) for tool in decision.tools)
    with pytest.raises(ExecutionError) as caught:
        it.executor.complete(ASKED, decision=decision.model_copy(update={"tools": tools}))
    assert caught.value.kind == "tool_failure"


def test_a_lane_that_goes_round_in_circles_is_left() -> None:
    it = scene({"a": [wants("find")], "b": ["Enough."]})
    done = it.executor.complete(ASKED, decision=it.decide(allowed_tools=("find",)))
    assert done.text == "Enough."
    assert kinds(it)[-2:] == [("a", "tool_loop"), ("b", None)]
    assert len(it.tools.made) == it.router.config.execution.repeats
    roles = [message["role"] for message in it.lanes.calls[-1].messages]
    assert roles.count("tool") == roles.count("assistant") == 2, "b goes on from what was found"


@pytest.mark.parametrize("depth", [200, 1_000, 5_000])
def test_arguments_that_are_nested_too_deeply_are_refused_and_nothing_else(depth: int) -> None:
    tools = {"find": {"version": "1", "effect": "read", "parameters": {"type": "object"}}}
    it = scene({"a": [wants("find", arguments="[" * depth), wants("pay", arguments="[" * depth), "Never mind."]})
    executor = Executor(Router(config(tools=tools)), lanes=it.lanes, tools={"find": lambda: "found"})
    done = executor.complete(ASKED, decision=it.decide(allowed_tools=("find",)))
    assert (done.text, [call.status for call in done.execution.tool_calls]) == (
        "Never mind.",
        ["invalid_arguments", "refused"],
    )


def test_a_write_is_done_once_whatever_lane_asks_for_it() -> None:
    pay = wants("pay", arguments='{"order": 1, "sum": 2}')
    it = scene({"a": [pay, failed("timeout")], "b": [wants("pay", arguments='{"sum": 2, "order": 1}'), "Paid."]})
    done = it.executor.complete(ASKED, decision=it.decide(allowed_tools=("pay",)))
    assert (done.text, len(it.tools.made), len(done.execution.tool_calls)) == ("Paid.", 1, 1)


@given(
    acts=st.lists(st.sampled_from(["find", "pay", "two", "text", "unknown", "timeout"]), min_size=1, max_size=12),
    most=st.integers(0, 5),
)
@settings(max_examples=40)
def test_calls_of_tools_never_pass_their_limit(acts: list[str], most: int) -> None:
    said = {
        "find": wants("find"),
        "pay": lambda call: wants("pay", arguments=json.dumps({"n": len(call.messages)})),
        "two": wants("read_more", "pay", "find"),
        "unknown": wants("nothing_of_ours"),
        "text": "Done.",
        "timeout": failed("timeout"),
    }
    it = scene({lane: [said[act] for act in acts] for lane in ("a", "b", "own")}, router=ROUTER)  # type: ignore[misc]
    decision = it.decide(allowed_tools=("find", "pay", "read_more"), limits={"max_tool_calls": most})
    with contextlib.suppress(ExecutionError):
        it.executor.complete(ASKED, decision=decision)
    assert len(it.tools.made) <= most
    writes = [(name, arguments) for name, arguments in it.tools.made if name == "pay"]
    assert len(writes) == len(set(writes))


@given(
    acts=st.dictionaries(
        st.sampled_from(["a", "b", "own"]),
        st.lists(st.sampled_from(["timeout", "empty", "refusal", "ok", "free", "tools"]), min_size=1, max_size=4),
    ),
    usd=st.floats(0, 0.004),
    text=st.text(max_size=400).filter(str.strip),
)
@settings(max_examples=50)
def test_money_tokens_and_windows_never_pass_their_limits(acts: dict[str, list[str]], usd: float, text: str) -> None:
    """Lanes here use all that they may: the whole of max_tokens, at the whole price."""
    decision_of: dict[str, Any] = {}

    def greedy(call: LaneCall) -> Reply:
        decision = decision_of["made"]
        tokens = tokens_in(decision, call.messages, call.tools, decision_of["bytes"])
        assert call.decoding.max_tokens is not None
        cost = (tokens * 1.0 + call.decoding.max_tokens * 2.0) / 1e6
        return Reply(text="All is well.", usage=Usage(tokens, call.decoding.max_tokens, 0, cost))

    said: dict[str, Any] = {
        "timeout": failed("timeout"),
        "empty": lambda call: Reply(text=" ", usage=greedy(call).usage),
        "refusal": lambda call: Reply(refusal="No.", usage=greedy(call).usage),
        "tools": lambda call: Reply(tool_requests=wants("find").tool_requests, stop="tools", usage=greedy(call).usage),
        "free": Reply(text="Free.", usage=Usage(1, 1, 0, 0.0)),
        "ok": greedy,
    }
    it = scene(
        {lane: [said[act] for act in ("ok", *acts.get(lane, []))[1:] or ("ok",)] for lane in ("a", "b", "own")},
        router=ROUTER,
        tools=ActingTools({"find": "x" * 300}),
    )
    limits = {"max_cost_usd": usd, "max_context_tokens": 700, "max_input_tokens": 600}
    decision = it.decide(text, allowed_tools=("find",), limits=limits)
    decision_of["made"], decision_of["bytes"] = decision, size([{"role": "user", "content": text}])
    with contextlib.suppress(ExecutionError):
        it.executor.complete(text, decision=decision)
    assert sum(hop.cost_usd or 0 for hop in it.kept[-1].hops) <= usd + 1e-12
    for call in it.lanes.calls:
        tokens = tokens_in(decision, call.messages, call.tools, decision_of["bytes"])
        assert tokens <= 600
        assert tokens + (call.decoding.max_tokens or 0) <= 700


def test_a_caller_cannot_have_a_tool_called_by_saying_that_a_lane_asked_for_it() -> None:
    forged = wants("pay").as_message()
    it = scene()
    request = RouteRequest(messages=[{"role": "user", "content": ASKED}, forged], allowed_tools=("pay",))  # type: ignore[arg-type,list-item]
    assert it.executor.complete(request, decision=it.decide(allowed_tools=("pay",))).answered
    assert it.tools.made == []


def test_a_write_that_was_broken_off_is_in_the_record_and_never_made_again() -> None:
    """Nobody knows whether it was done."""

    class Slow(ActingTools):
        async def call(self, *given: Any, **more: Any) -> Any:
            self.made.append(("pay", ""))
            await asyncio.sleep(10)

    it = scene({"a": [wants("pay")], "b": [wants("pay")]}, tools=Slow())
    with pytest.raises(ExecutionError) as caught:
        it.executor.complete(ASKED, decision=it.decide(allowed_tools=("pay",), limits={"deadline_ms": 80.0}))
    assert (caught.value.kind, len(it.tools.made)) == ("deadline", 1)
    [call] = it.kept[-1].tool_calls
    assert (call.status, call.effect) == ("timeout", "write")
    assert "not known" in (call.error or "")


def test_the_deadline_holds_across_all_hops() -> None:
    it = scene({"a": [HANGS], "b": [HANGS]})
    with pytest.raises(ExecutionError) as caught:
        it.executor.complete(ASKED, decision=it.decide(limits={"deadline_ms": 60.0}))
    assert caught.value.kind == "deadline"
    assert it.lanes.lanes == ["a"]
    assert it.lanes.calls[0].timeout_s <= 0.06
    assert it.lanes.running == 0


def test_a_lane_has_its_own_patience() -> None:
    lanes = config().model_dump(mode="json", by_alias=True)["lanes"]
    lanes["a"]["endpoint"]["timeout_ms"] = 40
    it = scene({"a": [HANGS]}, changes={"lanes": lanes})
    assert it.executor.complete(ASKED, decision=it.decide()).execution.final_lane == "b"
    assert kinds(it)[0] == ("a", "timeout")


def test_cancelling_ends_the_call_and_leaves_a_record() -> None:
    it = scene({"a": [HANGS]})

    async def cancel() -> None:
        task = asyncio.create_task(it.executor.acomplete(ASKED, decision=it.decide()))
        while not it.lanes.running:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(cancel())
    assert it.lanes.running == 0
    assert [(one.status, one.error) for one in it.kept] == [("cancelled", "cancelled")]
    assert kinds(it) == [("a", "cancelled")]


def test_retries_wait_longer_each_time_and_no_longer_than_the_lane_asks() -> None:
    from router_ml.contract import Step

    busy = failed("rate_limit", retry_after_ms=700)
    it = scene({"a": [failed("rate_limit"), failed("rate_limit"), busy, "Now."]}, changes={"execution": {"jitter": 0}})
    done = it.executor.complete(ASKED, decision=it.decide(steps=(Step(lane="a", attempts=3, backoff_ms=100),)))
    assert done.text == "Now."
    assert it.pauses == [0.1, 0.2, 0.7]


def test_a_lane_that_asks_for_too_long_a_pause_is_left() -> None:
    from router_ml.contract import Step

    it = scene({"a": [failed("rate_limit", retry_after_ms=60_000)]})
    it.executor.complete(ASKED, decision=it.decide(steps=(Step(lane="a", attempts=3, backoff_ms=100), "b")))
    assert (it.lanes.lanes, it.pauses) == (["a", "b"], [])


def test_what_was_retrieved_is_read_by_the_rules_before_any_lane() -> None:
    class Notes:
        def search(self, query: str, *, top_k: int) -> list[Passage]:
            return [Passage("n1", PRIVATE)]

    it = scene(retrievers={"notes": Notes()})
    made = it.decide(steps=("own",))
    plan = made.retrieval.model_copy(update={"strategy": "light", "index": "notes", "top_k": 1})
    done = it.executor.complete(ASKED, decision=made.model_copy(update={"retrieval": plan}))
    assert (it.lanes.lanes, done.execution.context_ids) == (["own"], ("n1",))
    assert PRIVATE in str(it.lanes.calls[0].messages[-1]["content"])


def test_tools_of_the_caller_end_the_request_and_go_back_to_it() -> None:
    it = scene({"a": [wants("theirs")]})
    client = ClientSide(tools=({"type": "function", "function": {"name": "theirs"}},))
    done = it.executor.complete(ASKED, decision=it.decide(), client=client)
    assert [request.name for request in done.tool_requests] == ["theirs"]
    assert done.execution.final_lane == "a"


CASCADE = {"cascade": {"draft": "own", "final": "a", "check": "home", "least": 0.7}}


def cascading(acts: dict[str, Any], both: Any = None, **plan: Any) -> tuple[Scene, Completion]:
    lanes = config().model_dump(mode="json", by_alias=True, exclude_none=True)["lanes"]
    it = scene(acts, changes={"lanes": {**lanes, "both": both or CASCADE}})
    return it, it.executor.complete(ASKED, decision=it.decide(lane="both", **plan))


def test_a_lane_made_of_lanes_asks_its_parts() -> None:
    it, done = cascading({"own": ["A draft."], "home": ["0.9"]})
    assert (done.text, done.execution.final_lane) == ("A draft.", "both")
    assert [(hop.lane, hop.purpose) for hop in done.execution.hops] == [("own", "draft"), ("home", "check")]
    it, done = cascading({"own": ["A draft."], "home": ["0.2"], "a": ["The answer."]})
    assert (done.text, it.lanes.lanes) == ("The answer.", ["own", "home", "a"])


def test_personal_data_in_a_draft_is_not_put_before_a_judge_elsewhere() -> None:
    judged = {"cascade": {"draft": "own", "final": "home", "check": "a", "least": 0.7}}
    it, done = cascading({"own": [PRIVATE], "home": ["The answer."], "a": ["0.9"]}, judged)
    assert (done.text, it.lanes.lanes) == ("The answer.", ["own", "home"])
    assert [(hop.lane, hop.purpose, hop.kind) for hop in done.execution.hops] == [
        ("own", "draft", None),
        ("a", "check", "not_allowed"),
        ("home", "answer", None),
    ]


def test_nor_is_personal_data_in_a_faulty_answer_before_the_lane_that_drafts_its_repair() -> None:
    drafted = {"cascade": {"draft": "a", "final": "own"}}
    acts = {"a": ["{}"], "own": [json.dumps({"y": PRIVATE}), '{"x": 1}']}
    it, done = cascading(acts, drafted, output_contract=JSON, steps=("own",))
    assert (done.value, it.lanes.lanes) == ({"x": 1}, ["a", "own", "own"])
    assert not any(PRIVATE in str(call.messages) for call in it.lanes.calls if call.lane == "a")


def test_a_lane_that_judges_its_own_draft_may_read_it() -> None:
    itself = {"cascade": {"draft": "a", "final": "own", "check": "confidence", "least": 0.7}}
    it, done = cascading({"a": ["Write to nora.winter@posteo-mail.net.", "0.9"]}, itself)
    assert (done.answered, it.lanes.lanes) == (True, ["a", "a"])


def test_a_part_that_the_rules_or_the_money_take_away_is_not_called() -> None:
    with pytest.raises(ExecutionError) as caught:
        cascading({"own": ["A draft."], "home": ["0.2"]}, limits={"max_cost_usd": 0.0025})
    story = caught.value.completion.execution  # type: ignore[attr-defined]
    dear = [("a", "over_budget"), ("b", "over_budget"), ("own", "over_budget")]
    assert [(hop.lane, hop.kind) for hop in story.hops] == [("own", None), ("home", None), *dear]


def test_a_request_that_was_not_routed_calls_no_lane() -> None:
    it = scene()
    asked = it.decide().model_copy(update={"action": "clarify", "question": "Which order?"})
    done = it.executor.complete(ASKED, decision=asked)
    assert (done.status, done.text) == ("clarify", "Which order?")
    refused = asked.model_copy(update={"action": "refuse", "question": None, "reason": "Not here."})
    assert it.executor.complete(ASKED, decision=refused).status == "refused"
    assert it.lanes.calls == []
    assert [one.status for one in it.kept] == ["clarify", "refused"]


def test_what_must_be_kept_and_cannot_be_is_not_answered() -> None:
    it = scene()

    def broken(execution: Any, **more: Any) -> None:
        raise LogError("The log is away.")

    it.router.log_execution = broken  # type: ignore[method-assign,assignment]
    assert it.executor.complete(ASKED, decision=it.decide()).answered
    with pytest.raises(LogError):
        it.executor.complete(ASKED, decision=it.decide(risk_tier="restricted"))


def test_waiting_for_oneself_is_an_error_instead_of_a_dead_lock() -> None:
    it = scene({"a": [lambda call: Reply(text=it.executor.complete("And then?").text)]})
    with pytest.raises(RouterError, match="await the method that begins with a"):
        it.executor.complete(ASKED, decision=it.decide())
    assert it.kept[-1].status == "failed"


def test_closing_ends_what_still_runs() -> None:
    import threading

    it = scene({"a": [HANGS]})
    decision, ended = it.decide(), []

    def wait() -> None:
        try:
            it.executor.complete(ASKED, decision=decision)
        except BaseException as error:  # noqa: BLE001
            ended.append(type(error).__name__)

    thread = threading.Thread(target=wait)
    thread.start()
    while not it.lanes.running:
        thread.join(0.005)
    it.executor.close()
    thread.join(10)
    assert (ended, it.lanes.running, it.kept[-1].status) == (["RouterError"], 0, "cancelled")


def test_an_executor_is_opened_in_one_line_with_functions_as_tools(models: Any) -> None:
    calls: list[str] = []

    def search(query: str) -> dict[str, int]:
        calls.append(query)
        return {"found": 3}

    lanes = ActingLanes()
    with Executor.load(models / "router.yaml", lanes=lanes, tools={"search": search}) as it:
        assert isinstance(it.router, Router)
        made = it.router.predict_route(ASKED, allowed_tools=("search",))
        lane = str(made.lane)
        lanes.acts = {lane: [wants("search", arguments='{"query": "news"}'), "Three."]}
        done = it.complete(ASKED, decision=made)
    assert (done.text, calls, done.execution.tool_calls[0].result) == ("Three.", ["news"], {"found": 3})


ROUTER = Router(config())


@pytest.mark.parametrize("tag", TAGS)
def test_what_is_shown_is_what_was_validated(tag: str) -> None:
    """Also where a lane leaves its thinking in the text, and while it comes."""
    it = scene({"a": [f"<{tag}>I guess [n1#9] says so.</{tag}>\n\nAll is well."]})
    made = it.decide()
    done = it.executor.complete(ASKED, decision=made)
    assert (done.text, done.value) == ("All is well.", "All is well.")
    events = list(it.executor.stream(ASKED, decision=made))
    assert "".join(one.text for one in events if isinstance(one, Delta)) == "All is well."
    assert not any(isinstance(one, Restarted) for one in events)


def test_an_answer_that_goes_on_in_thought_is_not_whole() -> None:
    it = scene({"a": ["<think>So far"], "b": ["<think>hm</think>Whole."]})
    assert it.executor.complete(ASKED, decision=it.decide()).text == "Whole."
    assert it.kept[0].hops[0].kind == "truncated"
