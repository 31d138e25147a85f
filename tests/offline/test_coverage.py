"""What ``check`` says about outages is what would happen: the rules themselves are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from router_ml.config import Policy, RouterConfig, load_config, parse_config
from router_ml.offline.coverage import Stop, policy_lanes, stops


def lane(provider: str, domain: str, **more: Any) -> dict[str, Any]:
    return {
        "model": f"{provider}/m",
        "provider": provider,
        "failure_domain": domain,
        "region": "eu",
        "boundary": "vendor",
        "price": {"input_per_mtok": 1.0, "output_per_mtok": 2.0},
        "latency": {"base_ms": 100, "ms_per_output_token": 10},
        "prior": {"quality": 0.8},
        "context_window": 100_000,
        "max_output_tokens": 4096,
        "capabilities": ["tools"],
        **more,
    }


def policy(name: str, when: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "version": "1", "owner": "o", "rationale": "r", "when": when, "then": then}


def configured(lanes: dict[str, Any], policies: list[Any] | None = None, **more: Any) -> RouterConfig:
    whole = {
        "version": 1,
        "boundaries": ["private", "vendor"],
        "lanes": lanes,
        "tools": {"look": {"version": "1", "effect": "read"}, "pay": {"version": "1", "effect": "write"}},
        "guardrails": {"risk_tiers": {"pii": "high", "harmful": "restricted"}},
        "policies": policies or [],
        "traffic_classes": {"default": {"floor": 0.5, "quality_per_usd": 30}},
        **more,
    }
    return parse_config(yaml.safe_dump(whole, sort_keys=False))


TWO = {"a": lane("one", "x"), "b": lane("two", "y")}


def test_two_providers_are_safe_and_one_is_named() -> None:
    assert stops(configured(TWO)) == ()
    one_domain = configured({"a": lane("one", "x"), "b": lane("two", "x")})
    assert stops(one_domain) == (Stop(("default",), (), ("a", "b"), "failure domain", "x"),)
    one_provider = configured({"a": lane("one", "x"), "b": lane("one", "y")})
    assert stops(one_provider) == (Stop(("default",), (), ("a", "b"), "provider", "one"),)


def test_a_disabled_lane_saves_nobody() -> None:
    config = configured({**TWO, "b": lane("two", "y", enabled=False)})
    assert [stop.lanes for stop in stops(config)] == [("a",)]


def test_a_policy_that_leaves_one_provider_is_named_once_in_its_mildest_situation() -> None:
    lanes = {**TWO, "own": lane("us", "z", boundary="private"), "own2": lane("us", "w", boundary="private", grade=2)}
    rules = [
        policy("pii", {"risk": ["pii"]}, {"boundary": "private"}),
        policy("harm", {"risk": ["harmful"]}, {"explore": False}),
        policy("strong", {"intent": ["qa"]}, {"min_grade": 2}),
    ]
    found = stops(configured(lanes, rules, taxonomy={"intents": ["qa"], "risks": ["pii", "harmful"]}))
    assert [(stop.policies, stop.kind, stop.name) for stop in found] == [
        (("pii",), "provider", "us"),
        (("strong",), "failure domain", "w"),
    ]
    assert str(found[0]) == "default when pii fires: only own, own2, all of provider us"


def test_two_policies_that_together_leave_nothing_are_named() -> None:
    """Each alone looks harmless."""
    rules = [
        policy("not-a", {"risk": ["pii"]}, {"lanes": {"deny": ["a"]}}),
        policy("not-b", {"region": ["eu"]}, {"lanes": {"deny": ["b"]}}),
    ]
    found = stops(configured(TWO, rules))
    assert [(stop.policies, stop.kind) for stop in found] == [
        (("not-a",), "failure domain"),
        (("not-b",), "failure domain"),
        (("not-a", "not-b"), "nothing"),
    ]
    assert "no lane is left" in str(found[-1])


def test_requests_that_no_lane_was_to_answer_are_not_stopped_by_an_outage() -> None:
    refuse = policy("refuse", {"risk": ["harmful"]}, {"refuse": "No.", "lanes": {"deny": ["a"]}})
    person = policy("person", {"risk": ["pii"]}, {"human_review": "hr", "lanes": {"deny": ["a"]}})
    config = configured(TWO, [refuse, person])
    assert stops(config) == ()
    assert [row.lanes for row in policy_lanes(config)] == [(), ()], "nor does such a policy leave any"


def test_each_class_is_asked_with_requests_that_belong_to_it() -> None:
    """A policy on chats cannot hurt a batch class, and a class behind another is still reached."""
    classes = {
        "bulk": {"when": {"mode": ["batch"]}, "floor": 0.5, "quality_per_usd": 30},
        "talk": {"when": {"channel": ["api", "web"]}, "floor": 0.5, "quality_per_usd": 30},
        "rest": {"floor": 0.5, "quality_per_usd": 30},
    }
    rules = [
        policy("chats", {"mode": ["chat"]}, {"lanes": {"allow": ["a"]}}),
        policy("calls", {"channel": ["api"]}, {"lanes": {"allow": ["b"]}}),
    ]
    found = stops(configured(TWO, rules, traffic_classes=classes))
    assert [(stop.classes, stop.policies, stop.lanes) for stop in found] == [
        (("bulk",), ("calls",), ("b",)),
        (("talk", "rest"), ("chats",), ("a",)),
        (("talk",), ("chats", "calls"), ()),
    ]


@pytest.mark.parametrize(
    "when",
    [
        {"risk": ["harmful", "pii"], "tier": ["high"]},
        {"tier": ["medium", "restricted"]},
        {"guard_state": ["unknown"]},
        {"guard_state": ["hit"], "finding": ["email"]},
        {"tool": ["look"], "write_tool": True},
        {"write_tool": True},
        {"write_tool": False},
        {"language_validated": False},
        {"mode": ["batch"], "channel": ["app"], "org": ["acme"], "region": ["us"]},
    ],
    ids=str,
)
def test_a_request_is_found_for_every_kind_of_condition(when: dict[str, Any]) -> None:
    (row,) = policy_lanes(configured(TWO, [policy("p", when, {"lanes": {"deny": ["a"]}})]))
    assert row.lanes == ("b",)


def test_a_policy_that_nothing_fires_is_not_said_to_leave_every_lane() -> None:
    """The check refuses what it can see is unreachable; what it cannot see must not look like a rule that helps."""
    never = policy("p", {"tool": ["pay"], "write_tool": False}, {"tools": "none"})
    unchecked = configured(TWO, []).model_copy(update={"policies": (Policy.model_validate(never),)})
    (row,) = policy_lanes(unchecked)
    assert row.lanes is None


def test_a_request_with_a_tool_needs_lanes_that_can_call_it() -> None:
    lanes = {**TWO, "b": lane("two", "y", capabilities=[])}
    found = stops(configured(lanes, [policy("changes", {"write_tool": True}, {"approval": True})]))
    assert [(stop.policies, stop.lanes) for stop in found] == [(("changes",), ("a",))]


def test_the_configuration_that_ships_says_where_it_is_thin(root: Path) -> None:
    """Its own machines are one provider, so private data waits when they are down; everything else survives."""
    found = stops(load_config(root / "models" / "default" / "router.yaml"))
    assert found
    assert all(stop.policies for stop in found), "no class as a whole hangs on one provider"
    assert {stop.name for stop in found} <= {"vllm", "vllm-b"}
