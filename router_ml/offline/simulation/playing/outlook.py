"""How far a run looks ahead: rows that are weighed already, by state of health, and which of that still holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.playing.ahead import Ahead, Seen, look
from router_ml.offline.simulation.playing.blocks import Block, Sessions
from router_ml.offline.simulation.playing.course import Course
from router_ml.offline.simulation.playing.flight import Flight
from router_ml.offline.simulation.policies.policy import Policy, Weighed
from router_ml.offline.simulation.traffic.rows import FAILS, SLOW, Rows

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_LEAST, _MOST, _TIMES = 64, 65_536, 4  # rows that are weighed at once: more where they were all of use


class Outlook:
    """Rows of the current block, weighed ahead. What was weighed while other lanes were down is kept: health often goes
    back to what it was, as when a probe fails."""

    def __init__(self, policy: Policy, course: Course, sessions: Sessions) -> None:
        self._policy, self._course, self._sessions = policy, course, sessions
        self._known: dict[bytes, Ahead] = {}
        self._width: dict[bytes, int] = {}
        self._version = -1
        self._block: Block

    def turn_to(self, block: Block) -> None:
        """The next block begins."""
        self._block, self._known = block, {}
        self._talks = bool((block.rows.before >= 0).any())

    def rows(self, low: int, high: int) -> tuple[Ahead, int]:
        """What the policy makes of rows from ``low`` on, and up to which row of ``high`` that is known."""
        course = self._course
        if self._version != course.version:
            self._version, self._known = course.version, {}
        key = course.sky.down.tobytes()
        ahead, width = self._known.get(key), self._width.get(key, _LEAST)
        if ahead is not None and ahead.low <= low < ahead.high:
            holds = self._holds(ahead, low, min(high, ahead.high))
            if holds > low:
                return ahead, holds
        elif ahead is not None and low == ahead.high and ahead.whole:
            width = min(width * _TIMES, _MOST)
        self._width[key] = width
        change = max(int(np.searchsorted(self._block.at_s, course.next_s)), low + 1)
        end = min(low + width, len(self._block), change)
        ahead = self._known[key] = look(self._seen(), self._block.rows.take(slice(low, end)), low)
        return ahead, min(high, end)

    def unsure(self, low: int, high: int) -> Bools:
        """Rows (n,) whose session was, when they were weighed, with a request that is carried out call by call."""
        if not self._talks:
            return np.zeros(high - low, np.bool_)
        return self._under_way(self._block.rows.before[low:high])

    def right(self, ahead: Ahead, row: int) -> bool:
        """Whether the lane of a row's session is now the one it was weighed with."""
        before = self._block.rows.before[row : row + 1]
        if before[0] < 0 or self._sessions.lanes(before)[0] == ahead.incumbent[row - ahead.low]:
            return True
        ahead.high = row  # from here on it has to be weighed again
        return False

    def flight(self, ahead: Ahead, row: int) -> Flight:
        """A row that is to be carried out call by call."""
        own, rows, course = row - ahead.low, self._block.rows, self._course
        kind, klass = int(rows.kind[row]), int(ahead.traffic_class[own])
        first = int(ahead.lane[own])
        fails = float(rows.luck[row, FAILS])
        return Flight(
            block=self._block,
            row=row,
            number=int(rows.number[row]),
            kind=kind,
            traffic_class=klass,
            arrived_s=float(self._block.at_s[row]),
            at_s=float(self._block.at_s[row]),
            deadline_s=float(course.terms.deadline_s[kind, klass]),
            eligible=ahead.eligible[own].copy(),
            worth=ahead.worth[own].copy(),
            propensities=ahead.propensities[own].copy(),
            first=first,
            lane=first,
            exploit=int(ahead.exploit[own]),
            fails=fails,
            slow=float(rows.luck[row, SLOW]),
            seconds=float(ahead.seconds[own]),
            first_fails=fails < float(course.calls.weather.error_rate[first]),
            incumbent=int(ahead.incumbent[own]),
            held=int(rows.held[row]),
            cached=int(ahead.cached[own]),
            charged_usd=float(ahead.cost_usd[own]),
            charged_at=course.money.at,
            batched=bool(course.terms.batched[kind, klass]),
        )

    def _holds(self, ahead: Ahead, low: int, high: int) -> int:
        """Up to which row what was weighed still holds: sessions may have gone to other lanes since."""
        if not self._talks:
            return high
        before = self._block.rows.before[low:high]
        told = np.flatnonzero((before >= 0) & (before < self._block.rows.number[low]))
        told = told[~self._under_way(before[told])]
        wrong = self._sessions.lanes(before[told]) != ahead.incumbent[ahead.rows(low, high)][told]
        return low + int(told[wrong][0]) if wrong.any() else high

    def _under_way(self, numbers: Integers) -> Bools:
        """Which requests (n,), by number, are or were carried out call by call; of earlier blocks, those that are."""
        place = numbers - self._block.rows.number[0]
        here = (place >= 0) & (place < len(self._block))
        found = np.zeros(len(numbers), np.bool_)
        found[here] = self._block.flies[place[here]]
        if self._course.flights.open:
            found |= np.isin(numbers, list(self._course.flights.open))
        return found

    def _seen(self) -> Seen:
        course = self._course
        return Seen(self._weigh, self._previous, self._final, course.calls, course.terms, course.cached)

    def _weigh(self, rows: Rows, incumbent: Integers, cached: Integers) -> Weighed:
        return self._policy.weigh(rows, self._course.moment(incumbent, cached))

    def _previous(self, numbers: Integers, at_s: Floats) -> Integers:
        """The lanes of earlier turns by the time of later ones."""
        course, flights = self._course, self._course.flights
        lanes = self._sessions.lanes(numbers)
        if flights.open:
            later = at_s > course.sky.now_s  # by then it may have ended, which is a guess: see ``right``
            for place in np.flatnonzero(later & np.isin(numbers, list(flights.open))).tolist():
                final, end_s = flights.forecast(flights.open[int(numbers[place])])
                lanes[place] = final if end_s <= at_s[place] else lanes[place]
        return lanes

    def _final(self, ahead: Ahead, own: int, at_s: float) -> int:
        final, end_s = self._course.flights.forecast(self.flight(ahead, ahead.low + own))
        return final if end_s <= at_s else int(ahead.lane[own])
