"""What is said about a set of rules is true of every request; the requests that are shown are real ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.config import RouterConfig, load_config
from router_ml.config.rules import When
from router_ml.contract import Constraints
from router_ml.guardrails.analysis import FIRST_COUNTS, Note, notes
from router_ml.guardrails.apply import apply_rules
from router_ml.guardrails.conditions import ELSEWHERE, Facts, fires
from router_ml.guardrails.logic import NEUTRAL, example, implies, told
from router_ml.guardrails.policy import Ruling, risk_tier

Config = Callable[..., RouterConfig]

LANES, TOOLS = ("house", "house-us", "mid", "big", "open"), ("search", "refund", "crm")
RISKS, FINDINGS = ("pii", "secrets", "harmful", "advice"), ("card", "email")
SCANS = ("clean", "hit", "unknown")
GUARDRAILS = {"risk_tiers": {"pii": "high", "secrets": "restricted", "advice": "medium"}, "abstained_tier": "medium"}
PRIVATE: dict[str, Any] = {"boundary": "private"}


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


def test_a_narrower_rule_that_says_less_is_shadowed(config: Config) -> None:
    """By tier, since a risk brings one, and by an incomplete scan, since it counts as a hit."""
    by_tier = config(
        ({"risk": ["pii"]}, {"boundary": "vendor"}),
        ({"tier": ["high", "restricted"]}, PRIVATE),
        guardrails=GUARDRAILS,
    )
    (note,) = found(by_tier, "shadowed")
    assert note.policies == ("p0", "p1")
    assert "p1 always fires with it" in str(note)
    unscanned = config(({"guard_state": ["unknown"]}, PRIVATE), ({"risk": ["secrets"]}, PRIVATE))
    assert [note.policies for note in found(unscanned, "shadowed")] == [("p0", "p1")]


def test_of_two_equal_rules_the_later_one_is_shadowed(config: Config) -> None:
    twice = config(({"region": ["eu"]}, PRIVATE), ({"region": ["eu"]}, PRIVATE))
    assert [note.policies for note in found(twice, "shadowed")] == [("p1", "p0")]


def test_two_rules_together_can_shadow_a_third(config: Config) -> None:
    both = config(
        ({"risk": ["pii"]}, PRIVATE),
        ({"region": ["eu"]}, {"explore": False}),
        ({"risk": ["pii"], "region": ["eu"]}, {"boundary": "private", "explore": False}),
    )
    assert [note.policies for note in found(both, "shadowed")] == [("p2", "p0", "p1")]


def test_a_rule_with_one_effect_of_its_own_is_not_shadowed(config: Config) -> None:
    more = config(({"risk": ["pii"]}, {**PRIVATE, "log": "decision"}), ({"tier": ["high"]}, PRIVATE))
    assert found(more, "shadowed") == []
    wider = config(
        ({"tier": ["high"]}, PRIVATE), ({"risk": ["pii"]}, PRIVATE), guardrails={"risk_tiers": {"pii": "low"}}
    )
    assert found(wider, "shadowed") == [], "the risk no longer brings the tier"
    presumed = config(
        ({"risk": ["pii"]}, PRIVATE),
        ({"tier": ["high", "restricted"]}, PRIVATE),
        guardrails={**GUARDRAILS, "unknown_tier": "low"},
    )
    assert found(presumed, "shadowed") == [], "of an unscanned request the risk is presumed, its tier is not"


def test_a_value_that_counts_only_because_its_rule_comes_first_is_not_shadowed(config: Config) -> None:
    """Without the first rule, the second one's queue would count."""
    asked = [{"human_review": queue} for queue in ("people", "others", "people")]
    order = config(
        ({"risk": ["pii"]}, asked[0]), ({"region": ["eu"]}, asked[1]), ({"tier": ["high", "restricted"]}, asked[2])
    )
    assert found(order, "shadowed") == []
    swapped = order.model_copy(update={"policies": (order.policies[0], order.policies[2], order.policies[1])})
    assert [note.policies for note in found(swapped, "shadowed")] == [("p0", "p2")]


def test_a_rule_without_regions_is_not_shadowed_by_two_that_share_none(config: Config) -> None:
    """Our own machines are where any rule wants them, unless it wants them nowhere."""
    regions = [{"regions": listed} for listed in (["eu"], ["us"], [])]
    rules = [({"risk": ["pii"]}, then) for then in regions]
    assert [note.policies[0] for note in found(config(*rules), "shadowed")] == ["p0", "p1"]


def test_a_conflict_names_the_rule_that_counts_and_rules_that_cannot_meet_have_none(config: Config) -> None:
    rules = ({"risk": ["pii"]}, {"human_review": "privacy"}), ({"tool": ["refund"]}, {"human_review": "money"})
    (note,) = found(config(*rules), "conflict")
    assert note.policies == ("p0", "p1")
    assert "p0, counts: privacy" in note.message
    assert note.example == {"risk": ["pii"], "guard_state": "hit", "tool": ["refund"], "tier": "high"}
    apart = ({"channel": ["web"]}, {"refuse": "No."}), ({"channel": ["api"]}, {"refuse": "Never."})
    assert found(config(*apart), "conflict") == []


def test_rules_on_different_regions_meet_in_a_request_from_elsewhere(config: Config) -> None:
    rules = ({"region": ["eu"]}, {"regions": ["eu"]}), ({"region": ["us"]}, {"regions": ["us"]})
    (note,) = found(config(*rules), "no lane")
    assert note.policies == ("p0", "p1")
    assert note.example["region"] == ELSEWHERE


def test_a_lane_less_rule_is_named_alone_and_not_again_in_pairs(config: Config) -> None:
    rules = ({"risk": ["pii"]}, {"lanes": {"allow": []}}), ({"region": ["eu"]}, {"regions": ["eu"]})
    assert [note.policies for note in found(config(*rules), "no lane")] == [("p0",)]


def test_requests_that_a_person_answers_anyway_need_no_lane(config: Config) -> None:
    rules = (
        ({"risk": ["pii"]}, {"lanes": {"allow": []}}),
        ({"tier": ["high", "restricted"]}, {"human_review": "people"}),
    )
    assert found(config(*rules, guardrails=GUARDRAILS), "no lane") == []


def test_a_tier_below_what_the_conditions_bring_is_unreachable(config: Config) -> None:
    never = config(({"channel": ["web"], "tier": ["low"]}, PRIVATE), guardrails={"channel_tiers": {"web": "medium"}})
    assert [note.policies for note in found(never, "unreachable")] == [("p0",)]


def test_examples_are_found_for_most_pairs_that_can_meet(config: Config) -> None:
    """Else silence would say little."""
    whens = [
        {"risk": ["pii"]},
        {"tier": ["medium"]},
        {"tool": ["refund"]},
        {"finding": ["card"]},
        {"guard_state": ["hit"]},
    ]
    whole = config(guardrails=GUARDRAILS)
    pairs = list(combinations([When.model_validate(when) for when in whens], 2))
    missed = [pair for pair in pairs if example(whole, pair) is None]
    assert [(first.risk, second.tier) for first, second in missed] == [(("pii",), ("medium",))]


def test_the_configuration_that_ships_has_notes_that_can_be_understood(root: Path) -> None:
    shipped = load_config(root / "models" / "default" / "router.yaml")
    assert {note.kind for note in notes(shipped)} <= {"conflict", "shadowed"}
    assert all(note.example for note in notes(shipped))
