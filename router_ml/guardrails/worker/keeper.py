"""Keeps one worker at hand: takes turns, replaces a lost process in the background, and ends it with its owner."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from typing import Any

from router_ml.guardrails.worker.process import Program, Unanswered, Worker

_PATIENCE = 10  # deadlines that a thread waits for its turn
_CLOSE_S = 1.0


class Restarts:
    """When a lost process may be replaced: at once after one loss, then after 0.1 s, twice as long after each further
    loss in a row up to 10 s, and never more than 10 times in a minute. Times are seconds of one monotonic clock.
    """

    most, per_s, first_s, longest_s = 10, 60.0, 0.1, 10.0

    def __init__(self) -> None:
        self._losses = 0
        self._lost_at = 0.0
        self._started: deque[float] = deque(maxlen=self.most)

    def lost(self, now: float) -> None:
        """A process was lost, or could not be started."""
        self._losses += 1
        self._lost_at = now

    def answered(self) -> None:
        """A process answered: the next loss is a first one."""
        self._losses = 0

    def may_start(self, now: float) -> bool:
        """Whether a process may be started now."""
        if len(self._started) == self.most and now - self._started[0] < self.per_s:
            return False
        pause = min(self.longest_s, self.first_s * 2.0 ** min(self._losses - 2, 30)) if self._losses > 1 else 0.0
        return now - self._lost_at >= pause

    def started(self, now: float) -> None:
        """A replacement is being started."""
        self._started.append(now)


class Keeper:
    """One worker, shared by threads, that take turns.

    Raises:
        Unanswered: the first process did not start. Later ones are started in the background; until one is ready,
            questions go unanswered.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._restarts = Restarts()
        self._closed = False
        self._worker: Worker | None = Worker(program)
        self.declared = self._worker.declared
        self._make_locks()
        _KEEPERS.add(self)

    def _make_locks(self) -> None:
        self._turn = threading.Lock()  # who asks
        self._state = threading.Lock()  # short: guards _worker, _closed, _restarts and _ready
        self._ready = threading.Event()  # cleared while a process is being started
        self._ready.set()

    @property
    def worker(self) -> Worker | None:
        """The process that runs now; None while there is none."""
        return self._worker

    def ask(self, body: bytes) -> dict[str, Any]:
        """Ask the worker; see ``Worker.ask``. Takes 12 deadlines at most, plus the second that ending a process may.

        Raises:
            Unanswered: also when no process is ready, or too many threads wait.
        """
        within_s = self.program.deadline_s
        self._revive()
        self._ready.wait(within_s)
        if not self._turn.acquire(timeout=_PATIENCE * within_s):
            raise Unanswered("is asked by too many threads at once")
        try:
            worker = self._worker
            if worker is None:
                raise Unanswered("was closed" if self._closed else "is not running; it will be started again")
            return self._asked(worker, body, within_s)
        finally:
            self._turn.release()

    def _asked(self, worker: Worker, body: bytes, within_s: float) -> dict[str, Any]:
        answered = False
        try:
            reply = worker.ask(body, within_s=within_s)
            answered = True
        finally:
            if answered:
                with self._state:
                    self._restarts.answered()
            else:  # also when the caller is interrupted: the next answer would be to this question
                self._replace(worker)
        return reply

    def _replace(self, worker: Worker) -> None:
        with self._state:
            if self._worker is worker:
                self._worker = None
                self._restarts.lost(time.monotonic())
        worker.end()
        self._revive()

    def _revive(self) -> None:
        """Start a process in the background, where there is none and one may be started."""
        with self._state:
            now = time.monotonic()
            idle = self._worker is None and not self._closed and self._ready.is_set()
            if not idle or not self._restarts.may_start(now):
                return
            self._restarts.started(now)
            self._ready.clear()
        try:
            threading.Thread(target=self._start, name="router-ml-detector", daemon=True).start()
        except RuntimeError:  # no thread can be had, as when the interpreter ends
            self._ready.set()

    def _start(self) -> None:
        worker = None
        try:
            worker = Worker(self.program)
        except Unanswered:
            pass
        finally:
            with self._state:
                if worker is None or "error" in worker.declared:
                    self._restarts.lost(time.monotonic())
                elif not self._closed:
                    self._worker, worker = worker, None
                self._ready.set()
            if worker is not None:
                worker.end()

    def close(self) -> None:
        """End the process for good. Questions under way or to come go unanswered."""
        with self._state:
            self._closed = True
            worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.stop()
        if self._turn.acquire(timeout=_CLOSE_S):
            self._turn.release()
        worker.end()

    def forget(self) -> None:
        """After a fork, in the child: the process is the parent's, and threads that stayed there may hold locks."""
        self._make_locks()
        if self._worker is not None:
            self._worker.disown()
            self._worker = None


_KEEPERS: weakref.WeakSet[Keeper] = weakref.WeakSet()


def _forget_all() -> None:
    for keeper in list(_KEEPERS):
        keeper.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
