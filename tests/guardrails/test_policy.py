"""Hard rules: what they exclude stays excluded, with the reason, and every effect is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from router_ml.config import RouterConfig
from router_ml.config.rules import Guardrails
from router_ml.contract import Constraints
from router_ml.errors import InvalidRequestError
from router_ml.guardrails import Facts, Ruling, risk_tier, rule, within

Config = Callable[..., RouterConfig]

FACTS = Facts(
    intent="qa",
    domain="general",
    mode="chat",
    channel="web",
    org="acme",
    region=None,
    risks=frozenset(),
    tier="low",
    findings=frozenset(),
    guard_state="clean",
    tools=(),
    write_tool=False,
    language_validated=True,
)


def decide(settings: RouterConfig, facts: Facts = FACTS, tokens_in: int = 100, **asked: Any) -> Ruling:
    return rule(settings, facts, constraints=Constraints(**asked), tokens_in=tokens_in)


def test_without_rules_every_lane_tool_and_index_is_left(config: Config) -> None:
    """Rules restrict; nothing else does."""
    ruling = decide(config(), replace(FACTS, tools=("search", "refund")))
    assert ruling.eligible == tuple(config().lanes)
    assert (ruling.excluded, ruling.fired, ruling.regions) == ({}, (), None)
    assert (ruling.tools, ruling.destinations.indexes, ruling.boundary) == (
        ("search", "refund"),
        tuple(config().indexes),
        "public",
    )
    assert ruling.explore


@pytest.mark.parametrize(
    ("then", "left", "reason"),
    [
        ({"boundary": "private"}, ["house", "house-us"], "policy p0: boundary vendor, private needed"),
        ({"boundary": "vendor"}, ["house", "house-us", "mid", "big"], "policy p0: boundary public, vendor needed"),
        ({"regions": ["eu"]}, ["house", "mid"], "policy p0: region us, eu needed"),
        ({"lanes": {"allow": ["mid"]}}, ["mid"], "policy p0: only lanes mid are allowed"),
        ({"lanes": {"deny": ["open"]}}, ["house", "house-us", "mid", "big"], "policy p0: lane open is denied"),
        ({"min_grade": 3}, ["big", "open"], "policy p0: grade 1, at least 3 needed"),
    ],
)
def test_each_effect_excludes_lanes_and_says_what_was_found_and_needed(
    config: Config, then: dict[str, Any], left: list[str], reason: str
) -> None:
    """An auditor reads the reasons; a lane without one could not be explained."""
    ruling = decide(config(({}, then)))
    assert list(ruling.eligible) == left
    assert reason in {why for reasons in ruling.excluded.values() for why in reasons}


def test_an_excluded_lane_carries_all_its_reasons(config: Config) -> None:
    """Lifting one rule must not surprise: the next reason is already there."""
    settings = config(({}, {"boundary": "private"}), ({}, {"regions": ["eu"]}), disabled="open")
    ruling = rule(
        settings,
        FACTS,
        constraints=Constraints(deny_lanes=("open",)),
        tokens_in=200_000,
        needs=frozenset({"vision"}),
        health={"anyone": "down", "mid": "up"},
    )
    assert ruling.excluded["open"] == (
        "disabled in router.yaml",
        "health: provider anyone is down",
        "health: failure domain anyone is down",
        "context window 100000 tokens, 200000 needed",
        "capability vision is missing",
        "constraints: lane open is denied",
        "policy p0: boundary public, private needed",
        "policy p1: region us, eu needed",
    )


def test_health_counts_by_lane_provider_and_failure_domain(config: Config) -> None:
    """A dark vendor takes all of its lanes along."""
    for name, left in (("house", 4), ("vllm", 3), ("rack-b", 4), ("zenith", 4)):
        ruling = rule(config(), FACTS, constraints=Constraints(), tokens_in=1, health={name: "down"})
        assert len(ruling.eligible) == left


def test_callers_narrow_and_are_told_known_names_when_they_err(config: Config) -> None:
    """A misspelt boundary that is ignored would widen; the error repeats nothing that a caller typed."""
    assert decide(config(), boundary="private", regions=("eu",)).eligible == ("house",)
    assert decide(config(), allow_lanes=("mid", "big"), deny_lanes=("mid",)).eligible == ("big",)
    for asked in (
        {"boundary": "privat-4158675309"},
        {"regions": ("eu", "privat-4158675309")},
        {"allow_lanes": ("privat-4158675309",)},
        {"deny_lanes": ("privat-4158675309",)},
    ):
        with pytest.raises(InvalidRequestError, match="Expected one of ") as error:
            decide(config(), **asked)
        assert "4158675309" not in str(error.value)
    with pytest.raises(InvalidRequestError, match=r"allowed_tools\[0\].*search, orders, refund, crm"):
        decide(config(), replace(FACTS, tools=("no-such-tool",)))


def test_tools_survive_effects_boundaries_and_regions(config: Config) -> None:
    """A tool is a destination of data like a lane."""
    facts = replace(FACTS, tools=("search", "orders", "refund", "crm"))
    assert decide(config(({}, {"tools": "read_only"})), facts).tools == ("search", "orders")
    assert decide(config(({}, {"tools": "none"})), facts).tools == ()
    assert decide(config(({}, {"boundary": "private"})), facts).tools == ("orders", "refund")
    assert decide(config(({}, {"boundary": "vendor"})), facts).tools == ("orders", "refund", "crm")
    assert decide(config(({}, {"regions": ["eu"]})), facts).tools == ("orders", "refund")
    assert decide(config(({}, {"regions": ["us"]})), facts).tools == ("orders", "refund", "crm")
    assert decide(config(({}, {"regions": []})), facts).tools == ()


def test_every_step_says_which_lanes_it_found_and_left(config: Config) -> None:
    """An auditor reads what each rule did, also one that fired and took nothing."""
    ruling = decide(config(({}, {"boundary": "vendor"}), ({}, {"boundary": "private"}), ({}, {"explore": False})))
    steps = [step for step in ruling.narrowing if step.rule.startswith("policy")]
    assert [step.rule for step in steps] == ["policy p0", "policy p1", "policy p2"]
    assert all(set(step.after) <= set(step.before) for step in steps)
    assert all(later.before == earlier.after for earlier, later in pairwise(ruling.narrowing))
    assert steps[-1].after == steps[-1].before == ruling.eligible


def test_the_most_private_log_level_counts(config: Config) -> None:
    assert decide(config()).log == "embedding"
    assert decide(config(({}, {"log": "decision"}), ({}, {"log": "features"}))).log == "decision"


def test_rerankers_judges_and_trace_sinks_pass_it_too(config: Config) -> None:
    places = {name: {"here": {"boundary": "private"}, "there": {}} for name in ("rerankers", "judges", "trace_sinks")}
    free, bound = (decide(config(*rules, **places)).destinations for rules in ((), [({}, {"boundary": "private"})]))
    assert free.rerankers == free.judges == free.trace_sinks == ("here", "there")
    assert bound.rerankers == bound.judges == bound.trace_sinks == ("here",)


def test_indexes_pass_the_same_intersection(config: Config) -> None:
    """Looking something up sends the question to where the index lives."""
    assert decide(config(({}, {"boundary": "private"}))).destinations.indexes == ("manuals",)
    assert decide(config(({}, {"regions": ["eu"]}))).destinations.indexes == ("manuals", "vendor-eu")
    assert decide(config(), regions=("us",)).destinations.indexes == ("manuals",)


def test_all_conditions_of_a_rule_must_hold_and_any_value_of_a_list(config: Config) -> None:
    """A rule that fires too rarely is a leak, one that fires always is an outage."""
    when = {"risk": ["pii", "secrets"], "channel": ["web"], "org": ["acme"]}
    settings = config((when, {"boundary": "private"}))
    assert decide(settings).fired == ()
    hit = replace(FACTS, risks=frozenset({"pii", "harmful"}))
    assert [fired.effect for fired in decide(settings, hit).fired] == ["boundary private"]
    assert decide(settings, replace(hit, channel="api")).fired == ()
    assert decide(settings, replace(hit, org=None)).fired == ()


@pytest.mark.parametrize(
    ("when", "change"),
    [
        ({"intent": ["coding"]}, {"intent": "coding"}),
        ({"domain": ["legal"]}, {"domain": "legal"}),
        ({"mode": ["batch"]}, {"mode": "batch"}),
        ({"region": ["eu"]}, {"region": "eu"}),
        ({"tier": ["high", "restricted"]}, {"tier": "high"}),
        ({"finding": ["card"]}, {"findings": frozenset({"card", "email"})}),
        ({"guard_state": ["hit"]}, {"guard_state": "hit"}),
        ({"tool": ["refund"]}, {"tools": ("search", "refund")}),
        ({"write_tool": True}, {"write_tool": True}),
        ({"language_validated": False}, {"language_validated": False}),
    ],
)
def test_each_condition_is_looked_at(config: Config, when: dict[str, Any], change: dict[str, Any]) -> None:
    """A condition that is ignored would fire on every request."""
    settings = config((when, {"min_grade": 3}))
    assert decide(settings).fired == ()
    assert len(decide(settings, replace(FACTS, **change)).fired) == 1


@pytest.mark.parametrize(
    "when", [{"risk": ["pii"]}, {"risk": ["secrets"]}, {"finding": ["card"]}, {"guard_state": ["hit"]}]
)
def test_an_incomplete_scan_counts_as_a_hit(config: Config, when: dict[str, Any]) -> None:
    """What could not be scanned may hold anything, and the record says why the rule fired."""
    settings = config((when, {"boundary": "private"}))
    ruling = decide(settings, replace(FACTS, guard_state="unknown"))
    assert ruling.eligible == ("house", "house-us")
    assert "incomplete scan" in ruling.fired[0].effect
    literal = decide(
        config(({"guard_state": ["unknown"]}, {"boundary": "private"})), replace(FACTS, guard_state="unknown")
    )
    assert literal.fired[0].effect == "boundary private"
    clean = config(({"guard_state": ["clean"]}, {"explore": False}))
    assert decide(clean, replace(FACTS, guard_state="unknown")).fired == ()


def test_the_first_person_refusal_and_contract_count_and_effects_are_named(config: Config) -> None:
    """Later rules add restrictions; they do not overwrite."""
    ruling = decide(
        config(
            ({}, {"human_review": "hr", "approval": True, "explore": False}),
            ({}, {"human_review": "legal", "refuse": "No.", "output_contract": "cited"}),
            ({}, {"refuse": "Never.", "tools": "read_only", "regions": ["eu", "us"]}),
        )
    )
    assert (ruling.human_review, ruling.refuse, ruling.output_contract) == ("hr", "No.", "cited")
    assert (ruling.approval, ruling.explore) == (True, False)
    assert [fired.effect for fired in ruling.fired] == [
        "approval, human_review hr, explore off",
        "human_review legal, refuse, output_contract cited",
        "regions eu us, tools read_only, refuse",
    ]
    assert not decide(config(), explore=False).explore


def test_ceilings_exclude_further_lanes_and_a_missing_estimate_is_over_every_ceiling(config: Config) -> None:
    """A lane whose price is unknown must not pass a price ceiling."""
    ruling = within(
        decide(config(({}, {"lanes": {"deny": ["open"]}}))),
        {"house": 0.001, "house-us": 0.001, "mid": 0.01, "big": float("nan"), "open": 1.0},
        {"house": 100, "mid": 900, "big": 100, "open": 100},
        max_cost_usd=0.01,
        max_latency_ms=900,
    )
    assert ruling.eligible == ("house", "mid")
    assert ruling.excluded["house-us"] == ("latency without an estimate, at most 900 ms allowed",)
    assert ruling.excluded["big"] == ("cost $nan, at most $0.010000 allowed",)
    assert ruling.excluded["open"] == ("policy p0: lane open is denied", "cost $1.000000, at most $0.010000 allowed")
    untouched = decide(config())
    assert within(untouched, {}, {}, max_cost_usd=None, max_latency_ms=None) == untouched


@pytest.mark.parametrize(
    ("given_facts", "tier"),
    [
        ({}, "low"),
        ({"risks": frozenset({"pii", "odd"})}, "high"),
        ({"guard_state": "unknown"}, "restricted"),
        ({"guard_state": "hit"}, "low"),
        ({"language_validated": False}, "medium"),
        ({"language_validated": False, "language_chars": 39}, "low"),
        ({"abstained": True}, "medium"),
        ({"write_tool": True}, "medium"),
        ({"channel": "web"}, "high"),
        ({"channel": "batch", "write_tool": True}, "medium"),
        ({"risks": frozenset({"pii"}), "guard_state": "unknown", "abstained": True}, "restricted"),
    ],
)
def test_the_tier_is_the_highest_that_anything_brings(given_facts: dict[str, Any], tier: str) -> None:
    """Nothing lowers a tier."""
    tiers: dict[str, Any] = {"unknown_tier": "restricted", "abstained_tier": "medium", "write_tool_tier": "medium"}
    rails = Guardrails(risk_tiers={"pii": "high"}, channel_tiers={"web": "high"}, **tiers)
    calm: dict[str, Any] = {
        "risks": frozenset(),
        "guard_state": "clean",
        "language_validated": True,
        "language_chars": 40,
        "abstained": False,
    }
    assert risk_tier(rails, **(calm | given_facts)) == tier
