"""Streams show text as it comes, end with the whole answer, and never pass off a part as one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from router_ml.execution.lanes.calls import LiteLLMLanes, Patience
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.gathering import Gathered
from router_ml.execution.lanes.reply import Reply
from tests.execution.lane_bench import (
    FAILURES,
    GEMINI,
    against,
    all_lanes,
    call_of,
    collected,
    lane_of,
    typed,
)
from tests.execution.wire import event, streamed


@pytest.fixture(scope="module")
def lanes() -> LiteLLMLanes:
    return all_lanes()


def delta(finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "served", "choices": [choice]})


COUNTED = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
USED = event(
    {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "served",
        "choices": [],
        "usage": COUNTED | {"prompt_tokens_details": {"cached_tokens": 400}},
    }
)
TOOL = {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}
CHAT = [
    delta(role="assistant", content=""),
    delta(content="<thi"),
    delta(content="nk>hm</think>\n\nHel"),
    delta(content="lo [doc-1]."),
    delta(tool_calls=[TOOL]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}]),
    delta("tool_calls"),
    USED,
    event("[DONE]"),
]


def block(at: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[bytes]:
    named = [("content_block_start", {"content_block": start})]
    named += [("content_block_delta", {"delta": one}) for one in deltas]
    return [event({"type": name, "index": at, **data}, name) for name, data in [*named, ("content_block_stop", {})]]


def began() -> bytes:
    counted = {"input_tokens": 600, "cache_read_input_tokens": 400, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "served", "content": [], "usage": counted}
    return event({"type": "message_start", "message": message}, "message_start")


def finished(reason: str) -> list[bytes]:
    ended = {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 100}}
    return [event({"type": "message_delta", **ended}, "message_delta"), event({"type": "message_stop"}, "message_stop")]


MESSAGES = [
    began(),
    *block(
        0,
        typed("thinking", thinking=""),
        typed("thinking_delta", thinking="hm"),
        typed("signature_delta", signature="s"),
    ),
    *block(1, typed("text", text=""), typed("text_delta", text="Hel"), typed("text_delta", text="lo [doc-1].")),
    *block(2, typed("tool_use", id="t1", name="f", input={}), typed("input_json_delta", partial_json='{"a": 1}')),
    *finished("tool_use"),
]


def stream_of(lane: str) -> list[bytes]:
    return MESSAGES if lane == "anthropic" else CHAT


def test_a_slow_reader_is_not_the_fault_of_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[str]:
        loop = asyncio.get_running_loop()
        real, read = loop.time, [0.0]
        monkeypatch.setattr(loop, "time", lambda: real() + read[0])
        patience, got = Patience(10.0), []
        for piece in "ab":
            got.append(await patience.wait(asyncio.sleep(0, piece), Gathered()))
            read[0] += 1000.0
        with pytest.raises(LaneFailure, match="timeout"):
            await Patience(0.01).wait(asyncio.sleep(30), Gathered())
        return got

    assert asyncio.run(run()) == ["a", "b"]


def test_gemini_streams_too(lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [{"text": "hm", "thought": True}, {"text": "Hel"}]
    first = {"candidates": [{"content": {"role": "model", "parts": parts}}], "modelVersion": "served"}

    async def work(_: Any) -> tuple[list[str], Reply | None]:
        return await collected(lanes.stream(call_of("gemini")))

    texts, reply = against(streamed([event(first), event(GEMINI)]), work, monkeypatch)
    assert reply is not None
    assert texts == ["Hel", "Hello."]
    assert (reply.text, reply.thinking, reply.stop) == ("HelHello.", "hm", "end")
    assert (reply.usage.tokens_in, reply.usage.cached_tokens) == (1000, 400)


@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic"])
def test_a_stream_shows_the_text_in_pieces_and_ends_with_the_whole(
    lanes: LiteLLMLanes, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Any) -> tuple[list[str], Reply | None]:
        return await collected(lanes.stream(call_of(lane)))

    texts, reply = against(streamed(stream_of(lane)), work, monkeypatch)
    assert reply is not None
    assert texts == ["Hel", "lo [doc-1]."]
    assert (reply.text, reply.thinking, reply.citations) == ("Hello [doc-1].", "hm", ("doc-1",))
    assert [(one.id, one.name, one.arguments) for one in reply.tool_requests] == [("t1", "f", '{"a": 1}')]
    assert reply.stop == "tools"
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.usage.cached_tokens) == (1000, 100, 400)
    assert reply.usage.cost_usd == pytest.approx(0.0022, abs=1e-12)
    if lane == "anthropic":
        assert [one["signature"] for one in reply.thinking_blocks] == ["s"]


@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_stream_that_breaks_off_is_no_answer(
    lanes: LiteLLMLanes, lane: str, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the connection drops or ends politely: what had come is told, and it never passes as the whole."""
    events = stream_of(lane)[: 8 if lane == "anthropic" else 4]

    async def work(_: Any) -> LaneFailure:
        with pytest.raises(LaneFailure) as caught:
            await collected(lanes.stream(call_of(lane)))
        return caught.value

    failure = against(streamed(events, cut=cut), work, monkeypatch)
    assert failure.kind == "connection"
    assert failure.partial == "Hello [doc-1]."


@pytest.mark.parametrize("lane", ["openai", "vllm", "mistral", "anthropic"])
@pytest.mark.parametrize("ends", [True, False])
def test_a_stream_with_half_a_document_is_malformed_whether_it_ends_there_or_goes_on(
    lanes: LiteLLMLanes, lane: str, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = stream_of(lane)
    at = 8 if lane == "anthropic" else 4
    sent = [*events[:at], b'data: {"choices": [{"delta": \n\n', *(() if ends else events[at:])]

    async def work(_: Any) -> LaneFailure:
        with pytest.raises(LaneFailure) as caught:
            await collected(lanes.stream(call_of(lane)))
        return caught.value

    failure = against(streamed(sent), work, monkeypatch)
    assert (failure.kind, failure.partial) == ("malformed", "Hello [doc-1].")


@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic"])
@pytest.mark.parametrize("fault", ["429", "500", "401", "HTML", "dropped"])
def test_a_stream_that_never_began_fails_as_a_call_does(
    lanes: LiteLLMLanes, lane: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, kind = FAILURES[fault]

    async def work(_: Any) -> LaneFailure:
        with pytest.raises(LaneFailure) as caught:
            await collected(lanes.stream(call_of(lane)))
        return caught.value

    failure = against(answer, work, monkeypatch)
    assert (failure.kind, failure.partial) == (kind, "")


@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic"])
def test_closing_a_stream_closes_the_connection(
    lanes: LiteLLMLanes, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = stream_of(lane)[: 8 if lane == "anthropic" else 4]

    async def work(wire: Any) -> None:
        pieces = lanes.stream(call_of(lane))
        assert (await anext(pieces)).text == "Hel"
        await pieces.aclose()
        await asyncio.wait_for(wire.closed.wait(), 5)

    against(streamed(events, hang=True), work, monkeypatch)


def refusing(*first: dict[str, Any]) -> list[bytes]:
    """As OpenAI does: the words come beside the text, and in the end it has stopped as usual."""
    return [*(delta(**one) for one in first), delta(refusal="I can"), delta(refusal="not."), delta("stop"), USED]


STARTS = (
    {"role": "assistant", "content": "", "refusal": None},
    {"role": "assistant", "content": None, "refusal": ""},
    {"role": "assistant"},
)
I_CANNOT = [
    began(),
    *block(0, typed("text", text=""), typed("text_delta", text="I can"), typed("text_delta", text="not.")),
    *finished("refusal"),
]


@pytest.mark.parametrize(
    ("lane", "events"),
    [
        *((lane, refusing(start)) for lane in ("openai", "vllm", "mistral") for start in STARTS),
        ("anthropic", I_CANNOT),
    ],
)
def test_a_streamed_refusal_is_one_too(
    lanes: LiteLLMLanes, lane: str, events: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Any) -> tuple[list[str], Reply | None]:
        return await collected(lanes.stream(call_of(lane)))

    _, reply = against(streamed(events), work, monkeypatch)
    assert reply is not None
    assert (reply.stop, reply.refusal, reply.text) == ("refusal", "I cannot.", "")


@pytest.mark.parametrize("lane", ["openai", "vllm"])
def test_an_empty_refusal_beside_an_answer_is_none(
    lanes: LiteLLMLanes, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [delta(role="assistant", content="", refusal=""), delta(content="Hello.", refusal=""), delta("stop"), USED]

    async def work(_: Any) -> tuple[list[str], Reply | None]:
        return await collected(lanes.stream(call_of(lane)))

    texts, reply = against(streamed(events), work, monkeypatch)
    assert reply is not None
    assert (texts, reply.text, reply.refusal, reply.stop) == (["Hello."], "Hello.", None, "end")


@pytest.mark.parametrize("lane", ["openai", "vllm"])
@pytest.mark.parametrize("second", [0, 1, None])
def test_calls_of_tools_side_by_side_stay_apart_whatever_their_index(
    lanes: LiteLLMLanes, lane: str, second: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def part(at: int | None, arguments: str, **more: Any) -> dict[str, Any]:
        name = {"name": more.pop("name")} if "name" in more else {}
        return ({} if at is None else {"index": at}) | {"function": {**name, "arguments": arguments}, **more}

    first = 0 if second is not None else None
    calls = [
        part(first, '{"q":', id="t1", type="function", name="find"),
        part(first, "1}"),
        part(second, '{"q":', id="t2", type="function", name="pay"),
        part(second, "2}", id="t2"),
    ]
    events = [delta(role="assistant", content=None), *(delta(tool_calls=[one]) for one in calls), delta("tool_calls")]

    async def work(_: Any) -> tuple[list[str], Reply | None]:
        return await collected(lanes.stream(call_of(lane)))

    _, reply = against(streamed([*events, event("[DONE]")]), work, monkeypatch)
    assert reply is not None
    asked = [(one.id, one.name, one.arguments) for one in reply.tool_requests]
    assert asked == [("t1", "find", '{"q": 1}'), ("t2", "pay", '{"q": 2}')]


def test_a_lane_that_swallows_the_opening_tag_shows_no_thinking_once_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer without thinking is held back once more, and then shown as it comes again."""
    thinks = [delta(role="assistant", content="Two and"), delta(content=" two\n</thi"), delta(content="nk>\n\nFo")]
    thinks += [delta(content="ur."), delta("stop"), event("[DONE]")]
    plain = [delta(role="assistant", content="Fo"), delta(content="ur."), delta("stop"), event("[DONE]")]
    lanes = LiteLLMLanes({"vllm": lane_of("hosted_vllm/m", base_url_env="TEST_V1", key_env="TEST_KEY")})

    async def work(_: Any) -> tuple[list[str], Reply | None]:
        return await collected(lanes.stream(call_of("vllm")))

    said = [against(streamed(events), work, monkeypatch) for events in (thinks, thinks, plain, plain)]
    assert [texts for texts, _ in said[1:]] == [["Fo", "ur."], ["Four."], ["Fo", "ur."]]
    assert "".join(said[0][0]).startswith("Two and two")
    assert {reply.text for _, reply in said if reply is not None} == {"Four."}
    assert [reply.thinking for _, reply in said if reply is not None] == ["Two and two"] * 2 + [""] * 2
