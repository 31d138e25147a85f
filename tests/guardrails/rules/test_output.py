"""Rules on answers: fail closed, withholding before a person's look, and the lane is not among the facts."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.config.rules import Notice, OutputPolicy
from router_ml.guardrails.rules.output import UNSCANNED, OutputFacts, notices_in, rule_output

FACTS = OutputFacts(
    risks=frozenset(),
    findings=frozenset(),
    guard_state="clean",
    notices=frozenset(),
    request_risks=frozenset(),
    request_private=False,
    tier="low",
    domain="general",
    channel="web",
)
SEVERITY = {"pass": 0, "human_review": 1, "withhold": 2}
RISKS, FINDINGS, NOTICES = ("pii", "secrets", "harmful"), ("card", "email"), ("medical", "legal")


def made(*rules: tuple[dict[str, Any], dict[str, Any]]) -> tuple[OutputPolicy, ...]:
    own = {"version": "1", "owner": "o", "rationale": "r"}
    return tuple(
        OutputPolicy.model_validate({"id": f"p{number}", **own, "when": when, "then": then})
        for number, (when, then) in enumerate(rules)
    )


def test_nothing_against_it_passes() -> None:
    ruling = rule_output(made(({"risk": ["pii"]}, {"withhold": "No."})), FACTS)
    assert (ruling.action, ruling.queue, ruling.notices, ruling.fired) == ("pass", None, (), ())


def test_withholding_outranks_a_person_and_needs_no_notice() -> None:
    rules = made(
        ({}, {"add_notice": "medical"}),
        ({}, {"human_review": "people"}),
        ({"finding": ["card"]}, {"withhold": "It holds a card number."}),
    )
    ruling = rule_output(rules, replace(FACTS, findings=frozenset({"card"})))
    assert (ruling.action, ruling.reason) == ("withhold", "Policy p2: It holds a card number.")
    assert (ruling.queue, ruling.notices) == (None, ())
    assert [fired.effect for fired in ruling.fired] == ["add_notice medical", "human_review people", "withhold"]
    reviewed = rule_output(rules, FACTS)
    assert (reviewed.action, reviewed.queue, reviewed.notices) == ("human_review", "people", ("medical",))


@pytest.mark.parametrize(
    ("when", "facts"),
    [
        ({"risk": ["harmful", "pii"]}, {"risks": frozenset({"pii"})}),
        ({"finding": ["email"]}, {"findings": frozenset({"email", "card"})}),
        ({"guard_state": ["hit"]}, {"guard_state": "hit"}),
        ({"request_risk": ["legal_advice"]}, {"request_risks": frozenset({"legal_advice"})}),
        ({"request_private": True}, {"request_private": True}),
        ({"tier": ["high", "restricted"]}, {"tier": "high"}),
        ({"domain": ["medical"]}, {"domain": "medical"}),
        ({"channel": ["app"]}, {"channel": "app"}),
    ],
)
def test_a_condition_holds_for_its_values_only(when: dict[str, Any], facts: dict[str, Any]) -> None:
    rules = made((when, {"withhold": "No."}))
    assert rule_output(rules, replace(FACTS, **facts)).action == "withhold"
    assert rule_output(rules, FACTS).action == "pass"


def test_a_notice_is_missing_when_none_of_those_named_is_there() -> None:
    rules = made(({"notice_missing": ["medical", "legal"]}, {"add_notice": "medical"}))
    assert rule_output(rules, FACTS).notices == ("medical",)
    assert rule_output(rules, replace(FACTS, notices=frozenset({"legal"}))).notices == ()


def test_what_could_not_be_scanned_goes_to_a_person_instead_of_being_condemned() -> None:
    """Nothing was found in it; it still reaches nobody before somebody has looked."""
    unknown = replace(FACTS, guard_state="unknown")
    secrets = ({"risk": ["secrets"]}, {"withhold": "No."})
    ruling = rule_output(made(secrets), unknown)
    assert (ruling.action, ruling.queue) == ("human_review", UNSCANNED)
    assert "incomplete scan" in ruling.fired[0].effect
    presumed, certain = ({"risk": ["pii"]}, {"human_review": "privacy"}), ({}, {"human_review": "security"})
    assert rule_output(made(secrets, presumed, certain), unknown).queue == "security"
    assert rule_output(made(secrets), replace(unknown, risks=frozenset({"secrets"}))).action == "withhold"


def test_the_lane_is_no_fact() -> None:
    """Every lane is held to the same rules, our own too."""
    assert not {"lane", "model", "provider", "boundary"} & {field.name for field in fields(OutputFacts)}


def some(values: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(list(values)), unique=True, max_size=2)


WHEN = st.fixed_dictionaries(
    {},
    optional={
        "risk": some(RISKS),
        "finding": some(FINDINGS),
        "guard_state": st.just(["hit", "unknown"]),
        "request_private": st.booleans(),
        "tier": some(("low", "high")),
        "notice_missing": some(NOTICES),
    },
)
THEN = st.sampled_from([{"withhold": "No."}, {"human_review": "people"}, {"add_notice": "medical"}])
RULES = st.lists(st.tuples(WHEN, THEN), max_size=4)
ANY_FACTS = st.builds(
    replace,
    st.just(FACTS),
    risks=st.frozensets(st.sampled_from(RISKS)),
    findings=st.frozensets(st.sampled_from(FINDINGS)),
    guard_state=st.sampled_from(("clean", "hit", "unknown")),
    notices=st.frozensets(st.sampled_from(NOTICES)),
    request_private=st.booleans(),
    tier=st.sampled_from(("low", "high")),
)


@given(RULES, ANY_FACTS)
def test_an_incomplete_scan_never_passes_what_any_finding_would_stop(rules: list[Any], facts: OutputFacts) -> None:
    found = replace(
        facts,
        guard_state="hit",
        risks=facts.risks | {"pii", "secrets", "prompt_injection"},
        findings=frozenset(FINDINGS),
    )
    unknown = rule_output(made(*rules), replace(facts, guard_state="unknown"))
    everything = rule_output(made(*rules), found)
    assert (unknown.action == "pass") <= (everything.action == "pass")
    assert {fired.id for fired in unknown.fired} >= {fired.id for fired in everything.fired}


@given(RULES, WHEN, THEN, ANY_FACTS)
def test_another_rule_never_lets_more_through(rules: list[Any], when: Any, then: Any, facts: OutputFacts) -> None:
    before, after = rule_output(made(*rules), facts), rule_output(made(*rules, (when, then)), facts)
    assert SEVERITY[after.action] >= SEVERITY[before.action]
    assert after.action == "withhold" or set(before.notices) <= set(after.notices)


def test_a_notice_counts_whatever_its_case_spacing_and_dress() -> None:
    notices = {
        "medical": Notice(text="Ask a doctor.", phrases=("Not medical advice", "ne remplace pas l'avis d'un médecin")),
        "legal": Notice(text="Ask a lawyer.", phrases=("not legal advice",)),
    }
    for text in ("This is NOT  medical\nadvice.", "Ceci ne remplace pas l’avis d’un médecin.", "ｎｏｔ medical advice"):
        assert notices_in(text, notices) == {"medical"}
    assert notices_in("This is medical advice.", notices) == frozenset()
