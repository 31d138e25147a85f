"""How a worker ends: it says so, serves on for a while so that nobody is sent to it any more, and then finishes."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from uvicorn import Server

if TYPE_CHECKING:
    from router_ml.serve.gateway import Gateway

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
ONCE_S = 1.0
"""Within which a signal that comes twice is one: some that start processes signal them, and then their whole group."""
_SETTLE_S = 0.25
"""Between the last connection that is taken and the end of those without a request: its request is on its way."""


@contextmanager
def leaving_well(gateway: Gateway) -> Iterator[None]:
    """Between a signal to end and the server's own end ``drain_seconds`` pass, in which requests are still served and
    connections are closed after their answer. A second signal cuts that time short, unless the process is one of
    several: then its parent decides.

    Does nothing outside of the main thread, which gets no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {each: signal.getsignal(each) for each in _SIGNALS}
    end = _End(gateway, asyncio.get_running_loop(), before)
    for each in _SIGNALS:
        signal.signal(each, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _End:
    """What a signal to end does."""

    def __init__(self, gateway: Gateway, loop: asyncio.AbstractEventLoop, before: dict[int, Any]) -> None:
        self._gateway, self._loop, self._before = gateway, loop, before
        self._told_at: float | None = None
        self._over = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        server = self._before[number]
        if not callable(server):  # served by something that does not listen to this signal
            return
        if self._told_at is None:
            self._gateway.leaving, self._told_at = True, time.monotonic()
            seconds = self._gateway.settings.drain_seconds
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self._settle, number)
        elif time.monotonic() - self._told_at > ONCE_S and multiprocessing.parent_process() is None:
            self._over = True
            server(number, frame)

    def _settle(self, number: int) -> None:
        """Take no more connections, and a moment later finish."""
        if self._over:
            return
        server = getattr(self._before[number], "__self__", None)
        for listening in server.servers if isinstance(server, Server) else ():
            listening.close()
        self._loop.call_later(_SETTLE_S, self._finish, number)

    def _finish(self, number: int) -> None:
        if not self._over:
            self._over = True
            self._before[number](number, None)


class Orphaned:
    """Whether the process that this worker belongs to has died: then nobody would replace or end it. A gateway that
    runs alone belongs to nobody: whoever started it may go."""

    def __init__(self) -> None:
        self._parent = multiprocessing.parent_process()
        self._told = False

    def look(self) -> None:
        """End this process, in the way of ``leaving_well``, if it is an orphan."""
        if self._parent is not None and not self._parent.is_alive() and not self._told:
            self._told = True
            logger.error("The process that started this worker has died, so it ends.")
            os.kill(os.getpid(), signal.SIGTERM)
