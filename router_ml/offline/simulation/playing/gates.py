"""What a lane takes at most: calls at a time, and calls a minute. Who has to wait, waits as at ``GuardedLanes``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from router_ml.execution.lanes.admission import PerMinute
from router_ml.offline.simulation.playing.passing import Passed

if TYPE_CHECKING:
    from router_ml.offline.simulation.playing.flight import Flight

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Answer = Literal["in", "wait", "away"]
_LATE_S = 1e-9  # a timer is never early
_MINUTE_S = 60.0


class Door(Protocol):
    """Who is told what came of waiting, and who knows the time."""

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        ...

    def later(self, at_s: float, work: Callable[[], None]) -> None:
        """Have something done at a time."""
        ...

    def let_in(self, flight: Flight) -> None:
        """A flight may call."""
        ...

    def turned_away(self, flight: Flight) -> None:
        """A flight waited in vain."""
        ...


class Gate:
    """The limits of one lane.

    Calls that surely need not wait pass by it (``free``); it learns of them from ``passed``.
    """

    def __init__(self, lane: int, door: Door, passed: Passed, *, at_a_time: int | None, a_minute: int | None) -> None:
        self._lane, self._door, self._passed = lane, door, passed
        self._places, self._limit = at_a_time, a_minute
        self._rate = PerMinute(a_minute) if a_minute is not None else None
        self._seen_s = -np.inf
        self._taken = 0
        self._waiting: deque[tuple[Flight, float]] = deque()

    def ask(self, flight: Flight, *, until_s: float) -> Answer:
        """Whether a flight may call now; where it has to wait, the door is told later."""
        if self._places is not None:
            if self._waiting or self._room() <= 0:
                self._queue(flight, until_s)
                return "wait"
            self._taken += 1
        answer = self._pace(flight, until_s)
        if answer == "away" and self._places is not None:
            self.give()
        return answer

    def give(self) -> None:
        """A call has ended: let the next one in."""
        if self._places is not None:
            self._taken -= 1
            self._admit()

    def free(self, starts: Floats, ends: Floats, *, others: Integers, hops: int) -> int:
        """How many of some calls, one after another, surely need not wait.

        Args:
            starts, ends: (n,) of the calls. others: (n,) requests that may have come as well by the start of each, or
                in the minute before, each up to ``hops`` times.
        """
        if self._waiting:
            return 0
        if not len(starts):
            return 0
        surely = len(starts)
        if self._rate is not None and self._limit is not None:
            surely = min(surely, self._within_rate(starts, self._limit - others * hops))
        if self._places is not None:
            before = self._passed.in_flight(self._lane, float(starts[0]))
            over = np.searchsorted(np.sort(np.concatenate([before, ends])), starts, side="right")
            under_way = len(before) + np.arange(1, len(starts) + 1) - over
            late = np.flatnonzero(under_way > self._places - self._taken - others)
            surely = min(surely, int(late[0]) if len(late) else surely)
        return surely

    def _within_rate(self, starts: Floats, limits: Integers) -> int:
        """How many of some calls keep within ``limits`` (n,): calls of the minute until each, with itself."""
        assert self._rate is not None
        self._sync(self._door.now_s)
        times = np.concatenate([self._rate.recent, starts])
        until = np.arange(len(times) - len(starts), len(times)) + 1
        over = np.flatnonzero(until - np.searchsorted(times, starts - _MINUTE_S, side="right") > limits)
        return int(over[0]) if len(over) else len(starts)

    def _room(self) -> int:
        assert self._places is not None
        return self._places - self._taken - len(self._passed.in_flight(self._lane, self._door.now_s))

    def _queue(self, flight: Flight, until_s: float) -> None:
        if not self._waiting:
            for end in self._passed.in_flight(self._lane, self._door.now_s).tolist():
                self._door.later(end, self._admit)
        self._waiting.append((flight, until_s))
        self._door.later(until_s, lambda: self._give_up(flight))

    def _give_up(self, flight: Flight) -> None:
        for one in self._waiting:
            if one[0] is flight:
                self._waiting.remove(one)
                self._door.turned_away(flight)
                return

    def _admit(self) -> None:
        while self._waiting and self._room() > 0:
            flight, until_s = self._waiting.popleft()
            self._taken += 1
            self._try(flight, until_s)

    def _try(self, flight: Flight, until_s: float) -> None:
        answer = self._pace(flight, until_s)
        if answer == "in":
            self._door.let_in(flight)
        elif answer == "away":
            self._door.turned_away(flight)
            if self._places is not None:
                self.give()

    def _pace(self, flight: Flight, until_s: float) -> Answer:
        """Whether a call keeps within the rate; where that is only a matter of time, it waits with its place."""
        if self._rate is None:
            return "in"
        now_s = self._door.now_s
        self._sync(now_s)
        wait = self._rate.wait_s(now_s)
        if wait <= 0:
            self._rate.take(now_s)
            return "in"
        if wait > until_s - now_s:
            return "away"
        self._door.later(now_s + wait + _LATE_S, lambda: self._try(flight, until_s))
        return "wait"

    def _sync(self, now_s: float) -> None:
        """Count the calls that passed by."""
        if self._rate is None or self._limit is None or now_s <= self._seen_s:
            return
        since = max(self._seen_s, now_s - 2 * _MINUTE_S)
        for start in self._passed.starts(self._lane, since, now_s)[-self._limit :].tolist():
            self._rate.take(start)
        self._seen_s = now_s
