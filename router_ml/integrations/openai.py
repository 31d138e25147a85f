"""The client of the openai library, answered by the router in this process.

    from router_ml.integrations.openai import OpenAI

    client = OpenAI(executor)
    client.chat.completions.create(model="router", messages=[{"role": "user", "content": "..."}])

Calls, types, errors, streams and helpers such as ``parse`` are the library's own: only what would have gone over the
network is answered here. ``id`` of an answer is that of its decision, ``answer.router`` holds the rest, and
``extra_body={"router": {...}}`` takes fields of ``RouteRequest``. Nothing but chat completions is answered.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib import import_module
from typing import Any

from router_ml.errors import InvalidRequestError, MissingExtraError, RouterError
from router_ml.execution.executor import Executor
from router_ml.integrations.answering import body, chunk, error_body, last_chunks
from router_ml.integrations.asking import Asked, ask
from router_ml.integrations.following import Piece, Said, afollow, follow
from router_ml.router import Router

try:
    import openai

    http: Any = import_module("httpx2" if int(openai.__version__.partition(".")[0]) >= 3 else "httpx")
except ImportError:
    raise MissingExtraError("openai", "integrations") from None

__all__ = ["AsyncOpenAI", "OpenAI"]

_FIXED: dict[str, Any] = {"api_key": "router-ml", "base_url": "http://router-ml.invalid/v1", "max_retries": 0}
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

_DEFAULT_TIMEOUT_S = 600.0  # of the library; whoever leaves it has not asked for anything


class OpenAI(openai.OpenAI):  # type: ignore[misc]
    """``openai.OpenAI`` on an executor.

    Args:
        executor: by default one on the default router.
        **given: as for ``openai.OpenAI``; retries, keys and addresses have no use here.
    """

    def __init__(self, executor: Executor | None = None, **given: Any) -> None:
        if "http_client" not in given:  # a copy with other options brings that of its original
            given["http_client"] = http.Client(transport=_Transport(executor or Executor(Router.load())))
        super().__init__(**{**_FIXED, **given})


class AsyncOpenAI(openai.AsyncOpenAI):  # type: ignore[misc]
    """``openai.AsyncOpenAI`` on an executor; see ``OpenAI``."""

    def __init__(self, executor: Executor | None = None, **given: Any) -> None:
        if "http_client" not in given:
            given["http_client"] = http.AsyncClient(transport=_AsyncTransport(executor or Executor(Router.load())))
        super().__init__(**{**_FIXED, **given})


class _Transport(http.BaseTransport):  # type: ignore[misc]
    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def handle_request(self, request: Any) -> Any:
        try:
            sent = _read(request)
            asked = _asked(self._executor, sent, request)
            if not sent.get("stream"):
                completion = self._executor.complete(asked.request, client=asked.client)
                return _answer(200, body(completion))
            pieces = follow(self._executor, asked)
            first = next(pieces)  # what fails before the first piece has a status of its own
            return _streamed(_Events(_lines(first, pieces, sent)))
        except RouterError as error:
            return _answer(*error_body(error))


class _AsyncTransport(http.AsyncBaseTransport):  # type: ignore[misc]
    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def handle_async_request(self, request: Any) -> Any:
        try:
            sent = _read(request)
            asked = _asked(self._executor, sent, request)
            if not sent.get("stream"):
                completion = await self._executor.acomplete(asked.request, client=asked.client)
                return _answer(200, body(completion))
            pieces = afollow(self._executor, asked)
            first = await anext(pieces)
            return _streamed(_AsyncEvents(_alines(first, pieces, sent)))
        except RouterError as error:
            return _answer(*error_body(error))


class _Events(http.SyncByteStream):  # type: ignore[misc]
    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[bytes]:
        return self._lines


class _AsyncEvents(http.AsyncByteStream):  # type: ignore[misc]
    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        self._lines = lines

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._lines


def _read(request: Any) -> dict[str, Any]:
    if not request.url.path.endswith("/chat/completions") or request.method != "POST":
        raise InvalidRequestError(f"The router answers chat completions only, not {request.method} {request.url.path}.")
    sent: dict[str, Any] = json.loads(request.read())
    for name, nothing in _REFUSED.items():
        if sent.get(name) not in nothing:
            raise InvalidRequestError(f"The router cannot promise {name!r} on every lane. Leave it out.")
    return sent


def _asked(executor: Executor, sent: Mapping[str, Any], request: Any) -> Asked:
    own = dict(sent.get("router") or {})
    own["metadata"] = {
        **(sent.get("metadata") or {}),
        **({"user": sent["user"]} if sent.get("user") else {}),
        **(own.get("metadata") or {}),
    }
    patience = (request.extensions.get("timeout") or {}).get("read")
    if patience is not None and patience < _DEFAULT_TIMEOUT_S:
        own["constraints"] = {"max_latency_ms": patience * 1000, **(own.get("constraints") or {})}
    stop = sent.get("stop")
    wished = {name: sent.get(name) for name in ("temperature", "top_p", "seed", "reasoning_effort")}
    wished["max_tokens"] = sent.get("max_completion_tokens") or sent.get("max_tokens")
    return ask(
        executor.router.config,
        sent.get("messages") or (),
        model=sent.get("model") or "router",
        tools=sent.get("tools") or (),
        tool_choice=sent.get("tool_choice"),
        response_format=sent.get("response_format"),
        decoding={**wished, "stop": (stop,) if isinstance(stop, str) else tuple(stop or ())},
        router=own,
    )


def _answer(status: int, said: dict[str, Any]) -> Any:
    return http.Response(status, json=said, headers={"x-request-id": str(said.get("id", ""))})


def _streamed(events: Any) -> Any:
    return http.Response(200, headers={"content-type": "text/event-stream"}, stream=events)


def _lines(first: Piece, rest: Iterator[Piece], sent: Mapping[str, Any]) -> Iterator[bytes]:
    teller = _Teller(sent)
    yield teller.tell(first)
    try:
        for piece in rest:
            yield teller.tell(piece)
    except RouterError as error:
        yield _event(error_body(error)[1])


async def _alines(first: Piece, rest: AsyncIterator[Piece], sent: Mapping[str, Any]) -> AsyncIterator[bytes]:
    teller = _Teller(sent)
    yield teller.tell(first)
    try:
        async for piece in rest:
            yield teller.tell(piece)
    except RouterError as error:
        yield _event(error_body(error)[1])


class _Teller:
    """Turns pieces into server-sent events."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        self._with_usage = bool((sent.get("stream_options") or {}).get("include_usage"))
        self._first: dict[str, Any] = {"role": "assistant"}

    def tell(self, piece: Piece) -> bytes:
        if isinstance(piece, Said):
            delta = {**self._first, "refusal" if piece.blocked else "content": piece.text}
            self._first = {}
            return _event(chunk(delta, of=piece.decision_id))
        return b"".join(map(_event, last_chunks(piece, with_usage=self._with_usage))) + b"data: [DONE]\n\n"


def _event(said: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(said).encode() + b"\n\n"
