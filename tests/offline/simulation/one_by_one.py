"""A simulation of one request at a time: no stretches, nothing in bulk, every call through the breakers."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.execution.fallback import Tried, next_step, stand_in
from router_ml.execution.lanes.admission import PerMinute
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.watch import Watch
from router_ml.offline.simulation.playing.ahead import draw
from router_ml.offline.simulation.playing.calls import Calls
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.playing.flight import Planned
from router_ml.offline.simulation.policies.policy import Moment, Policy, Told
from router_ml.offline.simulation.traffic.luck import again
from router_ml.offline.simulation.traffic.rows import DELAY, DRAW, FAILS, GOOD, RATED, SLOW
from router_ml.planning.plan import fallback
from router_ml.state.budgets import Budgets
from tests.offline.simulation.small_worlds import Setting

LATE = 1e-9
STEP = 600.0


class Timer:
    def __init__(self, work: Callable[[], None]) -> None:
        self.work: Callable[[], None] | None = work

    def cancel(self) -> None:
        self.work = None

    def ring(self) -> None:
        if self.work is not None:
            self.work()


class OneByOne:
    """Rows of results, as a dictionary each, in ``found``."""

    def __init__(self, policy: Policy, setting: Setting) -> None:
        self.policy, self.setting, self.world = policy, setting, setting.world
        self.now, self.count, self.events = 0.0, 0, list[Any]()
        self.found: list[dict[str, Any]] = [{} for _ in range(len(setting.rows))]
        self.on: dict[int, int] = {}
        self.down: set[str] = set()
        self.mail: list[tuple[float, int, int, int, float, float]] = []
        self.phase = self.weather = self.delivered = 0
        policy.enter(self.world.phases[0])
        self.lanes = self.world.phases[0].lanes
        self.watch = Watch(
            self.lanes,
            policy.config.execution,
            report=lambda name, status: (self.down.add if status == "down" else self.down.discard)(name),
            clock=lambda: self.now,
            after=self.after,
        )
        self.budgets, self.money, self.looked = Budgets(policy.config), {}, 0.0
        usual = self.world.behaviour["default"]
        limits = [self.world.behaviour.get(name, usual) for name in self.world.lanes]
        self.rate = [PerMinute(one.requests_per_minute) if one.requests_per_minute else None for one in limits]
        self.free = [one.max_concurrency for one in limits]
        self.queue: list[deque[dict[str, Any]]] = [deque() for _ in limits]
        self.change(0.0)

    def run(self) -> list[dict[str, Any]]:
        for row in range(len(self.setting.rows)):
            self.until(float(self.setting.rows.hour[row]) * 3600)
            self.decide(row)
        while any("fate" not in one for one in self.found):
            self.until(self.events[0][0])
        return self.found

    # time

    def later(self, at: float, work: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.events, (at, self.count, work))

    def after(self, seconds: float, work: Callable[[], None]) -> Timer:
        timer = Timer(work)
        self.later(self.now + seconds + LATE, timer.ring)
        return timer

    def until(self, at: float) -> None:
        while True:
            change = self.next_change()
            while self.events and self.events[0][0] <= min(change, at):
                self.now, _, work = heapq.heappop(self.events)
                work()
            if change > at:
                self.now = at
                return
            self.now = change
            self.change(change)

    def next_change(self) -> float:
        ends = [np.inf]
        if self.phase + 1 < len(self.world.phases):
            ends.append(self.world.phases[self.phase + 1].hour * 3600)
        if self.weather + 1 < len(self.world.weathers):
            ends.append(self.world.weathers[self.weather].end * 3600)
        if self.policy.learns:
            ends.append((self.delivered + 1) * self.setting.scenario.ratings.every_hours * 3600)
        if any(one.budget_usd_per_day is not None for one in self.policy.config.traffic_classes.values()):
            ends.append((np.floor(self.looked / STEP + 1e-6) + 1) * STEP)  # the start lies on a step
        return float(min(ends))

    def change(self, at: float) -> None:
        phases, weathers = self.world.phases, self.world.weathers
        self.looked = at
        while self.phase + 1 < len(phases) and phases[self.phase + 1].hour * 3600 <= at:
            self.phase += 1
            self.policy.enter(phases[self.phase])
        while self.weather + 1 < len(weathers) and weathers[self.weather].end * 3600 <= at:
            self.weather += 1
        self.calls = Calls(self.setting.kinds, self.world, phases[self.phase], weathers[self.weather])
        every = self.setting.scenario.ratings.every_hours * 3600
        if self.policy.learns and (self.delivered + 1) * every <= at:
            self.delivered += 1
            come = sorted(one for one in self.mail if one[0] <= at)
            self.mail = [one for one in self.mail if one[0] > at]
            if come:
                kind, lane = (np.array([one[place] for one in come]) for place in (2, 3))
                good, chance = (np.array([one[place] for one in come]) for place in (4, 5))
                self.policy.learn(Told(kind, lane, good, chance))
        self.look(self.policy.config.traffic_classes)

    def look(self, names: Any) -> None:
        at = self.setting.start + timedelta(seconds=self.looked)
        for name in names:
            standing = self.budgets.standing(name, at)
            if standing is not None:
                self.money[name] = standing

    def spend(self, name: str, usd: float, *, requests: int, looked: float | None = None) -> None:
        at = self.setting.start + timedelta(seconds=self.looked)
        charged = at if looked is None else self.setting.start + timedelta(seconds=looked)
        self.budgets.charge_many(name, charged, [usd], requests=requests)
        standing = self.budgets.standing(name, at)
        if standing is not None and standing.capped != self.money[name].capped:
            self.money[name] = standing

    # a request

    def is_down(self) -> NDArray[np.bool_]:
        places = [{name, self.lanes[name].provider, self.lanes[name].failure_domain} for name in self.world.lanes]
        return np.array([bool(place & self.down) for place in places])

    def decide(self, row: int) -> None:
        rows = self.setting.rows.take(slice(row, row + 1))
        before, kind = int(rows.before[0]), int(rows.kind[0])
        incumbent = self.on.get(before, -1)
        cached = int(0.9 * rows.held[0]) if incumbent >= 0 else 0
        at = self.setting.start + timedelta(seconds=self.looked)
        moment = Moment(
            at, self.looked / 3600, self.is_down(), dict(self.money), np.array([incumbent]), np.array([cached])
        )
        weighed = self.policy.weigh(rows, moment)
        fate = int(weighed.fate[0])
        lane = int(draw(weighed.propensities, rows.luck[:, DRAW])[0]) if fate < 0 else -1
        names = list(self.policy.config.traffic_classes)
        klass = self.policy.config.traffic_classes[names[int(weighed.traffic_class[0])]]
        facts, asked = self.setting.kinds.facts[kind], self.setting.kinds.constraints[kind]
        limits = [ms for ms in (klass.limits.deadline_ms, asked.max_latency_ms) if ms is not None]
        one: dict[str, Any] = {
            "row": row,
            "kind": kind,
            "name": names[int(weighed.traffic_class[0])],
            "propensities": weighed.propensities[0],
            "eligible": weighed.eligible[0],
            "worth": weighed.worth[0],
            "exploit": int(weighed.exploit[0]),
            "first": lane,
            "arrived": self.now,
            "looked": self.looked,
            "deadline": min(limits) / 1000 if limits else np.inf,
            "incumbent": incumbent,
            "held": int(rows.held[0]),
            "cached": cached,
            "batched": klass.batched(channel=facts.channel, mode=facts.mode),
            "luck": rows.luck[0],
            "tried": [],
            "gone": set(),
            "turn": 0,
            "calls": 0,
            "failed": 0,
            "violations": int(lane >= 0 and (not weighed.eligible[0, lane] or bool(moment.down[lane]))),
            "usd": 0.0,
            "weather": self.calls,
        }
        self.on[row] = lane
        if hasattr(self.policy, "took"):
            self.policy.took(rows, np.array([lane]))
        if lane < 0:
            self.spend(one["name"], 0.0, requests=1)
            self.end(one, -1, fate if fate >= 0 else FATES.index("no_lane"))
            return
        one["charged"] = self.price(one, lane)
        self.spend(one["name"], one["charged"], requests=1)
        self.call(one, lane)

    def seconds(self, one: dict[str, Any], lane: int) -> float:
        kind, luck = np.array([one["kind"]]), np.array([one["luck"][SLOW]])
        return float(one["weather"].seconds(kind, np.array([lane]), luck)[0])

    def price(self, one: dict[str, Any], lane: int) -> float:
        kept = one["cached"] if lane == one["incumbent"] else 0
        arrays = {"held": np.array([one["held"]]), "cached": np.array([kept]), "batched": np.array([one["batched"]])}
        return float(self.calls.usd(np.array([one["kind"]]), np.array([lane]), **arrays)[0])

    def call(self, one: dict[str, Any], lane: int) -> None:
        one["lane"], one["asked"] = lane, self.now
        left = one["deadline"] - (self.now - one["arrived"])
        if left <= 0:
            return self.failed(one, "deadline")
        if one["tried"]:
            one["gone"] |= set(np.flatnonzero(self.is_down()).tolist())
            if lane in one["gone"]:
                return self.failed(one, "unavailable")
        try:
            self.watch.check(self.world.lanes[lane])
        except LaneFailure:
            return self.failed(one, "unavailable")
        one["until"] = self.now + 0.1 * min(float(self.calls.timeout_s[lane]), left)
        if self.free[lane] is None:
            return self.pace(one)
        if self.free[lane] > 0:
            self.free[lane] -= 1
            return self.pace(one)
        self.queue[lane].append(one)
        return self.later(one["until"], lambda: self.give_up(one))

    def give_up(self, one: dict[str, Any]) -> None:
        queue = self.queue[one["lane"]]
        if any(other is one for other in queue):
            queue.remove(one)
            self.failed(one, "unavailable")

    def give(self, lane: int) -> None:
        if self.free[lane] is None:
            return
        if self.queue[lane]:
            self.pace(self.queue[lane].popleft())
        else:
            self.free[lane] += 1

    def pace(self, one: dict[str, Any]) -> None:
        lane, rate = one["lane"], self.rate[one["lane"]]
        wait = rate.wait_s(self.now) if rate is not None else 0.0
        if wait <= 0:
            if rate is not None:
                rate.take(self.now)
            return self.made(one)
        if wait > one["until"] - self.now:
            self.failed(one, "unavailable")
            return self.give(lane)
        return self.later(self.now + wait + LATE, lambda: self.pace(one))

    def made(self, one: dict[str, Any]) -> None:
        lane = one["lane"]
        wrong = bool(one["tried"]) and (not one["eligible"][lane] or bool(self.is_down()[lane]))
        try:
            ticket = self.watch.enter(self.world.lanes[lane])
        except LaneFailure:
            self.give(lane)
            return self.failed(one, "unavailable")
        one["violations"] += wrong
        left, waited = one["deadline"] - (self.now - one["arrived"]), self.now - one["asked"]
        limit = min(float(self.calls.timeout_s[lane]), left + waited) - waited
        if not one["calls"] and lane == one["first"]:
            fails, seconds = one["luck"][FAILS] < one["weather"].weather.error_rate[lane], self.seconds(one, lane)
        else:
            one["turn"] += 1
            fails = again(float(one["luck"][FAILS]), one["turn"]) < self.calls.weather.error_rate[lane]
            luck = np.array([again(float(one["luck"][SLOW]), one["turn"])])
            seconds = float(self.calls.seconds(np.array([one["kind"]]), np.array([lane]), luck)[0])
        kind, took = self.calls.end(lane, fails=bool(fails), seconds=seconds, limit_s=limit)
        one["calls"] += 1
        kept = one["cached"] if lane == one["incumbent"] else 0
        if kind is None:
            one["usd"] += self.price(one, lane)
            one["quality"] = self.calls.phase.quality[one["kind"], lane]
        elif kind == "timeout":
            one["usd"] += self.calls.usd_in(one["kind"], lane, held=one["held"], cached=kept, batched=one["batched"])
        began, base = self.now, float(self.calls.base_s[lane])

        def ended() -> None:
            ok = True if kind is None else None if kind == "timeout" and self.now - began < base else False
            self.watch.leave(ticket, ok)
            self.give(lane)
            if kind is None:
                return self.end(one, lane, FATES.index("served"))
            one["failed"] += 1
            out = kind == "timeout" and one["deadline"] - (self.now - one["arrived"]) <= 0
            return self.failed(one, "deadline" if out else kind)

        return self.later(self.now + took, ended)

    def failed(self, one: dict[str, Any], kind: Any) -> None:
        names = self.world.lanes
        one["tried"].append(Tried(names[one["lane"]], kind))
        order = [lane for lane in np.argsort(-one["worth"], kind="stable").tolist() if one["eligible"][lane]]
        ranking = list(dict.fromkeys([lane for lane in (one["first"], one["exploit"]) if lane >= 0] + order))
        planned = Planned(names[ranking[0]], fallback(self.policy.config, [names[lane] for lane in ranking]))
        rules, left = self.policy.config.execution, one["deadline"] - (self.now - one["arrived"])
        step = next_step(
            planned, one["tried"], max_retry_after_ms=rules.max_retry_after_ms, left_ms=left * 1000
        ) or stand_in(
            planned,
            one["tried"],
            [names[lane] for lane in ranking if lane not in one["gone"]],
            worth=lambda name: float(one["worth"][names.index(name)]),
        )
        if step is None or not self.policy.falls_back:
            return self.end(one, -1, FATES.index("failed" if one["calls"] else "no_lane"))
        share = 1 - rules.jitter * again(float(one["luck"][FAILS]), 64 + one["turn"] + 1)
        pause, lane = step.backoff_ms / 1000 * share if step.backoff_ms else 0.0, names.index(step.lane)
        if not pause:
            return self.call(one, lane)
        return self.later(self.now + pause, lambda: self.call(one, lane))

    def end(self, one: dict[str, Any], lane: int, fate: int) -> None:
        self.on[one["row"]] = lane
        first = one["first"]
        if first >= 0:
            self.spend(one["name"], one["usd"] - one["charged"], requests=0, looked=one["looked"])
        self.found[one["row"]].update(
            fate=fate,
            first=first,
            final=lane,
            exploit=one["exploit"],
            propensity=one["propensities"][first] if first >= 0 else np.nan,
            cost_usd=one["usd"],
            latency_ms=(self.now - one["arrived"]) * 1000 if lane >= 0 else np.nan,
            quality=one["quality"] if lane >= 0 else np.nan,
            calls=one["calls"],
            failed_calls=one["failed"],
            violations=one["violations"],
        )
        luck, ratings = one["luck"], self.setting.scenario.ratings
        if self.policy.learns and lane >= 0 and luck[RATED] < ratings.share:
            told = self.now - np.log1p(-luck[DELAY]) * ratings.delay_hours * 3600
            chance = float(one["propensities"][lane]) or 1.0
            good = float(luck[GOOD] < one["quality"])
            self.mail.append((told, one["row"], one["kind"], lane, good, chance))
