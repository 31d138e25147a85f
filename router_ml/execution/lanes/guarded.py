"""Lanes behind their guards: breakers, pauses that providers ask for, calls at a time, calls a minute."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from router_ml.config import RouterConfig
from router_ml.execution.lanes.admission import PerMinute, Slots
from router_ml.execution.lanes.calls import LaneCall, Lanes
from router_ml.execution.lanes.failures import OF_THE_PROVIDER, LaneFailure
from router_ml.execution.lanes.later import After, after
from router_ml.execution.lanes.reply import Piece, Reply
from router_ml.execution.lanes.watch import Watch

_PATIENCE = 0.1
"""Share of a call's time that it may wait to be let in; after that another lane is the better answer."""


@dataclass
class _Admitted:
    """A call that was let in. ``call`` has what is left of the time; ``ok``: how it went, None while that is open."""

    call: LaneCall
    ok: bool | None = None
    rest_ms: float | None = None


class GuardedLanes:
    """Lanes that are left alone while they fail, and asked no more than they take; safe to share between threads.

    What may not be called fails at once with ``unavailable``, so that the next step of the decision is taken.

    Args:
        inner: what makes the calls.
        report_health: takes the name of a lane or provider, and ``up`` or ``down``, as ``Router.report_health``.
        clock: seconds. sleep, after: waiting, and having something done later.
        rng: spreads calls that wait for the end of the same pause.
    """

    def __init__(
        self,
        inner: Lanes,
        config: RouterConfig,
        *,
        report_health: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        after: After = after,
    ) -> None:
        self._inner, self._lanes = inner, config.lanes
        self._clock, self._sleep, self._rng = clock, sleep, rng or random.Random()
        self._watch = Watch(config.lanes, config.execution, report=report_health, clock=clock, after=after)
        ends = {name: lane.endpoint for name, lane in config.lanes.items()}
        self._slots = {name: Slots(end.max_concurrency) for name, end in ends.items() if end.max_concurrency}
        self._rates = {
            name: PerMinute(end.requests_per_minute) for name, end in ends.items() if end.requests_per_minute
        }
        self._lock = threading.Lock()

    async def call(self, call: LaneCall) -> Reply:
        """See ``Lanes.call``."""
        async with self._let_in(call) as admitted:
            reply = await self._inner.call(admitted.call)
            admitted.ok = not reply.empty
            return reply

    async def stream(self, call: LaneCall) -> AsyncGenerator[Piece]:
        """See ``Lanes.stream``. The place of a call is held until its stream has ended or is closed."""
        async with self._let_in(call) as admitted:
            pieces = self._inner.stream(admitted.call)
            try:
                async for piece in pieces:
                    if piece.reply is not None:
                        admitted.ok = not piece.reply.empty
                    yield piece
            finally:
                if isinstance(pieces, AsyncGenerator):
                    await pieces.aclose()

    @property
    def watch(self) -> Watch:
        """The breakers, to be asked how lanes and providers are."""
        return self._watch

    def close(self) -> None:
        """Let go of breakers and timers: what was told to be down is told to be up, since nobody would find out."""
        self._watch.close()

    @asynccontextmanager
    async def _let_in(self, call: LaneCall) -> AsyncIterator[_Admitted]:
        if call.lane not in self._lanes:
            raise LaneFailure("unavailable", "UnknownLaneError")
        began = self._clock()
        until = began + _PATIENCE * call.timeout_s
        self._watch.check(call.lane)
        await self._rested(call.lane, until)
        slots = self._slots.get(call.lane)
        if slots is not None and not await slots.take(until - self._clock()):
            raise LaneFailure("unavailable", "LaneFullError max_concurrency")
        try:
            await self._within_rate(call.lane, until)
            async with self._watched(call, self._clock() - began) as admitted:
                yield admitted
        finally:
            if slots is not None:
                slots.give()

    @asynccontextmanager
    async def _watched(self, call: LaneCall, waited_s: float) -> AsyncIterator[_Admitted]:
        ticket = self._watch.enter(call.lane)
        admitted = _Admitted(replace(call, timeout_s=call.timeout_s - waited_s))
        try:
            yield admitted
        except LaneFailure as failure:
            admitted.ok, admitted.rest_ms = self._says(failure, admitted.call), failure.retry_after_ms
            raise
        finally:
            self._watch.leave(ticket, admitted.ok, rest_ms=admitted.rest_ms)

    def _says(self, failure: LaneFailure, call: LaneCall) -> bool | None:
        """What a failure says of the health of its lane: an answer that cannot be used is a sign of life."""
        if failure.of_request and failure.kind == "server_error":
            return None
        if failure.kind == "timeout" and call.timeout_s * 1000 < self._lanes[call.lane].latency.base_ms:
            return None  # there was too little time left for any answer
        return failure.kind not in OF_THE_PROVIDER and failure.kind != "unavailable"

    async def _rested(self, lane: str, until: float) -> None:
        """Wait for the end of the pause that the provider asked for, if that is soon."""
        while (rest := self._watch.rest_s(lane)) > 0:
            left = until - self._clock()
            if rest > left:
                raise LaneFailure("unavailable", "RetryAfterError", retry_after_ms=rest * 1000)
            await self._sleep(min(rest * self._rng.uniform(1.0, 1.5), left))

    async def _within_rate(self, lane: str, until: float) -> None:
        rate = self._rates.get(lane)
        while rate is not None:
            with self._lock:
                wait = rate.wait_s(self._clock())
                if wait <= 0:
                    rate.take(self._clock())
                    return
            if wait > until - self._clock():
                raise LaneFailure("unavailable", "RateError requests_per_minute", retry_after_ms=wait * 1000)
            await self._sleep(wait)
