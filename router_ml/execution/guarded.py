"""Stand-in: lanes without breakers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from router_ml.config import RouterConfig
from router_ml.execution.lanes import LaneCall, Lanes
from router_ml.execution.reply import Piece, Reply


class GuardedLanes:
    """Lanes behind breakers and caps."""

    def __init__(self, inner: Lanes, config: RouterConfig, *, report_health: Callable[[str, str], None]) -> None:
        self._inner = inner

    async def call(self, call: LaneCall) -> Reply:
        """See ``Lanes.call``."""
        return await self._inner.call(call)

    def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        """See ``Lanes.stream``."""
        return self._inner.stream(call)
