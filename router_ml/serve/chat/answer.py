"""An answer on its way to whoever asked. It is carried out while it is sent: who goes away ends the call to the lane.

A stream begins with the first piece of the text, so that what fails before has a status of its own; where nothing comes
for a while it begins all the same, with comments, so that nobody between takes the connection for dead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from router_ml.contract import RouteDecision
from router_ml.errors import ExecutionError, RouterError
from router_ml.execution.completion import Completion
from router_ml.execution.streaming.outlet import Event, Started
from router_ml.integrations.following import Following, Piece
from router_ml.serve.access.caller import AccessError
from router_ml.serve.chat.call import Call
from router_ml.serve.chat.headers import of_begun, of_completion, of_failure
from router_ml.serve.gateway import Gateway
from router_ml.serve.patience import gone
from router_ml.serve.problems import said_of

KEEP_ALIVE_S = 15.0
"""Seconds of silence after which a stream says that it is still there."""
STALLED_S = 60.0
"""Seconds that a piece may wait for a reader who takes nothing; after that nobody is there."""

_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no"}
_WAITING = b": still at it\n\n"


class Answer(Response):
    """The response to a call."""

    def __init__(self, gateway: Gateway, call: Call) -> None:
        super().__init__()
        self._gateway, self._call = gateway, call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the call out and send what it comes to."""
        work = asyncio.ensure_future(self._streamed(send) if self._call.stream else self._whole(send))
        leaving = asyncio.ensure_future(gone(receive))
        try:
            await asyncio.wait((work, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not work.done():
                work.cancel()
            await asyncio.gather(work, leaving, return_exceptions=True)
        if not work.cancelled() and not isinstance(work.exception(), _GoneError):
            work.result()

    def _spent(self, usd: float) -> None:
        self._gateway.limits.spent(self._call.caller, usd)

    async def _whole(self, send: Send) -> None:
        call = self._call
        try:
            done = await self._gateway.executor.acomplete(
                call.asked.request, client=call.asked.client, on_spent=self._spent
            )
        except (RouterError, AccessError) as error:
            await _send_error(send, error)
            return
        await _send_json(send, 200, call.api.told(done, call.sent), of_completion(done))

    async def _streamed(self, send: Send) -> None:
        stream = _Stream(send)
        teller = self._call.api.Teller(self._call.sent)
        waiting = asyncio.ensure_future(stream.keep_alive())
        try:
            try:
                async with aclosing(self._pieces(stream)) as pieces:
                    async for piece in pieces:
                        await stream.say(teller.tell(piece))
            finally:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        except (RouterError, AccessError) as error:
            if not stream.begun:
                await _send_error(send, error)
                return
            await stream.say(teller.failed(_sayable(error)))
        await stream.end()

    async def _pieces(self, stream: _Stream) -> AsyncGenerator[Piece]:
        """What there is to show, piece by piece; the stream gets its headers with the decision."""
        asked, following = self._call.asked, Following()
        begun = self._gateway.executor.astream(
            asked.request, client=asked.client, on_interrupt="continue", on_spent=self._spent
        )
        async with aclosing(cast("AsyncGenerator[Event, None]", begun)) as events:
            async for event in events:
                if isinstance(event, Started):
                    stream.decision = event.decision
                for piece in following.see(event):
                    yield piece


class _Stream:
    """Server-sent events on their way. ``begun``: the status has been sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.decision: RouteDecision | None = None
        self.begun = False
        self._turn = asyncio.Lock()
        self._last = asyncio.get_running_loop().time()

    async def say(self, events: bytes) -> None:
        """Send some, and wait while the reader is behind.

        Raises:
            _GoneError: it takes nothing any more.
        """
        self._last = asyncio.get_running_loop().time()
        async with self._turn:
            await self._begin()
            await self._put(events, more=True)

    async def end(self) -> None:
        """Nothing more comes."""
        await self._put(b"", more=False)

    async def keep_alive(self) -> None:
        """Send a comment whenever nothing was sent for a while; before there is a decision, nothing can begin."""
        clock = asyncio.get_running_loop().time
        while True:
            quiet = clock() - self._last
            if quiet >= KEEP_ALIVE_S:
                if self.decision is not None:
                    await self.say(_WAITING)
                quiet = 0.0
            await asyncio.sleep(KEEP_ALIVE_S - quiet)

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            said = of_begun(self.decision) if self.decision is not None else {}
            await self._send(_start(200, {**_STREAM, **said}))

    async def _put(self, body: bytes, *, more: bool) -> None:
        try:
            async with asyncio.timeout(STALLED_S):
                await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            raise _GoneError from None


class _GoneError(Exception):
    """Whoever asked reads no more."""


def _start(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    said = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": said}


async def _send_json(send: Send, status: int, said: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    text = json.dumps(said, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    body = text.encode("utf-8", "backslashreplace")
    own = {"content-type": "application/json", "content-length": str(len(body))}
    await send(_start(status, {**own, **headers}))
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _send_error(send: Send, error: RouterError | AccessError) -> None:
    """Before anything else was sent."""
    done = error.completion if isinstance(error, ExecutionError) else None
    if not isinstance(done, Completion):
        raise error  # answered as everywhere
    await _send_json(send, *said_of(error), of_failure(done))


def _sayable(error: RouterError | AccessError) -> RouterError:
    """What may be said of an error to whoever asked."""
    return error if isinstance(error, ExecutionError) else RouterError(said_of(error)[1]["error"]["message"])
