"""Money of a run: what was spent, and what is expected of that which is on its way, never pass the budget together."""

from __future__ import annotations

import asyncio
import math
import threading

from router_ml.errors import InvalidRequestError


class Budget:
    """USD of a run. ``None``: no limit. Reservations are awaited in the loop of the run; judges pay from threads.

    Raises:
        InvalidRequestError: the limit is no number, or below 0.
    """

    def __init__(self, usd: float | None, *, spent_usd: float = 0.0) -> None:
        if usd is not None and not usd >= 0.0:
            raise InvalidRequestError(f"Found a budget of {usd} USD, expected a number that is not below 0.")
        self._usd = math.inf if usd is None else usd
        self._spent, self._held, self._holds = spent_usd, 0.0, 0
        self._lock = threading.Lock()
        self._changed = asyncio.Event()

    @property
    def spent_usd(self) -> float:
        """What was paid so far, or may have been."""
        return self._spent

    async def reserve(self, expected_usd: float) -> bool:
        """Hold what an attempt is expected to cost; waits while attempts on their way may turn out cheaper, and is
        False once there is no room."""
        while not self.take(expected_usd):
            if not self._holds:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    def take(self, expected_usd: float) -> bool:
        """Hold it now, if there is room."""
        with self._lock:
            if self._spent + self._held + expected_usd > self._usd:
                return False
            self._held, self._holds = self._held + expected_usd, self._holds + 1
            return True

    def settle(self, expected_usd: float, *, paid_usd: float) -> None:
        """Let go of what was held, for what was paid."""
        with self._lock:
            self._holds -= 1
            self._held = self._held - expected_usd if self._holds else 0.0
            self._spent += paid_usd

    def tell(self) -> None:
        """Let those that wait look again; in the loop of the run."""
        self._changed.set()
