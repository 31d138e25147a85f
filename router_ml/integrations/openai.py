"""The client of the openai library, answered by the router in this process.

    from router_ml.integrations.openai import OpenAI

    client = OpenAI(executor)
    client.chat.completions.create(model="router", messages=[{"role": "user", "content": "..."}])

Calls, types, errors, streams and helpers such as ``parse`` are the library's own: only what would have gone over the
network is answered here. ``id`` of an answer is that of its decision, ``answer.router`` holds the rest, and
``extra_body={"router": {...}}`` takes fields of ``RouteRequest``. Chat completions and responses are answered, and
nothing else.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from importlib import import_module
from typing import Any

from router_ml.errors import InvalidRequestError, MissingExtraError, RouterError
from router_ml.execution.executor import Executor
from router_ml.integrations import chats, responses
from router_ml.integrations.answering import error_body
from router_ml.integrations.asking import Asked
from router_ml.integrations.following import Piece, afollow, follow
from router_ml.router import Router

try:
    import openai

    http: Any = import_module("httpx2" if int(openai.__version__.partition(".")[0]) >= 3 else "httpx")
except ImportError:
    raise MissingExtraError("openai", "integrations") from None

__all__ = ["AsyncOpenAI", "OpenAI"]

_FIXED: dict[str, Any] = {"api_key": "router-ml", "base_url": "http://router-ml.invalid/v1", "max_retries": 0}
_APIS: dict[str, Any] = {"/chat/completions": chats, "/responses": responses}
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
            api, sent, asked = _read(self._executor, request)
            if not sent.get("stream"):
                completion = self._executor.complete(asked.request, client=asked.client)
                return _answer(200, api.told(completion, sent))
            teller, pieces = api.Teller(sent), follow(self._executor, asked)
            first = next(pieces)  # what fails before the first piece has a status of its own
            return _streamed(_Events(pieces, _lines(first, pieces, teller)))
        except RouterError as error:
            return _answer(*error_body(error))


class _AsyncTransport(http.AsyncBaseTransport):  # type: ignore[misc]
    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def handle_async_request(self, request: Any) -> Any:
        try:
            api, sent, asked = _read(self._executor, request)
            if not sent.get("stream"):
                completion = await self._executor.acomplete(asked.request, client=asked.client)
                return _answer(200, api.told(completion, sent))
            teller, pieces = api.Teller(sent), afollow(self._executor, asked)
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


def _read(executor: Executor, request: Any) -> tuple[Any, dict[str, Any], Asked]:
    """The API that was called, the call, and what it asks for."""
    apis = [api for path, api in _APIS.items() if request.url.path.endswith(path)]
    if not apis or request.method != "POST":
        raise InvalidRequestError(
            f"The router answers chat completions and responses only, not {request.method} {request.url.path}."
        )
    sent: dict[str, Any] = json.loads(request.read())
    patience = (request.extensions.get("timeout") or {}).get("read")
    patience_ms = None if patience is None or patience >= _DEFAULT_TIMEOUT_S else patience * 1000
    return apis[0], sent, apis[0].read(executor.router.config, sent, patience_ms=patience_ms)


def _answer(status: int, said: dict[str, Any]) -> Any:
    return http.Response(status, json=said, headers={"x-request-id": str(said.get("id", ""))})


def _streamed(events: Any) -> Any:
    return http.Response(200, headers={"content-type": "text/event-stream"}, stream=events)


def _lines(first: Piece, rest: Iterator[Piece], teller: Any) -> Generator[bytes]:
    yield teller.tell(first)
    try:
        for piece in rest:
            yield teller.tell(piece)
    except RouterError as error:
        yield teller.failed(error)


async def _alines(first: Piece, rest: AsyncIterator[Piece], teller: Any) -> AsyncGenerator[bytes]:
    yield teller.tell(first)
    try:
        async for piece in rest:
            yield teller.tell(piece)
    except RouterError as error:
        yield teller.failed(error)
