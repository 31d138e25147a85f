"""Calls to lanes through LiteLLM: one request in, one reply in normal form or one ``LaneFailure`` out."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from router_ml.config import Lane
from router_ml.contract import Decoding, FailureKind
from router_ml.contract.base import JsonObject
from router_ml.errors import MissingExtraError
from router_ml.execution.failures import LaneFailure
from router_ml.execution.reply import Piece, Reply, ToolRequest, Usage


@dataclass(frozen=True)
class LaneCall:
    """What one lane is asked. ``messages`` and ``tools`` in the OpenAI shape; ``timeout_s`` of this call."""

    lane: str
    messages: Sequence[JsonObject]
    decoding: Decoding
    timeout_s: float
    tools: Sequence[JsonObject] = ()
    must_call: bool = False
    headers: Mapping[str, str] | None = None


class Lanes(Protocol):
    """Whatever can call lanes."""

    async def call(self, call: LaneCall) -> Reply:
        """The reply.

        Raises:
            LaneFailure: there is none.
        """
        ...

    def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        """The reply piece by piece, the whole of it with the last one.

        Raises:
            LaneFailure: it broke off; ``partial`` is what had come.
        """
        ...


class LiteLLMLanes:
    """Calls the configured lanes."""

    def __init__(self, lanes: Mapping[str, Lane]) -> None:
        self._lanes = lanes
        self._litellm = _litellm()

    async def call(self, call: LaneCall) -> Reply:
        """See ``Lanes.call``."""
        try:
            answer = await self._litellm.acompletion(**self._arguments(call))
        except Exception as error:  # noqa: BLE001 - each way in which a call can fail is a failure of its lane
            raise _failure(error) from None
        return _reply(answer.model_dump(), self._lanes[call.lane])

    async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        """See ``Lanes.stream``."""
        reply = await self.call(call)
        yield Piece(text=reply.text)
        yield Piece(reply=reply)

    def _arguments(self, call: LaneCall) -> dict[str, Any]:
        lane = self._lanes[call.lane]
        end = lane.endpoint
        base = end.base_url or (os.environ.get(end.base_url_env) if end.base_url_env else None)
        key = os.environ.get(end.key_env) if end.key_env else None
        said = call.decoding.model_dump(exclude_none=True, exclude={"grammar"})
        said = {name: list(value) if name == "stop" else value for name, value in said.items() if value != ()}
        more = (
            {"tools": list(call.tools), "tool_choice": "required" if call.must_call else "auto"} if call.tools else {}
        )
        return {
            "model": lane.model,
            "messages": list(call.messages),
            "timeout": call.timeout_s,
            "num_retries": 0,
            "max_retries": 0,
            **({"api_base": base} if base else {}),
            **({"api_key": key} if key else {}),
            **said,
            **more,
        }


def _litellm() -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        import litellm
    except ImportError:
        raise MissingExtraError("litellm", "execute") from None
    litellm.suppress_debug_info = True
    litellm.drop_params = True
    return litellm


_KINDS: tuple[tuple[str, FailureKind], ...] = (
    ("Timeout", "timeout"),
    ("RateLimitError", "rate_limit"),
    ("AuthenticationError", "authentication"),
    ("PermissionDeniedError", "authentication"),
    ("ContextWindowExceededError", "context_overflow"),
    ("ContentPolicyViolationError", "content_filter"),
    ("APIConnectionError", "connection"),
)


def _failure(error: Exception) -> LaneFailure:
    name = type(error).__name__
    kind: FailureKind = next((kind for known, kind in _KINDS if known in name), "server_error")
    return LaneFailure(kind, f"{name} {getattr(error, 'status_code', '')}".strip())


def _reply(answer: dict[str, Any], lane: Lane) -> Reply:
    choices = answer.get("choices") or []
    if not choices:
        raise LaneFailure("empty", "EmptyError no choices")
    message = choices[0].get("message") or {}
    reason = choices[0].get("finish_reason")
    usage = answer.get("usage") or {}
    tokens_in, tokens_out = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    price = lane.price
    cost = (tokens_in * price.input_per_mtok + tokens_out * price.output_per_mtok) / 1e6
    asked = tuple(
        ToolRequest(one.get("id") or "", one["function"]["name"] or "", one["function"]["arguments"] or "")
        for one in message.get("tool_calls") or []
    )
    stop = {"stop": "end", "length": "length", "tool_calls": "tools", "content_filter": "filter"}.get(reason, "unknown")
    return Reply(
        text=message.get("content") or "",
        tool_requests=asked,
        stop=stop,  # type: ignore[arg-type]
        refusal=message.get("refusal"),
        served_model=answer.get("model"),
        usage=Usage(tokens_in, tokens_out, 0, cost),
    )
