"""A tool that hangs holds up itself alone, and what never began is known not to have been done."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable

from router_ml.contract import RouteDecision, ToolCall
from router_ml.execution.tools.attempts import Attempts
from router_ml.execution.tools.toolbox import ConfiguredTools
from tests.execution.tool_cases import ask, asked, configured, planned, toolbox

Decisions = Callable[..., RouteDecision]


def test_a_call_that_never_got_a_thread_is_not_made_later_and_is_known_not_to_have_been(
    make_decision: Decisions,
) -> None:
    release, ran = threading.Event(), []

    def note(which: int) -> None:
        ran.append(which)
        release.wait(30)

    box = ConfiguredTools(configured(), {"note": note}, attempts=Attempts(threads=1))
    decision = planned(make_decision)

    async def both() -> list[ToolCall]:
        first = asyncio.ensure_future(asked(box, decision, "note", {"which": 1}))
        while not ran:
            await asyncio.sleep(0.001)
        late = [await asked(box, decision, "note", {"which": 2}, timeout_s=0.02) for _ in range(2)]
        release.set()
        return [await first, *late, await asked(box, decision, "note", {"which": 2})]

    first, late, later, last = asyncio.run(both())
    assert (late.status, late.error, late.nothing_done) == ("timeout", "not begun within 20 ms", True)
    assert (later.status, first.status, last.status) == ("timeout", "done", "done")
    assert ran == [1, 2]


def test_a_tool_that_hangs_holds_up_no_other(make_decision: Decisions) -> None:
    release, paid = threading.Event(), []

    def look_up(order: str) -> None:
        release.wait(30)

    functions = {"look_up": look_up, "note": lambda: paid.append(1)}
    box = toolbox(functions, look_up={"timeout_ms": 20}, note={"timeout_ms": 5_000})
    decision = planned(make_decision)

    async def many() -> ToolCall:
        calls = (asked(box, decision, "look_up", {"order": f"{order:04}"}) for order in range(50))
        assert {call.status for call in await asyncio.gather(*calls)} == {"timeout"}
        return await asked(box, decision, "note", {})

    assert asyncio.run(many()).status == "done"
    assert paid == [1]
    release.set()


def test_a_tool_that_hangs_does_not_keep_the_process() -> None:
    """Run in one of its own, which would wait for ever."""
    code = """
import asyncio, threading
from router_ml.config.execution import Tool
from router_ml.execution.tools.attempts import Attempts
hangs = lambda: threading.Event().wait()
made = asyncio.run(Attempts(retries=0).make(hangs, {}, Tool(version="1", effect="read", timeout_ms=20)))
print(made.status)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "timeout\n")


def test_closing_begins_nothing_more(make_decision: Decisions) -> None:
    box = toolbox({"note": lambda: None})
    box.close()
    call = ask(box, planned(make_decision), "note", {})
    assert (call.status, call.error, call.nothing_done) == ("failed", "ClosedError", True)
