"""Properties of the rules, over arbitrary rules, facts and constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router_ml.config import RouterConfig
from router_ml.config.rules import Policy
from router_ml.contract import Constraints
from router_ml.guardrails import Facts, rule

Config = Callable[..., RouterConfig]

BOUNDARIES, REGIONS = ("private", "vendor", "public"), ("eu", "us")
LANES = ("house", "house-us", "mid", "big", "open")
TOOLS = ("search", "orders", "refund", "crm")

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
    config: Config,
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
        assert all(settings.tools[name].effect == "read" for name in ruling.tools)
    assert ruling == rule(settings, facts, constraints=asked, tokens_in=tokens_in, needs=needs, health=health)


@given(RULES, WHEN, THEN, ANY_FACTS, ASKED)
def test_another_rule_never_widens_anything(
    config: Config,
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
    for place in ("indexes", "rerankers", "judges", "trace_sinks"):
        assert set(getattr(after.destinations, place)) <= set(getattr(before.destinations, place))
    assert BOUNDARIES.index(after.boundary) <= BOUNDARIES.index(before.boundary)
    assert before.regions is None or set(after.regions or ()) <= set(before.regions)
    assert after.approval >= before.approval
    assert after.explore <= before.explore
    assert before.refuse is None or after.refuse == before.refuse
    assert before.human_review is None or after.human_review == before.human_review


@given(RULES, ANY_FACTS)
def test_an_incomplete_scan_leaves_no_more_than_any_findings_would(
    config: Config, rules: list[tuple[dict[str, Any], dict[str, Any]]], facts: Facts
) -> None:
    """Fail-closed: hiding something from the scan gains nothing, unless a rule is for clean requests."""
    rules = [
        (when | {"guard_state": ["hit", "unknown"]} if "guard_state" in when else when, then) for when, then in rules
    ]
    settings = config(*rules)
    found = replace(facts, guard_state="hit", risks=facts.risks | {"pii", "secrets"}, findings=frozenset(FINDINGS))
    unknown = rule(settings, replace(facts, guard_state="unknown"), constraints=Constraints(), tokens_in=10)
    assert set(unknown.eligible) <= set(rule(settings, found, constraints=Constraints(), tokens_in=10).eligible)
    assert set(unknown.tools) <= set(rule(settings, found, constraints=Constraints(), tokens_in=10).tools)
