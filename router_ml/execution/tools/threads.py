"""Threads for functions of tools that are not coroutines.

Each tool has so many and no more: one that hangs holds up its own calls and no others. They are daemons: a function
that never returns keeps no process alive.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from router_ml.execution.tools.failures import ToolFailure


@dataclass(frozen=True)
class _Work:
    make: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)

    def do(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.make())
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is told, as by an executor
            self.future.set_exception(error)


class Threads:
    """Starts them as they are needed; safe to share. They end when nothing waits for them.

    Args:
        each: for one tool at a time; what is more waits in line.
    """

    def __init__(self, *, each: int) -> None:
        self._each = each
        self._busy: Counter[str] = Counter()
        self._waiting: dict[str, deque[_Work]] = {}
        self._closed = False
        self._lock = threading.Lock()

    def submit(self, tool: str, make: Callable[[], Any]) -> Future[Any]:
        """What it will return. A future that can be cancelled has not begun, and never does.

        Raises:
            ToolFailure: it was closed, or there is no thread to be had; nothing was done.
        """
        work = _Work(make)
        with self._lock:
            if self._closed:
                raise ToolFailure("ClosedError", nothing_done=True)
            if self._busy[tool] >= self._each:
                line = self._waiting.setdefault(tool, deque())
                while line and line[0].future.cancelled():  # nobody waits for them any more
                    line.popleft()
                line.append(work)
                return work.future
            self._busy[tool] += 1
        try:
            threading.Thread(target=self._run, args=(tool, work), name=f"router-ml-tool-{tool}", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._busy[tool] -= 1
            raise ToolFailure("ThreadError", nothing_done=True, transient=True) from None
        return work.future

    def close(self) -> None:
        """Begin nothing more. What has begun is not waited for."""
        with self._lock:
            self._closed = True
            left = [work for line in self._waiting.values() for work in line]
            self._waiting.clear()
        for work in left:
            work.future.cancel()

    def _run(self, tool: str, work: _Work | None) -> None:
        while work is not None:
            work.do()
            work = self._next(tool)

    def _next(self, tool: str) -> _Work | None:
        with self._lock:
            line = self._waiting.get(tool)
            if line:
                return line.popleft()
            self._waiting.pop(tool, None)
            self._busy[tool] -= 1
            if not self._busy[tool]:
                del self._busy[tool]
        return None
