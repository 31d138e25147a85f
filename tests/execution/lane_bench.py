"""Lanes of every kind for tests, and what their vendors answer."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import pytest

from router_ml.config import Lane
from router_ml.config.execution import Endpoint
from router_ml.config.schema import Latency, Price, Prior
from router_ml.contract import Decoding
from router_ml.execution.lanes.calls import LaneCall, LiteLLMLanes
from router_ml.execution.lanes.reply import Piece, Reply
from tests.execution.wire import Answer, dropped, serving, whole

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


@cache
def all_lanes() -> LiteLLMLanes:
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


def against(answer: Answer, work: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What ``work(wire)`` returns while a server answers at the addresses in the environment."""

    async def run() -> Any:
        async with serving(answer) as wire:
            monkeypatch.setenv("TEST_ROOT", wire.url)
            monkeypatch.setenv("TEST_V1", f"{wire.url}/v1")
            monkeypatch.setenv("TEST_KEY", "secret-of-a-test")
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


def typed(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


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
