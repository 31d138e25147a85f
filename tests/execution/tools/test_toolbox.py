"""Lanes get at no tool that was not planned, with no arguments but those of its contract; a write is made once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml.contract import RouteDecision, ToolCall
from router_ml.errors import ConfigError, InvalidRequestError
from router_ml.execution.tools.toolbox import ConfiguredTools, NoTools, arguments_sha256
from tests.execution.tool_cases import REFUND, TOOLS, Bank, ask, asked, configured, planned, toolbox

Decisions = Callable[..., RouteDecision]


def test_only_planned_tools_that_are_still_allowed_are_offered(make_decision: Decisions) -> None:
    box = toolbox({"look_up": dict, "refund": dict})
    offers = box.offered(planned(make_decision), ["look_up", "note"])
    assert [offer["function"]["name"] for offer in offers] == ["look_up"]  # note has no function, refund is not allowed
    function: Any = offers[0]["function"]
    assert function["description"] == "Read an order"
    assert function["parameters"]["required"] == ["order"]
    assert function["parameters"]["type"] == "object"
    assert box.offered(planned(make_decision, "note"), ["look_up", "refund", "note"]) == []


@pytest.mark.parametrize("name", ["note", "refund", "delete_everything", "x" * 5000])
def test_a_call_of_anything_else_is_refused_and_recorded(make_decision: Decisions, name: str) -> None:
    """Planned but not allowed any more, allowed but not planned, made up."""
    called: list[str] = []
    box = toolbox(dict.fromkeys(("look_up", "refund", "note"), lambda **_: called.append("a tool")))
    call = ask(box, planned(make_decision, "look_up", "refund"), name, REFUND, allowed=["look_up", "note"])
    assert (call.status, call.error, call.attempts) == ("refused", "not a tool of this request", 0)
    assert call.name == (name if name in TOOLS else "?")  # a name that was made up may hold anything
    assert called == []


def test_another_version_than_the_one_that_was_decided_on_is_not_called(make_decision: Decisions) -> None:
    """An approval was given for what the tool did then."""
    bank = Bank()
    box = toolbox({"refund": bank.pay}, refund={"version": "3"})
    assert ask(box, planned(make_decision), "refund", REFUND, approval_id="apr_1").status == "refused"
    assert bank.paid == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{not json", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"order": "8812", "order": "8813"}', "given twice"),
        ('{"order": NaN}', "a number that JSON does not have"),
        ('{"order": 1e999}', "not JSON"),
        ('{"order": "\\ud800"}', "not JSON"),
        ('{"order": ' + "[" * 100_000, "more than 100000 characters"),
        ('{"order": ' + "[" * 50_000 + "]" * 49_000 + "}", "not JSON"),
        ({}, "order missing"),
        ({"order": "12345"}, "$.order: breaks pattern"),
        ({"order": 8812}, '$.order: breaks type "string"'),
        ({"order": "8812", "reveal": 1}, "known: order"),
    ],
)
def test_arguments_that_break_the_contract_never_reach_the_tool(
    make_decision: Decisions, arguments: Any, said: str
) -> None:
    called: list[Any] = []
    call = ask(toolbox({"look_up": lambda **given: called.append(given)}), planned(make_decision), "look_up", arguments)
    assert call.status == "invalid_arguments"
    assert said in str(call.error)
    assert called == []


@given(st.text(min_size=12, alphabet=st.characters(codec="ascii", categories=["L", "N"])))
def test_what_a_lane_is_told_of_its_arguments_holds_none_of_them(value: str) -> None:
    from router_ml.execution.tools.arguments import BadArguments, Checker

    checker = Checker(configured())
    for arguments in ({"order": value}, {"order": "8812", "-" + value: 1}, {"order": {value: value}}):
        with pytest.raises(BadArguments) as wrong:
            checker.arguments("look_up", json.dumps(arguments))
        assert value not in str(wrong.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["order", "cents"]) | st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*TOOLS, "?"]) | st.text(), st.text() | JSON.map(json.dumps), JSON)
def test_whatever_a_lane_and_a_tool_say_a_call_ends_in_a_record(
    make_decision: Decisions, name: str, arguments: str, result: Any
) -> None:
    box = toolbox(dict.fromkeys(TOOLS, lambda **_: result), look_up={"result": {"type": "object"}})
    call = ask(box, planned(make_decision), name, arguments, approval_id="apr_1")
    assert ToolCall.model_validate_json(call.model_dump_json()) == call


def test_a_schema_that_is_none_or_points_elsewhere_is_an_error_at_once() -> None:
    """Nothing is fetched, and no call finds out."""
    for schema in (
        {"properties": {"order": {"$ref": "https://example.com/order.json"}}},
        {"type": "objekt"},
        {"type": "array"},
    ):
        with pytest.raises(ConfigError, match=r"tools\.look_up\.parameters"):
            ConfiguredTools(configured(look_up={"parameters": schema}), {})
    with pytest.raises(ConfigError, match="does not point into the schema"):
        ConfiguredTools(configured(look_up={"result": {"$ref": "#/$defs/none"}}), {})


def test_a_function_for_no_tool_is_an_error() -> None:
    with pytest.raises(InvalidRequestError, match=r"functions for refnd, expected tools of router\.yaml: look_up"):
        ConfiguredTools(configured(), {"refnd": dict})


@pytest.mark.parametrize("kind", ["coroutine", "function", "object"])
def test_functions_of_every_kind_are_called_with_arguments_by_name(make_decision: Decisions, kind: str) -> None:
    class Service:
        async def __call__(self, order: str) -> dict[str, str]:
            return {"order": order}

    async def coroutine(order: str) -> dict[str, str]:
        return {"order": order}

    functions: dict[str, Any] = {
        "coroutine": coroutine,
        "function": lambda order: {"order": order},
        "object": Service(),
    }
    call = ask(toolbox({"look_up": functions[kind]}), planned(make_decision), "look_up", {"order": "8812"})
    assert (call.status, call.result, call.error, call.key) == ("done", {"order": "8812"}, None, None)
    assert (call.name, call.version, call.effect, call.call_id) == ("look_up", "1", "read", "call_1")


@pytest.mark.parametrize(
    ("result", "status"), [({"x": float("nan")}, "failed"), (object(), "failed"), ({1: 2}, "done"), ("\ud800", "done")]
)
def test_a_result_is_json_or_a_failure(make_decision: Decisions, result: Any, status: str) -> None:
    call = ask(toolbox({"look_up": lambda order: result}), planned(make_decision), "look_up", {"order": "8812"})
    assert call.status == status
    ToolCall.model_validate_json(call.model_dump_json())  # it can be logged


def test_a_long_result_is_cut_and_says_so(make_decision: Decisions) -> None:
    box = toolbox({"look_up": lambda order: {"text": "x" * 100_000}})
    call: Any = ask(box, planned(make_decision), "look_up", {"order": "8812"})
    assert call.result["note"] == "cut: the first 20000 of 100012 characters"
    assert len(call.result["text"]) == 20_000


def test_a_result_that_breaks_its_contract_is_a_failure_of_a_read_and_a_note_on_a_write(
    make_decision: Decisions,
) -> None:
    schema = {"type": "object", "required": ["id"]}
    functions = {"look_up": lambda order: {"no": 1}, "note": lambda: {"no": 1}}
    box = toolbox(functions, look_up={"result": schema}, note={"result": schema})
    read = ask(box, planned(make_decision), "look_up", {"order": "8812"})
    assert (read.status, read.result, read.error) == ("failed", None, "the result: $: id missing")
    wrote = ask(box, planned(make_decision), "note", {})
    assert (wrote.status, wrote.result, wrote.error) == ("done", {"no": 1}, "the result: $: id missing")


def test_the_calls_of_one_request_are_limited(make_decision: Decisions) -> None:
    box = toolbox({"look_up": lambda order: order}, look_up={"max_calls": 4})
    decision = planned(make_decision)
    before: list[ToolCall] = []
    for order in ("8812", "8812", "8812"):
        before.append(ask(box, decision, "look_up", {"order": order}, before=before))
    again = ask(box, decision, "look_up", {"order": "8812"}, before=before)
    assert (again.status, again.error) == ("refused", "called 3 times with the same arguments")
    before.append(ask(box, decision, "look_up", {"order": "8813"}, before=[*before, again]))
    assert before[-1].status == "done"
    over = ask(box, decision, "look_up", {"order": "8814"}, before=before)
    assert (over.status, over.error) == ("refused", "called 4 times, the most for one request")


def test_calls_that_are_asked_for_at_once_are_limited_like_others(make_decision: Decisions) -> None:
    bank = Bank(hangs_s=0.02)
    box, decision = toolbox({"look_up": bank.pay}, look_up={"max_calls": 2}), planned(make_decision)

    async def at_once() -> list[ToolCall]:
        return await asyncio.gather(*(asked(box, decision, "look_up", {"order": f"000{n}"}) for n in range(4)))

    for _ in range(2):  # what ran before does not count: it is in what the caller gives as before
        assert [call.status for call in asyncio.run(at_once())] == ["done", "done", "refused", "refused"]


def test_the_same_write_again_is_no_further_call(make_decision: Decisions) -> None:
    bank = Bank()
    box, decision = toolbox({"note": bank.pay}, note={"max_calls": 1}), planned(make_decision)
    first = ask(box, decision, "note", {"text": "a"})
    assert ask(box, decision, "note", {"text": "a"}, before=[first]).result == first.result
    assert ask(box, decision, "note", {"text": "b"}, before=[first]).status == "refused"
    assert len(bank.paid) == 1


def test_a_write_waits_for_an_approval_and_is_made_with_it(make_decision: Decisions) -> None:
    bank = Bank()
    box, decision = toolbox({"refund": bank.pay}), planned(make_decision)
    waits = ask(box, decision, "refund", REFUND)
    assert (waits.status, waits.arguments, waits.attempts, bank.paid) == ("waiting", REFUND, 0, [])
    assert waits.key == f"dec-1:refund:{arguments_sha256(REFUND)}"
    done = ask(box, decision, "refund", REFUND, approval_id="apr_1", before=[waits])
    assert (done.status, done.result, done.approval_id, done.key) == ("done", {"refund": 1}, "apr_1", waits.key)


def test_approval_is_asked_for_where_tool_plan_or_rules_say_so(make_decision: Decisions) -> None:
    box = toolbox({"note": lambda: None, "look_up": lambda order: order})
    assert ask(box, planned(make_decision), "note", {}, ask=True).status == "waiting"
    asks = make_decision(tools=[{"name": "note", "version": "1", "effect": "write", "approval": True}])
    assert ask(box, asks, "note", {}).status == "waiting"
    assert ask(box, planned(make_decision), "note", {}).status == "done"
    assert ask(box, planned(make_decision), "look_up", {"order": "8812"}, ask=True).status == "done"


def test_an_approval_of_another_call_does_not_count(make_decision: Decisions) -> None:
    granted = {"apr_1": arguments_sha256(REFUND)}

    def approve(call: ToolCall) -> str | None:
        return call.approval_id if granted.get(call.approval_id or "") == arguments_sha256(call.arguments) else None

    bank = Bank()
    box, decision = toolbox({"refund": bank.pay}, approve=approve), planned(make_decision)
    other = ask(box, decision, "refund", {"order": "8812", "cents": 5000}, approval_id="apr_1")
    assert (other.status, other.error, bank.paid) == ("refused", "the approval is not of this call", [])
    assert ask(box, decision, "refund", REFUND).status == "waiting"
    assert ask(box, decision, "refund", REFUND, approval_id="apr_1").status == "done"


def test_a_function_that_takes_the_key_is_given_it(make_decision: Decisions) -> None:
    keys: list[Any] = []

    def refund(order: str, cents: int, *, idempotency_key: str) -> None:
        keys.append(idempotency_key)

    call = ask(toolbox({"refund": refund}), planned(make_decision), "refund", REFUND, approval_id="apr_1")
    assert keys == [call.key]
    assert "idempotency_key" not in call.arguments


def test_without_tools_nothing_is_offered_and_every_call_is_refused(make_decision: Decisions) -> None:
    from router_ml.execution.lanes.reply import ToolRequest

    box, decision = NoTools(), planned(make_decision)
    assert box.offered(decision, ["refund"]) == []
    call = asyncio.run(box.call(decision, ToolRequest("1", "refund", "{}"), allowed=["refund"], before=[]))
    assert call.status == "refused"


def test_the_tools_that_ship_have_parameters(root: Path) -> None:
    from router_ml.config import load_config

    config = load_config(root / "models" / "default" / "router.yaml")
    ConfiguredTools(config, {})
    assert [name for name, tool in config.tools.items() if not tool.parameters.get("properties")] == []
