"""The key of a write and an argument of the same name never stand in for each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from router_ml.contract import RouteDecision
from router_ml.errors import InvalidRequestError
from tests.execution.tool_cases import ask, planned, toolbox

OWN = {"properties": {"idempotency_key": {"type": "string"}}}


class Service:
    """A function that is an object, as the tools that ship are."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, idempotency_key: str | None = None, /, **arguments: Any) -> None:
        self.seen.append((idempotency_key, arguments))


def test_a_function_that_takes_the_key_by_position_may_have_an_argument_of_its_name(
    make_decision: Callable[..., RouteDecision],
) -> None:
    seen: list[Any] = []

    def function(idempotency_key: str, /, **arguments: Any) -> None:
        seen.append((idempotency_key, arguments))

    service = Service()
    for note in (function, service):
        box = toolbox({"note": note}, note={"parameters": OWN})
        call = ask(box, planned(make_decision), "note", {"idempotency_key": "theirs"})
        assert (call.status, call.error) == ("done", None)
    assert seen == service.seen == [(call.key, {"idempotency_key": "theirs"})]


def test_a_function_that_takes_it_by_name_has_no_argument_of_that_name() -> None:
    with pytest.raises(InvalidRequestError, match="Take the key by position"):
        toolbox({"note": lambda *, idempotency_key: None}, note={"parameters": OWN})


def test_an_argument_that_no_schema_names_does_not_replace_the_key(make_decision: Callable[..., RouteDecision]) -> None:
    seen: list[Any] = []
    box = toolbox({"note": lambda *, idempotency_key: seen.append(idempotency_key)})
    call = ask(box, planned(make_decision), "note", {"idempotency_key": "theirs"})
    assert seen == [call.key]
