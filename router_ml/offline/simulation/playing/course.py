"""What holds at a time of a simulation, and when that changes: phase, weather, money, what a policy was told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.execution.lanes.later import Handle
from router_ml.execution.lanes.watch import Watch
from router_ml.offline.simulation.playing.calls import Calls, Terms, behaviours
from router_ml.offline.simulation.playing.flight import Flight, Sky
from router_ml.offline.simulation.playing.flights import Flights
from router_ml.offline.simulation.playing.gates import Gate
from router_ml.offline.simulation.playing.money import Money
from router_ml.offline.simulation.playing.passing import Passed
from router_ml.offline.simulation.playing.told import Mailbox
from router_ml.offline.simulation.policies.policy import Moment, Policy
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.rows import Stream
from router_ml.offline.simulation.world.world import World

Integers = NDArray[np.int64]
_HOUR_S = 3600.0
_LATE_S = 1e-9  # a timer is never early
_CALL = 1.1  # of its time: a call with the wait before it
_SLICES = 10  # parts of a breaker's window


class _Timer:
    """A wake-up of the breakers that may be called off."""

    def __init__(self, at_s: float, work: Callable[[], None]) -> None:
        self.at_s, self._work, self._off = at_s, work, False

    def cancel(self) -> None:
        """Let it not happen."""
        self._off = True

    def ring(self) -> None:
        """It is time."""
        if not self._off:
            self._off = True
            self._work()

    @property
    def due(self) -> bool:
        """Whether it will happen."""
        return not self._off


class Course:
    """The state of a run. ``version`` grows with everything but the health of lanes that a policy may see differently;
    ``aloft_s``: what a request that is carried out call by call may take at most.

    Args:
        done: what to do with a request that was carried out call by call.
    """

    def __init__(
        self, policy: Policy, stream: Stream, world: World, scenario: Scenario, *, done: Callable[[Flight], None]
    ) -> None:
        self._policy, self._kinds, self._start, self._world = policy, stream.kinds, stream.start, world
        self._phase = self._weather = 0
        self.version, self._at_s = 0, 0.0
        policy.enter(world.phases[0])
        first, names = world.phases[0], world.lanes
        self.calls = self._calls()
        self._terms()
        nobody = np.zeros(len(names), np.bool_)
        self.sky = Sky(names, self.calls, self._config(), policy.falls_back, nobody)
        self._names_down: set[str] = set()
        self._timer: _Timer | None = None
        rules = policy.config.execution
        self.watch = Watch(
            {name: first.lanes[name] for name in names},
            rules,
            report=self._report,
            clock=lambda: self.sky.now_s,
            after=self._after,
        )
        window_s = rules.breaker.window_ms / 1000
        self.passed = Passed(
            self.watch,
            first.lanes,
            names,
            reach_s=window_s + float(self.calls.timeout_s.max()),
            slice_ms=rules.breaker.window_ms / _SLICES,
        )
        self.gates: dict[int, Gate] = {}
        self.flights = Flights(self.sky, self.watch, self.passed, self.gates, done=done)
        self.gates.update(self._limits())
        self.money = Money(policy.config, stream.start)
        self.mailbox = Mailbox(scenario.ratings) if policy.learns else None
        self._every_s = scenario.ratings.every_hours * _HOUR_S
        self._delivered = 0
        fallback = policy.config.fallback
        self.hops = fallback.attempts + 1
        tries = 2 * fallback.attempts * (fallback.lanes + 1)  # each may be made up for by another lane
        pause_s = fallback.backoff_ms * 2**fallback.attempts / 1000
        self.aloft_s = tries * (_CALL * float(self.calls.timeout_s.max()) + pause_s)
        self.cached = scenario.traffic.sessions.cached

    @property
    def next_s(self) -> float:
        """When something changes that is not the health of a lane."""
        ends = [self.money.next_s(self._at_s) if self.money.matters else np.inf]
        if self._phase + 1 < len(self._world.phases):
            ends.append(self._world.phases[self._phase + 1].hour * _HOUR_S)
        if self._weather + 1 < len(self._world.weathers):
            ends.append(self._world.weathers[self._weather].end * _HOUR_S)
        if self.mailbox is not None:
            ends.append((self._delivered + 1) * self._every_s)
        return min(ends)

    @property
    def wakes_s(self) -> float:
        """When the next pause of a breaker ends."""
        return self._timer.at_s if self._timer is not None and self._timer.due else np.inf

    @property
    def health(self) -> tuple[bytes, bytes]:
        """What is down as told, and which lanes are not quiet."""
        return self.sky.down.tobytes(), self.flights.noisy.tobytes()

    def see(self) -> None:
        """Take note of money that is spent, at once."""
        if self.money.matters and self.money.news():
            self.version += 1

    def until(self, now_s: float) -> None:
        """Let everything happen that is due by a time."""
        while True:
            change = self.next_s
            self._happen(min(change, now_s))
            if change > now_s:
                self.sky.now_s = max(self.sky.now_s, now_s)
                return
            self._turn(change)

    def finish(self) -> None:
        """Let everything end that is under way."""
        while self.flights.open:
            self.until(self.flights.next_s)

    def moment(self, incumbent: Integers, cached: Integers) -> Moment:
        """What a policy knows now."""
        at = self._start + timedelta(seconds=self._at_s)
        return Moment(at, self._at_s / _HOUR_S, self.sky.down.copy(), self.money.view(), incumbent, cached)

    def _happen(self, until_s: float) -> None:
        while self.flights.next_s <= until_s:
            self.flights.happen()

    def _turn(self, now_s: float) -> None:
        """Go over to what holds from a time on."""
        world, self.sky.now_s, self._at_s = self._world, now_s, now_s
        self.version += 1
        phases, weathers = world.phases, world.weathers
        before = self._phase, self._weather
        while self._phase + 1 < len(phases) and phases[self._phase + 1].hour * _HOUR_S <= now_s:
            self._phase += 1
            self._policy.enter(phases[self._phase])
        while self._weather + 1 < len(weathers) and weathers[self._weather].end * _HOUR_S <= now_s:
            self._weather += 1
        if before != (self._phase, self._weather):
            self.calls = self.sky.calls = self._calls()
        if before[0] != self._phase:
            self.sky.config, self.sky.plans = self._config(), {}
            self._terms()
        if self.mailbox is not None and (self._delivered + 1) * self._every_s <= now_s:
            self._delivered += 1
            if (told := self.mailbox.take(now_s)) is not None:
                self._policy.learn(told)
        self.money.look(now_s)

    def _calls(self) -> Calls:
        world = self._world
        return Calls(self._kinds, world, world.phases[self._phase], world.weathers[self._weather])

    def _terms(self) -> None:
        self.terms = Terms.of(self._kinds, self._policy.config)
        self.classes = tuple(self._policy.config.traffic_classes)

    def _config(self) -> RouterConfig:
        """The policy's configuration with all lanes of the world as they are now."""
        lanes = {**self._policy.config.lanes, **self._world.phases[self._phase].lanes}
        return self._policy.config.model_copy(update={"lanes": lanes})

    def _limits(self) -> dict[int, Gate]:
        found = {}
        for lane, (name, behaves) in enumerate(zip(self._world.lanes, behaviours(self._world), strict=True)):
            end = self._world.phases[0].lanes[name].endpoint
            at_a_time = behaves.max_concurrency or end.max_concurrency
            a_minute = behaves.requests_per_minute or end.requests_per_minute
            if at_a_time is not None or a_minute is not None:
                found[lane] = Gate(lane, self.flights, self.passed, at_a_time=at_a_time, a_minute=a_minute)
        return found

    def _report(self, name: str, status: str) -> None:
        """What breakers say, as rules read it."""
        (self._names_down.add if status == "down" else self._names_down.discard)(name)
        lanes = (self._world.phases[0].lanes[lane] for lane in self._world.lanes)
        self.sky.down = np.array(
            [
                bool(self._names_down & {lane, place.provider, place.failure_domain})
                for lane, place in zip(self._world.lanes, lanes, strict=True)
            ],
            np.bool_,
        )

    def _after(self, seconds: float, work: Callable[[], None]) -> Handle:
        timer = _Timer(self.sky.now_s + seconds + _LATE_S, work)
        self._timer = timer
        self.flights.later(timer.at_s, timer.ring)
        return timer
