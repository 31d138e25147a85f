"""A long result is one that keeps its contract, shortened; not one that broke it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from router_ml.contract import RouteDecision, ToolCall
from router_ml.execution.tools.results import cut
from router_ml.execution.tools.toolbox import ConfiguredTools
from tests.execution.tool_cases import ask, config_of, quick

ROWS = {"columns": ["note"], "rows": [["x" * 200] for _ in range(200)], "more": False}
Decisions = Callable[..., RouteDecision]


def answered(make_decision: Decisions, found: Any) -> ToolCall:
    """The call of the SQL tool that ships, where the database found this."""
    decision = make_decision(tools=[{"name": "sql", "version": "1.0.0", "effect": "read"}])
    box = ConfiguredTools(config_of("postgres"), {"sql": lambda query: found}, attempts=quick())
    return ask(box, decision, "sql", {"query": "select"}, allowed=["sql"])


def test_a_long_result_is_held_against_its_contract_before_it_is_cut(make_decision: Decisions) -> None:
    call: Any = answered(make_decision, ROWS)
    assert (call.status, call.error) == ("done", None)
    assert call.result["note"].startswith("cut: the first 20000 of ")
    wrong = answered(make_decision, {**ROWS, "more": "no"})
    assert (wrong.status, wrong.error, wrong.result) == ("failed", 'the result: $.more: breaks type "boolean"', None)


def test_what_a_function_cut_itself_is_not_held_against_it(make_decision: Decisions) -> None:
    call: Any = answered(make_decision, cut("[" * 100, 2_000_000))
    assert (call.status, call.error, call.result["text"]) == ("done", None, "[" * 100)
    ToolCall.model_validate_json(call.model_dump_json())
