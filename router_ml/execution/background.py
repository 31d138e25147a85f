"""A loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from router_ml.errors import RouterError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_CLOSED = "This executor is closed{}. Open another one."


class Background:
    """Runs coroutines for threads that wait for them; safe to share. The thread starts with the first."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._followed: set[Any] = set()
        self.closed = False

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The result. Whoever is interrupted while waiting takes the work along: it is cancelled.

        Raises:
            RouterError: it is closed, or was before the work was done; or this is called from inside the loop itself,
                where waiting would never end.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RouterError("This would wait for itself. Inside a coroutine, await the method that begins with a.")
        with self._lock:  # what is begun is begun before ``close`` ends it, or not at all
            if self.closed:
                work.close()
                raise RouterError(_CLOSED.format(""))
            future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result()
        except CancelledError:
            if not self.closed:
                raise
            raise RouterError(_CLOSED.format(", and what it was doing was cancelled")) from None
        except BaseException:
            future.cancel()
            raise

    def follow(self, events: AsyncIterator[T]) -> Iterator[T]:
        """What an asynchronous generator yields; closing the iterator closes it.

        Raises:
            RouterError: as for ``wait``.
        """
        self._followed.add(events)
        try:
            while True:
                try:
                    yield self.wait(_next(events))
                except StopAsyncIteration:
                    return
        finally:
            self._followed.discard(events)
            if not self.closed:  # else they were closed with it
                self.wait(_close(events))

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="router-ml", daemon=True)
            self._thread.start()
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            while not self._ended.is_set():
                _run_on(loop)
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            # With all that they read from, which the loop would close at the same time.
            loop.run_until_complete(_close_all(list(self._followed)))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def close(self) -> None:
        """Cancel what still runs, wait until it has ended, and let go of the thread."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
            self.closed = True

        def end(running: asyncio.AbstractEventLoop) -> None:
            self._ended.set()
            running.stop()

        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(end, loop)
            thread.join(timeout=10)


async def _next(events: AsyncIterator[T]) -> T:
    return await anext(events)


async def _close(events: Any) -> None:
    await events.aclose()


async def _close_all(followed: list[Any]) -> None:
    await asyncio.gather(*map(_close, followed), return_exceptions=True)


def _run_on(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    except (KeyboardInterrupt, SystemExit) as error:
        # It ended one task, and whoever waits for that one is told; the others go on.
        logger.error("%s in a coroutine that ran in the background.", type(error).__name__)
