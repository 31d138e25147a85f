"""HTTP as uvicorn speaks it, with bounds on what a client may make a worker hold and wait for."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol


class BoundedConfig(Config):
    """uvicorn's, with the bounds of ``Bounded``: bytes and seconds of what comes before a body."""

    def __init__(self, app: str, *, max_head_bytes: int, head_seconds: float, **more: Any) -> None:
        self.max_head_bytes, self.head_seconds = max_head_bytes, head_seconds
        super().__init__(app, http=Bounded, **more)


class Bounded(HttpToolsProtocol):
    """A connection whose client has to send the head of a request within some seconds, and not too much of it."""

    def __init__(self, config: Config, *given: Any, **more: Any) -> None:
        super().__init__(config, *given, **more)
        assert isinstance(config, BoundedConfig)
        self._most, self._seconds = config.max_head_bytes, config.head_seconds
        self._in_head, self._head = True, 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's; the first request has to come now."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self._came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, while a request's head is not too long."""
        self._head += len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head and self._head > self._most:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """As uvicorn's."""
        super().on_message_begin()
        self._in_head = True
        self._expect()

    def on_headers_complete(self) -> None:
        """As uvicorn's."""
        self._in_head, self._head = False, 0
        self._came()
        super().on_headers_complete()

    def _expect(self) -> None:
        self._came()
        self._timer = self.loop.call_later(self._seconds, self._refuse, 408)

    def _came(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
