"""What LiteLLM is told: what the lane can take, and neither address nor key of somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from router_ml.contract import Decoding
from router_ml.execution.lanes.calls import LiteLLMLanes
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Reply
from tests.execution.lane_bench import (
    ASKED,
    FAILURES,
    MODELS,
    against,
    all_lanes,
    answer_of,
    call_of,
    lane_of,
)


@pytest.fixture(scope="module")
def lanes() -> LiteLLMLanes:
    return all_lanes()


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


@pytest.mark.parametrize(
    ("effort", "max_tokens", "budget"),
    [("high", 9000, 4096), ("high", 4000, 2048), ("low", 1000, None), ("medium", None, 2048)],
)
def test_anthropic_thinks_no_longer_than_it_may_write(
    lanes: LiteLLMLanes, effort: str, max_tokens: int | None, budget: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(wire: Any) -> dict[str, Any]:
        said = Decoding(max_tokens=max_tokens, reasoning_effort=effort)
        await lanes.call(call_of("thinker", decoding=said))
        return wire.seen[0][2]

    sent = against(answer_of("anthropic"), work, monkeypatch)
    assert sent.get("thinking", {}).get("budget_tokens") == budget
    assert budget is None or sent["max_tokens"] > budget


def test_anthropic_does_not_think_after_a_call_that_another_lane_made(
    lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    after = (
        *ASKED,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": "ok"},
    )

    async def work(wire: Any) -> dict[str, Any]:
        said = Decoding(max_tokens=4000, reasoning_effort="low")
        await lanes.call(call_of("thinker", decoding=said, messages=after))
        return wire.seen[0][2]

    assert "thinking" not in against(answer_of("anthropic"), work, monkeypatch)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_fallbacks", ["openai/other"]),
        ("model_alias_map", {MODELS["openai"]: "openai/other"}),
        ("api_base", "http://127.0.0.1:9"),
    ],
)
def test_no_setting_of_the_process_sends_a_call_elsewhere(
    lanes: LiteLLMLanes, name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import litellm

    monkeypatch.setattr(litellm, name, value)

    async def work(wire: Any) -> tuple[LaneFailure, int]:
        with pytest.raises(LaneFailure) as caught:
            await lanes.call(call_of("openai"))
        return caught.value, len(wire.seen)

    failure, calls = against(FAILURES["500"][0], work, monkeypatch)
    assert (failure.kind, calls) == ("unavailable", 0)


def test_answers_come_from_the_lane_and_not_from_a_cache(lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    import litellm

    asked: list[str] = []

    class Cache:
        supported_call_types = ("completion", "acompletion")
        cache = None

        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return lambda *_, **__: None

    monkeypatch.setattr(litellm, "cache", Cache())

    async def work(_: Any) -> Reply:
        return await lanes.call(call_of("openai"))

    assert against(answer_of("openai"), work, monkeypatch).text == "Hello."
    assert not {"get_cache", "add_cache"} & set(asked)


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
    monkeypatch.delenv("TEST_KEY", raising=False)
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
