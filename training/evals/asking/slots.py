"""Calls of a lane at a time and a minute, as its endpoint takes them; whoever is over waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

from router_ml.config import RouterConfig
from router_ml.execution.lanes.admission import PerMinute


class LaneSlots:
    """Of one event loop. ``clock`` in seconds and ``sleep``: for tests."""

    def __init__(
        self,
        config: RouterConfig,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        ends = {name: lane.endpoint for name, lane in config.lanes.items()}
        self._places = {
            name: asyncio.Semaphore(end.max_concurrency) for name, end in ends.items() if end.max_concurrency
        }
        self._rates = {
            name: PerMinute(end.requests_per_minute) for name, end in ends.items() if end.requests_per_minute
        }

    @asynccontextmanager
    async def place(self, lane: str) -> AsyncIterator[None]:
        """A place of a lane, for as long as the block lasts."""
        held = self._places.get(lane)
        if held is not None:
            await held.acquire()
        try:
            await self._within_rate(lane)
            yield
        finally:
            if held is not None:
                held.release()

    async def _within_rate(self, lane: str) -> None:
        rate = self._rates.get(lane)
        if rate is None:
            return
        while (wait := rate.wait_s(self._clock())) > 0:
            await self._sleep(wait)
        rate.take(self._clock())
