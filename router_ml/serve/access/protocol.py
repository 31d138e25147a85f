"""HTTP as uvicorn reads it, with bounds that it does not have: how long and how many bytes the head of a request may
take, and how long what is left of a body may trickle in once it was answered.

For uvicorn: ``--http router_ml.serve.access.protocol:BoundedProtocol``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MOST_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0
LINGER_SECONDS = 5.0


class BoundedProtocol(HttpToolsProtocol):
    """A connection. Its timers are not started anew by what trickles in."""

    _timer: asyncio.TimerHandle | None = None
    _in_head, _whole = True, False
    _head_bytes = _field_bytes = 0
    _asked: Sequence[RequestResponseCycle] = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head."""
        super().connection_made(transport)
        self._close_in(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._go_on()
        self._over()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """Whoever sends no more listens no more: the connection is closed next."""
        super().eof_received()
        self._over()

    def send_400_response(self, msg: str) -> None:
        """What came after a request that is still under way cannot be read, and the connection is closed."""
        super().send_400_response(msg)
        self._over()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has become too large."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._whole, self._field_bytes = True, False, 0
        if self._timer is None:  # the first one has its timer since the connection was made
            self._close_in(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head, self._head_bytes = False, 0
        self._go_on()
        super().on_headers_complete()
        self._asked = [one for one in (*self._asked, self.cycle) if one is not None and not one.response_complete]

    def on_message_complete(self) -> None:
        """The body is there."""
        self._whole = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It was answered; a body that nobody waits for may not hold the connection."""
        super().on_response_complete()
        if self.cycle.response_complete and not self._whole and not self._in_head:
            self._close_in(LINGER_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head, or of what follows a body in chunks."""
        self._field_bytes += len(name) + len(value)
        if self._field_bytes > MOST_HEAD_BYTES:
            raise ValueError("too many header fields")  # the parser ends the connection with a 400
        super().on_header(name, value)

    def _refuse(self) -> None:
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._over()

    def _over(self) -> None:
        """Tell all requests that came and were not answered that nobody listens: what they still write would raise.
        Of several in a row, uvicorn itself tells the last one alone."""
        for one in self._asked:
            if not one.response_complete:
                one.disconnected = True
                one.message_event.set()

    def _close_in(self, seconds: float) -> None:
        self._go_on()
        self._timer = self.loop.call_later(seconds, self._close)

    def _go_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
