"""Requests of one worker, decided in threads beside its event loop: those that wait together are decided together.

Nobody waits for company: a free thread takes whatever waits, at most ``TOGETHER`` requests, in the order in which they
came. They share one pass of the encoder and one write to the log; each is decided for itself, so what is wrong with one
is that one's error, and who has gone away is not decided at all.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import TypeVar

from router_ml import telemetry
from router_ml.contract import Degraded, RouteDecision, RouteRequest
from router_ml.deadline import Claim, Left, by_deadline, checked, degraded
from router_ml.late import Answer
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.serve.access.caller import AccessError
from router_ml.serve.shedding import RESERVED, overloaded

logger = logging.getLogger(__name__)
T = TypeVar("T")

TOGETHER = 8
"""Requests that are decided together at most: the first of them waits until the last is done."""

_FIRST_GUESS_S = 0.01
_LISTS = 2  # one that is decided, and one that waits
_FADE = 0.9  # what is known of the time of a request is worth that much after the next batch


@dataclass(eq=False)
class _Waiting:
    request: RouteRequest
    began: int
    context: Context = field(default_factory=copy_context)
    claim: Claim = field(default_factory=Claim)
    answer: Future[RouteDecision] = field(default_factory=Future)


class Decider:
    """Decides for whoever waits; of one event loop.

    Args:
        router: what decides now.
        deadline_ms: after which a request is decided by the rules alone; None: never.
        max_waiting: requests that wait; beyond, ``decide`` refuses.
        threads: that decide at the same time; together: see ``TOGETHER``.

    Counted since the start: ``decided`` in so many ``batches``, ``degraded``, ``dropped`` since nobody waited any more,
    ``refused`` by reason.
    """

    def __init__(
        self,
        router: Callable[[], Router | Rollout],
        *,
        deadline_ms: float | None = None,
        max_waiting: int = 256,
        threads: int = 1,
        together: int = TOGETHER,
    ) -> None:
        self._router, self._deadline_ms, self._max_waiting = router, deadline_ms, max_waiting
        self._threads, self._together = threads, together
        self._waiting: deque[_Waiting] = deque()
        self._more = threading.Condition()
        self._closed = False
        self._seconds = _FIRST_GUESS_S  # of one request among others
        self._deciding = 0
        self._started: list[threading.Thread] = []
        self._many = ThreadPoolExecutor(1, thread_name_prefix="router-ml-many")
        self._lists = 0
        self.decided = self.batches = self.degraded = self.dropped = 0
        self.refused: Counter[str] = Counter()

    async def decide(
        self, request: RouteRequest, *, deadline_ms: float | None = None, left: Left | None = None
    ) -> RouteDecision:
        """The decision, recorded. Who is cancelled before it is recorded leaves no trace.

        Args:
            deadline_ms: of this request, by default that of the worker. Where the queue alone takes longer, it is
                decided by the rules at once, which costs a fraction of it.
            left: told of a decision that was recorded although whoever asked for it has gone away.

        Raises:
            AccessError: too many wait already. RouterError: as for ``predict_route``.
        """
        by = checked(deadline_ms if deadline_ms is not None else self._deadline_ms)
        self._refuse_beyond(request)

        def degrade(why: Degraded) -> RouteDecision:
            self.degraded += 1
            return self._router().predict_degraded(request, why)

        if by is not None and (by == 0 or (self.busy and 1000 * self.expected_seconds > by)):
            return await degraded(degrade, Degraded(why="load" if by else "deadline", deadline_ms=by), left=left)
        one = _Waiting(request, telemetry.clock())
        with self._more:
            self._start()
            self._waiting.append(one)
            self._more.notify()
        return await by_deadline(one.answer, degrade, one.claim, deadline_ms=by, left=left)

    async def decide_many(self, requests: Sequence[RouteRequest]) -> list[RouteDecision]:
        """Decide a list beside the others, all or none of it, as ``predict_routes``; one list at a time.

        Raises:
            AccessError: other lists wait. RouterError: names the first request that is wrong.
        """
        return await self.aside(lambda: self._router().predict_routes(requests))

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what decides several requests, or one without a trace, beside the others; one at a time.

        Raises:
            AccessError: others wait. RouterError: as ``work`` does.
        """
        if self._lists >= _LISTS:
            self.refused["lists"] += 1
            raise overloaded("lists of requests", self.expected_seconds)
        self._lists += 1
        try:
            context = copy_context()
            return await asyncio.wrap_future(self._many.submit(context.run, work))
        finally:
            self._lists -= 1

    @property
    def busy(self) -> bool:
        """Whether a request that comes now has to wait for others."""
        return len(self._waiting) + self._deciding >= self._threads

    @property
    def waiting(self) -> int:
        """Requests that nobody has begun with."""
        return len(self._waiting)

    @property
    def expected_seconds(self) -> float:
        """Until a request that comes now is decided, if those before it take as long as the last ones did."""
        ahead = len(self._waiting) + self._deciding
        return self._seconds * (1 + ahead / self._threads)

    def close(self) -> None:
        """Decide what waits, and end."""
        with self._more:
            self._closed = True
            self._more.notify_all()
        for thread in self._started:
            thread.join()
        self._many.shutdown()

    def _refuse_beyond(self, request: RouteRequest) -> None:
        low = request.channel == "batch"
        most = self._max_waiting * (1 - RESERVED) if low else self._max_waiting
        if len(self._waiting) >= most:
            self.refused["batch_waiting" if low and len(self._waiting) < self._max_waiting else "waiting"] += 1
            raise overloaded("requests that wait to be decided", self.expected_seconds)
        if self._closed:
            raise AccessError(503, "leaving", "This worker is about to end. Try again.", retry_after_s=1)

    def _start(self) -> None:
        """Start the threads with the first request, in the process that serves."""
        while len(self._started) < self._threads:
            thread = threading.Thread(target=self._work, name="router-ml-deciding", daemon=True)
            self._started.append(thread)
            thread.start()

    def _work(self) -> None:
        while batch := self._next():
            began = time.perf_counter()
            answers = self._answers(batch)
            took = (time.perf_counter() - began) / len(batch)
            with self._more:
                self._deciding -= len(batch)
                self._seconds = _FADE * self._seconds + (1 - _FADE) * took
                self.batches += 1
                self.decided += sum(isinstance(answer, RouteDecision) for answer in answers)
            for one, answer in zip(batch, answers, strict=True):
                _tell(one, answer)

    def _next(self) -> list[_Waiting]:
        """What is decided together next; nothing once all is decided and nothing more comes."""
        with self._more:
            batch: list[_Waiting] = []
            while not batch:
                while not self._waiting and not self._closed:
                    self._more.wait()
                if not self._waiting:
                    return []
                while self._waiting and len(batch) < self._together:
                    one = self._waiting.popleft()
                    if one.claim.given_up:
                        self.dropped += 1
                    else:
                        batch.append(one)
            self._deciding += len(batch)
            return batch

    def _answers(self, batch: Sequence[_Waiting]) -> Sequence[Answer | Exception]:
        try:
            return self._router().predict_each([one.request for one in batch], [one.claim for one in batch])
        except Exception as error:
            if len(batch) == 1:
                logger.exception("A request could not be decided.")
                return [error]
            return [self._answers([one])[0] for one in batch]  # one of them broke it; the others must not feel it


def _tell(one: _Waiting, answer: Answer | Exception) -> None:
    if isinstance(answer, RouteDecision):
        one.context.run(telemetry.decided, answer, one.began)
    if not one.answer.set_running_or_notify_cancel():
        return
    if isinstance(answer, RouteDecision):
        one.answer.set_result(answer)
    else:
        one.answer.set_exception(answer)
