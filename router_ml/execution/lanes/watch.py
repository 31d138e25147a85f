"""What is known of the health of lanes and providers, and what of it is told to the router.

A name is told to be down while none of the lanes that it stands for may be called. So a lane that is down gets no
traffic; when its pause is over it is told to be up again, and down once its probes are on their way: as many requests
as there are probes find out whether it is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from router_ml.config import Lane
from router_ml.config.execution import ExecutionRules
from router_ml.errors import InvalidRequestError
from router_ml.execution.lanes.breaker import BreakerState, allow, doubted, passed, ready, record
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.later import After, Handle, after
from router_ml.execution.lanes.trouble import Trouble, trouble_of

Kind = Literal["provider", "lane"]
Key = tuple[Kind, str]


@dataclass(frozen=True)
class Ticket:
    """A call that was let through: which turn of each breaker it belongs to."""

    lane: str
    turns: tuple[tuple[Key, int], ...]


class Watch:
    """Breakers and pauses of all lanes; safe to share between threads.

    Args:
        report: takes the name of a lane or provider, and ``up`` or ``down``.
        clock: seconds.
    """

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        rules: ExecutionRules,
        *,
        report: Callable[[str, str], None],
        clock: Callable[[], float],
        after: After = after,
    ) -> None:
        self._rules, self._report, self._clock, self._after = rules, report, clock, after
        self._provider = {name: lane.provider for name, lane in lanes.items()}
        self._covers = _covered(lanes)
        self._states: dict[Key, BreakerState] = {}
        self._rests: dict[str, tuple[float, bool]] = {}
        self._well: dict[str, float] = {}
        self._down: frozenset[str] = frozenset()
        self._timer: tuple[float, Handle] | None = None
        self._lock = threading.RLock()

    def rest_s(self, lane: str) -> float:
        """Seconds for which the provider asked to be left alone with this lane; 0: none."""
        with self._lock:
            until, _ = self._rests.get(lane, (0.0, False))
            return max(until - self._clock() * 1000, 0.0) / 1000

    def check(self, lane: str) -> None:
        """See whether a call could be made.

        Raises:
            LaneFailure: a breaker is open.
        """
        with self._lock:
            self._look()
            now = self._clock() * 1000
            for key in self._keys(lane):
                if not ready(self._state(key), now, rules=self._rules.breaker):
                    raise _open(key)

    def enter(self, lane: str) -> Ticket:
        """Let a call through; ``leave`` has to follow.

        Raises:
            LaneFailure: a breaker is open.
        """
        with self._lock:
            now = self._clock() * 1000
            taken: list[tuple[Key, int]] = []
            for key in self._keys(lane):
                allowed, self._states[key] = allow(self._state(key), now, rules=self._rules.breaker)
                if not allowed:
                    self._end(taken, None, now, may_open=False)
                    raise _open(key)
                taken.append((key, self._states[key].turn))
            self._tell(lane)
            return Ticket(lane, tuple(taken))

    def leave(self, ticket: Ticket, ok: bool | None, *, rest_ms: float | None = None) -> None:
        """Say how a call went.

        Args:
            ok: None where it says nothing of lane and provider.
            rest_ms: how long the provider asks to be left alone with this lane.
        """
        with self._lock:
            now = self._clock() * 1000
            if ok:
                self._well[ticket.lane] = now / 1000
            self._end(ticket.turns[1:], ok, now, may_open=True)
            self._end(ticket.turns[:1], ok, now, may_open=not ok and self._several_fail(ticket.lane))
            if rest_ms:
                pause = min(rest_ms, self._rules.breaker.max_open_ms)
                self._rests[ticket.lane] = (now + pause, pause > self._rules.max_retry_after_ms)
            self._tell(ticket.lane)

    def quiet(self, lane: str) -> bool:
        """Whether both breakers of a lane are closed and nobody asked for a pause: calls that end well change nothing
        then that anybody is told of."""
        with self._lock:
            return lane not in self._rests and all(self._state(key).phase == "closed" for key in self._keys(lane))

    def ticket(self, lane: str) -> Ticket:
        """The ticket that every call of a ``quiet`` lane gets until a breaker opens."""
        with self._lock:
            return Ticket(lane, tuple((key, self._state(key).turn) for key in self._keys(lane)))

    def passed(self, ticket: Ticket, ended: Sequence[tuple[float, int]]) -> None:
        """``leave`` for calls of one ``ticket`` of a quiet lane that all went well.

        Args:
            ended: how many ended at each time, in seconds by the clock; the last not before what was told earlier.
        """
        times = [(at_s * 1000, count) for at_s, count in ended]
        with self._lock:
            for key, turn in ticket.turns:
                self._states[key] = passed(self._state(key), times, rules=self._rules.breaker, turn=turn)

    def troubled(self) -> dict[str, Trouble]:
        """The lanes and providers that are not well, by name: all lanes that it stands for are left alone or are being
        tried again."""
        with self._lock:
            now = self._clock() * 1000
            found = {
                lane: trouble_of([self._state(key) for key in self._keys(lane)], self._rests.get(lane), now)
                for lane in self._provider
            }
            return {
                name: min(some, key=lambda trouble: trouble.left_s)
                for name, lanes in self._covers.items()
                if (some := [trouble for lane in lanes if (trouble := found[lane]) is not None])
                and len(some) == len(lanes)
            }

    def last_well(self) -> dict[str, float]:
        """When a call to a lane or provider last went well, by name, in seconds of the clock."""
        with self._lock:
            found = {
                name: [self._well[lane] for lane in lanes if lane in self._well] for name, lanes in self._covers.items()
            }
        return {name: max(times) for name, times in found.items() if times}

    def doubt(self, name: str) -> None:
        """Have a lane or provider tried by probes before calls go on as usual, since another process says that it is
        not well."""
        now = self._clock() * 1000
        keys: list[Key] = [("lane", name)] if name in self._provider else []
        keys += [("provider", name)] if name in self._provider.values() else []
        with self._lock:
            for key in keys:
                self._states[key] = doubted(self._state(key), now, rules=self._rules.breaker)
            self._tell()

    def close(self) -> None:
        """Report that everything is up, and nothing more."""
        with self._lock:
            self._states, self._rests = {}, {}
            self._tell()
            self._covers = {}

    def _keys(self, lane: str) -> tuple[Key, Key]:
        return ("provider", self._provider[lane]), ("lane", lane)

    def _state(self, key: Key) -> BreakerState:
        return self._states.get(key) or BreakerState()

    def _end(self, turns: Iterable[tuple[Key, int]], ok: bool | None, now: float, *, may_open: bool) -> None:
        for key, turn in turns:
            state = self._state(key)
            self._states[key] = record(state, ok, now, rules=self._rules.breaker, turn=turn, may_open=may_open)

    def _several_fail(self, lane: str) -> bool:
        """Whether it is the provider that fails, rather than one of its lanes."""
        beside = [other for other, provider in self._provider.items() if provider == self._provider[lane]]
        states = [self._state(("lane", other)) for other in beside]
        failing = sum(state.phase != "closed" or state.in_a_row > 0 for state in states)
        return failing >= min(2, len(beside))

    def _blocked(self, lane: str, now: float) -> bool:
        until, known = self._rests.get(lane, (0.0, False))
        open_ = not all(ready(self._state(key), now, rules=self._rules.breaker) for key in self._keys(lane))
        return open_ or (known and now < until)

    def _tell(self, lane: str | None = None) -> None:
        """Report what has changed, and look again when the next pause is over. ``lane``: all that can have changed."""
        if lane is not None and self._calm(lane):
            return
        now = self._clock() * 1000
        blocked = {lane for lane in self._provider if self._blocked(lane, now)}
        down = frozenset(name for name, lanes in self._covers.items() if lanes <= blocked)
        for name in sorted(down ^ self._down):
            with suppress(InvalidRequestError):  # another bundle has come that does not know the name
                self._report(name, "down" if name in down else "up")
        self._down = down
        self._wake(now)

    def _calm(self, lane: str) -> bool:
        """Whether nothing is down, nothing rests and nothing was waited for: nearly always."""
        calm = not self._down and self._timer is None and lane not in self._rests
        return calm and all(self._state(key).phase == "closed" for key in self._keys(lane))

    def _wake(self, now: float) -> None:
        ends = [state.until_ms for state in self._states.values() if state.phase == "open"]
        ends += [until for until, known in self._rests.values() if known]
        end = min((one for one in ends if one > now), default=None)
        if self._timer is not None and self._timer[0] == end:
            return
        if self._timer is not None:
            self._timer[1].cancel()
        self._timer = None if end is None else (end, self._after((end - now) / 1000, self._look_late))

    def _look(self) -> None:
        """Look now, where a pause has ended without anybody having been told."""
        if self._timer is not None and self._clock() * 1000 >= self._timer[0]:
            self._tell()

    def _look_late(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer = None
                self._tell()


def _covered(lanes: Mapping[str, Lane]) -> dict[str, frozenset[str]]:
    """The lanes that each name of a lane or provider stands for: a report of one holds for all that share its name."""
    names = {*lanes, *(lane.provider for lane in lanes.values())}
    return {
        name: frozenset(other for other, lane in lanes.items() if name in (other, lane.provider, lane.failure_domain))
        for name in names
    }


def _open(key: Key) -> LaneFailure:
    kind, name = key
    return LaneFailure("unavailable", f"BreakerOpenError {kind} {name}")
