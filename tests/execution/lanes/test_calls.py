"""Calls through LiteLLM against a real server: what goes out and what comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from router_ml.execution.lanes.calls import LiteLLMLanes
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.normal import from_anthropic, from_openai
from router_ml.execution.lanes.reply import Reply
from tests.execution.lane_bench import (
    ASKED,
    MODELS,
    against,
    all_lanes,
    answer_of,
    anthropic_answer,
    call_of,
    collected,
    openai_answer,
    typed,
)
from tests.execution.wire import hanging, whole


@pytest.fixture(scope="module")
def lanes() -> LiteLLMLanes:
    return all_lanes()


@pytest.mark.parametrize("lane", MODELS)
def test_every_provider_answers_in_one_form_at_the_price_of_the_lane(
    lanes: LiteLLMLanes, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Any) -> Reply:
        return await lanes.call(call_of(lane))

    reply = against(answer_of(lane), work, monkeypatch)
    expected = (600 * 2.0 + 400 * 0.5 + 100 * 8.0) / 1e6
    assert (reply.text, reply.stop, reply.refusal) == ("Hello.", "end", None)
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.usage.cached_tokens) == (1000, 100, 400)
    assert reply.usage.cost_usd == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_lane_that_hangs_times_out_and_is_let_go(
    lanes: LiteLLMLanes, lane: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(wire: Any) -> LaneFailure:
        call = call_of(lane, timeout_s=0.1)
        with pytest.raises(LaneFailure) as caught:
            await (collected(lanes.stream(call)) if stream else lanes.call(call))
        await asyncio.wait_for(wire.closed.wait(), 5)
        return caught.value

    assert against(hanging, work, monkeypatch).kind == "timeout"


@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic"])
def test_cancelling_closes_the_connection(lanes: LiteLLMLanes, lane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(wire: Any) -> None:
        waiting = asyncio.ensure_future(lanes.call(call_of(lane)))
        while not wire.seen:
            await asyncio.sleep(0.005)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(wire.closed.wait(), 5)

    against(hanging, work, monkeypatch)


@pytest.mark.parametrize(
    ("lane", "answer", "stop", "refusal"),
    [
        ("openai", openai_answer(content=None, refusal="I cannot."), "refusal", "I cannot."),
        ("vllm", openai_answer(content=None, refusal="I cannot."), "refusal", "I cannot."),
        ("anthropic", anthropic_answer(typed("text", text="I cannot."), stop="refusal"), "refusal", "I cannot."),
        ("anthropic", anthropic_answer(stop="max_tokens"), "length", None),
    ],
)
def test_a_refusal_is_told_from_an_answer(
    lanes: LiteLLMLanes, lane: str, answer: Any, stop: str, refusal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Any) -> Reply:
        return await lanes.call(call_of(lane))

    reply = against(whole(answer), work, monkeypatch)
    assert (reply.stop, reply.refusal) == (stop, refusal)
    assert reply.text == ("" if refusal else "Hello.")


@pytest.mark.parametrize(
    ("lane", "answer"),
    [
        ("openai", openai_answer(annotations=[typed("url_citation", url_citation={"url": "doc-1", "title": "T"})])),
        (
            "anthropic",
            anthropic_answer(typed("text", text="Hello.", citations=[typed("char_location", document_title="doc-1")])),
        ),
    ],
)
def test_citations_that_come_beside_the_text_are_kept(
    lanes: LiteLLMLanes, lane: str, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Any) -> Reply:
        return await lanes.call(call_of(lane))

    assert against(whole(answer), work, monkeypatch).citations == ("doc-1",)


def test_thinking_goes_back_to_the_vendor_that_signed_it_alone(
    lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    thought = typed("thinking", thinking="hm", signature="s")

    async def first(_: Any) -> Reply:
        return await lanes.call(call_of("anthropic"))

    asked = anthropic_answer(thought, typed("tool_use", id="t1", name="f", input={}), stop="tool_use")
    reply = against(whole(asked), first, monkeypatch)
    after = (*ASKED, reply.as_message(), {"role": "tool", "tool_call_id": "t1", "content": "ok"})

    async def again(wire: Any) -> list[Any]:
        await lanes.call(call_of("anthropic", messages=after, tools=()))
        return wire.seen

    sent = against(answer_of("anthropic"), again, monkeypatch)[0][2]["messages"][1]["content"]
    assert thought in sent

    async def elsewhere(wire: Any) -> list[Any]:
        await lanes.call(call_of("openai", messages=after))
        return wire.seen

    assert "thinking_blocks" not in against(answer_of("openai"), elsewhere, monkeypatch)[0][2]["messages"][1]


THOUGHT = typed("thinking", thinking="hm", signature="s")
USE = typed("tool_use", id="t1", name="f", input={"a": [1, "é"]})
CALL = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":[1,"é"]}'}}
CITED = typed("text", text="See [doc-2].", citations=[typed("char_location", document_title="doc-1")])


@pytest.mark.parametrize(
    ("lane", "answer"),
    [
        ("anthropic", anthropic_answer(THOUGHT, typed("text", text="Hi"))),
        ("anthropic", anthropic_answer(THOUGHT, CITED, USE, stop="tool_use")),
        ("anthropic", anthropic_answer(typed("text", text="I cannot."), stop="refusal")),
        ("anthropic", anthropic_answer(stop="max_tokens")),
        ("openai", openai_answer(content="<think>hm</think>\n\nHi [doc-1]")),
        ("vllm", openai_answer(content=None, tool_calls=[CALL], reasoning_content="hm")),
        ("mistral", openai_answer(content=None, refusal="No.")),
    ],
)
def test_litellm_changes_nothing_of_what_a_vendor_said(
    lanes: LiteLLMLanes, lane: str, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply that came through it equals the one read from the vendor's own shape."""

    async def work(_: Any) -> Reply:
        return await lanes.call(call_of(lane))

    reply = against(whole(answer), work, monkeypatch)
    own = from_anthropic(answer) if lane == "anthropic" else from_openai(answer)
    assert replace(reply, usage=replace(reply.usage, cost_usd=None)) == own
    assert [one["signature"] for one in reply.thinking_blocks] == [one["signature"] for one in own.thinking_blocks]
