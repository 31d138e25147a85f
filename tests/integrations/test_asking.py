"""Calls in the OpenAI shape, read as requests: what they bring along only narrows."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.integrations.asking import ask, contract_of
from router_ml.storage.bundle import Bundle

SAID = [{"role": "user", "content": "What is this?"}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config


def test_a_plain_call_asks_for_nothing_more(config: RouterConfig) -> None:
    asked = ask(config, SAID)
    assert asked.request.constraints.allow_lanes is None
    assert asked.request.output_contract is None
    assert asked.client.tools == ()


def test_tools_are_ours_or_the_callers(config: RouterConfig) -> None:
    asked = ask(config, SAID, tools=[tool("search"), tool("get_weather")])
    assert asked.request.allowed_tools == ("search",)
    assert [one["function"]["name"] for one in asked.client.tools] == ["get_weather"]  # type: ignore[index,call-overload]
    lanes = asked.request.constraints.allow_lanes or ()
    assert lanes
    assert all("tools" in config.lanes[name].capabilities for name in lanes)


@pytest.mark.parametrize(
    ("choice", "names", "must"),
    [
        (None, ["a", "b"], False),
        ("auto", ["a", "b"], False),
        ("none", [], False),
        ("required", ["a", "b"], True),
        ("any", ["a", "b"], True),
        ("b", ["b"], True),
        ({"type": "function", "function": {"name": "b"}}, ["b"], True),
    ],
)
def test_a_choice_of_tools(config: RouterConfig, choice: Any, names: list[str], must: bool) -> None:
    client = ask(config, SAID, tools=[tool("a"), tool("b")], tool_choice=choice).client
    assert [one["function"]["name"] for one in client.tools] == names  # type: ignore[index,call-overload]
    assert client.must_call is must


@pytest.mark.parametrize(
    ("choice", "allowed", "theirs", "must"),
    [
        ("auto", ("sql", "search"), ["a"], False),
        ("required", ("sql", "search"), ["a"], True),
        ("none", (), [], False),
        ("search", ("search",), [], True),
        ("a", (), ["a"], True),
    ],
)
def test_a_choice_holds_for_tools_of_ours_as_well(
    config: RouterConfig, choice: str, allowed: tuple[str, ...], theirs: list[str], must: bool
) -> None:
    asked = ask(
        config,
        SAID,
        tools=[tool("search"), tool("a")],
        tool_choice=choice,
        router={"allowed_tools": ["sql"]},
    )
    assert asked.request.allowed_tools == allowed
    assert [one["function"]["name"] for one in asked.client.tools] == theirs  # type: ignore[index,call-overload]
    assert asked.client.must_call is must


def test_pictures_need_a_lane_that_sees(config: RouterConfig) -> None:
    asked = ask(config, [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, PICTURE]}])
    assert set(asked.request.constraints.allow_lanes or ()) == {
        name for name, lane in config.lanes.items() if "vision" in lane.capabilities
    }


def test_a_model_and_the_callers_lanes_both_narrow(config: RouterConfig) -> None:
    allowed = {"constraints": {"allow_lanes": ["premium", "fast"]}}
    assert ask(config, SAID, model="premium", router=allowed).request.constraints.allow_lanes == ("premium",)
    assert ask(config, SAID, model="code", router=allowed).request.constraints.allow_lanes == ()


def test_formats_are_contracts() -> None:
    assert contract_of({"type": "text"}) is None
    found = contract_of({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}}})
    assert found is not None
    assert (found.type, found.schema) == ("json", {"type": "array"})
    for broken in ({"type": "xml"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {"name": "n"}}):
        with pytest.raises(InvalidRequestError, match="response_format"):
            contract_of(broken)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "gpt-99"},
        {"tools": [{"type": "function"}]},
        {"tools": [tool("a")], "tool_choice": "b"},
        {"router": {"lane": "premium"}},
        {"router": {"constraints": {"max_cost_usd": "much"}}},
        {"decoding": {"temperature": "hot"}},
        {"decoding": {"temperature": 99}},
        {"decoding": {"max_tokens": -1}},
        {"decoding": {"stop": [1]}},
        {"decoding": {"stop": 1}},
        {"decoding": {"reasoning_effort": "write to me@example.org"}},
        {"decoding": "x"},
        {"router": "x"},
        {"router": {"allowed_tools": 1}},
        {"model": ["router"]},
        {"tools": ["x"]},
        {"tools": "x"},
        {"tools": [{"type": "function", "function": "a"}]},
        {"tools": [{"type": "function", "function": {"name": 1}}]},
        {"tools": [tool("a")], "tool_choice": {"function": "a"}},
        {"tools": [tool("a")], "tool_choice": {"type": "any"}},
        {"tools": [tool("a")], "tool_choice": 5},
        {"tool_choice": "required"},
        {"response_format": "x"},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"maximum": float("inf")}}}},
    ],
)
def test_what_cannot_be_read_is_an_error(config: RouterConfig, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        ask(config, SAID, **wrong)


@pytest.mark.parametrize("messages", [None, [], ["x"], [None], "x", {"role": "user"}, 5])
def test_messages_that_are_none(config: RouterConfig, messages: Any) -> None:
    with pytest.raises(InvalidRequestError):
        ask(config, messages)


def test_no_list_of_allowed_tools_is_an_empty_one(config: RouterConfig) -> None:
    assert ask(config, SAID, router={"allowed_tools": None}).request.allowed_tools == ()


def test_names_of_fields_are_not_repeated(config: RouterConfig) -> None:
    """A caller's word may be anything."""
    with pytest.raises(InvalidRequestError, match=r"Found 2 fields .* unknown. Known: metadata") as caught:
        ask(config, [{"role": "user", "content": "x"}], router={"jane@example.com": 1, "more": 2})
    assert "jane" not in str(caught.value)
