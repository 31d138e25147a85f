"""What deserves a look in a set of rules, case by case."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

from router_ml.config import RouterConfig, load_config
from router_ml.config.rules import When
from router_ml.guardrails.rules.analysis import Note, notes
from router_ml.guardrails.rules.conditions import ELSEWHERE
from router_ml.guardrails.rules.logic import example

Config = Callable[..., RouterConfig]

GUARDRAILS = {"risk_tiers": {"pii": "high", "secrets": "restricted", "advice": "medium"}, "abstained_tier": "medium"}
PRIVATE: dict[str, Any] = {"boundary": "private"}


def found(config: RouterConfig, kind: str) -> list[Note]:
    return [note for note in notes(config) if note.kind == kind]


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
