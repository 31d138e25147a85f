"""How many calls at a time, and how many a minute."""

from __future__ import annotations

import asyncio
import threading
from collections import deque


class Slots:
    """At most ``limit`` calls at a time in this process, whatever threads and event loops they come from; those that
    wait are served in order."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self._lock = threading.Lock()

    async def take(self, patience_s: float) -> bool:
        """Whether there was a place within ``patience_s``. Each that was taken has to be given back."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            if patience_s <= 0:
                return False
            place: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, place))
        try:
            async with asyncio.timeout(patience_s):
                await place
        except BaseException as error:
            if not self._forget(loop, place):
                self.give()  # it was handed over while this one stopped waiting
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def give(self) -> None:
        """Let the next one in."""
        with self._lock:
            while self._waiting:
                loop, place = self._waiting.popleft()
                try:
                    loop.call_soon_threadsafe(_let_in, place)
                except RuntimeError:  # its loop is gone, and with it who waited
                    continue
                return
            self._free += 1

    def _forget(self, loop: asyncio.AbstractEventLoop, place: asyncio.Future[None]) -> bool:
        """Whether the place was still being waited for."""
        with self._lock:
            try:
                self._waiting.remove((loop, place))
            except ValueError:
                return False
            return True


def _let_in(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_result(None)


class PerMinute:
    """At most ``limit`` calls in any 60 seconds. The time is passed in."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._made: deque[float] = deque(maxlen=limit)

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next call may be made; 0: now."""
        if len(self._made) < self._limit:
            return 0.0
        return max(self._made[0] + 60.0 - now_s, 0.0)

    def take(self, now_s: float) -> None:
        """Count a call, made now."""
        self._made.append(now_s)

    @property
    def recent(self) -> tuple[float, ...]:
        """When the last calls were made, ``limit`` of them at most."""
        return tuple(self._made)
