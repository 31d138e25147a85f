"""The events of one request: it is carried out in a task of its own, which ends with whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from router_ml.contract import OutputCheck
from router_ml.execution.completion import Completion
from router_ml.execution.ends import cancelled
from router_ml.execution.gate import Parts
from router_ml.execution.run import Run
from router_ml.execution.streaming.outlet import Event, Finished, OnInterrupt, Outlet, Started
from router_ml.execution.walk import carry_out

_AHEAD = 16
"""Events that may wait for a slow consumer; then its lane waits too."""


async def follow(parts: Parts, run: Run, *, on_interrupt: OnInterrupt, delivered: str = "") -> AsyncGenerator[Event]:
    """Carry a decision out and tell of it; closing the generator ends the call.

    Args:
        delivered: of the answer, before it broke off the last time.
    """
    events: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=_AHEAD)

    async def scan(text: str) -> OutputCheck:
        return await asyncio.to_thread(
            parts.router.check_output, run.decision, {"content": text}, request=run.request, keep=False
        )

    async def work() -> Completion:
        outlet = Outlet(events.put, scan, on_interrupt=on_interrupt, delivered=delivered)
        try:
            done = await carry_out(parts, run, outlet)
        except Exception:
            await events.put(None)
            raise
        await events.put(None)  # not when it is cancelled: nobody listens any more, and the queue may be full
        return done

    task: asyncio.Task[Completion] | None = None
    try:
        yield Started(run.decision)
        task = asyncio.create_task(work())
        while (event := await events.get()) is not None:
            yield event
        yield Finished(await task)
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not run.closed:  # closed before it began
            cancelled(parts, run)
