"""A stream shows what may be shown and nothing else, and it is clear at every moment what it is worth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml import Executor, Router
from router_ml.contract import OutputContract, Step
from router_ml.errors import ExecutionError, InvalidRequestError, RouterError, StreamInterruptedError
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.reply import Piece, Reply, ToolRequest
from router_ml.execution.streaming.outlet import TAIL, Delta, Event, Finished, Restarted, Started, ToolUsed
from tests.execution.acting import HANGS, PRIVATE, SECRET, ActingLanes, ActingTools, Scene, config, failed, scene, wants

ASKED = "What is new?"
LONG = " ".join(f"Sentence number {index} says that all is well." for index in range(20))
ROUTER = Router(config())


def shown(events: list[Event]) -> str:
    """What a consumer shows that does as it is told."""
    text = ""
    for event in events:
        if isinstance(event, Restarted):
            assert event.discarded == len(text)
            text = ""
        if isinstance(event, Delta):
            assert event.offset == len(text)
            assert event.text
            text += event.text
    return text


def events_of(it: Scene, **asked: Any) -> list[Event]:
    return list(it.executor.stream(ASKED, **{"decision": it.decide(), **asked}))


def test_plain_text_comes_in_pieces_and_adds_up() -> None:
    events = events_of(scene({"a": [LONG]}))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, Delta) for event in events) > 5
    assert shown(events) == events[-1].completion.text == LONG


@pytest.mark.parametrize(
    ("plan", "answer"),
    [
        ({"risk_tier": "high"}, LONG),
        ({"output_contract": OutputContract(type="json", schema={"type": "object"})}, f'{{"x": "{LONG}"}}'),
        ({"output_contract": OutputContract(forbidden=("salary",))}, LONG),
    ],
)
def test_what_has_to_be_checked_as_a_whole_comes_at_once(plan: dict[str, Any], answer: str) -> None:
    it = scene({"a": [answer]})
    events = events_of(it, decision=it.decide(**plan))
    assert sum(isinstance(event, Delta) for event in events) == 1
    assert shown(events) == answer


@given(before=st.integers(0, 60), after=st.integers(0, 60), chunk=st.integers(1, 400))
@settings(max_examples=25)
def test_a_secret_is_never_sent_wherever_it_stands(before: int, after: int, chunk: int) -> None:
    """Not even its beginning, and not for a moment."""
    it = scene({"a": [f"{'word ' * before}{SECRET} {'word ' * after}"]}, router=ROUTER)
    it.lanes.chunk = chunk
    events = events_of(it)
    sent = "".join(event.text for event in events if isinstance(event, Delta))
    assert SECRET[:8] not in sent
    assert shown(events) == "All is well."


@pytest.mark.parametrize("kind", ["timeout", "connection", "server_error"])
def test_a_stream_that_breaks_off_starts_again_with_the_next_lane(kind: Any) -> None:
    events = events_of(scene({"a": [failed(kind, partial=LONG[:700])], "b": ["Short."]}))
    [again] = [event for event in events if isinstance(event, Restarted)]
    assert again.why == kind
    assert 0 < again.discarded <= 700 - TAIL
    assert shown(events) == "Short."


def test_a_stream_that_breaks_off_may_be_gone_on_from() -> None:
    """The next lane is told what was delivered, and the whole is what is validated and returned."""
    it = scene({"a": [failed("connection", partial=LONG[:700])], "b": [" And so on."]})
    events = events_of(it, on_interrupt="continue")
    assert not any(isinstance(event, Restarted) for event in events)
    asked = it.lanes.calls[1].messages
    partial = str(asked[-2]["content"])
    assert asked[-2]["role"] == "assistant"
    assert LONG.startswith(partial)
    assert isinstance(events[-1], Finished)
    assert shown(events) == events[-1].completion.text == partial + " And so on."


def test_an_answer_is_not_gone_on_from_after_a_refusal() -> None:
    it = scene({"a": [Reply(text=LONG, refusal="No.")], "b": ["Short."]})
    events = events_of(it, on_interrupt="continue")
    assert [event.why for event in events if isinstance(event, Restarted)] == ["refusal"]
    assert shown(events) == "Short."


def test_a_caller_may_be_told_and_go_on_later() -> None:
    it = scene({"a": [failed("connection", partial=LONG[:700])], "b": [" And so on."]})
    stream, events = it.executor.stream(ASKED, decision=it.decide(), on_interrupt="stop"), []

    def follow() -> None:
        for event in stream:
            events.append(event)

    with pytest.raises(StreamInterruptedError) as caught:
        follow()
    broken = caught.value
    assert broken.partial == shown(events)
    assert broken.offset == len(broken.partial) > 0
    assert (it.kept[0].status, it.kept[0].error) == ("failed", "connection")
    more = list(it.executor.stream(resume_from=broken))
    assert isinstance(more[-1], Finished)
    done = more[-1].completion
    assert done.text == broken.partial + " And so on."
    assert [(event.text, event.offset) for event in more if isinstance(event, Delta)] == [
        (" And so on.", broken.offset)
    ]
    assert (done.decision.decision_id, done.execution.resumes) == (broken.decision_id, it.kept[0].execution_id)
    assert it.lanes.lanes == ["a", "b"]
    with pytest.raises(InvalidRequestError, match="was gone on from"):
        list(it.executor.stream(resume_from=broken))


def test_what_a_broken_stream_took_counts_against_the_deadline_when_it_is_gone_on_from() -> None:
    it = scene({"a": [failed("connection", partial=LONG[:700])], "b": ["And so on."]})
    decision = it.decide(limits={"deadline_ms": 60_000.0})
    with pytest.raises(StreamInterruptedError) as caught:
        list(it.executor.stream(ASKED, decision=decision, on_interrupt="stop"))
    broken: Any = caught.value.resume
    took = broken.execution.model_copy(update={"latency_ms": 59_000.0})
    caught.value.resume = replace(broken, execution=took)
    list(it.executor.stream(resume_from=caught.value))
    assert it.lanes.calls[0].timeout_s > 2
    assert it.lanes.calls[1].timeout_s < 1


def test_before_anything_was_delivered_nobody_is_told() -> None:
    it = scene({"a": [failed("connection", partial="Well")], "b": ["Short."]})
    assert shown(events_of(it, on_interrupt="stop")) == "Short."


def test_what_leads_up_to_a_tool_is_not_part_of_the_answer() -> None:
    first = Reply(text=LONG, tool_requests=(ToolRequest("id0", "find", "{}"),), stop="tools")
    it = scene({"a": [first, "Found."]})
    events = events_of(it, decision=it.decide(allowed_tools=("find",)))
    assert [event.why for event in events if isinstance(event, Restarted)] == ["tools"]
    assert ToolUsed("find", "done") in events
    assert shown(events) == "Found."


def test_what_is_found_on_the_way_holds_the_answer_back() -> None:
    """Personal data in the result of a tool raises the tier, and with it what has to be checked as a whole."""
    it = scene({"own": [wants("find"), LONG]}, tools=ActingTools({"find": PRIVATE}))
    events = events_of(it, decision=it.decide(lane="own", allowed_tools=("find",)))
    assert sum(isinstance(event, Delta) for event in events) == 1
    assert shown(events) == LONG


def test_a_stream_without_an_answer_says_what_is_said_instead() -> None:
    it = scene({lane: [failed("connection", partial=LONG[:300])] for lane in ("a", "b", "own")})
    events = events_of(it, decision=it.decide(finally_="static_answer"))
    assert shown(events) == it.router.config.execution.static_answer
    with pytest.raises(ExecutionError):
        events_of(it)
    asked = it.decide().model_copy(update={"action": "clarify", "question": "Which order?"})
    assert shown(events_of(it, decision=asked)) == "Which order?"


def test_an_answer_that_waits_for_a_person_is_taken_back() -> None:
    rule = {"id": "r", "version": "1", "owner": "o", "rationale": "r", "when": {"risk": ["pii"]}}
    it = scene(
        {"a": [f"{LONG} Write to nora.winter@posteo-mail.net."]},
        changes={"output_policies": [{**rule, "then": {"human_review": "privacy"}}]},
    )
    events = events_of(it)
    assert isinstance(events[-1], Finished)
    assert events[-1].completion.status == "human_review"
    assert "nora" not in shown(events)
    assert [event.why for event in events if isinstance(event, Restarted)] == ["review"]


@given(
    acts=st.lists(
        st.sampled_from(["ok", "drop", "refuse", "cut", "empty", "secret", "tool", "busy"]), min_size=3, max_size=8
    ),
    mode=st.sampled_from(["restart", "continue"]),
)
@settings(max_examples=25)
def test_whatever_happens_what_is_shown_is_what_is_returned(acts: list[str], mode: Any) -> None:
    said: dict[str, Any] = {
        "ok": LONG,
        "drop": failed("connection", partial=LONG[:500]),
        "refuse": Reply(text=LONG[:300], refusal="No."),
        "cut": Reply(text=LONG[:400], stop="length"),
        "empty": " ",
        "secret": f"{LONG} {SECRET}",
        "tool": wants("find"),
        "busy": failed("rate_limit"),
    }
    steps = (Step(lane="a", attempts=2), Step(lane="b", attempts=2), "own")
    it = scene({lane: [said[act] for act in acts] for lane in ("a", "b", "own")}, router=ROUTER)
    it.lanes.chunk = 90
    events: list[Event] = []
    try:
        for event in it.executor.stream(
            ASKED, decision=it.decide(steps=steps, allowed_tools=("find",)), on_interrupt=mode
        ):
            events.append(event)
            shown(events)
    except ExecutionError:
        return
    assert isinstance(events[-1], Finished)
    assert shown(events) == events[-1].completion.text
    assert SECRET not in "".join(event.text for event in events if isinstance(event, Delta))


def test_closing_a_stream_ends_the_call() -> None:
    hanging = scene({"a": [lambda call: Reply(text=LONG)]})
    stream = hanging.executor.stream(ASKED, decision=hanging.decide())
    for event in stream:
        if isinstance(event, Delta):
            break
    stream.close()  # type: ignore[attr-defined]
    assert hanging.lanes.running == 0
    assert [one.status for one in hanging.kept] == ["cancelled"]
    assert hanging.kept[0].hops[-1].kind == "cancelled"


def test_a_consumer_that_stops_listening_holds_nothing_up() -> None:
    """Also where more has come than may wait for it."""
    it = scene({"a": [LONG * 6]})
    stream = it.executor.stream(ASKED, decision=it.decide())
    while not isinstance(next(stream), Delta):
        pass
    time.sleep(0.3)
    stream.close()  # type: ignore[attr-defined]
    assert (it.lanes.running, it.kept[-1].status) == (0, "cancelled")


def test_a_slow_reader_does_not_use_up_the_patience_with_a_lane() -> None:
    """What came is read slower than the lane may take; the lane itself answers at once."""
    lanes = config().model_dump(mode="json", by_alias=True)["lanes"]
    lanes["a"]["endpoint"]["timeout_ms"] = 100
    it = scene({"a": [LONG * 6]}, changes={"lanes": lanes})
    events = []
    for event in it.executor.stream(ASKED, decision=it.decide()):
        time.sleep(0.02)
        events.append(event)
    assert len(events) * 0.02 > 0.4
    assert shown(events) == LONG * 6
    assert [hop.kind for hop in it.kept[-1].hops] == [None]


def test_a_lane_that_stops_in_the_middle_of_a_stream_has_its_own_patience() -> None:
    class Stops(ActingLanes):
        async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
            async for piece in super().stream(call):
                yield piece
                if call.lane == "a":
                    await asyncio.Event().wait()

    lanes = config().model_dump(mode="json", by_alias=True)["lanes"]
    lanes["a"]["endpoint"]["timeout_ms"] = 40
    router = Router(config(lanes=lanes))
    executor = Executor(router, lanes=Stops({"a": [LONG], "b": ["Short."]}))
    last = list(executor.stream(ASKED, decision=scene(router=router).decide()))[-1]
    assert isinstance(last, Finished)
    assert [(hop.lane, hop.kind) for hop in last.completion.execution.hops] == [("a", "timeout"), ("b", None)]


def test_closing_an_asynchronous_stream_leaves_nothing_running() -> None:
    it = scene({"a": [HANGS]})

    async def look() -> None:
        stream = it.executor.astream(ASKED, decision=it.decide())
        assert isinstance(await anext(stream), Started)
        waiting = asyncio.ensure_future(anext(stream))
        while not it.lanes.running:
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await stream.aclose()  # type: ignore[attr-defined]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(look())
    assert (it.lanes.running, it.kept[-1].status) == (0, "cancelled")


def test_a_stream_needs_something_to_answer() -> None:
    it = scene()
    with pytest.raises(InvalidRequestError, match="Expected a request"):
        list(it.executor.stream())
    with pytest.raises(InvalidRequestError, match="nothing to go on from"):
        list(it.executor.stream(resume_from=StreamInterruptedError(None, "timeout", partial="", resume=None)))
    with pytest.raises(InvalidRequestError):
        list(it.executor.stream(""))


def test_a_stream_whose_executor_is_closed_does_not_end_as_if_it_were_whole() -> None:
    it = scene({"a": [LONG * 6]})
    stream = it.executor.stream(ASKED, decision=it.decide())
    while not isinstance(next(stream), Delta):
        pass
    it.executor.close()
    with pytest.raises(RouterError, match="is closed"):
        list(stream)
    assert (it.lanes.running, it.kept[-1].status) == (0, "cancelled")
    with pytest.raises(RouterError, match="is closed"):
        it.executor.complete(ASKED)
