"""What came of a request, in the words of the Responses API, whole or as its events.

A refusal is a whole response whose content is a refusal; what waits for a person is ``incomplete`` with the reason
``content_filter``, since nobody knows yet what will be answered. An answer that was cut off at ``max_output_tokens`` is
``incomplete`` too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from router_ml.errors import ExecutionError, RouterError
from router_ml.execution.completion import Completion
from router_ml.integrations.answering import cut_short, details, error_body, noticed, served_model, usage
from router_ml.integrations.following import Piece, Said

Fields = Mapping[str, Any]

_BLOCKED = ("refused", "human_review")
_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "user": None,
}
"""Fields of a call that its response repeats, with what they are where nothing was asked for."""
_CODES = {"rate_limit": "rate_limit_exceeded", "context_overflow": "invalid_prompt"}
"""Kinds of failure that the API has a code of its own for."""


def told(completion: Completion, sent: Fields, *, text: str | None = None) -> dict[str, Any]:
    """A ``response``; its id is that of the decision, and ``router`` holds the rest.

    Args:
        sent: the call. text: what was streamed, where a stream ends with it.
    """
    partly = completion.status == "human_review" or cut_short(completion)
    why = "max_output_tokens" if cut_short(completion) else "content_filter"
    tokens = usage(completion)
    cached = sum(hop.cached_tokens for hop in completion.execution.hops)
    return {
        **_head(completion.decision.decision_id, sent, created=completion.decision.created_at.timestamp()),
        "status": "incomplete" if partly else "completed",
        "completed_at": None if partly else int(time.time()),
        "incomplete_details": {"reason": why} if partly else None,
        "model": served_model(completion),
        "output": list(_items(completion, noticed(completion) if text is None else text)),
        "usage": {
            "input_tokens": tokens["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": tokens["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens["total_tokens"],
        },
        "router": details(completion),
    }


def _head(decision_id: str, sent: Fields, *, created: float) -> dict[str, Any]:
    """A response of which nothing is known yet but how it was asked for."""
    asked = {name: usual if sent.get(name) is None else sent[name] for name, usual in _ECHOED.items()}
    for name, usual in _ECHOED.items():  # of an object with fields of its own, those that were read
        if name in ("reasoning", "text"):
            asked[name] = {field: asked[name].get(field) or nothing for field, nothing in usual.items()}
    return {
        "id": decision_id,
        "object": "response",
        "created_at": int(created),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": "router",
        "output": [],
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
        "usage": None,
        **asked,
    }


def _items(completion: Completion, text: str) -> Iterator[dict[str, Any]]:
    """The output: a message, and the calls of functions that are the caller's to make."""
    decision_id = completion.decision.decision_id
    if text or not completion.tool_requests:
        yield _message(decision_id, _part(text, blocked=completion.status in _BLOCKED))
    for index, one in enumerate(completion.tool_requests):
        yield {
            "id": f"fc_{decision_id}_{index}",
            "type": "function_call",
            "status": "completed",
            "call_id": one.id,
            "name": one.name,
            "arguments": one.arguments,
        }


def _message(decision_id: str, part: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": f"msg_{decision_id}",
        "type": "message",
        "status": "in_progress" if part is None else "completed",
        "role": "assistant",
        "content": [] if part is None else [part],
    }


def _part(text: str, *, blocked: bool) -> dict[str, Any]:
    if blocked:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class Teller:
    """Turns pieces of an answer into the events of a response, numbered from 0.

    Args:
        sent: the call.
    """

    def __init__(self, sent: Fields) -> None:
        self._sent, self._number, self._said = sent, 0, list[str]()
        self._head: dict[str, Any] | None = None
        self._open: dict[str, Any] | None = None
        self._kind = "output_text"

    def tell(self, piece: Piece) -> bytes:
        """A piece of the text, or all that is left to say once it has ended."""
        return b"".join(self._piece(piece) if isinstance(piece, Said) else self._end(piece))

    def failed(self, error: RouterError) -> bytes:
        """Why no more comes."""
        said = error_body(error)[1]["error"]
        code = _CODES.get(error.kind, "server_error") if isinstance(error, ExecutionError) else "server_error"
        begun = b"".join(self._begin(said["router"].get("decision_id", "unknown")))
        failed = {"status": "failed", "error": {"code": code, "message": said["message"]}, "router": said["router"]}
        return begun + self._event("response.failed", response={**(self._head or {}), **failed})

    def _piece(self, said: Said) -> Iterator[bytes]:
        yield from self._begin(said.decision_id)
        yield from self._opened(said.decision_id, blocked=said.blocked)
        self._said.append(said.text)
        more: dict[str, Any] = {} if said.blocked else {"logprobs": []}
        yield self._event(f"response.{self._kind}.delta", **self._place(), delta=said.text, **more)

    def _end(self, completion: Completion) -> Iterator[bytes]:
        decision_id = completion.decision.decision_id
        yield from self._begin(decision_id)
        text, blocked = "".join(self._said), completion.status in _BLOCKED
        if not text and not completion.tool_requests:
            yield from self._opened(decision_id, blocked=blocked)
        whole = told(completion, self._sent, text=text)
        for index, item in enumerate(whole["output"]):
            yield from self._item(index, item)
        yield self._event(f"response.{whole['status']}", response=whole)

    def _item(self, index: int, item: dict[str, Any]) -> Iterator[bytes]:
        if item["type"] == "message":
            [part] = item["content"]
            said = {name: part[name] for name in ("text", "refusal", "logprobs") if name in part}
            yield self._event(f"response.{part['type']}.done", **self._place(), **said)
            yield self._event("response.content_part.done", **self._place(), part=part)
        else:
            place = {"item_id": item["id"], "output_index": index}
            begun = {**item, "status": "in_progress", "arguments": ""}
            yield self._event("response.output_item.added", output_index=index, item=begun)
            yield self._event("response.function_call_arguments.delta", **place, delta=item["arguments"])
            said = {"name": item["name"], "arguments": item["arguments"]}
            yield self._event("response.function_call_arguments.done", **place, **said)
        yield self._event("response.output_item.done", output_index=index, item=item)

    def _begin(self, decision_id: str) -> Iterator[bytes]:
        if self._head is None:
            self._head = _head(decision_id, self._sent, created=time.time())
            yield self._event("response.created", response=self._head)
            yield self._event("response.in_progress", response=self._head)

    def _opened(self, decision_id: str, *, blocked: bool) -> Iterator[bytes]:
        """The message that the text belongs to, before its first piece."""
        if self._open is None:
            self._open, self._kind = _message(decision_id, None), "refusal" if blocked else "output_text"
            yield self._event("response.output_item.added", output_index=0, item=self._open)
            yield self._event("response.content_part.added", **self._place(), part=_part("", blocked=blocked))

    def _place(self) -> dict[str, Any]:
        assert self._open is not None, "a message is opened before anything is said in it"
        return {"item_id": self._open["id"], "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **said: Any) -> bytes:
        event = {"type": kind, "sequence_number": self._number, **said}
        self._number += 1
        return f"event: {kind}\ndata: {json.dumps(event, allow_nan=False)}\n\n".encode()
