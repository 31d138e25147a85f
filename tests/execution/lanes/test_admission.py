"""Calls at a time and calls a minute are kept, whoever asks."""

from __future__ import annotations

import asyncio
import threading

from hypothesis import given
from hypothesis import strategies as st

from router_ml.execution.lanes.admission import PerMinute, Slots


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=40))
def test_no_minute_holds_more_calls_than_allowed(limit: int, pauses: list[float]) -> None:
    rate, now, made = PerMinute(limit), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if rate.wait_s(now) <= 0:
            rate.take(now)
            made.append(now)
        assert sum(now - 60 < at <= now for at in made) <= limit
    assert not made or rate.wait_s(made[-1] + 60) == 0


def test_places_are_shared_by_all_threads_and_none_is_lost() -> None:
    slots, most, lock, inside = Slots(3), [0], threading.Lock(), [0]

    async def one(at: int) -> bool:
        if not await slots.take(0.0 if at % 5 == 4 else 10.0):
            return False
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        await asyncio.sleep(0.001)
        with lock:
            inside[0] -= 1
        slots.give()
        return True

    async def many() -> None:
        await asyncio.gather(*(one(at) for at in range(25)))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most[0] == 3
    assert asyncio.run(slots.take(0.0))


def test_who_stops_waiting_takes_no_place() -> None:
    async def run() -> bool:
        slots = Slots(1)
        assert await slots.take(0.0)
        waiting = asyncio.ensure_future(slots.take(10.0))
        await asyncio.sleep(0)
        slots.give()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return await slots.take(0.5)

    assert asyncio.run(run())
