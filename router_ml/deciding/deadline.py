"""A decision by a deadline: whole if that is done in time, else by the rules alone; one of the two, never both.

Whoever settles a ``Claim`` first has the request. The whole decision takes it right before its record is written; the
deadline gives it up. What was given up leaves no record, no charge and no probe; what was taken is waited for, since
its record may be in the log already.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from functools import cache
from typing import Any, TypedDict, Unpack

from router_ml.contract import Degraded, RouteDecision, RouteRequest
from router_ml.deciding.arguments import with_fields
from router_ml.errors import InvalidRequestError, RouterError

Degrade = Callable[[Degraded], RouteDecision]
Left = Callable[[RouteDecision], None]


class Stamp(TypedDict, total=False):
    """What a caller may fix of a decision; the rest comes from the operating system."""

    seed: int | None
    now: datetime | None
    decision_id: str | None


_LATE_AT_ONCE = 4  # they wait for their record more than they compute


class GivenUpError(RouterError):
    """Nobody waits for this decision any more; it is not recorded, and reaches no caller."""

    def __init__(self) -> None:
        super().__init__("The decision was given up before it was recorded.")


class Claim:
    """Settled once, by whoever comes first; thread safe.

    >>> claim = Claim()
    >>> claim.give_up(), claim.take(), claim.given_up
    (True, False, True)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: bool | None = None

    def take(self) -> bool:
        """Whether the decision may be recorded now."""
        return self._settle(taken=True)

    def give_up(self) -> bool:
        """Whether it was given up by this or an earlier call; False once it was taken."""
        return self._settle(taken=False)

    @property
    def given_up(self) -> bool:
        """Whether nobody waits any more; what is not taken yet may still be."""
        return self._taken is False

    def _settle(self, *, taken: bool) -> bool:
        with self._lock:
            if self._taken is None:
                self._taken = taken
            return self._taken is taken


def checked(deadline_ms: float | None) -> float | None:
    """A deadline in milliseconds from now; None: there is none.

    Raises:
        InvalidRequestError: it is no number of 0 or more.
    """
    if deadline_ms is None:
        return None
    if isinstance(deadline_ms, bool) or not isinstance(deadline_ms, int | float) or not 0 <= deadline_ms < math.inf:
        raise InvalidRequestError("Expected deadline_ms to be a number of milliseconds, 0 or more.")
    return float(deadline_ms)


def in_pool(decide: Callable[[], RouteDecision]) -> Future[RouteDecision]:
    """Have a decision made in a thread, within the caller's context; a few at a time, in order."""
    return _pool(os.getpid()).submit(copy_context().run, decide)


async def by_deadline(
    whole: Future[RouteDecision],
    degrade: Degrade,
    claim: Claim,
    *,
    deadline_ms: float | None,
    left: Left | None = None,
) -> RouteDecision:
    """What is ``whole`` by the deadline, else what ``degrade`` makes. Who is cancelled meanwhile gives the claim up.

    Args:
        left: told of a decision that was recorded although whoever asked for it has gone away.

    Raises:
        RouterError: as the decision does that has the claim.
    """
    waited = asyncio.wrap_future(whole)
    seconds = None if deadline_ms is None else deadline_ms / 1000
    try:
        done, _ = await asyncio.wait([waited], timeout=seconds)
        if not done and deadline_ms is not None and not claim.give_up():
            await asyncio.wait([waited])
    except asyncio.CancelledError:
        if claim.give_up():
            waited.cancel()
        else:
            _tell(left, whole)
            waited.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody else looks
        raise
    if waited.done():
        return waited.result()
    assert deadline_ms is not None
    waited.cancel()
    return await degraded(degrade, Degraded(why="deadline", deadline_ms=deadline_ms), left=left)


async def degraded(degrade: Degrade, why: Degraded, *, left: Left | None = None) -> RouteDecision:
    """A decision by the rules alone, made and recorded beside those that are being made. Who goes away meanwhile cannot
    stop that; ``left`` is told of it."""
    made = _aside(os.getpid()).submit(copy_context().run, degrade, why)
    waited = asyncio.wrap_future(made)
    try:
        await asyncio.wait([waited])
    except asyncio.CancelledError:
        if not made.cancel():
            _tell(left, made)
        raise
    return waited.result()


def _tell(left: Left | None, made: Future[RouteDecision]) -> None:
    """Tell of a decision once it is made, in the thread that makes it."""

    def tell(done: Future[RouteDecision]) -> None:
        if left is not None and not done.cancelled() and done.exception() is None:
            left(done.result())

    made.add_done_callback(tell)


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 1)), thread_name_prefix="router-ml-decide")


@cache
def _aside(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_LATE_AT_ONCE, thread_name_prefix="router-ml-degrade")


class InTime(ABC):
    """``apredict_route`` of whatever decides."""

    async def apredict_route(
        self,
        request: str | RouteRequest | Mapping[str, Any],
        *,
        deadline_ms: float | None = None,
        seed: int | None = None,
        now: datetime | None = None,
        decision_id: str | None = None,
        **fields: Any,
    ) -> RouteDecision:
        """``predict_route`` beside an event loop, in a few threads that all routers of a process share.

        Args:
            deadline_ms: milliseconds from now; what is not decided by then is decided at once by the rules alone, as if
                it could not be scanned (``decide_degraded``), and ``state.degraded`` says so. A decision whose record
                is being written when the time is up is waited for. 0: by the rules at once. None: there is no
                deadline.

        Raises:
            InvalidRequestError: the request does not follow the contract. LogError: as for ``predict_route``.
        """
        by, claim, asked = checked(deadline_ms), Claim(), with_fields(request, fields)
        stamp: Stamp = {"seed": seed, "now": now, "decision_id": decision_id}

        def degrade(why: Degraded) -> RouteDecision:
            return self.predict_degraded(asked, why, **stamp)

        if by == 0:
            return await degraded(degrade, Degraded(why="deadline", deadline_ms=by))
        whole = in_pool(lambda: self.predict_claimed(asked, claim, **stamp))
        return await by_deadline(whole, degrade, claim, deadline_ms=by)

    @abstractmethod
    def predict_claimed(self, request: RouteRequest, claim: Claim | None, **stamp: Unpack[Stamp]) -> RouteDecision:
        """Decide a request whose ``claim`` is taken before anything is logged.

        Raises:
            GivenUpError: it was given up.
        """

    @abstractmethod
    def predict_degraded(self, request: RouteRequest, why: Degraded, **stamp: Unpack[Stamp]) -> RouteDecision:
        """Decide a request by the rules alone."""
