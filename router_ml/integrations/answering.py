"""What came of a request, in the words of the OpenAI API."""

from __future__ import annotations

import time
from typing import Any

from router_ml.contract.base import JsonObject
from router_ml.errors import (
    ExecutionError,
    InvalidRequestError,
    LogError,
    LogRefusedError,
    ReviewError,
    RouterError,
)
from router_ml.execution.completion import Completion

_BLOCKED = ("refused", "human_review")


def noticed(completion: Completion) -> str:
    """The text to show: the answer, and the notices it has to carry where its shape leaves room for them."""
    free = completion.decision.output_contract.type == "text" and not completion.tool_requests
    return "\n\n".join([completion.text, *completion.notices]) if free and completion.notices else completion.text


def finish_reason(completion: Completion) -> str:
    """Why it ended, as OpenAI says it; ``content_filter`` where a rule or a person stands before the answer, ``length``
    where it was cut off at the caller's own limit."""
    if completion.tool_requests:
        return "tool_calls"
    if cut_short(completion):
        return "length"
    return "content_filter" if completion.status in _BLOCKED else "stop"


def cut_short(completion: Completion) -> bool:
    """Whether the answer ends at the ``max_tokens`` of its caller."""
    return completion.answered and completion.execution.validation.status == "truncated"


def usage(completion: Completion) -> dict[str, int]:
    """Tokens of all hops, also those that failed: what is paid for."""
    hops = completion.execution.hops
    tokens_in, tokens_out = sum(hop.tokens_in for hop in hops), sum(hop.tokens_out for hop in hops)
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


def served_model(completion: Completion) -> str:
    """The model that answered, as its provider names it; ``router`` where none did."""
    answered = [hop for hop in completion.execution.hops if hop.kind is None]
    return (answered[-1].served_model or answered[-1].lane) if answered else "router"


def details(completion: Completion) -> dict[str, Any]:
    """What the router has to say of an answer, beside the answer."""
    decision, execution = completion.decision, completion.execution
    return {
        "decision_id": decision.decision_id,
        "execution_id": execution.execution_id,
        "status": completion.status,
        "lane": execution.final_lane,
        "route": decision.route,
        "traffic_class": decision.traffic_class,
        "bundle": decision.versions.bundle,
        "arm": decision.state.arm,
        "risk_tier": decision.risk_tier,
        "validation": execution.validation.status,
        "hops": len(execution.hops),
        "cost_usd": execution.cost_usd,
        "latency_ms": execution.latency_ms,
        "context_ids": list(execution.context_ids),
        "citations": list(completion.citations),
        "notices": list(completion.notices),
        "review_id": completion.review_id,
    }


def tool_calls(completion: Completion) -> list[JsonObject]:
    """The calls that the caller has to make, in the OpenAI shape."""
    return [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
        for one in completion.tool_requests
    ]


def body(completion: Completion) -> dict[str, Any]:
    """A ``chat.completion``; its id is that of the decision, and ``router`` holds the rest."""
    text, blocked = noticed(completion), completion.status in _BLOCKED
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if blocked or (completion.tool_requests and not text) else text,
        "refusal": text if blocked else None,
    }
    if completion.tool_requests:
        message["tool_calls"] = tool_calls(completion)
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(completion), "logprobs": None}
    return {**_head(completion, "chat.completion"), "choices": [choice], "usage": usage(completion)}


def chunk(delta: dict[str, Any], *, of: str) -> dict[str, Any]:
    """A ``chat.completion.chunk`` on the way; ``of``: id of its decision."""
    choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
    return {
        "id": of,
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": "router",
        "choices": [choice],
    }


def last_chunks(completion: Completion, *, with_usage: bool) -> list[dict[str, Any]]:
    """What is left to say once all is known: calls of tools, the reason it ended, usage."""
    calls = [{"index": at, **call} for at, call in enumerate(tool_calls(completion))]
    head = _head(completion, "chat.completion.chunk")
    delta: dict[str, Any] = {"tool_calls": calls} if calls else {}
    done = {"index": 0, "delta": delta, "finish_reason": finish_reason(completion), "logprobs": None}
    chunks = [{**head, "choices": [done]}]
    return [*chunks, {**head, "choices": [], "usage": usage(completion)}] if with_usage else chunks


def _head(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": completion.decision.decision_id,
        "object": kind,
        "created": int(completion.decision.created_at.timestamp()),
        "model": served_model(completion),
        "system_fingerprint": completion.decision.versions.bundle,
        "router": details(completion),
    }


_STATUS: dict[str, tuple[int, str]] = {
    "rate_limit": (429, "rate_limit_exceeded"),
    "context_overflow": (400, "context_length_exceeded"),
    "truncated": (400, "truncated"),
    "timeout": (504, "timeout"),
    "deadline": (504, "timeout"),
    "over_budget": (402, "over_budget"),
    "not_allowed": (403, "not_allowed"),
}


def error_body(error: RouterError) -> tuple[int, dict[str, Any]]:
    """An error as a status code and a body, as the OpenAI API has them; it never holds text of a request."""
    details_: dict[str, Any] = {}
    if isinstance(error, InvalidRequestError):
        status, code = 400, "invalid_request_error"
    elif isinstance(error, ExecutionError):
        status, code = _STATUS.get(error.kind, (502, error.kind))
        details_ = details(error.completion) if isinstance(error.completion, Completion) else {}
    elif isinstance(error, ReviewError):
        status, code = 409, "review"
    elif isinstance(error, LogRefusedError):
        status, code = 409, "already_logged"
    elif isinstance(error, LogError):
        status, code = 503, "not_logged"
    else:
        status, code = 500, type(error).__name__
    said: dict[str, Any] = {"message": str(error), "type": code, "code": code, "param": None}
    return status, {"error": {**said, "router": details_} if details_ else said}
