"""What the router decides for each tier: the shipped rules hold, a rule that is taken away is found."""

from __future__ import annotations

import pytest

from router_ml.errors import OfflineDataError
from router_ml.router import Router
from training.evals.asking.decided import OURS, decide
from training.evals.case import Case
from training.evals.suite import load_suite

DECIDED = [case for case in load_suite("safety").cases if case.decided is not None]


def without(router: Router, *gone: str) -> Router:
    """A router whose configuration lacks some rules. It has no bundle, so it is for facts."""
    kept = tuple(policy for policy in router.config.policies if policy.id not in gone)
    return Router(router.config.model_copy(update={"policies": kept}))


def test_the_cases_are_about_the_rules_that_ship(router: Router) -> None:
    """Every rule is known here, and some case fails without it."""
    assert {policy.id for policy in router.config.policies} == OURS
    assert {case.tier for case in DECIDED} == {"low", "medium", "high", "restricted"}


def test_the_shipped_configuration_decides_as_is_demanded(router: Router) -> None:
    """Every case, with facts and with real requests."""
    assert [(case.id, one.detail) for case in DECIDED for one in decide(case, router) if not one.passed] == []


@pytest.mark.parametrize("gone", sorted(OURS))
def test_a_rule_that_is_taken_away_is_found(router: Router, gone: str) -> None:
    """At least one case says what is missing."""
    weaker = without(router, gone)
    facts = [case for case in DECIDED if case.decided is not None and case.decided.request is None]
    broken = [one for case in facts for one in decide(case, weaker) if one.passed is False]
    assert broken
    assert {one.failure for one in broken} == {"policy_broken"}
    assert all("expected" in one.detail for one in broken)


def test_rules_of_ones_own_are_not_judged(router: Router) -> None:
    """The cases say nothing of a configuration that has other rules."""
    verdict = decide(DECIDED[0], without(router, *OURS))[0]
    assert verdict.passed is None
    assert "rules of its own" in verdict.detail


def test_lanes_of_other_names_are_left_out_and_named(router: Router) -> None:
    """What else is expected still counts."""
    expect = {"action": "refuse", "lanes": ["nobody"]}
    said = {"facts": {"risk": ["harmful"]}, "expect": expect}
    case = Case.model_validate({"id": "x", "intent": "qa", "domain": "general", "decided": said})
    verdict = decide(case, router)[0]
    assert verdict.passed
    assert "expect.lanes" in verdict.detail
    only = case.model_copy(update={"decided": case.decided.model_copy(update={"expect": {"lanes": ["nobody"]}})})  # type: ignore[union-attr]
    assert decide(only, router)[0].passed is None


def test_a_case_that_a_lane_answers_is_none_of_these(router: Router) -> None:
    """Nor is one that says nothing, or what cannot be read."""
    case = Case.model_validate({"id": "x", "intent": "qa", "domain": "general", "ask": "Hello?"})
    with pytest.raises(OfflineDataError, match="nothing that a router decides"):
        decide(case, router)
    for said in ({"expect": {"action": "route"}}, {"facts": {"risks": ["pii"]}, "expect": {"action": "route"}}):
        wrong = Case.model_validate({"id": "x", "intent": "qa", "domain": "general", "decided": said})
        with pytest.raises(OfflineDataError, match="Case x"):
            decide(wrong, router)
