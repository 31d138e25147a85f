"""Rules compared on a log: what changes is found and explained, and the same rules say the same again."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml import Router
from router_ml.config import RouterConfig, load_config
from router_ml.config.rules import Policy
from router_ml.contract import RouteDecision
from router_ml.offline.policy_diff import OTHER, PolicyDiff, compare_policies, frame
from router_ml.ruling.of_record import rule_again

SHIPPED = Path(__file__).parents[2] / "models" / "default" / "router.yaml"
MAIL = "Please write to jane.doe@gmail.com about the refund."
TEXTS = (
    "Is 91 prime?",
    MAIL,
    "Refund my order 8812, please.",
    "x\x00" * 20,
    "Wie spät ist es in Hamburg, wenn es hier neun ist?",
)


def optional(**given_: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=given_)


REQUESTS = st.fixed_dictionaries(
    {"text": st.sampled_from(TEXTS)},
    optional={
        "channel": st.sampled_from(("web", "batch")),
        "metadata": optional(org=st.sampled_from(("pilot", "acme")), region=st.sampled_from(("eu", "us", "mars"))),
        "allowed_tools": st.sampled_from((["search"], ["refund", "sql"])),
        "previous": st.just({"decision_id": "dec_unknown"}),
        "constraints": optional(
            max_cost_usd=st.floats(1e-5, 0.3),
            max_latency_ms=st.floats(1_000, 100_000),
            boundary=st.sampled_from(("private", "vendor")),
            deny_lanes=st.just(["fast"]),
            explore=st.booleans(),
        ),
    },
)
RULES = st.lists(
    st.tuples(
        optional(
            risk=st.sampled_from((["pii"], ["state_change", "secrets"])),
            tier=st.sampled_from((["low", "medium"], ["high"])),
            guard_state=st.sampled_from((["hit"], ["unknown"])),
            region=st.just(["eu"]),
            write_tool=st.booleans(),
            language=st.just(["de"]),
        ),
        optional(
            boundary=st.sampled_from(("private", "vendor")),
            min_grade=st.integers(1, 3),
            tools=st.sampled_from(("read_only", "none")),
            human_review=st.just("people"),
            log=st.just("features"),
        ),
    ),
    max_size=3,
)


@cache
def shipped() -> RouterConfig:
    return load_config(SHIPPED)


def policy(name: str, when: dict[str, Any], then: dict[str, Any], version: str = "1") -> Policy:
    parts = {"id": name, "version": version, "owner": "o", "rationale": "r", "when": when, "then": then}
    return Policy.model_validate(parts)


def with_rules(*rules: Policy) -> RouterConfig:
    return shipped().model_copy(update={"policies": rules})


def decided(config: RouterConfig, *requests: dict[str, Any]) -> list[RouteDecision]:
    router = Router(config)
    router.report_health("openai", "down")
    made = [router.predict_route(request) for request in requests]
    return [RouteDecision.model_validate_json(decision.to_json()) for decision in made]  # as a log gives them back


@settings(max_examples=60)
@given(RULES, st.lists(REQUESTS, min_size=1, max_size=4))
def test_the_same_rules_say_the_same_again(rules: Any, requests: list[dict[str, Any]]) -> None:
    """Every eligible set of a log follows from its records: else no comparison could be trusted."""
    config = with_rules(*(policy(f"p{index}", *parts) for index, parts in enumerate(rules)))
    decisions = decided(config, *requests)
    found = compare_policies(config, config, decisions)
    assert found == PolicyDiff((), (), False, compared=len(decisions), reproduced=len(decisions))
    for decision in decisions:
        again = rule_again(config, decision)
        assert (again.action, again.queue, again.tier) == (decision.action, decision.queue, decision.risk_tier)
        assert (again.destinations, again.log) == (decision.destinations, decision.log_level)


@pytest.mark.parametrize("text", TEXTS)
def test_decisions_of_the_shipped_bundle_are_reproduced(router: Router, text: str) -> None:
    """There, estimates differ per request and are rounded nowhere."""
    requests = [{"text": text, "constraints": {"max_cost_usd": cost}} for cost in (1e-5, 1e-4, 1e-3, 1e-2)]
    decisions = [router.predict_route(request) for request in requests]
    decisions = [RouteDecision.model_validate_json(decision.to_json()) for decision in decisions]
    found = compare_policies(router.config, router.config, decisions)
    assert (found.changes, found.not_reproducible, found.reproduced) == ((), (), len(requests))


def test_a_new_rule_changes_the_decisions_that_it_fires_on() -> None:
    before = with_rules()
    mail, question = decided(before, {"text": MAIL, "allowed_tools": ["search", "refund"]}, {"text": TEXTS[0]})
    after = with_rules(policy("pii-private", {"risk": ["pii"]}, {"boundary": "private", "tools": "read_only"}))
    found = compare_policies(before, after, [mail, question])
    assert [(rule.rule, rule.change) for rule in found.rules] == [("pii-private", "added")]
    (change,) = found.changes
    assert (change.decision_id, change.rules) == (mail.decision_id, ("pii-private",))
    assert change.kinds == ("lanes", "tools")
    assert set(change.after.lanes) == {"private", "code"}, "those that can call tools"
    assert change.lane_stays is (mail.lane in ("private", "code"))
    assert found.by_rule() == {"pii-private": 1}
    assert found.by_kind()["lanes"] == 1
    assert compare_policies(after, before, [mail]).changes[0].after == change.before


def test_a_rule_that_ends_in_a_refusal_loses_the_planned_lane() -> None:
    before, after = with_rules(), with_rules(policy("no", {"channel": ["api"]}, {"refuse": "No."}))
    (change,) = compare_policies(before, after, decided(before, {"text": TEXTS[0]})).changes
    assert "action" in change.kinds
    assert (change.after.action, change.lane_stays) == ("refuse", False)
    assert compare_policies(before, after, decided(before, {"text": TEXTS[0]})).by_kind()["planned lane lost"] == 1


def test_a_change_is_put_down_to_the_rule_that_makes_it_not_to_all_that_fired() -> None:
    idle = policy("idle", {"channel": ["api"]}, {"boundary": "public"})
    first, second = policy("no", {}, {"human_review": "a"}), policy("pii", {"risk": ["pii"]}, {"boundary": "private"})
    before, after = with_rules(first), with_rules(idle, second)
    mail, question = decided(before, {"text": MAIL}, {"text": TEXTS[0]})
    rules = {change.decision_id: change.rules for change in compare_policies(before, after, [mail, question]).changes}
    assert rules == {mail.decision_id: ("no", "pii"), question.decision_id: ("no",)}


def test_content_that_changes_under_the_same_version_is_said() -> None:
    """Whoever reads an audit by id and version would take the two rules for one."""
    first = policy("a", {"risk": ["pii"]}, {"boundary": "private"})
    second = policy("b", {}, {"min_grade": 2})
    changed = policy("a", {"risk": ["pii"]}, {"boundary": "vendor"})
    found = compare_policies(with_rules(first, second), with_rules(second, changed))
    (rule,) = found.rules
    assert (rule.rule, rule.parts, rule.unversioned) == ("a", ("then",), True)
    assert found.reordered
    bumped = policy("a", {"risk": ["pii"]}, {"boundary": "vendor"}, version="2")
    (rule,) = compare_policies(with_rules(first), with_rules(bumped)).rules
    assert (rule.versions, rule.unversioned) == (("1", "2"), False)


def test_what_rules_do_not_explain_is_put_down_to_other_settings() -> None:
    before = with_rules()
    lane = before.lanes["fast"].model_copy(update={"enabled": False, "price": before.lanes["openai"].price})
    after = before.model_copy(update={"lanes": {**before.lanes, "fast": lane}})
    found = compare_policies(before, after, decided(before, {"text": TEXTS[0]}))
    assert found.settings == ("lanes",)
    assert found.by_rule() == {OTHER: 1}


def test_a_lower_ceiling_is_applied_to_the_estimates_of_the_record() -> None:
    before = with_rules()
    (decision,) = decided(before, {"text": TEXTS[0]})
    costs = {lane: estimate.cost_usd for lane, estimate in decision.estimates.items()}
    ceiling = sorted(costs.values())[2]
    (change,) = compare_policies(before, with_ceiling(before, ceiling), [decision]).changes
    assert set(change.after.lanes) == {lane for lane, cost in costs.items() if cost <= ceiling}


def with_ceiling(config: RouterConfig, usd: float) -> RouterConfig:
    default = config.traffic_classes["default"]
    limits = default.limits.model_copy(update={"max_cost_usd": usd})
    classes = {**config.traffic_classes, "default": default.model_copy(update={"limits": limits})}
    return config.model_copy(update={"traffic_classes": classes})


def test_a_lane_that_was_over_a_ceiling_by_a_hair_was_over_it() -> None:
    """The reason in the record is rounded to millionths of a dollar."""
    (decision,) = decided(with_rules(), {"text": TEXTS[0]})
    costs = {estimate.cost_usd for estimate in decision.estimates.values()}
    assert any(round(cost, 6) < cost for cost in costs)
    for cost in costs:
        tight = with_ceiling(with_rules(), math.nextafter(cost, 0.0))
        assert compare_policies(tight, tight, decided(tight, {"text": TEXTS[0]})).reproduced == 1


def test_a_higher_ceiling_brings_back_what_the_record_says_is_within_it() -> None:
    (decision,) = decided(with_rules(), {"text": TEXTS[0]})
    costs = {lane: estimate.cost_usd for lane, estimate in decision.estimates.items()}
    tight, looser = (with_ceiling(with_rules(), sorted(costs.values())[place] + 1e-6) for place in (1, 4))
    (change,) = compare_policies(tight, looser, decided(tight, {"text": TEXTS[0]})).changes
    assert set(change.after.lanes) == {lane for lane, cost in costs.items() if cost <= sorted(costs.values())[4]}


def test_lanes_come_back_when_the_rule_against_them_goes() -> None:
    """Their estimates are not in the record, but that they were within the ceilings is."""
    before = with_rules(policy("private", {}, {"boundary": "private"}))
    (change,) = compare_policies(before, with_rules(), decided(before, {"text": TEXTS[0]})).changes
    assert set(change.after.lanes) == {name for name in shipped().lanes if name != "openai"}, "which is down"


def test_a_request_that_the_new_rules_do_not_take_is_invalid_there() -> None:
    before = with_rules()
    (decision,) = decided(before, {"text": TEXTS[0], "allowed_tools": ["sql"]})
    after = before.model_copy(update={"tools": {n: t for n, t in before.tools.items() if n != "sql"}})
    (change,) = compare_policies(before, after, [decision]).changes
    assert (change.after.action, change.lane_stays) == ("invalid", False)


def test_records_of_an_older_contract_are_counted_and_left_out(make_decision: Callable[..., RouteDecision]) -> None:
    """They do not say what rules looked at; guessing it would be worse than saying so."""
    found = compare_policies(with_rules(), shipped(), [make_decision()])
    assert (found.compared, found.without_circumstances, found.changes) == (0, 1, ())


def test_a_record_that_does_not_follow_from_its_rules_is_named() -> None:
    config = shipped()
    (decision,) = decided(config, {"text": TEXTS[0]})
    altered = decision.model_copy(update={"eligible": (*decision.eligible, "nowhere")})
    assert compare_policies(config, config, [altered]).not_reproducible == (decision.decision_id,)
    assert compare_policies(with_rules(), config, [altered]).not_reproducible == (), "not made under those rules"


def test_changes_are_a_table_too() -> None:
    before = with_rules()
    after = with_rules(policy("no", {}, {"refuse": "No."}))
    found = compare_policies(before, after, decided(before, {"text": TEXTS[0]}))
    table = frame(found.changes)
    assert list(table["action_after"]) == ["refuse"]
    assert list(table["decision_id"]) == [found.changes[0].decision_id]
    assert set(frame(()).columns) == set(table.columns)
