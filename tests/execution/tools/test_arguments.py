"""One call is one call, however a lane writes its arguments."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router_ml.contract import RouteDecision
from tests.execution.tool_cases import REFUND, Bank, ask, planned, toolbox

Decisions = Callable[..., RouteDecision]


@pytest.mark.parametrize("cents", ["500.0", "5e2", "5.00E+2"])
def test_a_number_without_a_fraction_is_an_integer_however_it_is_written(make_decision: Decisions, cents: str) -> None:
    """Else the same write would be made twice."""
    bank = Bank()
    box, decision = toolbox({"refund": bank.pay}), planned(make_decision)
    ask(box, decision, "refund", REFUND, approval_id="apr_1")
    again = ask(box, decision, "refund", f'{{"order": "8812", "cents": {cents}}}', approval_id="apr_1")
    assert (again.status, again.attempts, again.arguments) == ("done", 0, REFUND)
    assert type(again.arguments["cents"]) is int
    assert len(bank.paid) == 1


@pytest.mark.parametrize("number", ["0.5", "1e-400", "1e23", "-0.0", "0e99999999999999999999", "1.5e308"])
def test_any_number_is_the_same_call_again(make_decision: Decisions, number: str) -> None:
    bank = Bank()
    box, decision = toolbox({"note": bank.pay}), planned(make_decision)
    first = ask(box, decision, "note", f'{{"sum": {number}}}')
    assert float(str(first.arguments["sum"])) == float(number)
    assert ask(box, decision, "note", first.arguments).attempts == 0
