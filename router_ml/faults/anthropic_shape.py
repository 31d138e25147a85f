"""Answers and errors as Anthropic's messages give them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from router_ml.faults.answers import REFUSED, Said
from router_ml.faults.asked import Asked
from router_ml.faults.fault import Fault
from router_ml.faults.pieces import cut, event

Json = dict[str, Any]

_STOPS = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "filter": "refusal", "refusal": "refusal"}


def body(asked: Asked, said: Said, number: int) -> Json:
    """The answer as one object."""
    return {**_head(asked, number, said), "content": _content(said, number), **_end(said), "usage": _usage(said)}


def events(asked: Asked, said: Said, number: int) -> Iterator[bytes]:
    """The answer as server-sent events."""
    start = {**_head(asked, number, said), "content": [], "stop_reason": None, "stop_sequence": None}
    start["usage"] = {"input_tokens": said.tokens_in, "output_tokens": 1}
    yield event({"type": "message_start", "message": start}, "message_start")
    for at, block in enumerate(_content(said, number)):
        empty, deltas = _in_pieces(block)
        yield event({"type": "content_block_start", "index": at, "content_block": empty}, "content_block_start")
        for delta in deltas:
            yield event({"type": "content_block_delta", "index": at, "delta": delta}, "content_block_delta")
        yield event({"type": "content_block_stop", "index": at}, "content_block_stop")
    end = {"type": "message_delta", "delta": _end(said), "usage": {"output_tokens": said.tokens_out}}
    yield event(end, "message_delta")
    yield event({"type": "message_stop"}, "message_stop")


def error(fault: Fault, asked: Asked) -> Json:
    """What stands in the body of an error."""
    kind, message = _errors(asked)[fault.kind]
    if fault.kind == "server_error" and fault.status == 529:
        kind, message = "overloaded_error", "Overloaded"
    return {"type": "error", "error": {"type": kind, "message": message}}


def _errors(asked: Asked) -> dict[str, tuple[str, str]]:
    overflow = f"prompt is too long: {asked.tokens} tokens > {max(asked.tokens - 1, 1)} maximum"
    return {
        "rate_limit": ("rate_limit_error", "This request would exceed the rate limit of your organization."),
        "server_error": ("api_error", "Internal server error"),
        "unauthorized": ("authentication_error", "invalid x-api-key"),
        "content_filter": ("invalid_request_error", "Output blocked by content filtering policy"),
        "context_overflow": ("invalid_request_error", overflow),
    }


def _head(asked: Asked, number: int, said: Said) -> Json:
    model = said.served_model or asked.model
    return {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": model}


def _content(said: Said, number: int) -> list[Json]:
    if said.nothing:
        return []
    blocks: list[Json] = []
    if said.thinking:
        blocks.append({"type": "thinking", "thinking": said.thinking, "signature": "c2lnbmVk"})
    text = REFUSED if said.refusal is not None and not said.text else said.text
    if text or not said.calls:
        blocks.append({"type": "text", "text": text})
    blocks += [
        {"type": "tool_use", "id": f"toolu_{number}_{at}", "name": name, "input": _read(given)}
        for at, (name, given) in enumerate(said.calls)
    ]
    return blocks


def _read(given: str) -> Any:
    """Arguments; those that were cut off are an empty object here, as the vendor gives them."""
    try:
        return json.loads(given)
    except ValueError:
        return {}


def _in_pieces(block: Json) -> tuple[Json, list[Json]]:
    match block["type"]:
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in cut(block["thinking"])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signed]
        case "tool_use":
            pieces = cut(json.dumps(block["input"], ensure_ascii=False))
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in cut(block["text"])]


def _end(said: Said) -> Json:
    return {"stop_reason": _STOPS[said.stop], "stop_sequence": None}


def _usage(said: Said) -> Json:
    return {"input_tokens": said.tokens_in, "output_tokens": said.tokens_out}
