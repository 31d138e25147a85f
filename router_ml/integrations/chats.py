"""Chat completions in the shape of the OpenAI API: how a call is read, and how what came of it is told.

``responses`` has the same names for the Responses API.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError, RouterError
from router_ml.execution.completion import Completion
from router_ml.integrations.answering import body, chunk, error_body, last_chunks
from router_ml.integrations.asking import Asked, ask
from router_ml.integrations.following import Piece, Said
from router_ml.integrations.shapes import mapping

Fields = Mapping[str, Any]
Stamp = Callable[[Fields], dict[str, Any]]
"""Fields of a request as they count for whoever makes it."""

_REFUSED: dict[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "logit_bias": (None, {}),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "audio": (None,),
    "modalities": (None, ["text"]),
    "functions": (None, []),
    "web_search_options": (None,),
}
"""Parameters that a lane might not honour, with the values that ask for nothing."""

_WISHES = ("temperature", "top_p", "seed", "stop", "reasoning_effort", "parallel_tool_calls")

DONE = b"data: [DONE]\n\n"


def read(config: RouterConfig, sent: Fields, *, patience_ms: float | None = None, stamped: Stamp = dict) -> Asked:
    """A call as a request for the router.

    Args:
        patience_ms: that the caller waits for the answer, where it says so.
        stamped: has the last word on the fields of ``RouteRequest`` beside the messages.

    Raises:
        InvalidRequestError: it cannot be read, or asks for what no lane promises.
    """
    refuse(sent, _REFUSED)
    wished = {name: sent.get(name) for name in _WISHES}
    most = sent.get("max_completion_tokens")
    wished["max_tokens"] = sent.get("max_tokens") if most is None else most
    return ask(
        config,
        sent.get("messages"),
        model=sent.get("model") or "router",
        tools=sent.get("tools"),
        tool_choice=sent.get("tool_choice"),
        response_format=sent.get("response_format"),
        decoding=wished,
        router=own_fields(sent, patience_ms=patience_ms, stamped=stamped),
    )


def refuse(sent: Fields, refused: Mapping[str, tuple[Any, ...]]) -> None:
    """Raise ``InvalidRequestError`` for a parameter that asks for what no lane promises."""
    for name, nothing in refused.items():
        if sent.get(name) not in nothing:
            raise InvalidRequestError(f"The router cannot promise {name!r} on every lane. Leave it out.")


def own_fields(sent: Fields, *, patience_ms: float | None, stamped: Stamp) -> dict[str, Any]:
    """Fields of ``RouteRequest`` beside the messages: ``router``, with metadata and user of the call in its metadata.

    Raises:
        InvalidRequestError: one of them is no object.
    """
    own = mapping(sent.get("router"), "router")
    user = sent.get("user") or sent.get("safety_identifier")
    own["metadata"] = {
        **mapping(sent.get("metadata"), "metadata"),
        **({"user": user} if user else {}),
        **mapping(own.get("metadata"), "router.metadata"),
    }
    if patience_ms is not None:
        own["constraints"] = {"max_latency_ms": patience_ms, **mapping(own.get("constraints"), "router.constraints")}
    return stamped(own)


def told(completion: Completion, sent: Fields) -> dict[str, Any]:
    """The body of an answer."""
    return body(completion)


class Teller:
    """Turns pieces of an answer into server-sent events.

    Args:
        sent: the call.
    """

    def __init__(self, sent: Fields) -> None:
        self._with_usage = bool(mapping(sent.get("stream_options"), "stream_options").get("include_usage"))
        self._first: dict[str, Any] = {"role": "assistant"}

    def tell(self, piece: Piece) -> bytes:
        """A piece of the text, or all that is left to say once it has ended."""
        if isinstance(piece, Said):
            delta = {**self._first, "refusal" if piece.blocked else "content": piece.text}
            self._first = {}
            return _event(chunk(delta, of=piece.decision_id))
        chunks = last_chunks(piece, with_usage=self._with_usage)
        for one in chunks[0]["choices"]:  # of an answer without a text this is the first one as well
            one["delta"] = {**self._first, **one["delta"]}
        return b"".join(map(_event, chunks)) + DONE

    def failed(self, error: RouterError) -> bytes:
        """Why no more comes."""
        return _event(error_body(error)[1])


def _event(said: Fields) -> bytes:
    return b"data: " + json.dumps(said, allow_nan=False).encode() + b"\n\n"
