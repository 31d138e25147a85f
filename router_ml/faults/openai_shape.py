"""Answers and errors as OpenAI's chat completions give them, and vLLM where it differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked
from router_ml.faults.fault import Fault
from router_ml.faults.pieces import cut, event

Json = dict[str, Any]

_STOPS = {"end": "stop", "tools": "tool_calls", "length": "length", "filter": "content_filter", "refusal": "stop"}


def body(asked: Asked, said: Said, number: int) -> Json:
    """The answer as one object."""
    choice = {"index": 0, "message": _message(said, number), "finish_reason": _STOPS[said.stop], "logprobs": None}
    return {
        **_head(asked, number, "chat.completion", said),
        "choices": [] if said.nothing else [choice],
        "usage": _usage(said),
    }


def events(asked: Asked, said: Said, number: int) -> Iterator[bytes]:
    """The answer as server-sent events."""
    head = _head(asked, number, "chat.completion.chunk", said)

    def chunk(delta: Json, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return event({**head, "choices": [choice], **({"usage": None} if asked.usage else {})})

    if not said.nothing:
        yield chunk({"role": "assistant", "content": None if said.calls else ""})
        for piece in cut(said.thinking):
            yield chunk({"reasoning_content": piece})
        for piece in cut(said.refusal or ""):
            yield chunk({"refusal": piece})
        for piece in cut(said.text):
            yield chunk({"content": piece})
        for at, (name, given) in enumerate(said.calls):
            first = {"index": at, "id": _call_id(number, at), "type": "function"}
            yield chunk({"tool_calls": [{**first, "function": {"name": name, "arguments": ""}}]})
            for piece in cut(given):
                yield chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
        yield chunk({}, _STOPS[said.stop])
    if asked.usage:
        yield event({**head, "choices": [], "usage": _usage(said)})
    yield b"data: [DONE]\n\n"


def error(fault: Fault, asked: Asked) -> Json:
    """What stands in the body of an error."""
    message, kind, code = _errors(asked)[fault.kind]
    if fault.kind == "context_overflow" and fault.form == "vllm":
        return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _errors(asked: Asked) -> dict[str, tuple[str, str, str | None]]:
    most = max(asked.tokens - 1, 1)
    overflow = (
        f"This model's maximum context length is {most} tokens. However, your messages resulted in "
        f"{asked.tokens} tokens. Please reduce the length of the messages."
    )
    return {
        "rate_limit": ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
        "server_error": ("The server had an error while processing the request.", "server_error", None),
        "unauthorized": ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
        "content_filter": (
            "The response was filtered due to the prompt triggering the content management policy.",
            "invalid_request_error",
            "content_filter",
        ),
        "context_overflow": (overflow, "invalid_request_error", "context_length_exceeded"),
    }


def _head(asked: Asked, number: int, kind: str, said: Said) -> Json:
    head = {"id": f"chatcmpl-{number}", "object": kind, "created": 1_767_225_600 + number}
    served: Json = {"model": said.served_model or asked.model}
    return head | served | ({"system_fingerprint": said.fingerprint} if said.fingerprint else {})


def _message(said: Said, number: int) -> Json:
    calls = [
        {"id": _call_id(number, at), "type": "function", "function": {"name": name, "arguments": given}}
        for at, (name, given) in enumerate(said.calls)
    ]
    content = None if said.calls or said.refusal else said.text
    return {
        "role": "assistant",
        "content": content,
        "refusal": said.refusal,
        **({"reasoning_content": said.thinking} if said.thinking else {}),
        **({"tool_calls": calls} if calls else {}),
    }


def _call_id(number: int, at: int) -> str:
    return f"call_{number}_{at}"


def _usage(said: Said) -> Json:
    total = said.tokens_in + said.tokens_out
    return {"prompt_tokens": said.tokens_in, "completion_tokens": said.tokens_out, "total_tokens": total}
