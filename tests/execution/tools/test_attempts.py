"""A tool is tried in time, again where that is safe, and a write is made once, whatever happens around it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from router_ml.contract import RouteDecision, ToolCall
from router_ml.execution.tools.failures import ToolFailure
from router_ml.execution.tools.toolbox import ConfiguredTools
from tests.execution.tool_cases import REFUND, Bank, ask, asked, planned, toolbox

Decisions = Callable[..., RouteDecision]


def test_errors_of_a_function_say_their_class_and_nothing_of_the_call(make_decision: Decisions) -> None:
    def look_up(order: str) -> None:
        raise LookupError(f"no order {order}")

    call = ask(toolbox({"look_up": look_up}), planned(make_decision), "look_up", {"order": "8812"})
    assert (call.status, call.error, call.attempts) == ("failed", "LookupError", 1)  # it would fail again


@pytest.mark.parametrize("kind", ["coroutine", "function"])
@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError])
def test_a_function_that_ends_itself_ends_nothing_else(
    make_decision: Decisions, kind: str, error: type[BaseException]
) -> None:
    async def coroutine(order: str) -> None:
        raise error

    def function(order: str) -> None:
        raise error

    box = toolbox({"look_up": coroutine if kind == "coroutine" else function})
    call = ask(box, planned(make_decision), "look_up", {"order": "8812"})
    assert (call.status, call.error) == ("failed", error.__name__)


def test_a_write_is_made_once_for_a_decision_however_often_it_is_asked_for(make_decision: Decisions) -> None:
    bank = Bank()
    box, decision = toolbox({"refund": bank.pay}), planned(make_decision)
    first = ask(box, decision, "refund", REFUND, approval_id="apr_1")
    turned = '{"cents": 500, "order": "8812"}'
    again = ask(box, decision, "refund", turned, approval_id="apr_1", before=[first])
    assert (again.status, again.result, again.attempts) == ("done", first.result, 0)
    assert len(bank.paid) == 1
    other = planned(make_decision, decision_id="dec-2")
    assert ask(box, other, "refund", REFUND, approval_id="apr_2").result == {"refund": 2}


def test_a_write_is_made_once_for_concurrent_calls_from_several_loops(make_decision: Decisions) -> None:
    bank = Bank(hangs_s=0.05)
    box, decision = toolbox({"refund": bank.pay}), planned(make_decision)
    seen: list[ToolCall] = []

    async def several() -> None:
        calls = (asked(box, decision, "refund", REFUND, approval_id="apr_1") for _ in range(5))
        seen.extend(await asyncio.gather(*calls))

    threads = [threading.Thread(target=asyncio.run, args=(several(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(bank.paid) == 1
    assert {(call.status, json.dumps(call.result)) for call in seen} == {("done", '{"refund": 1}')}
    assert sorted(call.attempts for call in seen) == [0] * 19 + [1]


def test_a_write_whose_caller_gave_up_is_still_made_once(make_decision: Decisions) -> None:
    bank = Bank(hangs_s=0.05)
    box, decision = toolbox({"refund": bank.pay}), planned(make_decision)

    async def cancelled() -> ToolCall:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asked(box, decision, "refund", REFUND, approval_id="apr_1"), timeout=0.01)
        return await asked(box, decision, "refund", REFUND, approval_id="apr_1")

    assert asyncio.run(cancelled()).result == {"refund": 1}
    assert len(bank.paid) == 1


def test_a_loop_that_ends_in_the_middle_leaves_a_write_in_doubt_and_not_open(make_decision: Decisions) -> None:
    bank = Bank(hangs_s=10)
    box, decision = toolbox({"note": bank.pay}, note={"timeout_ms": 60_000}), planned(make_decision)

    async def gives_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asked(box, decision, "note", {}), timeout=0.01)

    asyncio.run(gives_up())
    after = ask(box, decision, "note", {})
    assert (after.status, after.attempts, len(bank.paid)) == ("failed", 0, 1)
    assert "unknown whether it was done" in str(after.error)


@pytest.mark.parametrize(
    ("tool", "arguments", "attempts"),
    [("look_up", {"order": "8812"}, 2), ("refund", REFUND, 2), ("note", {}, 1)],
)
def test_only_reads_and_idempotent_writes_are_tried_again(
    make_decision: Decisions, tool: str, arguments: Any, attempts: int
) -> None:
    bank = Bank(fails=1, error=ToolFailure("HTTP 503", transient=True))
    call = ask(toolbox({tool: bank.pay}), planned(make_decision), tool, arguments, approval_id="apr_1")
    assert call.attempts == len(bank.paid) == attempts
    assert call.status == ("done" if attempts == 2 else "failed")


def test_a_write_that_timed_out_is_in_doubt_and_never_made_again(make_decision: Decisions) -> None:
    bank = Bank(hangs_s=10)
    box, decision = toolbox({"note": bank.pay}, note={"timeout_ms": 20}), planned(make_decision)
    call = ask(box, decision, "note", {})
    assert (call.status, call.attempts) == ("timeout", 1)
    assert call.error == "no answer within 20 ms; unknown whether it was done"
    again = ask(box, decision, "note", {}, before=[call])
    assert (again.status, again.error, again.attempts) == ("timeout", call.error, 0)
    assert len(bank.paid) == 1


def test_a_function_that_never_returns_does_not_hold_up_the_request(make_decision: Decisions) -> None:
    release = threading.Event()

    async def deaf(order: str) -> None:
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                release.wait(0.01)

    for function in (lambda order: release.wait(30), deaf):
        box = toolbox({"look_up": function}, look_up={"timeout_ms": 20})

        async def within(box: ConfiguredTools = box) -> tuple[ToolCall, float]:
            began = time.monotonic()
            call = await asked(box, planned(make_decision), "look_up", {"order": "8812"})
            took = time.monotonic() - began
            release.set()
            return call, took

        call, took = asyncio.run(within())
        release.clear()
        assert (call.status, call.attempts) == ("timeout", 2)
        assert took < 20


def test_a_write_of_which_nothing_was_done_may_be_asked_for_again(make_decision: Decisions) -> None:
    bank = Bank(fails=1, error=ToolFailure("HTTP 422", nothing_done=True))
    box, decision = toolbox({"refund": bank.pay}), planned(make_decision)
    first = ask(box, decision, "refund", REFUND, approval_id="apr_1")
    assert (first.status, first.error, first.attempts) == ("failed", "HTTP 422", 1)
    assert ask(box, decision, "refund", REFUND, approval_id="apr_1", before=[first]).result == {"refund": 2}


def test_a_pause_that_is_too_long_is_not_waited_for(make_decision: Decisions) -> None:
    bank = Bank(fails=1, error=ToolFailure("HTTP 429", transient=True, nothing_done=True, retry_after_ms=60_000))
    call = ask(toolbox({"look_up": bank.pay}), planned(make_decision), "look_up", {"order": "8812"})
    assert (call.status, call.attempts) == ("failed", 1)


def test_what_is_left_of_a_request_limits_all_attempts(make_decision: Decisions) -> None:
    bank = Bank(hangs_s=10)
    box = toolbox({"look_up": bank.pay}, look_up={"timeout_ms": 60_000})
    call = ask(box, planned(make_decision), "look_up", {"order": "8812"}, timeout_s=0.02)
    assert (call.status, call.attempts) == ("timeout", 1)


def test_without_time_left_nothing_is_done_and_it_may_be_asked_for_again(make_decision: Decisions) -> None:
    bank = Bank()
    box, decision = toolbox({"note": bank.pay}), planned(make_decision)
    late = ask(box, decision, "note", {}, timeout_s=-0.1)
    assert (late.status, late.error, late.attempts) == ("timeout", "no time was left", 0)
    assert ask(box, decision, "note", {}, before=[late]).status == "done"


def test_old_results_are_let_go_and_their_writes_are_still_known() -> None:
    from router_ml.execution.tools.attempts import Once, Outcome

    once, made = Once(results=2, keys=3), []

    async def write(number: int) -> Outcome:
        made.append(number)
        return Outcome("done", {"number": number})

    async def several() -> list[Outcome]:
        for number in range(5):
            await once.make(f"key {number}", lambda number=number: write(number))
        return [await once.make(f"key {number}", lambda number=number: write(number)) for number in range(5)]

    again = asyncio.run(several())
    assert made == list(range(5))
    assert [outcome.result for outcome in again] == [None, None, None, {"number": 3}, {"number": 4}]
    assert again[0].error == "its result is no longer kept"
