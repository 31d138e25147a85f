"""A lane gets no more calls at a time and a minute than its endpoint takes."""

from __future__ import annotations

import asyncio

from benchmarks.execution.setting import CONFIG
from router_ml.config import RouterConfig, load_config
from training.evals.asking.slots import LaneSlots


def capped(**endpoint: int) -> RouterConfig:
    """One lane with a cap."""
    config = load_config(CONFIG)
    lane = config.lanes["private-a"]
    lane = lane.model_copy(update={"endpoint": lane.endpoint.model_copy(update=endpoint)})
    return config.model_copy(update={"lanes": {**config.lanes, "private-a": lane}})


def test_no_more_calls_a_minute() -> None:
    """The one too many waits until the first of them is a minute ago; lanes without a rate do not wait."""
    now, starts = [0.0], []

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def calls() -> None:
        slots = LaneSlots(capped(requests_per_minute=2), clock=lambda: now[0], sleep=sleep)
        for _ in range(5):
            async with slots.place("private-a"):
                starts.append(now[0])
            async with slots.place("private-b"):
                pass

    asyncio.run(calls())
    assert starts == [0.0, 0.0, 60.0, 60.0, 120.0]


def test_no_more_calls_at_a_time() -> None:
    """However many want in."""
    inside, most = 0, 0

    async def one(slots: LaneSlots) -> None:
        nonlocal inside, most
        async with slots.place("private-a"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async def calls() -> None:
        slots = LaneSlots(capped(max_concurrency=3))
        await asyncio.gather(*(one(slots) for _ in range(20)))

    asyncio.run(calls())
    assert most == 3
