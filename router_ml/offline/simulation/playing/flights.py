"""Requests that are carried out call by call: what fails goes on by the real plan, past the real breakers.

Few requests need it: those whose first call fails, those that go to a lane while its breakers are not closed, and those
that may have to wait for a place at a lane.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from router_ml.contract import FailureKind
from router_ml.execution.fallback import Tried, next_step, stand_in
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.watch import Watch
from router_ml.offline.simulation.playing.flight import Flight, Sky
from router_ml.offline.simulation.playing.gates import Gate
from router_ml.offline.simulation.playing.passing import Passed
from router_ml.offline.simulation.traffic.luck import again

_PATIENCE = 0.1  # share of a call's time that it may wait to be let in, as in GuardedLanes
_HOPS = 64  # luck of the calls of one request: so many turns for each purpose


Event = tuple[float, int, Callable[[], None]]


class Flights:
    """All requests under way, and whatever else happens at a time.

    Args:
        done: what to do with one that has ended.
    """

    def __init__(
        self, sky: Sky, watch: Watch, passed: Passed, gates: dict[int, Gate], *, done: Callable[[Flight], None]
    ) -> None:
        self.sky, self._watch, self.passed, self.gates, self._done = sky, watch, passed, gates, done
        self._place = {name: index for index, name in enumerate(sky.names)}
        self._events: list[Event] = []
        self._turn = 0
        self.open: dict[int, Flight] = {}
        self.noisy = np.zeros(len(sky.names), np.bool_)  # lanes whose breakers are not closed

    @property
    def next_s(self) -> float:
        """When the next event is."""
        return self._events[0][0] if self._events else np.inf

    @property
    def now_s(self) -> float:
        """The time."""
        return self.sky.now_s

    def later(self, at_s: float, work: Callable[[], None]) -> None:
        """Have something done at a time."""
        self._turn += 1
        heapq.heappush(self._events, (at_s, self._turn, work))

    def happen(self) -> None:
        """Let the next event happen."""
        at_s, _, work = heapq.heappop(self._events)
        self.sky.now_s = max(at_s, self.sky.now_s)
        work()

    def start(self, flight: Flight) -> None:
        """A request comes."""
        self.sky.now_s = flight.at_s = flight.arrived_s
        flight.lane = flight.first
        self.open[flight.number] = flight
        self._go_on(flight)

    def forecast(self, flight: Flight) -> tuple[int, float]:
        """The lane that will have answered a request, -1 for none, and when, if nothing changes; it stays as it is."""
        copy = replace(flight)
        if copy.todo == "let in":
            copy.at_s = max(copy.at_s, self.sky.now_s)
            self._called(copy)
        while copy.todo != "over":
            self._step(copy, real=False)
        return copy.final, copy.at_s

    def _step(self, flight: Flight, *, real: bool) -> None:
        if flight.todo == "end":
            self._ended(flight, real=real)
        else:
            self._call(flight, real=real)

    def _call(self, flight: Flight, *, real: bool) -> None:
        """Call a lane, if it may be called."""
        lane, name = flight.lane, self.sky.names[flight.lane]
        flight.asked_s = flight.at_s
        if flight.left_s <= 0:
            return self._failed(flight, "deadline")
        if flight.tried:
            flight.gone |= frozenset(np.flatnonzero(self.sky.down).tolist())
            if lane in flight.gone:
                return self._failed(flight, "unavailable")
        if not real:
            return self._called(flight)
        try:
            self._watch.check(name)
        except LaneFailure as failure:
            return self._failed(flight, failure.kind)
        return self._at_gate(flight) if lane in self.gates else self._enter(flight)

    def _at_gate(self, flight: Flight) -> None:
        """Call where the limits of the lane let it; else wait, or go on."""
        limit_s = min(float(self.sky.calls.timeout_s[flight.lane]), flight.left_s)
        answer = self.gates[flight.lane].ask(flight, until_s=flight.at_s + _PATIENCE * limit_s)
        if answer == "wait":
            flight.todo = "let in"
        elif answer == "away":
            self._failed(flight, "unavailable")
        else:
            self._enter(flight)

    def let_in(self, flight: Flight) -> None:
        """A flight that waited at a gate may call."""
        flight.at_s = self.sky.now_s
        self._enter(flight)
        self._go_on(flight)

    def turned_away(self, flight: Flight) -> None:
        """A flight waited in vain."""
        flight.at_s = self.sky.now_s
        self._failed(flight, "unavailable")
        self._go_on(flight)

    def _go_on(self, flight: Flight) -> None:
        """Take the steps that take no time, and come back when the next one is due."""
        while flight.todo in ("call", "end") and flight.at_s <= self.sky.now_s:
            self._step(flight, real=True)
        if flight.todo == "over":
            del self.open[flight.number]
            self._done(flight)
        elif flight.todo != "let in":
            self.later(flight.at_s, lambda: self._go_on(flight))

    def _called(self, flight: Flight) -> None:
        """Decide by luck how a call ends that begins now."""
        sky, lane = self.sky, flight.lane
        waited = flight.at_s - flight.asked_s
        limit_s = min(float(sky.calls.timeout_s[lane]), flight.left_s + waited) - waited
        if not flight.calls and lane == flight.first:
            fails, seconds = flight.first_fails, flight.seconds
        else:
            flight.turn += 1
            luck = again(flight.fails, flight.turn)
            fails = luck < float(sky.calls.weather.error_rate[lane])
            other = np.array([again(flight.slow, flight.turn)])
            seconds = float(sky.calls.seconds(np.array([flight.kind]), np.array([lane]), other)[0])
        kind, took = sky.calls.end(lane, fails=fails, seconds=seconds, limit_s=limit_s)
        flight.kind_of_end, flight.began_s = kind, flight.at_s
        flight.todo, flight.at_s = "end", flight.at_s + took
        flight.calls += 1
        kept = flight.cached if lane == flight.incumbent else 0
        if kind is None:
            flight.quality = float(sky.calls.phase.quality[flight.kind, lane])
            which, where, held = np.array([flight.kind]), np.array([lane]), np.array([flight.held])
            batched = np.array([flight.batched])
            flight.cost_usd += float(
                sky.calls.usd(which, where, held=held, cached=np.array([kept]), batched=batched)[0]
            )
        elif kind == "timeout":
            flight.cost_usd += sky.calls.usd_in(
                flight.kind, lane, held=flight.held, cached=kept, batched=flight.batched
            )

    def _enter(self, flight: Flight) -> None:
        """Make the call, if the breakers have not closed the way while it waited."""
        lane = flight.lane
        flight.quiet, flight.ticket = not self.noisy[lane], None
        # What was drawn is counted there; of a hop what it knew before its breakers were asked, which tell of a pause.
        wrong = bool(flight.tried) and bool(not flight.eligible[lane] or self.sky.down[lane])
        if not flight.quiet:
            self.passed.tell(lane, self.sky.now_s)
            try:
                flight.ticket = self._watch.enter(self.sky.names[lane])
            except LaneFailure as failure:
                if lane in self.gates:
                    self.gates[lane].give()
                return self._failed(flight, failure.kind)
            finally:
                self._look(lane)
        flight.violations += wrong
        return self._called(flight)

    def _ended(self, flight: Flight, *, real: bool) -> None:
        kind, lane = flight.kind_of_end, flight.lane
        if real:
            self._tell(flight)
        if kind is None:
            flight.final, flight.todo = lane, "over"
            return
        flight.failed += 1
        self._failed(flight, "deadline" if kind == "timeout" and flight.left_s <= 0 else kind)

    def _tell(self, flight: Flight) -> None:
        """Tell the breakers how a call went, then the gate that its place is free: the next one in meets what is known
        by then."""
        lane, now_s, kind = flight.lane, self.sky.now_s, flight.kind_of_end
        if flight.quiet and kind is None:
            self.passed.add_one(flight.began_s, now_s, lane)
        else:
            self.passed.tell(lane, now_s)
            base = float(self.sky.calls.base_s[lane])
            ok = True if kind is None else None if kind == "timeout" and now_s - flight.began_s < base else False
            self._watch.leave(flight.ticket or self.passed.ticket(lane, flight.began_s), ok)
            self._look(lane)
        if lane in self.gates:
            self.gates[lane].give()

    def _failed(self, flight: Flight, kind: FailureKind) -> None:
        """Go to the next step of the plan, or end."""
        flight.tried = (*flight.tried, Tried(self.sky.names[flight.lane], kind))
        step = self._next(flight) if self.sky.falls_back else None
        if step is None:
            flight.todo = "over"
            return
        lane, pause_ms = step
        jitter = self.sky.config.execution.jitter
        pause_s = pause_ms / 1000 * (1 - jitter * again(flight.fails, _HOPS + flight.turn + 1)) if pause_ms else 0.0
        flight.lane, flight.todo, flight.at_s = lane, "call", flight.at_s + pause_s

    def _next(self, flight: Flight) -> tuple[int, float] | None:
        order = np.argsort(-flight.worth, kind="stable").tolist()
        best = (lane for lane in order if flight.eligible[lane])
        ranking = tuple(dict.fromkeys(lane for lane in (flight.first, flight.exploit, *best) if lane >= 0))
        planned = self.sky.planned(ranking)
        step = next_step(
            planned,
            flight.tried,
            max_retry_after_ms=self.sky.config.execution.max_retry_after_ms,
            left_ms=flight.left_s * 1000,
        )
        if step is None:
            left = [self.sky.names[lane] for lane in ranking if lane not in flight.gone]
            step = stand_in(planned, flight.tried, left, worth=lambda name: float(flight.worth[self._place[name]]))
        return None if step is None else (self._place[step.lane], step.backoff_ms)

    def _look(self, lane: int) -> None:
        """See which lanes are noisy now, after something was told of one."""
        self.passed.changed(lane, self.sky.now_s)
        for other in self.passed.beside(lane):
            self.noisy[other] = not self._watch.quiet(self.sky.names[other])
