"""Calls past LiteLLM: only where it would change nothing, and with the same reply, body and failures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import litellm
import pytest

from router_ml.config import Lane
from router_ml.contract import Decoding
from router_ml.execution.lanes import direct
from router_ml.execution.lanes.calls import LaneCall, LiteLLMLanes
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Reply
from router_ml.faults import KINDS, Fault, FaultServer

SHAPE = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
FIND = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
CALLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "decoding": {"decoding": Decoding(temperature=0.2, top_p=0.9, max_tokens=50, seed=7, stop=("END",))},
    "shape": {"decoding": Decoding(response_format=SHAPE)},
    "tools": {"tools": (FIND,), "must_call": True},
    "headers": {"headers": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
}


@pytest.fixture
def lanes(lane: Lane) -> LiteLLMLanes:
    return LiteLLMLanes({"a": lane})


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def lane(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Lane:
    monkeypatch.setenv("DIRECT_KEY", "no-secret")
    end = {"base_url": server.openai_url, "key_env": "DIRECT_KEY"}
    return Lane.model_validate(
        {
            "model": "openai/gpt-4.1-mini",  # LiteLLM keeps the prices of a model that another test counts with
            "provider": "openai",
            "failure_domain": "openai",
            "region": "us",
            "boundary": "vendor",
            "price": {"input_per_mtok": 1.0, "output_per_mtok": 2.0},
            "latency": {"base_ms": 100, "ms_per_output_token": 1},
            "prior": {"quality": 0.8},
            "context_window": 8000,
            "max_output_tokens": 1000,
            "capabilities": ["tools", "json_schema"],
            "endpoint": end,
        }
    )


def asked(**more: Any) -> LaneCall:
    said = {"messages": [{"role": "user", "content": "What is new?"}], "decoding": Decoding(), "timeout_s": 5.0}
    return LaneCall("a", **{**said, **more})


def outcome(lanes: LiteLLMLanes, call: LaneCall) -> Any:
    try:
        return asyncio.run(lanes.call(call))
    except LaneFailure as failure:
        return failure.kind, failure.retry_after_ms, failure.of_request


def both(lanes: LiteLLMLanes, call: LaneCall, server: FaultServer, script: list[Fault]) -> list[tuple[Any, Any, bool]]:
    """Outcome, body of the request, and whether LiteLLM was asked: past it, and through it."""
    found, used = [], []
    through = lanes._litellm.acompletion

    async def acompletion(**arguments: Any) -> Any:
        used.append(True)
        return await through(**arguments)

    lanes._litellm.acompletion, passed_on = acompletion, lanes._passed_on
    try:
        for ways in (passed_on, set[str]()):
            server.reset()
            server.script("*", script)
            lanes._passed_on = ways
            ended = outcome(lanes, call)
            found.append((ended, server.calls[-1].body, bool(used)))
    finally:
        lanes._litellm.acompletion, lanes._passed_on = through, passed_on
    return found


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_the_same_past_litellm(lanes: LiteLLMLanes, server: FaultServer, name: str) -> None:
    (reply, body, used), (same, other, through) = both(lanes, asked(**CALLS[name]), server, [Fault("good")])
    assert isinstance(reply, Reply)
    assert (used, through) == (False, True)
    assert reply == same
    assert body == other
    assert reply.usage.cost_usd


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("hang", "slow_stream", "mid_stream_drop")])
def test_a_call_fails_the_same_past_litellm(lanes: LiteLLMLanes, server: FaultServer, kind: Any) -> None:
    (ended, _, used), (same, _, _) = both(lanes, asked(tools=(FIND,)), server, [Fault(kind)])
    assert not used
    assert ended == same


def test_what_takes_too_long_is_a_timeout(lanes: LiteLLMLanes, server: FaultServer) -> None:
    server.script("*", [Fault("hang")])
    assert outcome(lanes, asked(timeout_s=0.2))[0] == "timeout"


@pytest.mark.parametrize(
    "model", ["openai/gpt-5", "openai/o3", "mistral/mistral-large-2512", "anthropic/claude-sonnet-4-5"]
)
def test_models_that_litellm_changes_calls_for_stay_with_it(model: str) -> None:
    provider = model.partition("/")[0]
    assert not direct.passed_on(litellm, model, provider)


def test_who_listens_to_litellm_hears_every_call(lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = lanes._arguments
    seen: list[Any] = []

    async def look() -> None:
        seen.append(direct.parameters(litellm, arguments(asked())))

    asyncio.run(look())
    monkeypatch.setattr(litellm, "success_callback", ["some"])
    asyncio.run(look())
    assert seen[0] is not None
    assert seen[1] is None


def test_parts_that_are_no_text_stay_with_litellm(lanes: LiteLLMLanes) -> None:
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]

    async def look() -> Any:
        return direct.parameters(litellm, lanes._arguments(asked(messages=[{"role": "user", "content": picture}])))

    assert asyncio.run(look()) is None
