"""A bundle that decides beside the champion, on traffic as it comes, without anybody waiting for it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import NamedTuple

from router_ml.contract import RouteDecision, RouteRequest
from router_ml.errors import RouterError
from router_ml.router import Router
from router_ml.understanding.understand import Understanding

logger = logging.getLogger(__name__)

_SIZE = 256
_BUSY = 0.2  # of the time of one core, so that requests have the others and most of this one


class _Job(NamedTuple):
    router: Router
    request: RouteRequest
    understood: Understanding | None  # None: the shadow reads otherwise, and has to read for itself
    decision: RouteDecision


class Shadows:
    """One thread, busy a fifth of the time at most, and a bounded queue; what does not fit is dropped and counted.

    ``decided``, ``dropped``, ``failed``: how many requests since the start.
    """

    def __init__(self, *, size: int = _SIZE) -> None:
        self.decided = self.dropped = self.failed = 0
        self._jobs: queue.Queue[_Job | None] = queue.Queue(size)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = threading.Event()

    def offer(
        self, shadow: Router, request: RouteRequest, understood: Understanding, *, decision: RouteDecision, by: Router
    ) -> None:
        """Let ``shadow`` decide what ``by`` has decided, when there is time. Returns at once, whatever happens."""
        if self._closed.is_set():
            return
        self._start()
        known = understood if _reads_alike(shadow, by) else None
        try:
            self._jobs.put_nowait(_Job(shadow, request, known, decision))
        except queue.Full:
            self.dropped += 1

    def drain(self) -> None:
        """Wait until what was offered has been decided."""
        if self._thread is not None:
            self._jobs.join()

    def close(self) -> None:
        """Stop after the request that is being decided; what waits is dropped."""
        self._closed.set()
        with self._starting:
            thread = self._thread
        if thread is None:
            return
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                break
            self.dropped += 1
            self._jobs.task_done()
        self._jobs.put(None)
        thread.join()

    def _start(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._closed.is_set():
                    self._thread = threading.Thread(target=self._run, name="router-ml-shadow", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            started = time.perf_counter()
            try:
                understood = job.understood or job.router.understand([job.request])[0]
                job.router.shadow(job.request, understood, of=job.decision)
                self.decided += 1
            except Exception as error:  # noqa: BLE001 - the border of a thread: a shadow never fails what it is beside
                self.failed += 1
                if self.failed == 1:
                    told = str(error) if isinstance(error, RouterError) else type(error).__name__
                    logger.error("The shadow could not decide a request; further failures are counted only: %s", told)
            finally:
                self._jobs.task_done()
            self._closed.wait((time.perf_counter() - started) * (1 / _BUSY - 1))
        self._jobs.task_done()


def _reads_alike(one: Router, other: Router) -> bool:
    """Whether two routers understand a request alike, so that it need not be encoded twice."""
    first, second = one.rules.base.versions, other.rules.base.versions
    alike = all(getattr(first, part) == getattr(second, part) for part in ("encoder", "classifier", "entities"))
    return alike and one.config.guardrails == other.config.guardrails
