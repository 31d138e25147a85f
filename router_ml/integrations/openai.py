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
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from importlib import import_module
from typing import Any

from router_ml.errors import InvalidRequestError, MissingExtraError, RouterError
from router_ml.execution.executor import Executor
from router_ml.integrations.answering import body, chunk, error_body, last_chunks
from router_ml.integrations.asking import Asked, ask
from router_ml.integrations.following import Piece, Said, afollow, follow
from router_ml.integrations.shapes import mapping
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

_WISHES = ("temperature", "top_p", "seed", "stop", "reasoning_effort", "parallel_tool_calls")
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
            teller, pieces = _Teller(sent), follow(self._executor, asked)
            first = next(pieces)  # what fails before the first piece has a status of its own
            return _streamed(_Events(pieces, _lines(first, pieces, teller)))
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
            teller, pieces = _Teller(sent), afollow(self._executor, asked)
            first = await anext(pieces)
            return _streamed(_AsyncEvents(pieces, _alines(first, pieces, teller)))
        except RouterError as error:
            return _answer(*error_body(error))


class _Events(http.SyncByteStream):  # type: ignore[misc]
    def __init__(self, pieces: Generator[Piece], lines: Generator[bytes]) -> None:
        self._pieces, self._lines = pieces, lines

    def __iter__(self) -> Iterator[bytes]:
        return self._lines

    def close(self) -> None:
        """End the call as well, which goes on as long as somebody may still listen."""
        self._lines.close()
        self._pieces.close()


class _AsyncEvents(http.AsyncByteStream):  # type: ignore[misc]
    def __init__(self, pieces: AsyncGenerator[Piece], lines: AsyncGenerator[bytes]) -> None:
        self._pieces, self._lines = pieces, lines

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._lines

    async def aclose(self) -> None:
        """End the call as well, which goes on as long as somebody may still listen."""
        await self._lines.aclose()
        await self._pieces.aclose()


def _read(request: Any) -> dict[str, Any]:
    if not request.url.path.endswith("/chat/completions") or request.method != "POST":
        raise InvalidRequestError(f"The router answers chat completions only, not {request.method} {request.url.path}.")
    sent: dict[str, Any] = json.loads(request.read())
    for name, nothing in _REFUSED.items():
        if sent.get(name) not in nothing:
            raise InvalidRequestError(f"The router cannot promise {name!r} on every lane. Leave it out.")
    return sent


def _asked(executor: Executor, sent: Mapping[str, Any], request: Any) -> Asked:
    own = mapping(sent.get("router"), "router")
    own["metadata"] = {
        **mapping(sent.get("metadata"), "metadata"),
        **({"user": sent["user"]} if sent.get("user") else {}),
        **mapping(own.get("metadata"), "router.metadata"),
    }
    patience = (request.extensions.get("timeout") or {}).get("read")
    if patience is not None and patience < _DEFAULT_TIMEOUT_S:
        own["constraints"] = {
            "max_latency_ms": patience * 1000,
            **mapping(own.get("constraints"), "router.constraints"),
        }
    wished = {name: sent.get(name) for name in _WISHES}
    most = sent.get("max_completion_tokens")
    wished["max_tokens"] = sent.get("max_tokens") if most is None else most
    return ask(
        executor.router.config,
        sent.get("messages"),
        model=sent.get("model") or "router",
        tools=sent.get("tools"),
        tool_choice=sent.get("tool_choice"),
        response_format=sent.get("response_format"),
        decoding=wished,
        router=own,
    )


def _answer(status: int, said: dict[str, Any]) -> Any:
    return http.Response(status, json=said, headers={"x-request-id": str(said.get("id", ""))})


def _streamed(events: Any) -> Any:
    return http.Response(200, headers={"content-type": "text/event-stream"}, stream=events)


def _lines(first: Piece, rest: Iterator[Piece], teller: _Teller) -> Generator[bytes]:
    yield teller.tell(first)
    try:
        for piece in rest:
            yield teller.tell(piece)
    except RouterError as error:
        yield _event(error_body(error)[1])


async def _alines(first: Piece, rest: AsyncIterator[Piece], teller: _Teller) -> AsyncGenerator[bytes]:
    yield teller.tell(first)
    try:
        async for piece in rest:
            yield teller.tell(piece)
    except RouterError as error:
        yield _event(error_body(error)[1])


class _Teller:
    """Turns pieces into server-sent events."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        self._with_usage = bool(mapping(sent.get("stream_options"), "stream_options").get("include_usage"))
        self._first: dict[str, Any] = {"role": "assistant"}

    def tell(self, piece: Piece) -> bytes:
        if isinstance(piece, Said):
            delta = {**self._first, "refusal" if piece.blocked else "content": piece.text}
            self._first = {}
            return _event(chunk(delta, of=piece.decision_id))
        return b"".join(map(_event, last_chunks(piece, with_usage=self._with_usage))) + b"data: [DONE]\n\n"


def _event(said: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(said).encode() + b"\n\n"
