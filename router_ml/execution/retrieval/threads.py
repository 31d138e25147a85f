"""Threads for work that blocks, a few for each place, so that one that hangs holds up no other and no exit."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
_IDLE_S = 30.0


class BusyError(RuntimeError):
    """Every thread of a place hangs in work that nobody waits for any more."""


@dataclass
class _Work:
    """``given_up``: it runs, and nobody waits for it."""

    call: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)
    given_up: bool = False


class Threads:
    """A few daemon threads, started as they are needed; safe to share between loops.

    Args:
        most: how many at the same time; more work waits its turn, unless all of them hang.
    """

    def __init__(self, name: str, *, most: int = 8) -> None:
        self._name, self._most = name, most
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._started = self._free = self._hanging = 0  # free: threads less the work that waits for one or is done

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns. Who is cancelled leaves it behind: it cannot be stopped, and its result goes nowhere.

        Raises:
            BusyError: at once, where all threads hang. Otherwise what the call raises.
        """
        work = _Work(call)
        with self._lock:
            if self._hanging >= self._most:
                raise BusyError(f"All {self._most} threads of {self._name} hang. Look at what they wait for.")
            if self._free <= 0 and self._started < self._most:
                self._started, self._free = self._started + 1, self._free + 1
                threading.Thread(target=self._serve, name=self._name, daemon=True).start()
            self._free -= 1
            self._waiting.put(work)
        try:
            result: T = await asyncio.wrap_future(work.future)
            return result
        except asyncio.CancelledError:
            with self._lock:
                if work.future.running():
                    work.given_up = True
                    self._hanging += 1
            raise

    def _serve(self) -> None:
        while (work := self._next()) is not None:
            result, failure = None, None
            wanted = work.future.set_running_or_notify_cancel()
            try:
                result = work.call() if wanted else None
            except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
                failure = error
            with self._lock:
                self._free += 1
                self._hanging -= work.given_up
                if wanted and failure is not None:
                    work.future.set_exception(failure)
                elif wanted:
                    work.future.set_result(result)

    def _next(self) -> _Work | None:
        """What is to be done; None where the thread is to end, as after a while without work."""
        while True:
            try:
                return self._waiting.get(timeout=_IDLE_S)
            except queue.Empty:
                with self._lock:
                    if self._waiting.empty():  # nothing is put there without the lock
                        self._started, self._free = self._started - 1, self._free - 1
                        return None

    def close(self) -> None:
        """Let go of the threads: of those that work, once they are done. No more work may be given."""
        with self._lock:
            for _ in range(self._started):
                self._waiting.put(None)
