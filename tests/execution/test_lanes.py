"""Calls through LiteLLM against a real server: what goes out, what comes back, what each way of failing is called."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from router_ml.config import Lane
from router_ml.config.execution import Endpoint
from router_ml.config.schema import Latency, Price, Prior
from router_ml.contract import Decoding
from router_ml.execution.failures import LaneFailure
from router_ml.execution.lanes import LaneCall, LiteLLMLanes
from router_ml.execution.lanes_errors import retry_after
from router_ml.execution.lanes_prices import cost_usd
from router_ml.execution.reply import Piece, Reply, Usage
from tests.execution.wire import Answer, dropped, event, hanging, serving, streamed, whole

MODELS = {
    "openai": "openai/gpt-4.1",
    "vllm": "hosted_vllm/meta-llama/Llama-3.1-8B-Instruct",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "mistral": "mistral/mistral-large-2512",
    "gemini": "gemini/gemini-2.5-pro",
    "compatible": "openai/some-model",
}
PRICE = Price(input_per_mtok=2.0, output_per_mtok=8.0, cached_input_per_mtok=0.5, batch_discount=0.5)
ASKED = ({"role": "user", "content": "hi"},)


def lane_of(model: str, *able: str, **endpoint: Any) -> Lane:
    return Lane(
        model=model,
        provider=model.partition("/")[0],
        failure_domain="a",
        region="eu",
        boundary="vendor",
        price=PRICE,
        latency=Latency(base_ms=1, ms_per_output_token=0),
        prior=Prior(quality=0.5),
        context_window=8192,
        max_output_tokens=1024,
        capabilities=able,
        endpoint=Endpoint(**endpoint),
    )


@pytest.fixture(scope="module")
def lanes() -> LiteLLMLanes:
    """One lane of each kind, all at the addresses in the environment."""
    address = {name: "TEST_ROOT" if name in ("anthropic", "gemini") else "TEST_V1" for name in MODELS}
    made = {
        name: lane_of(model, "json_schema", "tools", base_url_env=address[name], key_env="TEST_KEY")
        for name, model in MODELS.items()
    }
    vllm = {"base_url_env": "TEST_V1", "key_env": "TEST_KEY"}
    made["grammar"] = lane_of("hosted_vllm/m", "grammar", "reasoning", **vllm)
    made["guided"] = lane_of("hosted_vllm/n", "guided_grammar", **vllm)
    made["thinker"] = lane_of(MODELS["anthropic"], "reasoning", base_url_env="TEST_ROOT", key_env="TEST_KEY")
    return LiteLLMLanes(made)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "secret-of-a-test")


def against(answer: Answer, work: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What ``work(wire)`` returns while a server answers at the addresses in the environment."""

    async def run() -> Any:
        async with serving(answer) as wire:
            monkeypatch.setenv("TEST_ROOT", wire.url)
            monkeypatch.setenv("TEST_V1", f"{wire.url}/v1")
            async with asyncio.timeout(20):
                return await work(wire)

    return asyncio.run(run())


def call_of(lane: str, *, timeout_s: float = 10.0, **fields: Any) -> LaneCall:
    return LaneCall(**{"lane": lane, "messages": ASKED, "decoding": Decoding(), "timeout_s": timeout_s, **fields})


def openai_answer(**message: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    said = {"role": "assistant", "content": "Hello.", **message}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    details = {"prompt_tokens_details": {"cached_tokens": 400}}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "served", "choices": [choice]} | {
        "usage": usage | details
    }


def anthropic_answer(*blocks: dict[str, Any], stop: str = "end_turn") -> dict[str, Any]:
    usage = {"input_tokens": 600, "cache_read_input_tokens": 400, "output_tokens": 100}
    content = list(blocks) or [{"type": "text", "text": "Hello."}]
    message = {"id": "1", "type": "message", "role": "assistant", "model": "served", "content": content}
    return message | {"stop_reason": stop, "stop_sequence": None, "usage": usage}


GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello."}]}, "finishReason": "STOP"}],
    "usageMetadata": {
        "promptTokenCount": 1000,
        "candidatesTokenCount": 100,
        "totalTokenCount": 1100,
        "cachedContentTokenCount": 400,
    },
    "modelVersion": "served",
}


def answer_of(lane: str) -> Answer:
    return whole({"anthropic": anthropic_answer(), "gemini": GEMINI}.get(lane, openai_answer()))


async def collected(pieces: Any) -> tuple[list[str], Reply | None]:
    texts, reply = [], None
    async for piece in pieces:
        assert isinstance(piece, Piece)
        if piece.reply is None:
            texts.append(piece.text)
        reply = piece.reply or reply
    return texts, reply


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


@pytest.mark.parametrize("tokens", [(1000, 100, 400), (300_000, 5000, 0), (7, 3, 7)])
@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic", "mistral", "gemini", "compatible"])
def test_litellm_counts_the_same_money(lanes: LiteLLMLanes, lane: str, tokens: tuple[int, int, int]) -> None:
    """Also where it knows other prices of the model, as for long prompts."""
    import litellm
    from litellm.types.utils import ModelResponse
    from litellm.types.utils import Usage as TheirUsage

    fresh, out, cached = tokens
    usage = TheirUsage(
        prompt_tokens=fresh,
        completion_tokens=out,
        total_tokens=fresh + out,
        prompt_tokens_details={"cached_tokens": cached},
    )
    answer = ModelResponse(model=MODELS[lane].partition("/")[2], usage=usage)
    theirs = litellm.completion_cost(answer, model=MODELS[lane])
    assert theirs == pytest.approx(cost_usd(PRICE, Usage(fresh, out, cached)), abs=1e-9)


def test_a_batch_costs_what_the_discount_leaves(lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(_: Any) -> tuple[Reply, Reply]:
        return await lanes.call(call_of("openai")), await lanes.call(call_of("openai", batch=True))

    now, batch = against(answer_of("openai"), work, monkeypatch)
    assert batch.usage.cost_usd == pytest.approx(now.usage.cost_usd / 2, abs=1e-12)


def test_what_goes_out_is_what_the_lane_can_take(lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Decoding(
        temperature=0.2,
        top_p=0.9,
        max_tokens=50,
        seed=7,
        stop=("END",),
        reasoning_effort="low",
        response_format={"type": "json_object"},
        grammar='root ::= "yes"',
    )
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}

    async def work(wire: Any) -> dict[str, Any]:
        for lane in ("openai", "grammar", "guided"):
            await lanes.call(
                call_of(lane, decoding=said, tools=(tool,), must_call=True, headers={"traceparent": "t-1"})
            )
        return dict(zip(("openai", "grammar", "guided"), wire.seen, strict=True))

    seen = against(answer_of("openai"), work, monkeypatch)
    _, headers, body = seen["openai"]
    assert headers["traceparent"] == "t-1"
    assert headers["authorization"] == "Bearer secret-of-a-test"
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["seed"]) == (0.2, 0.9, 50, 7)
    assert (body["stop"], body["tool_choice"]) == (["END"], "required")
    assert "reasoning_effort" not in body
    assert body["response_format"] == {"type": "json_object"}
    grammar = seen["grammar"][2]
    assert grammar["structured_outputs"] == {"grammar": said.grammar}
    assert grammar["reasoning_effort"] == "low"
    assert "response_format" not in grammar
    assert seen["guided"][2]["guided_grammar"] == said.grammar


def test_anthropic_thinks_without_a_temperature(lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Decoding(temperature=0.2, top_p=0.9, max_tokens=4000, reasoning_effort="low")

    async def work(wire: Any) -> list[Any]:
        await lanes.call(call_of("thinker", decoding=said))
        await lanes.call(call_of("anthropic", decoding=said))
        return wire.seen

    thinking, plain = (body for _, _, body in against(answer_of("anthropic"), work, monkeypatch))
    assert "thinking" in thinking
    assert not {"temperature", "top_p"} & set(thinking)
    assert plain["temperature"] == 0.2
    assert not {"top_p", "thinking"} & set(plain)


def refused(status: int, message: str, code: str = "x", extra: str = "") -> Answer:
    body = {"type": "error", "error": {"type": code, "message": message, "code": code}}
    return whole(body, status=status, extra=extra)


FAILURES: dict[str, tuple[Answer, str]] = {
    "429": (refused(429, "slow down", extra="retry-after: 7\r\n"), "rate_limit"),
    "500": (refused(500, "boom"), "server_error"),
    "529": (refused(529, "overloaded", "overloaded_error"), "server_error"),
    "401": (refused(401, "bad key"), "authentication"),
    "403": (refused(403, "no"), "authentication"),
    "404": (refused(404, "no such model"), "server_error"),
    "400": (refused(400, "bad thing"), "server_error"),
    "overflow": (refused(400, "This model's maximum context length is 8192 tokens."), "context_overflow"),
    "overflow by message": (refused(400, "prompt is too long: 9 tokens > 8 maximum"), "context_overflow"),
    "413": (refused(413, "Request exceeds the maximum size"), "context_overflow"),
    "filter": (refused(400, "rejected by our safety system", "content_policy_violation"), "content_filter"),
    "filter by code": (refused(400, "The response was filtered: content management policy"), "content_filter"),
    "HTML": (whole(b"<html>gateway</html>", kind="text/html"), "malformed"),
    "HTML with 502": (whole(b"<html>bad gateway</html>", status=502, kind="text/html"), "server_error"),
    "half a document": (whole(b'{"id": "x", "choi'), "malformed"),
    "another document": (whole([1, 2]), "malformed"),
    "nothing in it": (whole({}), "malformed"),
    "dropped": (dropped, "connection"),
}


@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic"])
@pytest.mark.parametrize("fault", FAILURES)
def test_each_way_of_failing_has_its_name(
    lanes: LiteLLMLanes, lane: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, kind = FAILURES[fault]

    async def work(wire: Any) -> tuple[LaneFailure, int]:
        with pytest.raises(LaneFailure) as caught:
            await lanes.call(call_of(lane, messages=({"role": "user", "content": "private words"},)))
        return caught.value, len(wire.seen)

    failure, calls = against(answer, work, monkeypatch)
    assert failure.kind == kind
    assert calls == 1, "nothing is retried behind the back of the decision"
    assert failure.retry_after_ms == (7000.0 if fault == "429" else None)
    assert failure.of_request == (fault in ("400", "413") or kind in ("context_overflow", "content_filter"))
    assert not {"slow", "boom", "private", "gateway", "secret-of-a-test"} & set(str(failure).split())


def test_retries_that_the_process_configured_for_litellm_are_not_made(
    lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    import litellm

    monkeypatch.setattr(litellm, "num_retries", 3)

    async def work(wire: Any) -> int:
        with pytest.raises(LaneFailure):
            await lanes.call(call_of("openai"))
        return len(wire.seen)

    assert against(FAILURES["500"][0], work, monkeypatch) == 1


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


def typed(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


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
    ("lane", "events"),
    [
        ("openai", [delta(role="assistant", content=None, refusal=""), delta(refusal="I can"), delta("stop"), USED]),
        (
            "anthropic",
            [began(), *block(0, typed("text", text=""), typed("text_delta", text="I")), *finished("refusal")],
        ),
    ],
)
def test_a_streamed_refusal_is_one_too(
    lanes: LiteLLMLanes, lane: str, events: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Any) -> tuple[list[str], Reply | None]:
        return await collected(lanes.stream(call_of(lane)))

    _, reply = against(streamed(events), work, monkeypatch)
    assert reply.stop == "refusal"
    assert reply.refusal is not None


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


def failing(work: Coroutine[Any, Any, Any]) -> LaneFailure:
    with pytest.raises(LaneFailure) as caught:
        asyncio.run(work)
    return caught.value


def test_a_private_lane_without_an_address_is_never_sent_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM would take OpenAI's address for a vLLM lane that has none."""
    monkeypatch.delenv("HOSTED_VLLM_API_BASE", raising=False)
    monkeypatch.delenv("NOWHERE", raising=False)
    lanes = LiteLLMLanes(
        {"private": lane_of("hosted_vllm/m"), "named": lane_of("openai/m", base_url_env="NOWHERE")},
    )
    for lane, name in (("private", "HOSTED_VLLM_API_BASE"), ("named", "NOWHERE")):
        failure = failing(lanes.call(call_of(lane)))
        assert (failure.kind, failure.detail) == ("unavailable", f"MissingAddressError {name} is not set")
    assert set(lanes.missing()) == {"private", "named"}


def test_a_key_that_is_not_set_is_named_and_nothing_is_called(
    lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_KEY")
    monkeypatch.setenv("TEST_V1", "http://127.0.0.1:9/v1")
    failure = failing(lanes.call(call_of("openai")))
    assert (failure.kind, failure.detail) == ("authentication", "MissingKeyError TEST_KEY is not set")
    assert lanes.missing()["openai"] == failure.detail


@pytest.mark.parametrize(("model", "root"), [("openai/m", "/v1"), ("hosted_vllm/m", "/v1"), ("anthropic/m", "")])
def test_the_key_of_a_vendor_never_goes_to_another_server(
    model: str, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "HOSTED_VLLM_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "key-of-the-vendor")

    async def work(wire: Any) -> str:
        lanes = LiteLLMLanes({"own": lane_of(model, base_url=wire.url + root)})
        await lanes.call(call_of("own"))
        return str(wire.seen[0][1])

    answer = answer_of("anthropic" if model.startswith("anthropic") else "openai")
    assert "key-of-the-vendor" not in against(answer, work, monkeypatch)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "1.5"}, 1500.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 250.0),
        ({"retry-after": "Thu, 26 Nov 2026 12:00:30 GMT"}, 30_000.0),
        ({"retry-after": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], pause: float | None) -> None:
    assert retry_after(headers, now=datetime(2026, 11, 26, 12, tzinfo=UTC)) == pause
