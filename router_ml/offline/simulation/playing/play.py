"""The loop in time: a policy meets the traffic of a scenario, call by call where it matters, many at once elsewhere.

Requests are weighed as far ahead as nothing is known to change: next phase, next weather, next look at the budgets,
next delivery of ratings, next end of a breaker's pause. They are taken to go well at once, but for those that fail or
meet something that is not quiet (``flights``). If what the policy knows changes among them, those from there on are
weighed again under what is known then. The luck of a request is its own, so doing it again changes nothing, and
nothing that is handed on depends on how the time was cut.

What is not in it: streams, tools and repairs within an execution; pauses that providers ask for; a ceiling of money
within an execution. Calls that are under way when a provider goes dark still end well. A lane that is made of others is
one call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.playing.ahead import Ahead
from router_ml.offline.simulation.playing.blocks import Block, Sessions
from router_ml.offline.simulation.playing.carried import Carried
from router_ml.offline.simulation.playing.course import Course
from router_ml.offline.simulation.playing.flight import Flight
from router_ml.offline.simulation.playing.outlook import Outlook
from router_ml.offline.simulation.playing.probing import probing
from router_ml.offline.simulation.policies.policy import Policy
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.rows import Rows, Stream
from router_ml.offline.simulation.world.world import World

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
_LEAST, _MOST = 64, 65_536  # rows that are weighed at once
_MINUTE_S = 60.0  # of limits that hold for a minute
_ONE_BY_ONE = 512  # rows after which it is seen again whether limits bind


def play(
    policy: Policy,
    stream: Stream,
    world: World,
    scenario: Scenario,
    *,
    count: Callable[[Carried], None],
    progress: Callable[[int], None] | None = None,
) -> None:
    """Carry out all requests of a stream under a policy.

    The policy learns and is told of phases: it is not the same afterwards, so each run needs one of its own.

    Args:
        count: takes what became of requests, in their order, batch by batch. progress: takes how many more are done.
    """
    run = _Run(policy, stream, world, scenario)
    for rows in stream.batches():
        if len(rows):
            run.carry_out(rows)
            run.hand_on(count, progress)
    run.course.finish()
    run.hand_on(count, progress)


class _Run:
    def __init__(self, policy: Policy, stream: Stream, world: World, scenario: Scenario) -> None:
        self._probing = probing(policy)
        self._sessions, self._blocks = Sessions(), deque[Block]()
        self.course = Course(policy, stream, world, scenario, done=self._landed)
        self._outlook = Outlook(policy, self.course, self._sessions)
        self._length, self._stop = _MOST, 0

    def hand_on(self, count: Callable[[Carried], None], progress: Callable[[int], None] | None) -> None:
        """Hand on what is complete."""
        while self._blocks and self._blocks[0].complete:
            block = self._blocks.popleft()
            count(block.carried)
            if progress is not None:
                progress(len(block))

    def carry_out(self, rows: Rows) -> None:
        """Carry out a batch, but for what is still under way at its end."""
        block = Block(rows, self.course.classes)
        self._blocks.append(block)
        self._outlook.turn_to(block)
        while block.done < len(block):
            self._stretch(block, block.done)

    def _stretch(self, block: Block, low: int) -> None:
        """Carry out rows from ``low`` on, as far as nothing changes."""
        course = self.course
        course.until(float(block.at_s[low]))
        course.see()
        high = min(low + self._length, int(np.searchsorted(block.at_s, min(course.next_s, course.wakes_s))))
        ahead, high = self._outlook.rows(low, max(high, low + 1))
        high = low + self._probing.peek(block.rows.take(slice(low, high)), ahead.lane[ahead.rows(low, high)])
        flies, high = self._flying(block, ahead, low, high)
        own = ahead.rows(low, high)
        lane, seconds = ahead.lane[own], ahead.seconds[own]
        course.money.ask(low, ahead.traffic_class[own], ahead.cost_usd[own])
        self._stop = high = min(high, course.money.enough)
        flies, lane, seconds = flies[: high - low], lane[: high - low], seconds[: high - low]
        block.put(low, high, ahead, course.calls, course.terms.batched, course.sky.down)
        block.flies[low:high] = flies
        self._sessions.put(int(block.rows.number[low]), lane)
        at_s = block.at_s[low:high]
        mark = course.passed.add(at_s, at_s + seconds, np.where(flies, -1, lane))
        self._live(block, ahead, low, high)
        stop = self._stop
        course.passed.cut(mark, stop - low)
        block.flies[stop:high] = False
        self._settle(block, low, stop)
        self._length = min(_MOST, 2 * max(self._length, stop - low) if stop == high else max(stop - low, _LEAST))

    def _flying(self, block: Block, ahead: Ahead, low: int, high: int) -> tuple[NDArray[np.bool_], int]:
        """Which rows (n,) have to be carried out call by call, and how far that is known."""
        flights, own = self.course.flights, ahead.rows(low, high)
        lane, fails = ahead.lane[own], ahead.fails[own]
        flies = fails | (flights.noisy[lane] & (lane >= 0)) if flights.noisy.any() else fails.copy()
        again = bool(self.course.gates)
        while again:  # whoever flies may come to any gate
            again = False
            for limited, gate in self.course.gates.items():
                mine = np.flatnonzero((lane[: high - low] == limited) & ~flies[: high - low])
                start_s = block.at_s[low + mine]
                others = self._others(block.at_s[low:high][flies[: high - low]], start_s)
                free = gate.free(start_s, start_s + ahead.seconds[own][mine], others=others, hops=self.course.hops)
                if free == len(mine):
                    continue
                if mine[free] >= _LEAST:
                    high = low + int(mine[free])
                else:
                    high, again = min(high, low + _ONE_BY_ONE), True
                    flies[mine] = True
        return flies[: high - low], high

    def _others(self, flying_s: Floats, start_s: Floats) -> Integers:
        """How many requests may be under way, or were within the last minute, by each start (n,), of those that are
        open or fly (arrivals ``flying_s``)."""
        long_s = self.course.aloft_s + _MINUTE_S
        come = np.searchsorted(flying_s, start_s, side="right")
        return np.asarray(len(self.course.flights.open) + come - np.searchsorted(flying_s, start_s - long_s))

    def _live(self, block: Block, ahead: Ahead, low: int, high: int) -> None:
        """Let time pass over rows: those that fly start, what is under way ends, until what is known changes."""
        course, health = self.course, self.course.health
        for row in (np.flatnonzero(block.flies[low:high] | self._outlook.unsure(low, high)) + low).tolist():
            self._pass(block, health, float(block.at_s[row]))
            if row >= self._stop:
                return
            if not self._outlook.right(ahead, row):
                self._stop = row
                return
            if block.flies[row]:
                block.open += 1
                course.flights.start(self._outlook.flight(ahead, row))
                if course.health != health:
                    self._stop = row + 1
                    return
        self._pass(block, health, float(block.at_s[self._stop - 1]))

    def _pass(self, block: Block, health: tuple[bytes, bytes], until_s: float) -> None:
        """Let things happen until a time, or until what is known changes."""
        flights = self.course.flights
        while flights.next_s <= until_s:
            flights.happen()
            if self.course.health != health:
                self._stop = min(self._stop, int(np.searchsorted(block.at_s, flights.now_s)))
            until_s = min(until_s, float(block.at_s[self._stop - 1]))

    def _settle(self, block: Block, low: int, stop: int) -> None:
        """Rows up to ``stop`` are sent out: count, charge, and have them rated."""
        course, into = self.course, block.carried
        course.money.charge(stop)
        if self._probing.count(block.rows.take(slice(low, stop)), into.first[low:stop]):
            course.version += 1
        block.done = stop
        if course.mailbox is None:
            return
        rows = np.flatnonzero((into.first[low:stop] >= 0) & ~block.flies[low:stop]) + low
        self._rate(block, rows, into.propensity[rows])

    def _rate(self, block: Block, rows: Integers, propensity: Floats) -> None:
        """Answers were given; some of them will be rated."""
        assert self.course.mailbox is not None
        into, own = block.carried, block.rows
        ended_s = block.at_s[rows] + into.latency_ms[rows] / 1000
        self.course.mailbox.put(
            own.number[rows], own.kind[rows], into.final[rows], into.quality[rows], propensity, ended_s, own.luck[rows]
        )

    def _landed(self, flight: Flight) -> None:
        """A request that was carried out call by call has ended."""
        block, row, course = flight.block, flight.row, self.course
        block.land(flight)
        if flight.final != flight.first:
            self._sessions.move(flight.number, flight.final)
        if course.money.matters:
            current = self._blocks[-1]
            place = int(np.searchsorted(current.at_s, course.sky.now_s))
            course.money.charge(place)
            owed_usd = flight.cost_usd - flight.charged_usd
            changed = course.money.charge_late(flight.traffic_class, owed_usd, flight.charged_at)
            self._stop = min(self._stop, place if changed else course.money.enough)
        if course.mailbox is not None and flight.final >= 0:
            chance = float(flight.propensities[flight.final]) or 1.0
            self._rate(block, np.array([row]), np.array([chance]))
