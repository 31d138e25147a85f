"""The replay of tools: what lanes are offered, and what they are told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from training.evals.case import Case, Step
from training.evals.suite import Suite, load_suite
from training.evals.tooling.replay import NOT_OFFERED, NOT_THERE, Replay

ORDER = {"order_id": "ORD-6100"}


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("tools")


def replay(suite: Suite, *script: Step, tools: tuple[str, ...] = ("get_order", "issue_refund")) -> Replay:
    case = Case(id="one", intent="qa", domain="support", ask="Where is it?", tools=tools, script=script)
    return Replay(suite, case)


def test_tools_are_offered_in_the_shape_of_executions(suite: Suite) -> None:
    """Name, description and parameters as in router.yaml, those of the case only."""
    offered = replay(suite).offered()
    assert [one["type"] for one in offered] == ["function", "function"]
    tool = suite.file.tools["get_order"]
    assert offered[0]["function"] == {
        "name": "get_order",
        "description": tool.description,
        "parameters": {"type": "object", "properties": {}, **tool.parameters},
    }


def test_steps_answer_in_order_and_are_used_up(suite: Suite) -> None:
    """A fault comes once, then what stands behind it; a step without a number answers for good."""
    played = replay(
        suite,
        Step(tool="get_order", arguments=ORDER, error="HTTP 500", times=1),
        Step(tool="get_order", arguments=ORDER, result={"status": "open"}),
    )
    turns = [played.answer("get_order", json.dumps(ORDER), round=number) for number in (1, 2, 3)]
    assert [turn.error for turn in turns] == ["HTTP 500", None, None]
    assert turns[1].result == turns[2].result == {"status": "open"}
    assert [turn.round for turn in turns] == [1, 2, 3]


def test_what_no_step_fits_is_not_there(suite: Suite) -> None:
    """A reading finds nothing, a write is rejected and says that nothing was done."""
    played = replay(suite, Step(tool="get_order", arguments={"order_id": "ORD-0001"}, result="x"))
    assert played.answer("get_order", json.dumps(ORDER)).error == NOT_THERE["read"]
    refund = {**ORDER, "amount": 5, "currency": "EUR"}
    assert played.answer("issue_refund", json.dumps(refund)).error == NOT_THERE["write"]


def test_wrong_calls_are_told_what_executions_tell_and_use_up_nothing(suite: Suite) -> None:
    """A tool that was not offered, no JSON, and what the schema forbids: an error each, and the step is still there."""
    played = replay(suite, Step(tool="get_order", result="there", times=1))
    unknown = played.answer("send_email", "{}")
    assert (unknown.error, unknown.arguments) == (NOT_OFFERED, {})
    broken = played.answer("get_order", "{order_id")
    assert (broken.error, broken.arguments) == ("the arguments are not JSON", None)
    assert "$.order_id: breaks pattern" in str(played.answer("get_order", '{"order_id": "6100"}').error)
    assert played.answer("get_order", json.dumps(ORDER)).result == "there"


def test_a_tool_answers_no_more_often_than_it_may(suite: Suite) -> None:
    """``max_calls`` holds as in executions."""
    played = replay(suite, Step(tool="convert_currency", result=1), tools=("convert_currency",))
    raw = json.dumps({"amount": 1, "from": "EUR", "to": "USD"})
    said = [played.answer("convert_currency", raw).error for _ in range(4)]
    assert said == [None, None, None, "called 3 times, the most for one request"]


def test_a_huge_result_is_cut_as_lanes_read_it(suite: Suite) -> None:
    """A result of megabytes is cut and says so."""
    played = replay(suite, Step(tool="get_order", result="x" * 200_000))
    result = played.answer("get_order", json.dumps(ORDER)).result
    assert isinstance(result, dict)
    assert str(result["note"]).startswith("cut: the first 20000 of")


_LOADED: list[Suite] = []


def load_once() -> Suite:
    if not _LOADED:
        _LOADED.append(load_suite("tools"))
    return _LOADED[0]


@settings(max_examples=40)
@given(some.text(max_size=40))
def test_whatever_a_lane_writes_is_answered(raw: str) -> None:
    """No text that a lane writes as arguments is an error of ours."""
    turn = replay(load_once(), Step(tool="get_order", result=1)).answer("get_order", raw)
    assert (turn.error is None) == (turn.result == 1)
