"""A decision is one immutable value that survives JSON unchanged: gateways act on it, auditors read it years later."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from router_ml.contract import Decoding, RouteDecision, State, highest

Make = Callable[..., RouteDecision]


def test_the_routing_object_is_the_golden_one(make_decision: Make) -> None:
    """Gateways parse this object; a renamed or missing key stops their traffic."""
    golden = json.loads(Path(__file__).with_name("golden_routing.json").read_text(encoding="utf-8"))
    routing = make_decision().routing()
    assert routing == golden
    assert json.loads(json.dumps(routing)) == golden


def test_the_routing_object_of_a_refusal_still_has_every_key(make_decision: Make) -> None:
    refused = make_decision(action="refuse", lane=None, model=None, tools=[], retrieval={}, fallback={})
    assert refused.routing().keys() == make_decision().routing().keys()
    assert refused.routing()["model"] is None


def test_json_gives_the_same_decision_and_the_same_bytes(make_decision: Make) -> None:
    """Replay compares bytes: a decision that changes on the way through the log could never be proven."""
    decision = make_decision(seed=2**127 + 1, propensity=0.1 + 0.2, propensities={"balanced": 0.1 + 0.2})
    again = RouteDecision.model_validate_json(decision.to_json())
    assert again == decision
    assert again.to_json() == decision.to_json()
    assert make_decision().to_json() == make_decision().to_json()


def test_reserved_words_keep_their_name_on_the_wire(make_decision: Make) -> None:
    wire = json.loads(make_decision().to_json())
    assert wire["fallback"]["finally"] == "human_review"
    assert wire["state"]["lambda"] == 30.0
    assert State(lambda_=2.0) == State.model_validate({"lambda": 2.0})


def test_nobody_can_change_a_decision_after_it_was_made(make_decision: Make) -> None:
    with pytest.raises(ValidationError):
        make_decision().lane = "premium"  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"propensity": 1.5},
        {"propensity": math.nan},
        {"propensities": {"balanced": -0.1}},
        {"floor": math.inf},
        {"action": "maybe"},
        {"risk_tier": "extreme"},
        {"guard_state": None},
        {"retrieval": {"strategy": "everything"}},
        {"fallback": {"on_error": [{"lane": "code", "attempts": 0}]}},
        {"lanes": []},
    ],
    ids=str,
)
def test_a_decision_that_breaks_the_contract_cannot_exist(make_decision: Make, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_decision(**wrong)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_numbers_that_json_cannot_hold_are_refused(make_decision: Make, value: float) -> None:
    """JSON writes them as null, so the logged decision would not be the one that was made."""
    with pytest.raises(ValidationError):
        make_decision(quality_per_usd=value)
    with pytest.raises(ValidationError):
        State(budget_left=value)
    with pytest.raises(ValidationError):
        Decoding(temperature=value)


def test_fallback_lanes_covers_every_kind_of_failure(make_decision: Make) -> None:
    """Eligibility is asserted over this set: a kind that it forgets could fall back to a forbidden lane."""
    kinds = ("on_timeout", "on_rate_limit", "on_schema_failure", "on_refusal", "on_error")
    fallback = {kind: [{"lane": f"{kind}-lane"}] for kind in kinds}
    assert make_decision(fallback=fallback).fallback.lanes() == {f"{kind}-lane" for kind in kinds}


def test_the_highest_tier_wins() -> None:
    assert highest() == "low"
    assert highest("medium", "restricted", "high") == "restricted"
    assert highest("medium", "low") == "medium"
