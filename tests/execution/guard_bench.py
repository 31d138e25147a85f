"""A guard over scripted lanes, in a time that passes when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from router_ml.config import RouterConfig
from router_ml.config.execution import Breaker, ExecutionRules
from router_ml.contract import Decoding
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.guarded import GuardedLanes
from router_ml.execution.lanes.reply import Piece, Reply

RULES = ExecutionRules(breaker=Breaker(failures=3, open_ms=5000, max_open_ms=20_000, probes=1))


@dataclass
class Clock:
    """Time that passes when it is told to; what was to be done by then is done."""

    now: float = 100.0
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)
        await asyncio.sleep(0)

    def after(self, seconds: float, work: Callable[[], None]) -> Any:
        entry = (self.now + seconds, work)
        self.later.append(entry)

        class Handle:
            def cancel(_) -> None:  # noqa: N805
                if entry in self.later:
                    self.later.remove(entry)

        return Handle()

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        for entry in [one for one in self.later if one[0] <= self.now + 1e-9]:
            self.later.remove(entry)
            entry[1]()


@dataclass
class Scripted:
    """Lanes that fail as ``broken`` says, and answer as ``said`` does; ``hold``: calls that wait until it is set."""

    broken: dict[str, LaneFailure] = field(default_factory=dict)
    said: dict[str, Reply] = field(default_factory=dict)
    calls: list[LaneCall] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def call(self, call: LaneCall) -> Reply:
        self.calls.append(call)
        if self.hold is not None:
            await self.hold.wait()
        if call.lane in self.broken:
            raise self.broken[call.lane]
        return self.said.get(call.lane, Reply(text="ok"))

    async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        reply = await self.call(call)
        yield Piece(text=reply.text)
        yield Piece(reply=reply)


def call_of(lane: str, timeout_s: float = 10.0) -> LaneCall:
    return LaneCall(lane, (), Decoding(), timeout_s)


@dataclass
class Bench:
    """A guard over scripted lanes, with a clock and what was reported."""

    config: RouterConfig
    clock: Clock = field(default_factory=Clock)
    inner: Scripted = field(default_factory=Scripted)
    reported: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = self.clock
        report = self.report
        self.guard = GuardedLanes(
            self.inner, self.config, report_health=report, clock=clock, sleep=clock.sleep, after=clock.after
        )

    def report(self, name: str, status: str) -> None:
        self.reported.append((name, status))

    def ask(self, lane: str, times: int = 1, timeout_s: float = 10.0) -> list[str]:
        async def run() -> list[str]:
            return [await outcome(self.guard, call_of(lane, timeout_s)) for _ in range(times)]

        return asyncio.run(run())

    @property
    def down(self) -> set[str]:
        return {name for name, status in dict(self.reported).items() if status == "down"}


async def outcome(guard: GuardedLanes, call: LaneCall) -> str:
    try:
        return (await guard.call(call)).text
    except LaneFailure as failure:
        return failure.kind


def limited(config: RouterConfig, lane: str, **endpoint: Any) -> RouterConfig:
    place = config.lanes[lane]
    changed = place.model_copy(update={"endpoint": place.endpoint.model_copy(update=endpoint)})
    return config.model_copy(update={"lanes": {**config.lanes, lane: changed}})
