"""The conversation as a lane is sent it, in the OpenAI shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from pydantic import JsonValue

from router_ml.contract import Message, RouteRequest, ToolCall
from router_ml.contract.base import JsonObject
from router_ml.execution.lanes.reply import Reply, ToolRequest

_CONTINUE = (
    "The answer above was cut off. Continue it exactly where it stops: repeat nothing, say nothing about the cut."
)


def of_request(request: RouteRequest) -> list[JsonObject]:
    """The messages of a request."""
    if request.text is not None:
        return [{"role": "user", "content": request.text}]
    return [message.model_dump(mode="json", exclude_defaults=True) for message in request.messages]


def as_sent(messages: Sequence[JsonObject], system: str | None) -> list[JsonObject]:
    """Messages with one more text of the system in front; joined to the one of the system, or of the developer, that is
    there, since not every server takes two.

    >>> as_sent([{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}], "Give JSON.")
    [{'role': 'developer', 'content': [{'type': 'text', 'text': 'Be brief.'}, {'type': 'text', 'text': 'Give JSON.'}]}]
    """
    if system is None:
        return list(messages)
    first = messages[0] if messages else {}
    if first.get("role") not in ("system", "developer"):
        return [{"role": "system", "content": system}, *messages]
    said = first.get("content")
    joined: JsonValue = f"{said}\n\n{system}" if isinstance(said, str) else system
    if isinstance(said, list):
        joined = [*said, {"type": "text", "text": system}]
    return [{**first, "content": joined}, *messages[1:]]


def without_call(messages: Sequence[Message]) -> int | None:
    """Where the first result of a tool stands that no message before it called; None where there is none."""
    called: set[str | None] = set()
    for index, message in enumerate(messages):
        called.update(str(call["id"]) for call in message.tool_calls if isinstance(call, dict) and call.get("id"))
        if message.role == "tool" and message.tool_call_id not in called:
            return index
    return None


def to_continue(partial: str) -> list[JsonObject]:
    """Messages that have a lane go on with an answer that another one began."""
    return [{"role": "assistant", "content": partial}, {"role": "user", "content": _CONTINUE}]


def with_ids(reply: Reply, messages: Sequence[JsonObject]) -> Reply:
    """A reply whose requests of tools have an id each that no other one has, in it or in the messages before it."""
    ids = {"", *_ids(messages)}
    numbers = (f"call_{len(messages)}_{number}" for number in count())
    named: list[ToolRequest] = []
    for request in reply.tool_requests:
        unique = request.id if request.id not in ids else next(name for name in numbers if name not in ids)
        ids.add(unique)
        named.append(replace(request, id=unique))
    return replace(reply, tool_requests=tuple(named))


def answers(request: ToolRequest, call: ToolCall) -> JsonObject:
    """What came of a call of a tool, as its message of the conversation."""
    if call.status == "done":
        told = call.result if isinstance(call.result, str) else json.dumps(call.result, ensure_ascii=False)
    else:
        told = json.dumps({"error": call.error or call.status})
    return {"role": "tool", "tool_call_id": request.id, "name": request.name, "content": told}


def unanswered(messages: Sequence[JsonObject]) -> tuple[ToolRequest, ...]:
    """Requests of tools of the last assistant message that no message after it has answered yet."""
    done: set[str] = set()
    for message in reversed(messages):
        if message.get("role") == "assistant":
            asked = (
                ToolRequest(str(call["id"]), str(call["function"]["name"]), str(call["function"]["arguments"]))
                for call in _calls(message)
            )
            return tuple(request for request in asked if request.id not in done)
        if message.get("role") == "tool":
            done.add(str(message.get("tool_call_id")))
    return ()


def texts_of(messages: Sequence[JsonObject]) -> list[str]:
    """What some messages say, arguments of tools included."""
    said: list[str] = []
    for message in messages:
        content = message.get("content")
        said.append(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False) if content else "")
        said.extend(json.dumps(call, ensure_ascii=False) for call in _calls(message))
    return [text for text in said if text]


def _calls(message: JsonObject) -> list[Any]:
    calls = message.get("tool_calls")
    return calls if isinstance(calls, list) else []


def _ids(messages: Sequence[JsonObject]) -> Iterator[str]:
    """Ids of all calls of tools, asked for and answered."""
    for message in messages:
        yield str(message.get("tool_call_id"))
        yield from (str(call.get("id")) for call in _calls(message) if isinstance(call, dict))
