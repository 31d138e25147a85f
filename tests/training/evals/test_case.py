"""A case that cannot be right is refused when it is read, with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from training.evals.case import Case

CALL = {"tool": "get_order"}


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"calls": [CALL]}, "does not offer: get_order"),
        ({"script": [{"tool": "get_order", "result": 1}]}, "does not offer: get_order"),
        ({"tools": ["get_order"], "calls": [CALL, {**CALL, "after": [2]}]}, "call 1 after calls that are not there"),
        ({"tools": ["get_order"], "calls": [{**CALL, "after": [0]}]}, "call 0 after calls that are not there"),
        (
            {"tools": ["get_order"], "calls": [{**CALL, "arguments": {"order": {"pattern": "("}}}]},
            "pattern of get_order.order",
        ),
        ({"messages": [{"role": "user", "content": "x"}]}, "exactly one of ask, messages and decided"),
    ],
)
def test_a_case_that_cannot_be_right_is_refused(said: dict[str, Any], names: str) -> None:
    """Calls of tools that are not offered, waiting for what is not there, and two questions."""
    with pytest.raises(ValidationError, match=names):
        Case.model_validate({"id": "one", "intent": "qa", "domain": "support", "ask": "Where is it?", **said})
