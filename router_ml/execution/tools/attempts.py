"""Trying a tool: in time, again where that is safe, and a write never twice."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import JsonValue

from router_ml.config.execution import Tool
from router_ml.execution.tools.failures import ToolFailure, as_failure
from router_ml.execution.tools.results import NotJsonError, as_json
from router_ml.execution.tools.threads import Threads

_FIRST_PAUSE_MS = 100.0
UNKNOWN = "unknown whether it was done"


@dataclass(frozen=True)
class Outcome:
    """What came of a tool. ``nothing_done``: it is certain that nothing was done, so that it may be asked for again."""

    status: Literal["done", "failed", "timeout"]
    result: JsonValue = None
    error: str | None = None
    attempts: int = 1
    nothing_done: bool = False


@dataclass
class _Start:
    """One attempt of a function, and how far it has come: ``in_thread`` where it waits for a thread or runs in one."""

    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    tool: str
    begun: bool = False
    in_thread: Future[Any] | None = None

    def never(self) -> bool:
        """Have it not begin, if it has not; whether that is so."""
        return not self.begun or (self.in_thread is not None and self.in_thread.cancel())


class Attempts:
    """How tools are tried.

    Args:
        retries: further attempts, of tools that read or are idempotent.
        max_pause_ms: a service that asks for a longer pause is not asked again.
        threads: for functions of each tool that are not coroutines.
    """

    def __init__(
        self,
        *,
        retries: int = 1,
        max_pause_ms: float = 2_000.0,
        threads: int = 16,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._retries = retries
        self._max_pause_ms = max_pause_ms
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._threads = Threads(each=threads)
        self._late: set[asyncio.Task[Any]] = set()

    async def make(
        self,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
        tool: Tool,
        *,
        name: str = "",
        timeout_s: float | None = None,
    ) -> Outcome:
        """What came of a call.

        Args:
            name: of the tool.
            timeout_s: for all attempts together; each has the timeout of the tool in any case.
        """
        if timeout_s is not None and timeout_s <= 0:
            return Outcome("timeout", error="no time was left", attempts=0, nothing_done=True)
        safe = tool.effect == "read" or tool.idempotent
        until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        for attempt in range(1, self._retries + 2):
            left = min(tool.timeout_ms / 1000, until - time.monotonic())
            start = _Start(function, arguments, name)
            outcome, failure = await self._once(start, tool, timeout_s=max(left, 0.0))
            outcome = replace(outcome, attempts=attempt)
            pause = self._pause(failure, attempt)
            if not safe or pause is None or attempt > self._retries or time.monotonic() + pause >= until:
                return outcome
            await self._sleep(pause)
        return outcome

    def close(self) -> None:
        """Let go of the threads; calls that still run are not waited for."""
        self._threads.close()

    async def _once(self, start: _Start, tool: Tool, *, timeout_s: float) -> tuple[Outcome, ToolFailure | None]:
        task = asyncio.ensure_future(self._invoke(start))
        self._late.add(task)
        task.add_done_callback(self._forget)
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout_s)
        finally:
            task.cancel()  # not waited for: what ignores it must not hold up a request
        if not done and start.never():
            said = f"not begun within {timeout_s * 1000:.0f} ms"
            return Outcome("timeout", error=said, nothing_done=True), ToolFailure(said, transient=True)
        if not done:
            doubt = "" if tool.effect == "read" else f"; {UNKNOWN}"
            said = f"no answer within {timeout_s * 1000:.0f} ms{doubt}"
            return Outcome("timeout", error=said), ToolFailure(said, transient=True)
        try:
            return _done(task.result(), tool), None
        except asyncio.CancelledError:  # by itself: had it been the caller, nobody would be here
            failure = ToolFailure("CancelledError")
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is a failure of the tool
            failure = as_failure(error)
        doubt = "" if tool.effect == "read" or failure.nothing_done else f"; {UNKNOWN}"
        return Outcome("failed", error=failure.detail + doubt, nothing_done=failure.nothing_done), failure

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()  # read, so that nobody complains about it later

    async def _invoke(self, start: _Start) -> Any:
        function, arguments, start.begun = start.function, start.arguments, True
        try:
            if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
                return await function(**arguments)
            run = contextvars.copy_context().run
            start.in_thread = self._threads.submit(start.tool, lambda: run(lambda: function(**arguments)))
            found = await asyncio.wrap_future(start.in_thread)
            return await found if inspect.isawaitable(found) else found
        except SystemExit:
            raise ToolFailure("SystemExit") from None  # it would end the loop of everybody

    def _pause(self, failure: ToolFailure | None, attempt: int) -> float | None:
        """Seconds until the next attempt; None where it would not help."""
        if failure is None or not failure.transient:
            return None
        asked = failure.retry_after_ms
        if asked is not None:
            return asked / 1000 if asked <= self._max_pause_ms else None
        pause: float = _FIRST_PAUSE_MS * 2 ** (attempt - 1) * self._rng.uniform(0.5, 1.5) / 1000
        return pause


def _done(result: object, tool: Tool) -> Outcome:
    try:
        return Outcome("done", as_json(result))
    except NotJsonError as error:
        return Outcome("failed" if tool.effect == "read" else "done", error=str(error))


class Once:
    """Writes that were made, by key: what has one is not made again. It is told what came of the first.

    Args:
        results: how many of the latest results are kept. keys: how many of the latest writes are known at all.
    """

    def __init__(self, *, results: int = 1_000, keys: int = 100_000) -> None:
        self._results, self._keys = results, keys
        self._running: dict[str, Future[Outcome]] = {}
        self._made: OrderedDict[str, Outcome] = OrderedDict()
        self._short: OrderedDict[str, Outcome] = OrderedDict()
        self._tasks: set[asyncio.Future[Outcome]] = set()
        self._lock = threading.Lock()

    async def make(self, key: str, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """What came of a write, now or before. It goes on to its end where the caller is cancelled."""
        with self._lock:
            made = self._made.get(key) or self._short.get(key)
            if made is not None:
                return replace(made, attempts=0)
            running, first = self._running.get(key), False
            if running is None:
                running, first = Future(), True
                running.set_running_or_notify_cancel()  # from here on no waiter can cancel it
                self._running[key] = running
        if first:
            task = asyncio.ensure_future(work())
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._end(key, done, running))
        outcome = await asyncio.shield(asyncio.wrap_future(running))
        return outcome if first else replace(outcome, attempts=0)

    def _end(self, key: str, task: asyncio.Future[Outcome], running: Future[Outcome]) -> None:
        """Also where the loop ended before the work did, or before it began."""
        self._tasks.discard(task)
        outcome = Outcome("failed", error=f"cancelled; {UNKNOWN}")
        if not task.cancelled() and task.exception() is None:
            outcome = task.result()
        with self._lock:
            del self._running[key]
            if not outcome.nothing_done:
                self._remember(key, outcome)
        running.set_result(outcome)

    def _remember(self, key: str, outcome: Outcome) -> None:
        self._made[key] = outcome
        if len(self._made) > self._results:
            old, was = self._made.popitem(last=False)
            note = None if was.result is None else "its result is no longer kept"
            self._short[old] = replace(was, result=None, error=was.error or note)
        if len(self._short) > self._keys:
            self._short.popitem(last=False)
