"""Tools and wishes that a caller brings along: they never widen what was decided."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.contract import Decoding, RouteDecision
from router_ml.execution.client_side import ClientSide, decoding_with, kept
from router_ml.execution.lanes.reply import Reply, ToolRequest
from router_ml.storage.bundle import Bundle
from tests.execution.acting import PRIVATE, scene

WEATHER = {"type": "function", "function": {"name": "get_weather"}}
numbers = st.none() | st.integers(1, 100_000)


@given(st.builds(Decoding, max_tokens=numbers, seed=numbers), st.builds(Decoding, max_tokens=numbers, seed=numbers))
def test_wishes_never_lengthen_an_answer_or_overrule_the_plan(planned: Decoding, wished: Decoding) -> None:
    found = decoding_with(ClientSide(decoding=wished), planned)
    if planned.max_tokens is not None:
        assert found.max_tokens is not None
        assert found.max_tokens <= planned.max_tokens
    if planned.seed is not None:
        assert found.seed == planned.seed
    assert decoding_with(ClientSide(), planned) == planned


def test_only_the_callers_own_calls_are_handed_over() -> None:
    both = (ToolRequest("1", "get_weather", "{}"), ToolRequest("2", "refund", "{}"))
    assert ClientSide(tools=(WEATHER,)).wanted(Reply(tool_requests=both)) == both[:1]
    assert ClientSide().wanted(Reply(tool_requests=both)) == ()


def test_calls_that_are_not_to_come_at_once_come_one_by_one() -> None:
    two = (ToolRequest("1", "get_weather", '{"city": "Paris"}'), ToolRequest("2", "get_weather", '{"city": "Rome"}'))
    assert ClientSide(tools=(WEATHER,)).wanted(Reply(tool_requests=two)) == two
    assert ClientSide(tools=(WEATHER,), parallel=False).wanted(Reply(tool_requests=two)) == two[:1]


@pytest.mark.parametrize(
    "client",
    [
        ClientSide(tools=({"type": "function", "function": {"name": "theirs", "description": PRIVATE}},)),
        ClientSide(tools=({"type": "function", "function": {"name": "t", "parameters": {"enum": [PRIVATE]}}},)),
        ClientSide(decoding=Decoding(stop=(PRIVATE,))),
    ],
)
def test_private_data_in_what_comes_beside_a_request_stays_on_private_lanes(client: ClientSide) -> None:
    it = scene()
    done = it.executor.complete("What is new?", decision=it.decide(steps=("b", "own")), client=client)
    assert it.lanes.lanes == ["own"]
    assert [(hop.lane, hop.kind) for hop in done.execution.hops] == [
        ("a", "not_allowed"),
        ("b", "not_allowed"),
        ("own", None),
    ]


def test_a_rule_that_restricts_tools_takes_the_callers_too(
    bundle: Bundle, make_decision: Callable[..., RouteDecision]
) -> None:
    client = ClientSide(tools=(WEATHER,), must_call=True)

    def after(*rules: str) -> ClientSide:
        fired = [{"id": rule, "version": "1", "effect": "..."} for rule in rules]
        return kept(client, bundle.config, make_decision(policies=fired))

    assert after("eu-residency") == client
    assert after("eu-residency", "injection-gets-no-tools").tools == ()
    assert after("secrets-stay-private").tools == (), "read only: nobody has said that a caller's tool only reads"
    assert after("a-rule-that-has-gone").tools == ()
