"""A vendor is away for two days, on a clock of its own: does traffic go on, how many calls are wasted, is its return
noticed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from benchmarks.execution.setting import CONFIG
from benchmarks.serving import Measurement
from router_ml import Router
from router_ml.config import RouterConfig, load_config
from router_ml.contract import RouteDecision
from router_ml.errors import ExecutionError
from router_ml.execution import Executor
from router_ml.execution.fallback import Tried, next_step
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.guarded import GuardedLanes
from router_ml.execution.lanes.reply import Piece, Reply, Usage

VENDOR = "openai"
BEFORE_S, AFTER_S, FIRST_S = 120.0, 1800.0, 60.0
MOST_WASTED = 0.01


class Clock:
    """A clock that passes when it is told to, or when somebody sleeps by it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass
class Vendors:
    """Lanes that answer at once, but for those of the vendor while it is away."""

    config: RouterConfig
    clock: Clock
    away: tuple[float, float]
    failed: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)

    async def call(self, call: LaneCall) -> Reply:
        """See ``Lanes.call``."""
        if self.config.lanes[call.lane].provider == VENDOR:
            if self.away[0] <= self.clock.now < self.away[1]:
                self.failed.append(self.clock.now)
                raise LaneFailure("server_error", "ServiceUnavailableError 503")
            self.served.append(self.clock.now)
        return Reply(text="This is a short answer.", served_model=call.lane, usage=Usage(10, 5, 0, 1e-6))

    async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        """See ``Lanes.stream``."""
        yield Piece(reply=await self.call(call))


@dataclass
class Outage:
    """What it came to; times in seconds of its clock."""

    away: tuple[float, float]
    requests: int = 0
    later: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wasted: int = 0
    wasted_later: int = 0
    back_after: float = float("inf")

    def measurements(self) -> list[Measurement]:
        """As numbers beside what was promised."""
        return [
            Measurement("hours away", (self.away[1] - self.away[0]) / 3600, "h"),
            Measurement("requests meanwhile", self.requests, ""),
            *(Measurement(f"ended: {how}", n, "") for how, n in sorted(self.ends.items())),
            Measurement("not answered", self.requests - self.ends["answered"], "", 0),
            Measurement("calls wasted in the first minute", self.wasted - self.wasted_later, ""),
            Measurement("calls wasted later", self.wasted_later, ""),
            Measurement("- share of the requests", self.wasted_later / max(self.later, 1), "share", MOST_WASTED),
            Measurement("its return is noticed after", self.back_after, "s", AFTER_S),
        ]


def outage(*, hours: float = 48.0, per_second: float = 1.0, whole: bool = False, seed: int = 0) -> Outage:
    """Requests at a steady rate before, while and after a vendor is away that is the first choice of all of them.

    Args:
        whole: each request goes through the whole executor; without it, through its guarded lanes and its fallback, by
            decisions that are made anew whenever health changes, which is a hundred times faster.
    """
    return asyncio.run(_outage(hours * 3600, 1 / per_second, random.Random(seed), whole=whole))


async def _outage(seconds: float, step: float, rng: random.Random, *, whole: bool) -> Outage:
    config, clock = load_config(CONFIG), Clock()
    away = (BEFORE_S, BEFORE_S + seconds)
    vendors, found = Vendors(config, clock, away), Outage(away)
    caller = Caller(config, vendors, clock, whole=whole)
    while clock.now < away[1] + AFTER_S:
        at = clock.now
        how = await caller.ask(rng.choice(("eu", "us")))
        if away[0] <= at < away[1]:
            found.requests += 1
            found.later += at >= away[0] + FIRST_S
            found.ends[how] += 1
        elif at >= away[1] and (back := [one for one in vendors.served if one >= away[1]]):
            found.back_after = back[0] - away[1]
            break
        clock.now = max(clock.now, at + step)
    found.wasted = len(vendors.failed)
    found.wasted_later = sum(one >= away[0] + FIRST_S for one in vendors.failed)
    return found


class Caller:
    """Whoever sends the requests, with a router that is told of the health of lanes."""

    def __init__(self, config: RouterConfig, vendors: Vendors, clock: Clock, *, whole: bool) -> None:
        self._router, self._down = Router(config), frozenset[str]()
        rng = random.Random(1)
        self._lanes = GuardedLanes(vendors, config, report_health=self._report, clock=clock, sleep=clock.sleep, rng=rng)
        self._executor = Executor(self._router, lanes=self._lanes) if whole else None
        self._decided: dict[tuple[str, frozenset[str]], RouteDecision] = {}

    def _report(self, name: str, status: str) -> None:
        self._router.report_health(name, status)
        self._down = self._down | {name} if status == "down" else self._down - {name}

    async def ask(self, region: str) -> str:
        """How one request from a region ended."""
        asked = {"text": "When does the shop open?", "constraints": {"regions": [region], "explore": False}}
        if self._executor is not None:
            try:
                return (await self._executor.acomplete(asked)).status
            except ExecutionError as error:
                return f"error {error.kind}"
        key = region, self._down
        if key not in self._decided:
            self._decided[key] = self._router.predict_route(asked)
        return await self._by_steps(self._decided[key])

    async def _by_steps(self, decision: RouteDecision) -> str:
        tried: list[Tried] = []
        while (step := next_step(decision, tried)) is not None:
            try:
                await self._lanes.call(LaneCall(step.lane, [], decision.decoding, 30.0))
            except LaneFailure as failure:
                tried.append(Tried(step.lane, failure.kind))
            else:
                return "answered"
        return f"error {tried[-1].kind}"
