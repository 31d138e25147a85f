"""Requests of one worker, decided in threads beside its event loop: those that wait together are decided together.

Nobody waits for company: a free thread takes whatever waits, at most ``TOGETHER`` requests and ``CHARACTERS`` of them,
in the order in which they came. They share one pass of the encoder and one write to the log; each is decided for
itself, so what is wrong with one is that one's error, and who has gone away is not decided at all. Reading takes as
long as a text is, so long texts are decided beside the short ones, one at a time, and so are lists.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any, TypeVar

from router_ml import telemetry
from router_ml.contract import Degraded, RouteDecision, RouteRequest
from router_ml.deciding.deadline import Claim, GivenUpError, Left, by_deadline, checked, degraded
from router_ml.deciding.late import Answer, size_of
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.serve.access.caller import AccessError
from router_ml.serve.line import OVERHEAD, Line, Waiting
from router_ml.serve.shedding import RESERVED, overloaded

logger = logging.getLogger(__name__)
T = TypeVar("T")

TOGETHER = 8
"""Requests that are decided together at most: the first of them waits until the last is done."""

CHARACTERS = 8_000
"""Characters that are decided together at most."""
LONG = 4_000
"""Characters from which on a request is decided beside the others."""
MOST_LONG = 400_000
"""Characters of long requests that wait at most, and of one list."""

_USUAL = 150 + OVERHEAD  # characters of a request of which nothing is known
_LISTS = 2  # one that is decided, and one that waits
_LAST_S = 2.0  # what was given up is done with after it


class Decider:
    """Decides for whoever waits; of one event loop.

    Args:
        router: what decides now.
        deadline_ms: after which a request is decided by the rules alone; None: never.
        max_waiting: requests that wait; beyond, ``decide`` refuses. max_wait_seconds: likewise, that a short request
            without a deadline is expected to wait: whoever would give up anyway is told at once.
        threads: that decide short requests at the same time; together: see ``TOGETHER``.

    Counted since the start: ``decided`` in so many ``batches``, ``degraded``, ``dropped`` since nobody waited any more,
    ``refused`` by reason.
    """

    def __init__(
        self,
        router: Callable[[], Router | Rollout],
        *,
        deadline_ms: float | None = None,
        max_waiting: int = 256,
        max_wait_seconds: float = 5.0,
        threads: int = 1,
        together: int = TOGETHER,
    ) -> None:
        self._router, self._deadline_ms = router, deadline_ms
        self._max_waiting, self._max_wait_s = max_waiting, max_wait_seconds
        self._closed = False
        self._short = Line("router-ml-deciding", self._answers, _tell, threads=threads, together=(together, CHARACTERS))
        self._long = Line("router-ml-long", self._answers, _tell, threads=1, together=(together, CHARACTERS))
        self._many = ThreadPoolExecutor(1, thread_name_prefix="router-ml-many")
        self._lists: dict[Future[Any], Claim] = {}
        self.degraded = 0
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
        size = size_of(request) + OVERHEAD
        line = self._long if size > LONG + OVERHEAD else self._short
        self._refuse_beyond(request, size, line)

        def degrade(why: Degraded) -> RouteDecision:
            self.degraded += 1
            return self._router().predict_degraded(request, why)

        if by is None and line is self._short and line.busy and line.expected_seconds(size) > self._max_wait_s:
            self.refused["too_long"] += 1
            raise overloaded("requests that wait to be decided", line.expected_seconds(size))
        if by is not None and (by == 0 or (line.busy and 1000 * line.expected_seconds(size) > by)):
            return await degraded(degrade, Degraded(why="load" if by else "deadline", deadline_ms=by), left=left)
        one = Waiting(request, telemetry.clock(), size)
        if not line.put(one):
            raise _leaving()
        return await by_deadline(one.answer, degrade, one.claim, deadline_ms=by, left=left)

    async def decide_many(self, requests: Sequence[RouteRequest]) -> list[RouteDecision]:
        """Decide a list beside the others, all or none of it, as ``predict_routes``; one list at a time. Who is
        cancelled before the records are written leaves no trace.

        Raises:
            AccessError: it is too long, other lists wait, or this worker ends. RouterError: names the first request
                that is wrong.
        """
        if (size := sum(map(size_of, requests))) > MOST_LONG:
            raise AccessError(413, "too_many", f"Found {size} characters to read, at most {MOST_LONG} are in one call.")
        claim = Claim()
        return await self.aside(lambda: self._router().predict_routes(requests, claim=claim), claim)

    async def aside(self, work: Callable[[], T], claim: Claim | None = None) -> T:
        """Do what decides several requests, or one without a trace, beside the others; one at a time.

        Args:
            claim: given up where nobody waits any more.

        Raises:
            AccessError: others wait, or this worker ends. RouterError: as ``work`` does.
        """
        if self._closed:
            raise _leaving()
        if len(self._lists) >= _LISTS:
            self.refused["lists"] += 1
            raise overloaded("lists of requests", self.expected_seconds)
        claim = claim or Claim()
        doing = self._many.submit(copy_context().run, work)
        self._lists[doing] = claim
        doing.add_done_callback(lambda done: self._lists.pop(done, None))
        try:
            return await asyncio.wrap_future(doing)
        except GivenUpError:
            raise _leaving() from None
        except asyncio.CancelledError:
            claim.give_up()
            raise

    @property
    def busy(self) -> bool:
        """Whether a short request that comes now has to wait for others."""
        return self._short.busy

    @property
    def waiting(self) -> int:
        """Requests that nobody has begun with."""
        return len(self._short) + len(self._long)

    @property
    def expected_seconds(self) -> float:
        """Until a short request that comes now is decided, if those before it take as long as the last ones did."""
        return self._short.expected_seconds(_USUAL)

    @property
    def decided(self) -> int:
        """Requests that were decided whole."""
        return self._short.decided + self._long.decided

    @property
    def batches(self) -> int:
        """Times that some were decided together."""
        return self._short.batches + self._long.batches

    @property
    def dropped(self) -> int:
        """Requests that nobody waited for any more when their turn came."""
        return self._short.dropped + self._long.dropped

    def close(self, *, seconds: float = 10.0) -> None:
        """Decide what waits, for so long, and end; what is not decided by then is refused."""
        self._closed = True
        until = time.monotonic() + seconds
        for line in (self._short, self._long):
            line.end()
        left = [one for line in (self._short, self._long) for one in line.join(until)]
        for one in left:
            if one.claim.give_up():
                _tell(one, _leaving())
        lists = dict(self._lists)
        wait(lists, timeout=max(0.0, until - time.monotonic()))
        for claim in lists.values():
            claim.give_up()
        wait(lists, timeout=_LAST_S)
        self._many.shutdown(wait=False, cancel_futures=True)

    def _refuse_beyond(self, request: RouteRequest, size: int, line: Line) -> None:
        low = request.channel == "batch"
        most = self._max_waiting * (1 - RESERVED) if low else self._max_waiting
        if self._closed:
            raise _leaving()
        if self.waiting >= most:
            self.refused["batch_waiting" if low and self.waiting < self._max_waiting else "waiting"] += 1
            raise overloaded("requests that wait to be decided", self.expected_seconds)
        if line is self._long and line.characters and line.characters + size > MOST_LONG:
            self.refused["long_waiting"] += 1
            raise overloaded("long requests that wait to be decided", line.expected_seconds(0))

    def _answers(self, batch: Sequence[Waiting]) -> Sequence[Answer | Exception]:
        try:
            return self._router().predict_each([one.request for one in batch], [one.claim for one in batch])
        except Exception as error:
            if len(batch) == 1:
                logger.exception("A request could not be decided.")
                return [error]
            return [self._answers([one])[0] for one in batch]  # one of them broke it; the others must not feel it


def _leaving() -> AccessError:
    return AccessError(503, "leaving", "This worker is about to end. Try again.", retry_after_s=1)


def _tell(one: Waiting, answer: Answer | Exception) -> None:
    if isinstance(answer, RouteDecision):
        one.context.run(telemetry.decided, answer, one.began)
    if not one.answer.set_running_or_notify_cancel():
        return
    if isinstance(answer, RouteDecision):
        one.answer.set_result(answer)
    else:
        one.answer.set_exception(answer)
