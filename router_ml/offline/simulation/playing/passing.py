"""Calls that went well while all was quiet: breakers are told of them when the next call fails, not one by one.

A success changes nothing that anybody is told while its breakers are closed. What it changes, the count of calls within
the window and of failures in a row, matters at the next failure of the same provider. So that is when it is told, in
the order and with the times in which it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from router_ml.config import Lane
from router_ml.execution.lanes.watch import Ticket, Watch

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_LEAST = 1 << 16
_PARTS = 12  # of the window of breakers that are told apart: more than it has


class Passed:
    """The latest calls. ``reach_s``: how far back they may matter; ``slice_ms``: parts of the breakers' window."""

    def __init__(
        self, watch: Watch, lanes: Mapping[str, Lane], names: Sequence[str], *, reach_s: float, slice_ms: float
    ) -> None:
        self._watch, self._names, self._reach, self._slice = watch, names, reach_s, slice_ms
        providers = [lanes[name].provider for name in names]
        self._beside = [np.array([other == one for other in providers]) for one in providers]
        self._told = np.full(len(names), -np.inf)  # until when the provider of each lane has been told
        self._oldest = np.full(len(names), -np.inf)  # the latest end of what is not kept any more
        self._tickets: list[list[tuple[float, Ticket]]] = [[(-np.inf, watch.ticket(name))] for name in names]
        self._start = np.empty(2 * _LEAST)
        self._end = np.empty(2 * _LEAST)
        self._lane = np.empty(2 * _LEAST, np.int64)
        self._n = 0
        self._late: list[tuple[float, float, int]] = []

    def add(self, start_s: Floats, end_s: Floats, lane: Integers) -> int:
        """Calls that begin now; what does not go by this way has lane -1. Returns a mark for ``cut``."""
        n = len(start_s)
        if self._n + n > len(self._start):
            self._shrink(float(start_s[0]), n)
        mark, self._n = self._n, self._n + n
        self._start[mark : self._n], self._end[mark : self._n], self._lane[mark : self._n] = start_s, end_s, lane
        return mark

    def add_one(self, start_s: float, end_s: float, lane: int) -> None:
        """A call that began earlier and has ended well now."""
        self._late.append((start_s, end_s, lane))

    def cut(self, mark: int, kept: int) -> None:
        """Only the first ``kept`` calls after a mark were made."""
        self._n = mark + kept

    def changed(self, lane: int, now_s: float) -> None:
        """Breakers of the provider of a lane may have changed: calls from now on belong to another ticket."""
        for other in np.flatnonzero(self._beside[lane]).tolist():
            tickets = self._tickets[other]
            if (ticket := self._watch.ticket(self._names[other])) != tickets[-1][1]:
                tickets.append((now_s, ticket))
            while len(tickets) > 1 and tickets[1][0] < now_s - self._reach:
                tickets.pop(0)

    def beside(self, lane: int) -> list[int]:
        """The lanes of the same provider."""
        return list(np.flatnonzero(self._beside[lane]).tolist())

    def ticket(self, lane: int, start_s: float) -> Ticket:
        """That of a call which began at a time while its lane was quiet."""
        return next(ticket for since, ticket in reversed(self._tickets[lane]) if since <= start_s)

    def in_flight(self, lane: int, now_s: float) -> Floats:
        """When the calls of a lane end that are under way, (n,)."""
        low = int(np.searchsorted(self._start[: self._n], now_s - self._reach))
        high = int(np.searchsorted(self._start[: self._n], now_s, side="right"))
        mine = (self._lane[low:high] == lane) & (self._end[low:high] > now_s)
        return np.asarray(self._end[low:high][mine])

    def starts(self, lane: int, since_s: float, now_s: float) -> Floats:
        """When the calls of a lane began from ``since_s`` on and before ``now_s``, (n,)."""
        low = int(np.searchsorted(self._start[: self._n], since_s))
        high = int(np.searchsorted(self._start[: self._n], now_s))
        return np.asarray(self._start[low:high][self._lane[low:high] == lane])

    def tell(self, lane: int, now_s: float) -> None:
        """Tell the breakers of the provider of a lane of all that ended well by now."""
        beside, since = self._beside[lane], float(self._told[lane])
        low = int(np.searchsorted(self._start[: self._n], since - self._reach))
        high = int(np.searchsorted(self._start[: self._n], now_s))
        ends, lanes = self._end[low:high], self._lane[low:high]
        mine = np.flatnonzero((ends > since) & (ends <= now_s) & beside[lanes] & (lanes >= 0))
        starts, ends, lanes = self._start[low:high][mine], ends[mine], lanes[mine]
        if self._late:
            starts, ends, lanes = self._with_late(beside, now_s, starts, ends, lanes)
        for old in np.flatnonzero(beside & (self._oldest > since)):
            self._watch.passed(self._tickets[old][-1][1], [(float(self._oldest[old]), 1)])
        self._told[beside] = now_s
        if len(ends):
            self._pass(starts, ends, lanes)

    def _pass(self, starts: Floats, ends: Floats, lanes: Integers) -> None:
        """Lane by lane, by parts of the window; all that is older than that counts as one."""
        part = np.floor_divide(ends * 1000, self._slice).astype(np.int64)
        oldest = int(part.max()) - _PARTS + 1
        part = np.maximum(part - oldest, 0)
        for lane in np.unique(lanes).tolist():
            mine = np.flatnonzero(lanes == lane)
            tickets = self._tickets[lane]
            if len(tickets) == 1:
                self._watch.passed(tickets[0][1], self._counted(part[mine], oldest))
                continue
            which = np.searchsorted([since for since, _ in tickets], starts[mine], side="right") - 1
            for index in np.unique(which).tolist():
                self._watch.passed(tickets[index][1], self._counted(part[mine[which == index]], oldest))

    def _counted(self, part: Integers, oldest: int) -> list[tuple[float, int]]:
        """How many calls ended in each part of the window, and the middle of it in seconds."""
        counts = np.bincount(part, minlength=_PARTS).tolist()
        middle = self._slice / 1000
        return [((oldest + index + 0.5) * middle, count) for index, count in enumerate(counts) if count]

    def _with_late(
        self, beside: NDArray[np.bool_], now_s: float, starts: Floats, ends: Floats, lanes: Integers
    ) -> tuple[Floats, Floats, Integers]:
        mine = [one for one in self._late if beside[one[2]] and one[1] <= now_s]
        self._late = [one for one in self._late if not (beside[one[2]] and one[1] <= now_s)]
        if not mine:
            return starts, ends, lanes
        more = np.array([one[:2] for one in mine])
        which = np.array([one[2] for one in mine], np.int64)
        return np.append(starts, more[:, 0]), np.append(ends, more[:, 1]), np.append(lanes, which)

    def _shrink(self, now_s: float, room: int) -> None:
        """Forget what is too old to matter, but for when it was; and make room."""
        low = int(np.searchsorted(self._start[: self._n], now_s - self._reach))
        gone = self._lane[:low] >= 0
        np.maximum.at(self._oldest, self._lane[:low][gone], self._end[:low][gone])
        for start_s, end_s, lane in self._late:
            if start_s < now_s - self._reach:
                self._oldest[lane] = max(self._oldest[lane], end_s)
        self._late = [one for one in self._late if one[0] >= now_s - self._reach]
        kept = self._n - low
        size = max(len(self._start), 2 * (kept + room))
        for name in ("_start", "_end", "_lane"):
            old = getattr(self, name)
            new = np.empty(size, old.dtype)
            new[:kept] = old[low : self._n]
            setattr(self, name, new)
        self._n = kept
