"""How a worker ends: it says so, serves on for a while so that nobody is sent to it any more, and then finishes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from router_ml.serve.gateway import Gateway

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def leaving_well(gateway: Gateway) -> Iterator[None]:
    """Between a signal to end and the server's own end ``drain_seconds`` pass, in which requests are still served and
    connections are closed after their answer. A second signal ends at once.

    Does nothing outside of the main thread, which gets no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {each: signal.getsignal(each) for each in _SIGNALS}

    def end(number: int, frame: FrameType | None) -> None:
        server = before[number]
        if not callable(server):  # served by something that does not listen to this signal
            return
        if gateway.leaving or not gateway.settings.drain_seconds:
            gateway.leaving = True
            server(number, frame)
            return
        gateway.leaving = True
        loop.call_soon_threadsafe(loop.call_later, gateway.settings.drain_seconds, server, number, None)

    for each in _SIGNALS:
        signal.signal(each, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Orphaned:
    """Whether the process that started this one has died: then nobody would replace or end it."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._told = False

    def look(self) -> None:
        """End this process, in the way of ``leaving_well``, if it is an orphan."""
        if os.getppid() != self._parent and not self._told:
            self._told = True
            logger.error("The process that started this worker has died, so it ends.")
            os.kill(os.getpid(), signal.SIGTERM)
