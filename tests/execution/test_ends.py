"""However a request ends, its record is written once, and who waits hears how it ended."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from router_ml.contract import Execution
from router_ml.errors import LogError
from tests.execution.acting import HANGS, Scene, scene

ASKED = "What is new?"


def test_a_record_that_waits_for_a_thread_is_written_where_the_caller_leaves() -> None:
    it, go_on, writing = scene(), threading.Event(), threading.Event()
    decision, look = it.decide(), it.router.check_output

    async def leave() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))

        def looked(*given: Any, **more: Any) -> Any:
            found = look(*given, **more)
            loop.call_soon_threadsafe(loop.run_in_executor, None, lambda: (writing.set(), go_on.wait(10)))
            return found

        it.router.check_output = looked  # type: ignore[method-assign]
        task = asyncio.create_task(it.executor.acomplete(ASKED, decision=decision))
        while not writing.is_set():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert it.kept == []
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(leave())
    assert [one.status for one in it.kept] == ["answered"]


def test_one_that_is_being_written_is_not_written_twice() -> None:
    it, begun = scene(), threading.Event()
    decision, write, go_on = it.decide(), it.router.log_execution, threading.Event()

    def slow(execution: Execution, **more: Any) -> Any:
        begun.set()
        assert go_on.wait(10)
        return write(execution, **more)

    it.router.log_execution = slow  # type: ignore[method-assign]

    async def leave() -> None:
        task = asyncio.create_task(it.executor.acomplete(ASKED, decision=decision))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(leave())
    assert [one.status for one in it.kept] == ["answered"]


def away(it: Scene) -> None:
    def log_execution(execution: Execution, **more: Any) -> Any:
        raise LogError("The log is away.")

    it.router.log_execution = log_execution  # type: ignore[method-assign]


def test_a_cancellation_stays_one_where_the_log_is_away() -> None:
    """Else whoever set the timeout would not know it."""
    it = scene({"a": [HANGS]})
    decision = it.decide(risk_tier="restricted")
    away(it)

    async def hurry() -> None:
        async with asyncio.timeout(0.05):
            await it.executor.acomplete(ASKED, decision=decision)

    with pytest.raises(TimeoutError):
        asyncio.run(hurry())


def test_so_does_a_fault_of_ours() -> None:
    it = scene()
    decision = it.decide(risk_tier="restricted")
    away(it)

    def broken(*given: Any, **more: Any) -> Any:
        raise ValueError("ours")

    it.router.check_output = broken  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="ours"):
        it.executor.complete(ASKED, decision=decision)
