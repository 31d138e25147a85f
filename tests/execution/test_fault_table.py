"""Whatever fails, however the fallback goes on: a valid answer from an eligible lane, or a typed error."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import pytest

from benchmarks.execution.setting import SHAPES
from benchmarks.execution.table import FAULTS, SECOND, Case, Table, cases, fill, named
from router_ml.errors import ExecutionError
from router_ml.execution import Executor
from router_ml.faults import Fault, FaultServer

ENDS = ("error", "human_review", "static_answer")
HARMLESS = {
    "slow_stream": tuple(SHAPES),
    "mid_stream_drop": (),
    "wrong_schema": ("text", "stream", "cited"),
    "invented_citation": ("text", "stream", "tools", "json", "label"),
}
"""Shapes that a fault does not touch, so that its answer holds."""


def _holds(table: Table) -> None:
    assert table.problems == []
    for case, ending in table.endings.items():
        if case.way not in ENDS:
            assert ending.how == "answered", case.name
        elif case.shape not in HARMLESS.get(case.fault.kind, ()):
            assert ending.how != "answered", case.name
            assert case.way in ("error", ending.how), case.name


def test_every_fault_once() -> None:
    """The shapes take turns; the whole table is the slow test. Where all lanes hang, it takes them seconds to fail."""
    turns = cycle(SHAPES)
    quick = [fault for fault in FAULTS if fault.kind not in ("hang", "slow_stream")]
    tried = [("first lane", fault) for fault in FAULTS] + [("error", fault) for fault in quick]
    _holds(fill([Case(fault, way, next(turns)) for way, fault in tried], workers=3))


def test_an_answer_without_the_tool_that_was_required_is_none() -> None:
    """It fails for its own reason where it has one, so that the rule for that reason is asked."""
    kinds = {"refusal": "refusal", "truncated": "truncated", "empty_text": "empty", "wrong_schema": "tool_failure"}
    table = fill(cases([Fault.read(kind) for kind in kinds], ["error"], ["tools"]), workers=2)
    assert table.problems == []
    assert {case.fault.kind: ending.how for case, ending in table.endings.items()} == kinds


def test_where_nothing_can_be_cited_no_lane_is_asked_to(
    executor: Callable[..., Executor], fault_server: FaultServer
) -> None:
    with pytest.raises(ExecutionError) as failed:
        executor().complete("How long does a refund take?", output_contract="cited")
    assert failed.value.kind == "tool_failure"
    assert fault_server.calls == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_every_fault_with_every_rule_and_shape(fault: Fault) -> None:
    _holds(fill(cases([fault])))


def test_every_rule_has_a_fault_that_asks_it() -> None:
    from router_ml.contract import Fallback

    rules = {name for name in Fallback.model_fields if name.startswith("on_")}
    assert rules == set(SECOND)
