"""What runs in the background ends with its executor and with nothing else, and nobody waits for what has ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NoReturn

import pytest

from router_ml.errors import RouterError
from router_ml.execution.background import Background


async def one() -> int:
    return 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_ends_the_work_it_came_from_and_no_other(kind: type[BaseException]) -> None:
    background = Background()

    async def interrupted() -> NoReturn:
        raise kind

    with pytest.raises(kind):
        background.wait(interrupted())
    assert background.wait(one()) == 1
    background.close()


def test_what_is_closed_stays_closed() -> None:
    before = set(threading.enumerate())
    background = Background()
    assert background.wait(one()) == 1
    background.close()
    with pytest.raises(RouterError, match="is closed"):
        background.wait(one())
    assert not {thread for thread in threading.enumerate() if thread.name == "router-ml"} - before


def test_what_is_followed_is_closed_from_the_outside_in(caplog: pytest.LogCaptureFixture) -> None:
    background, closed = Background(), list[str]()

    async def inner() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0.01)
            closed.append("inner")

    async def outer() -> AsyncGenerator[int]:
        async with aclosing(inner()) as numbers:
            async for number in numbers:
                yield number
        closed.append("not reached")

    numbers = background.follow(outer())
    assert next(numbers) == 1
    background.close()
    assert (closed, caplog.records) == (["inner"], [])
    with pytest.raises(RouterError, match="is closed"):
        next(numbers)


def test_whoever_waits_while_it_is_closed_is_told() -> None:
    background, told = Background(), list[BaseException]()
    waiting = threading.Event()

    async def forever() -> None:
        waiting.set()
        await asyncio.Event().wait()

    def wait() -> None:
        try:
            background.wait(forever())
        except BaseException as error:  # noqa: BLE001
            told.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(10)
    background.close()
    thread.join(10)
    assert [type(error) for error in told] == [RouterError]


def test_nobody_waits_for_ever_for_work_that_came_while_it_was_closed() -> None:
    for _ in range(20):
        background = Background()
        ended: list[str] = []

        def ask(background: Background = background, ended: list[str] = ended) -> None:
            try:
                while True:
                    background.wait(one())
            except RouterError:
                ended.append("told")

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        background.close()
        for thread in threads:
            thread.join(10)
        assert ended == ["told"] * 4
