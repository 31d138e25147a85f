"""The plan keeps every limit, offers no tool that policies took, and says what the first rule says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import RouteRequest
from router_ml.config import RouterConfig
from router_ml.contract import Destinations
from router_ml.planning.guess import Advice, Guess
from router_ml.planning.plan import Allowed, Plan, make_plan
from router_ml.planning.situation import Situation
from router_ml.storage.bundle import Bundle

TOOLS = ("order_lookup", "refund", "search", "sql", "ticket")
HERE = Situation("action", "support", "chat", "api", None)


def plan(
    config: RouterConfig, rules: list[dict[str, Any]], *, tools: tuple[str, ...] = TOOLS, guess: Guess | None = None
) -> Plan:
    """The plan that some rules make on the lanes of a configuration, best first, with everything allowed."""
    config = RouterConfig.model_validate(
        {**config.model_dump(mode="json", by_alias=True), "plan": rules, "traffic_classes": {"all": CLASS}}
    )
    allowed = Allowed(
        tools, False, Destinations(indexes=tuple(config.indexes), rerankers=tuple(config.rerankers)), None
    )
    promise = config.traffic_classes["all"]
    advice = Advice(config.plan, guess or Guess())
    return make_plan(config, RouteRequest(text="x"), HERE, promise, allowed, list(config.lanes), 100, advice=advice)


CLASS: dict[str, Any] = {"floor": 0.5, "quality_per_usd": 10}
LIGHT = {"retrieval": "light", "index": "help_center"}


def test_the_first_rule_that_names_a_tool_decides_it(bundle: Bundle) -> None:
    rules = [
        {"tools": {"required": ["refund"], "withheld": ["sql"]}},
        {"tools": {"required": ["sql", "ticket"], "optional": ["refund"]}},
    ]
    found = {tool.name: tool.required for tool in plan(bundle.config, rules).tools}
    assert found == {"order_lookup": False, "refund": True, "search": False, "ticket": True}


def test_the_only_tool_that_is_left_must_be_called_where_a_rule_says_so(bundle: Bundle) -> None:
    rules = [{"require_tools": True}, {"tools": {"withheld": ["search"]}}]
    assert [tool.required for tool in plan(bundle.config, rules, tools=("refund", "search")).tools] == [True]
    assert not any(tool.required for tool in plan(bundle.config, rules, tools=("refund", "sql")).tools)


def test_a_rule_comes_before_what_was_learned_unless_it_is_soft(bundle: Bundle) -> None:
    guess = Guess(retrieval="deep", output_contract="json", tools=("sql",))
    deep = {"retrieval": "deep", "index": "policies"}
    assert plan(bundle.config, [LIGHT, deep], guess=guess).retrieval.strategy == "light"
    soft = plan(bundle.config, [{**LIGHT, "soft": True}, {**deep, "soft": True}], guess=guess)
    assert (soft.retrieval.strategy, soft.retrieval.index) == ("deep", "policies")
    assert (soft.output_contract.name, [t.name for t in soft.tools if t.required]) == ("json", ["sql"])
    assert plan(bundle.config, [{**LIGHT, "soft": True}]).retrieval.strategy == "light"


def test_what_was_learned_of_something_that_is_gone_is_nothing(bundle: Bundle) -> None:
    """Labels are older than configurations."""
    found = plan(bundle.config, [], guess=Guess(retrieval="deep", output_contract="gone", tools=("gone",)))
    assert (found.retrieval.strategy, found.output_contract.name) == ("none", "text")
    assert not any(tool.required for tool in found.tools)


def test_only_deep_retrieval_reranks(bundle: Bundle) -> None:
    assert plan(bundle.config, [{"retrieval": "deep", "index": "policies"}]).retrieval.reranker is not None
    assert plan(bundle.config, [{"retrieval": "light", "index": "policies"}]).retrieval.reranker is None


def test_a_lane_is_asked_for_what_it_can_be_held_to(bundle: Bundle) -> None:
    rules = [{"reasoning_effort": "low", "grammar": 'root ::= "yes" | "no"', "stop": ["END"], "temperature": 0.1}]
    lanes = bundle.config.lanes
    plain = lanes["private"].model_copy(update={"capabilities": ("tools",)})
    able = lanes["private"].model_copy(update={"capabilities": ("reasoning", "grammar")})
    for lane, effort in ((plain, None), (able, "low")):
        found = plan(bundle.config.model_copy(update={"lanes": {"one": lane}, "plan": ()}), rules).decoding
        assert (found.reasoning_effort, found.grammar is not None) == (effort, effort is not None)
        assert (found.stop, found.temperature) == (("END",), 0.1)


@given(
    longest=st.lists(st.integers(1, 5000), min_size=3, max_size=3),
    windows=st.lists(st.integers(200, 9000), min_size=3, max_size=3),
    tokens_in=st.integers(0, 190),
    own=st.none() | st.integers(1, 9000),
    ruled=st.none() | st.integers(1, 9000),
    calls=st.integers(0, 3),
    most_in=st.none() | st.integers(1, 9000),
)
def test_no_limit_is_overrun(
    bundle: Bundle,
    longest: list[int],
    windows: list[int],
    tokens_in: int,
    own: int | None,
    ruled: int | None,
    calls: int,
    most_in: int | None,
) -> None:
    """Whatever lane of the plan answers, it can hold what it is sent and write what it is asked for."""
    parts = {
        name: bundle.config.lanes["private"].model_copy(
            update={"max_output_tokens": out, "context_window": window, "failure_domain": name}
        )
        for name, out, window in zip("abc", longest, windows, strict=True)
    }
    raw = bundle.config.model_dump(mode="json", by_alias=True)
    lanes = {name: lane.model_dump(mode="json") for name, lane in parts.items()}
    lanes["both"] = {"cascade": {"draft": "a", "final": "b"}}
    limits = {"max_output_tokens": own, "max_tool_calls": calls, "max_input_tokens": most_in}
    rule = {"max_output_tokens": ruled, "tools": {"required": ["refund"]}}
    config = RouterConfig.model_validate(
        {**raw, "lanes": lanes, "plan": [rule], "traffic_classes": {"all": {**CLASS, "limits": limits}}}
    )
    allowed = Allowed(TOOLS, False, Destinations(), None)
    for first in config.lanes:
        ranking = [first, *(name for name in config.lanes if name != first)]
        promise = config.traffic_classes["all"]
        found = make_plan(config, RouteRequest(text="x"), HERE, promise, allowed, ranking, tokens_in)
        asked = found.decoding.max_tokens
        assert asked is not None
        used = [config.lanes[name] for name in {first, *found.fallback.lanes()}]
        used += [config.lanes[part] for lane in used if lane.cascade for part in lane.cascade.parts]
        assert all(asked <= lane.max_output_tokens and asked + tokens_in <= lane.context_window for lane in used)
        assert all(asked <= limit for limit in (own, ruled) if limit is not None)
        assert found.limits.max_tool_calls == calls
        assert bool(found.tools) is bool(calls)
        assert (found.limits.max_input_tokens or 0) <= min(most_in or 9000, config.lanes[first].context_window)


def test_without_tools_there_are_no_calls(bundle: Bundle) -> None:
    found = plan(bundle.config, [], tools=())
    assert (found.tools, found.limits.max_tool_calls) == ((), 0)


@pytest.mark.parametrize("index", ["help_center", "policies"])
def test_an_index_that_policy_took_is_not_looked_in(bundle: Bundle, index: str) -> None:
    config = bundle.config.model_copy(update={"plan": ()})
    rule = RouterConfig.model_validate(
        {**config.model_dump(mode="json", by_alias=True), "plan": [{"retrieval": "deep", "index": index}]}
    ).plan
    other = tuple(name for name in config.indexes if name != index)
    allowed = Allowed((), False, Destinations(indexes=other), None)
    promise = config.traffic_classes["default"]
    found = make_plan(config, RouteRequest(text="x"), HERE, promise, allowed, ["fast"], 1, advice=Advice(rule))
    assert found.retrieval.strategy == "none"
