"""What is said about any set of rules is true of every request; the requests that are shown are real ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.config import RouterConfig
from router_ml.config.rules import When
from router_ml.contract import Constraints
from router_ml.guardrails.policy import Ruling, risk_tier
from router_ml.guardrails.rules.analysis import FIRST_COUNTS, Note, notes
from router_ml.guardrails.rules.apply import apply_rules
from router_ml.guardrails.rules.conditions import ELSEWHERE, Facts, fires
from router_ml.guardrails.rules.logic import NEUTRAL, example, implies, told

Config = Callable[..., RouterConfig]

LANES, TOOLS = ("house", "house-us", "mid", "big", "open"), ("search", "refund", "crm")
RISKS, FINDINGS = ("pii", "secrets", "harmful", "advice"), ("card", "email")
SCANS = ("clean", "hit", "unknown")
GUARDRAILS = {"risk_tiers": {"pii": "high", "secrets": "restricted", "advice": "medium"}, "abstained_tier": "medium"}


def some(values: Any, least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(list(values)), unique=True, min_size=least, max_size=3)


def optional(**given: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=given)


WHEN = optional(
    risk=some(RISKS, 1),
    tier=some(("low", "medium", "high"), 1),
    finding=some(FINDINGS),
    guard_state=some(SCANS, 1),
    region=some(("eu", "us"), 1),
    tool=some(TOOLS, 1),
    channel=some(("web", "api"), 1),
    org=some(("Acme", "zen"), 1),
    write_tool=st.booleans(),
    language_validated=st.booleans(),
)
THEN = optional(
    boundary=st.sampled_from(("private", "vendor", "public")),
    regions=some(("eu", "us")),
    lanes=optional(allow=some(LANES), deny=some(LANES)),
    min_grade=st.integers(1, 3),
    tools=st.sampled_from(("read_only", "none")),
    approval=st.booleans(),
    human_review=st.sampled_from(("people", "others")),
    refuse=st.sampled_from(("No.", "Never.")),
    explore=st.just(False),
    log=st.sampled_from(("decision", "features")),
)
RULES = st.lists(st.tuples(WHEN, THEN), min_size=2, max_size=5)
# Rules that differ little, so that many of them imply one another.
NEAR = st.lists(
    st.tuples(
        optional(risk=some(RISKS[:2], 1), guard_state=some(SCANS, 1), tier=some(("high", "restricted"), 1)),
        optional(
            boundary=st.sampled_from(("private", "vendor")),
            regions=some(("eu", "us")),
            min_grade=st.integers(1, 3),
            human_review=st.sampled_from(("people", "others")),
        ),
    ),
    min_size=2,
    max_size=5,
)


def some_facts(config: RouterConfig) -> Iterator[Facts]:
    """Facts as requests have them, of many kinds: the tier is what risks, scan and tools bring, or higher."""
    dice = random.Random(0)
    risks = ((), *((risk,) for risk in RISKS), ("pii", "advice"))
    for state, found, abstained in product(SCANS, risks, (False, True)):
        tools = dice.choice(((), ("refund",), ("search", "crm")))
        facts = replace(
            NEUTRAL,
            channel=dice.choice(("web", "api", "batch")),
            org=dice.choice((None, "acme")),
            region=dice.choice((None, "eu", ELSEWHERE)),
            risks=frozenset(found),
            findings=dice.choice((frozenset(), frozenset({"card"}))),
            guard_state=state,
            tools=tools,
            write_tool=any(config.tools[name].effect == "write" for name in tools),
            language_validated=dice.random() < 0.7,
        )
        tier = risk_tier(
            config.guardrails,
            risks=facts.risks,
            guard_state=facts.guard_state,
            language_validated=facts.language_validated,
            language_chars=100,
            abstained=abstained,
            channel=facts.channel,
            write_tool=facts.write_tool,
        )
        yield replace(facts, tier=tier)


def ruled(config: RouterConfig, facts: Facts) -> Ruling:
    return apply_rules(config, facts, constraints=Constraints(), tokens_in=0)


def meant(ruling: Ruling) -> dict[str, Any]:
    """A ruling without what only says which rules it came from."""
    kept = {f.name: getattr(ruling, f.name) for f in fields(ruling) if f.name not in ("excluded", "fired", "narrowing")}
    return {**kept, "regions": None if ruling.regions is None else set(ruling.regions)}


def found(config: RouterConfig, kind: str) -> list[Note]:
    return [note for note in notes(config) if note.kind == kind]


@given(st.one_of(RULES, NEAR))
def test_rules_reported_as_shadowed_never_change_a_ruling(config: Config, rules: Any) -> None:
    """Not even when all of them are removed at once."""
    whole = config(*rules, guardrails=GUARDRAILS)
    shadowed = {note.policies[0] for note in found(whole, "shadowed")}
    left = whole.model_copy(update={"policies": tuple(p for p in whole.policies if p.id not in shadowed)})
    for facts in some_facts(whole) if shadowed else ():
        assert meant(ruled(left, facts)) == meant(ruled(whole, facts))


@settings(max_examples=200)
@given(WHEN, st.one_of(WHEN, st.none()))
def test_an_implied_condition_holds_wherever_the_other_does(
    config: Config, wide: dict[str, Any], narrow: dict[str, Any] | None
) -> None:
    whole = config(guardrails=GUARDRAILS)
    second = When.model_validate(wide)
    first = When.model_validate({**wide, **(narrow or {"guard_state": ["unknown"]})})
    if implies(whole, first, second):
        assert all(fires(second, facts) for facts in some_facts(whole) if fires(first, facts))


@given(RULES)
def test_the_example_of_a_conflict_makes_both_rules_fire(config: Config, rules: Any) -> None:
    whole = config(*rules, guardrails=GUARDRAILS)
    by_id = {policy.id: policy for policy in whole.policies}
    for note in found(whole, "conflict"):
        first, second = (by_id[name] for name in note.policies)
        facts = example(whole, [first.when, second.when])
        assert facts is not None
        assert note.example == told(facts)
        assert {first.id, second.id} <= {fired.id for fired in ruled(whole, facts).fired}
        assert any(
            None not in (a := [getattr(p.then, key) for p in (first, second)]) and a[0] != a[1] for key in FIRST_COUNTS
        )


@given(RULES)
def test_the_example_of_rules_without_a_lane_has_none(config: Config, rules: Any) -> None:
    whole = config(*rules, guardrails=GUARDRAILS)
    for note in found(whole, "no lane"):
        named = tuple(policy for policy in whole.policies if policy.id in note.policies)
        facts = example(whole, [policy.when for policy in named])
        assert facts is not None
        assert ruled(whole.model_copy(update={"policies": named}), facts).eligible == ()
