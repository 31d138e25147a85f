"""Hard rules: what they exclude stays excluded, with the reason, and another rule can only narrow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.config import RouterConfig
from router_ml.config.schema import Guardrails, Policy
from router_ml.contract import Constraints
from router_ml.errors import InvalidRequestError
from router_ml.guardrails import Facts, Ruling, risk_tier, rule, within

BOUNDARIES, REGIONS = ("private", "vendor", "public"), ("eu", "us")
LANES = {  # name -> boundary, region, grade, provider, failure domain, capabilities, context window
    "house": ("private", "eu", 1, "vllm", "rack-a", ["tools"], 8_000),
    "house-us": ("private", "us", 2, "vllm", "rack-b", [], 8_000),
    "mid": ("vendor", "eu", 2, "acme", "acme", ["tools", "vision"], 100_000),
    "big": ("vendor", "us", 3, "zenith", "zenith", ["tools", "vision"], 1_000_000),
    "open": ("public", "us", 3, "anyone", "anyone", ["tools"], 100_000),
}
TOOLS: dict[str, dict[str, Any]] = {
    "search": {"effect": "read"},
    "orders": {"effect": "read", "boundary": "private"},
    "refund": {"effect": "write", "boundary": "private"},
    "crm": {"effect": "write", "boundary": "vendor", "region": "us"},
}
INDEXES = {"web": {}, "manuals": {"boundary": "private"}, "vendor-eu": {"boundary": "vendor", "region": "eu"}}


def lane(row: tuple[Any, ...]) -> dict[str, Any]:
    boundary, region, grade, provider, domain, capabilities, window = row
    return {
        "model": "m",
        "provider": provider,
        "failure_domain": domain,
        "region": region,
        "boundary": boundary,
        "price": {"input_per_mtok": 1, "output_per_mtok": 1},
        "latency": {"base_ms": 1, "ms_per_output_token": 1},
        "prior": {"quality": 0.5},
        "context_window": window,
        "max_output_tokens": 1000,
        "capabilities": capabilities,
        "grade": grade,
    }


def policy(number: int, when: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"p{number}", "version": "1", "owner": "o", "rationale": "r", "when": when, "then": then}


def config(*rules: tuple[dict[str, Any], dict[str, Any]], disabled: str = "") -> RouterConfig:
    lanes = {name: lane(row) | {"enabled": name != disabled} for name, row in LANES.items()}
    return RouterConfig.model_validate(
        {
            "version": 1,
            "boundaries": BOUNDARIES,
            "regions": REGIONS,
            "lanes": lanes,
            "tools": {name: {"version": "1"} | tool for name, tool in TOOLS.items()},
            "indexes": INDEXES,
            "policies": [policy(number, *parts) for number, parts in enumerate(rules)],
            "traffic_classes": {"default": {"floor": 0.5, "quality_per_usd": 1}},
        }
    )


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


def test_without_rules_every_lane_tool_and_index_is_left() -> None:
    """Rules restrict; nothing else does."""
    ruling = decide(config(), replace(FACTS, tools=("search", "refund")))
    assert ruling.eligible == tuple(LANES)
    assert (ruling.excluded, ruling.fired, ruling.regions) == ({}, (), None)
    assert (ruling.tools, ruling.indexes, ruling.boundary) == (("search", "refund"), tuple(INDEXES), "public")
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
    then: dict[str, Any], left: list[str], reason: str
) -> None:
    """An auditor reads the reasons; a lane without one could not be explained."""
    ruling = decide(config(({}, then)))
    assert list(ruling.eligible) == left
    assert reason in {why for reasons in ruling.excluded.values() for why in reasons}


def test_an_excluded_lane_carries_all_its_reasons() -> None:
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


def test_health_counts_by_lane_provider_and_failure_domain() -> None:
    """A dark vendor takes all of its lanes along."""
    for name, left in (("house", 4), ("vllm", 3), ("rack-b", 4), ("zenith", 4)):
        ruling = rule(config(), FACTS, constraints=Constraints(), tokens_in=1, health={name: "down"})
        assert len(ruling.eligible) == left


def test_callers_narrow_and_are_told_known_names_when_they_err() -> None:
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


def test_tools_survive_effects_boundaries_and_regions() -> None:
    """A tool is a destination of data like a lane."""
    facts = replace(FACTS, tools=("search", "orders", "refund", "crm"))
    assert decide(config(({}, {"tools": "read_only"})), facts).tools == ("search", "orders")
    assert decide(config(({}, {"tools": "none"})), facts).tools == ()
    assert decide(config(({}, {"boundary": "private"})), facts).tools == ("orders", "refund")
    assert decide(config(({}, {"boundary": "vendor"})), facts).tools == ("orders", "refund", "crm")
    assert decide(config(({}, {"regions": ["eu"]})), facts).tools == ("orders", "refund")
    assert decide(config(({}, {"regions": ["us"]})), facts).tools == ("orders", "refund", "crm")
    assert decide(config(({}, {"regions": []})), facts).tools == ()


def test_indexes_pass_the_same_intersection() -> None:
    """Looking something up sends the question to where the index lives."""
    assert decide(config(({}, {"boundary": "private"}))).indexes == ("manuals",)
    assert decide(config(({}, {"regions": ["eu"]}))).indexes == ("manuals", "vendor-eu")
    assert decide(config(), regions=("us",)).indexes == ("manuals",)


def test_all_conditions_of_a_rule_must_hold_and_any_value_of_a_list() -> None:
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
def test_each_condition_is_looked_at(when: dict[str, Any], change: dict[str, Any]) -> None:
    """A condition that is ignored would fire on every request."""
    settings = config((when, {"min_grade": 3}))
    assert decide(settings).fired == ()
    assert len(decide(settings, replace(FACTS, **change)).fired) == 1


@pytest.mark.parametrize(
    "when", [{"risk": ["pii"]}, {"risk": ["secrets"]}, {"finding": ["card"]}, {"guard_state": ["hit"]}]
)
def test_an_incomplete_scan_counts_as_a_hit(when: dict[str, Any]) -> None:
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


def test_the_first_person_refusal_and_contract_count_and_effects_are_named() -> None:
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


def test_ceilings_exclude_further_lanes_and_a_missing_estimate_is_over_every_ceiling() -> None:
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
        ({"risks": frozenset({"pii"}), "guard_state": "unknown", "abstained": True}, "restricted"),
    ],
)
def test_the_tier_is_the_highest_that_anything_brings(given_facts: dict[str, Any], tier: str) -> None:
    """Nothing lowers a tier."""
    rails = Guardrails(risk_tiers={"pii": "high"}, unknown_tier="restricted", abstained_tier="medium")
    calm: dict[str, Any] = {
        "risks": frozenset(),
        "guard_state": "clean",
        "language_validated": True,
        "language_chars": 40,
        "abstained": False,
    }
    assert risk_tier(rails, **(calm | given_facts)) == tier


# Properties over arbitrary rules, facts and constraints.


def some(values: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(list(values)), unique=True, max_size=3)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


RISKS, FINDINGS = ("pii", "secrets", "harmful"), ("card", "email")
WHEN = optional(
    risk=some(RISKS),
    tier=some(("low", "high")),
    finding=some(FINDINGS),
    guard_state=some(("clean", "hit", "unknown")),
    region=some(REGIONS),
    tool=some(TOOLS),
    write_tool=st.booleans(),
    org=some(("acme", "zen")),
    language_validated=st.booleans(),
)
THEN = optional(
    boundary=st.sampled_from(BOUNDARIES),
    regions=some(REGIONS),
    lanes=optional(allow=some(LANES), deny=some(LANES)),
    min_grade=st.integers(1, 3),
    tools=st.sampled_from(("read_only", "none")),
    approval=st.booleans(),
    human_review=st.just("people"),
    refuse=st.just("No."),
    explore=st.just(False),
)
RULES = st.lists(st.tuples(WHEN, THEN), max_size=4)
ANY_FACTS = st.builds(
    replace,
    st.just(FACTS),
    risks=st.frozensets(st.sampled_from(RISKS)),
    tier=st.sampled_from(("low", "high")),
    findings=st.frozensets(st.sampled_from(FINDINGS)),
    guard_state=st.sampled_from(("clean", "hit", "unknown")),
    region=st.sampled_from((None, *REGIONS, "elsewhere")),
    org=st.sampled_from((None, "acme")),
    tools=some(TOOLS).map(tuple),
    write_tool=st.booleans(),
    language_validated=st.booleans(),
)
ASKED = optional(
    regions=some(REGIONS).map(tuple),
    boundary=st.sampled_from(BOUNDARIES),
    allow_lanes=some(LANES).map(tuple),
    deny_lanes=some(LANES).map(tuple),
    explore=st.booleans(),
).map(lambda fields: Constraints(**fields))
NEEDS = st.frozensets(st.sampled_from(("tools", "vision")))
HEALTH = st.dictionaries(st.sampled_from(("house", "vllm", "zenith", "rack-b")), st.sampled_from(("down", "up")))
TOKENS = st.sampled_from((10, 50_000, 500_000))


def may_use(settings: RouterConfig, rules: list[Policy], name: str, asked: Constraints) -> bool:
    """Said again, independently: whether fired rules and constraints admit a lane."""
    lane_, then = settings.lanes[name], [rule_.then for rule_ in rules]
    boundaries = [one.boundary for one in then if one.boundary] + ([asked.boundary] if asked.boundary else [])
    regions = [one.regions for one in then if one.regions is not None]
    regions += [asked.regions] if asked.regions is not None else []
    allows = [one.lanes.allow for one in then if one.lanes and one.lanes.allow is not None]
    allows += [asked.allow_lanes] if asked.allow_lanes is not None else []
    denies = [one.lanes.deny for one in then if one.lanes] + [asked.deny_lanes]
    return (
        all(BOUNDARIES.index(lane_.boundary) <= BOUNDARIES.index(boundary) for boundary in boundaries)
        and all(lane_.region in allowed for allowed in regions)
        and all(name in allowed for allowed in allows)
        and not any(name in denied for denied in denies)
        and all(lane_.grade >= (one.min_grade or 0) for one in then)
    )


@given(RULES, ANY_FACTS, ASKED, NEEDS, HEALTH, TOKENS)
def test_eligible_and_excluded_part_the_lanes_and_no_fired_rule_is_broken(
    rules: list[tuple[dict[str, Any], dict[str, Any]]],
    facts: Facts,
    asked: Constraints,
    needs: frozenset[str],
    health: dict[str, str],
    tokens_in: int,
) -> None:
    """The promise of the product: nothing learned ever sees a lane that a rule excludes."""
    settings = config(*rules)
    ruling = rule(settings, facts, constraints=asked, tokens_in=tokens_in, needs=needs, health=health)
    assert sorted([*ruling.eligible, *ruling.excluded]) == sorted(LANES)
    assert all(ruling.excluded.values())
    by_id = {each.id: each for each in settings.policies}
    fired = [by_id[each.id] for each in ruling.fired]
    for name in ruling.eligible:
        lane_ = settings.lanes[name]
        assert may_use(settings, fired, name, asked)
        assert lane_.context_window >= tokens_in
        assert needs <= set(lane_.capabilities)
        assert "down" not in {health.get(place) for place in (name, lane_.provider, lane_.failure_domain)}
    assert set(ruling.tools) <= set(facts.tools)
    if any(each.then.tools == "read_only" for each in fired):
        assert all(TOOLS[name]["effect"] == "read" for name in ruling.tools)
    assert ruling == rule(settings, facts, constraints=asked, tokens_in=tokens_in, needs=needs, health=health)


@given(RULES, WHEN, THEN, ANY_FACTS, ASKED)
def test_another_rule_never_widens_anything(
    rules: list[tuple[dict[str, Any], dict[str, Any]]],
    when: dict[str, Any],
    then: dict[str, Any],
    facts: Facts,
    asked: Constraints,
) -> None:
    """Whoever adds a rule need not know the others."""
    before = rule(config(*rules), facts, constraints=asked, tokens_in=10)
    after = rule(config(*rules, (when, then)), facts, constraints=asked, tokens_in=10)
    assert set(after.eligible) <= set(before.eligible)
    assert set(after.tools) <= set(before.tools)
    assert set(after.indexes) <= set(before.indexes)
    assert BOUNDARIES.index(after.boundary) <= BOUNDARIES.index(before.boundary)
    assert before.regions is None or set(after.regions or ()) <= set(before.regions)
    assert after.approval >= before.approval
    assert after.explore <= before.explore
    assert before.refuse is None or after.refuse == before.refuse
    assert before.human_review is None or after.human_review == before.human_review


@given(RULES, ANY_FACTS)
def test_an_incomplete_scan_leaves_no_more_than_any_findings_would(
    rules: list[tuple[dict[str, Any], dict[str, Any]]], facts: Facts
) -> None:
    """Fail-closed: hiding something from the scan gains nothing, unless a rule is for clean requests."""
    rules = [
        (when | {"guard_state": ["hit", "unknown"]} if "guard_state" in when else when, then) for when, then in rules
    ]
    settings = config(*rules)
    found = replace(facts, guard_state="hit", risks=facts.risks | {"pii", "secrets"}, findings=frozenset(FINDINGS))
    unknown = decide(settings, replace(facts, guard_state="unknown"))
    assert set(unknown.eligible) <= set(decide(settings, found).eligible)
    assert set(unknown.tools) <= set(decide(settings, found).tools)
