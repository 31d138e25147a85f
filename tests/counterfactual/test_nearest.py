"""The smallest change is one: what is named moves the decision, and a little less does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml.contract import Estimate, RouteDecision
from router_ml.counterfactual.nearest import NOT_AGAIN, nearest_changes
from router_ml.counterfactual.taken import taken

Make = Callable[..., RouteDecision]


def estimate(quality: float, cost: float, spread: float = 0.1, evidence: float = 30.0) -> dict[str, float]:
    low, high = max(quality - spread, 0), min(quality + spread, 1)
    known = {"quality": quality, "quality_low": low, "quality_high": high, "evidence": evidence}
    return {**known, "cost_usd": cost, "latency_ms": 900.0}


@pytest.fixture
def decision(make_decision: Make) -> RouteDecision:
    """Small is best for the money; middle costs ten times as much, large thirty times."""
    return make_decision(
        lane="small",
        floor=0.6,
        quality_per_usd=100.0,
        eligible=["small", "middle", "large"],
        excluded={"abroad": ["policy eu-residency: region us, eu needed"], "off": ["disabled in router.yaml"]},
        learned_lane="abroad",
        learned_estimate=estimate(0.99, 0.0001),
        estimates={
            "small": estimate(0.80, 0.0001),
            "middle": estimate(0.85, 0.0010),
            "large": estimate(0.90, 0.0030),
        },
        propensities={"small": 1.0},
        propensity=1.0,
        fallback={"finally": "error"},
        state={"selection": {"explore_share": 0.0, "epsilon": 0.02, "gamma": 200.0}},
    )


def by_kind(decision: RouteDecision) -> dict[str, Any]:
    return {change.kind: change for change in nearest_changes(decision).changes}


def test_each_kind_is_named_with_the_lane_that_would_have_been_taken(decision: RouteDecision) -> None:
    found = by_kind(decision)
    floor, rate, price = found["floor"], found["quality_per_usd"], found["price"]
    assert (floor.before, floor.lane) == (0.6, "middle")
    assert 0.7 < floor.after <= 0.71, "just above the lower bound of the small lane"
    assert 55 <= rate.after < 500 / 9
    assert rate.lane == "middle"
    assert (price.of, price.lane) == ("middle", "middle")
    assert price.asked.startswith("price of middle -")
    assert 0.59 <= price.after < 0.6
    assert (found["deny"].asked, found["deny"].lane) == ("without small", "middle")
    assert (found["policy"].asked, found["policy"].lane) == ("without policy eu-residency", "abroad")


def test_the_smallest_for_its_size_comes_first(decision: RouteDecision) -> None:
    nearest = nearest_changes(decision)
    assert nearest.smallest is not None
    assert nearest.smallest.kind == "floor"
    assert [change.size for change in nearest.changes] == sorted(change.size for change in nearest.changes)
    said = str(nearest)
    assert said.startswith("Smallest change that would have moved it elsewhere: floor 0.6 -> 0.7")
    assert "Also: " in said
    assert decision.nearest_changes() == nearest


ESTIMATES = st.builds(
    estimate, st.floats(0.05, 0.95), st.floats(1e-5, 1e-2), st.floats(0.01, 0.3), st.sampled_from([0.0, 5.0, 40.0])
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lanes=st.lists(ESTIMATES, min_size=2, max_size=4),
    floor=st.floats(0, 0.95),
    rate=st.floats(0.1, 300),
    share=st.sampled_from([0.0, 0.1]),
    margin=st.sampled_from([0.0, 0.02]),
    seed=st.integers(0, 2**53 - 1),
)
def test_what_is_named_moves_it_and_a_little_less_does_not(
    make_decision: Make,
    lanes: list[dict[str, float]],
    floor: float,
    rate: float,
    share: float,
    margin: float,
    seed: int,
) -> None:
    names = [f"lane{number}" for number in range(len(lanes))]
    selection = {"explore_share": share, "epsilon": 0.02, "gamma": 200.0, "margin": margin, "incumbent": names[0]}
    fields: dict[str, Any] = {
        "eligible": names,
        "excluded": {},
        "learned_lane": None,
        "floor": floor,
        "quality_per_usd": rate,
        "estimates": dict(zip(names, lanes, strict=True)),
        "fallback": {"finally": "error"},
        "state": {"selection": selection},
        "seed": seed,
        "propensities": {},
    }
    lane = taken(make_decision(lane=names[0], **fields))
    decision = make_decision(lane=lane, **fields)
    for change in nearest_changes(decision).changes:
        assert change.lane != lane
        if change.kind == "floor":
            assert change.after is not None
            assert decision.what_if(floor=change.after).lane == change.lane
            halfway = (floor + change.after) / 2
            assert not decision.what_if(floor=halfway).changed or _close(floor, change.after)
        elif change.kind == "quality_per_usd":
            assert decision.what_if(quality_per_usd=change.after).lane == change.lane
            halfway = (rate + (change.after or 0)) / 2
            assert share or not decision.what_if(quality_per_usd=halfway).changed or change.size < 1e-6
        elif change.kind == "price":
            own = decision.estimates[change.of or ""]

            def at(times: float, of: str = change.of or "", own: Estimate = own) -> str | None:
                other = own.model_copy(update={"cost_usd": own.cost_usd * times})
                return decision.model_copy(update={"estimates": {**decision.estimates, of: other}}).what_if().lane

            assert at(change.after or 0) == change.lane
            assert share or at((1 + (change.after or 0)) / 2) == lane or change.size < 1e-6
        else:
            assert decision.what_if(deny=[str(lane)]).lane == change.lane


def _close(here: float, there: float) -> bool:
    return abs(here - there) < 1e-9


def test_without_exploration_a_threshold_is_where_two_lanes_are_worth_the_same(decision: RouteDecision) -> None:
    """.80 - l * .0001 = .85 - l * .0010"""
    rate = by_kind(decision)["quality_per_usd"]
    assert decision.what_if(quality_per_usd=0.05 / 0.0009 * (1 + 1e-6)).lane == "small"
    assert decision.what_if(quality_per_usd=0.05 / 0.0009 * (1 - 1e-6)).lane == "middle"
    assert abs(rate.after - 0.05 / 0.0009) <= 0.1 * (100 - 0.05 / 0.0009)


def test_a_rule_that_is_not_the_only_reason_does_not_bring_a_lane_back(decision: RouteDecision) -> None:
    reasons = ["policy eu-residency: region us, eu needed", "constraints: lane abroad is denied"]
    assert "policy" not in by_kind(decision.model_copy(update={"excluded": {"abroad": tuple(reasons)}}))


def test_lanes_that_would_have_come_back_without_an_estimate_are_named(decision: RouteDecision) -> None:
    """Nothing is said of where it would have gone then: that would be a guess."""
    reason = ("policy eu-residency: region us, eu needed",)
    far = decision.model_copy(update={"excluded": {"abroad": reason, "far": reason}})
    (note,) = (note for note in nearest_changes(far).notes if "eligible too" in note)
    assert "Without policy eu-residency, far would have been" in note


@pytest.mark.parametrize(
    ("reason", "kind", "asked"),
    [
        ("constraints: lane abroad is denied", "constraints", "without the caller's constraints"),
        ("health: provider openai is down", "health", "with provider openai up"),
        ("health: provider openai counts as down, switched off, aud_1", "health", "with provider openai up"),
        ("cost $0.012000, at most $0.010000 allowed", "cost ceiling", "cost ceiling $0.01 -> $0.012"),
        ("latency 5500 ms, at most 5000 ms allowed", "latency ceiling", "latency ceiling 5000 ms -> 5500 ms"),
    ],
)
def test_whatever_alone_kept_the_better_lane_away_is_named(
    decision: RouteDecision, reason: str, kind: str, asked: str
) -> None:
    change = by_kind(decision.model_copy(update={"excluded": {"abroad": (reason,)}}))[kind]
    assert (change.asked, change.lane) == (asked, "abroad")


def stopped(decision: RouteDecision, **changes: Any) -> RouteDecision:
    fields = {"action": "human_review", "lane": None, "model": None, "propensities": {}, "propensity": None}
    return decision.model_copy(update={**fields, **changes})


def test_a_request_that_a_rule_sent_to_a_person_would_have_gone_to_a_lane(
    decision: RouteDecision, make_decision: Make
) -> None:
    fired = make_decision(policies=[{"id": "people", "version": "1", "effect": "human_review legal"}]).policies
    (change,) = nearest_changes(stopped(decision, policies=fired)).changes
    assert (change.asked, change.lane) == ("without policy people", "small")
    both = make_decision(
        policies=[{"id": name, "version": "1", "effect": "refuse"} for name in ("one", "two")]
    ).policies
    assert nearest_changes(stopped(decision, policies=both)).changes == ()


def test_where_no_lane_was_left_the_rule_that_took_them_is_named(decision: RouteDecision) -> None:
    alone = stopped(decision, eligible=(), estimates={}, learned_lane=None, learned_estimate=None)
    (change,) = nearest_changes(alone).changes
    assert (change.asked, change.lane) == ("without policy eu-residency", "abroad")
    two = dict.fromkeys(("abroad", "far"), ("policy eu-residency: region us, eu needed",))
    (change,) = nearest_changes(alone.model_copy(update={"excluded": two})).changes
    assert change.lane is None
    assert "a lane that the record does not name" in str(change)
    spent = stopped(decision, queue="budget", excluded={})
    assert [change.kind for change in nearest_changes(spent).changes] == ["budget"]


def test_what_the_record_does_not_give_is_said(decision: RouteDecision) -> None:
    """An old record, or one of a draw that cannot be made again, gets no number that nobody could check."""
    other = nearest_changes(decision.model_copy(update={"lane": "large"}))
    assert NOT_AGAIN in other.notes
    assert {change.kind for change in other.changes} == {"deny", "policy"}
    lonely = decision.model_copy(update={"eligible": ("small",), "excluded": {}})
    assert "No single change" in str(nearest_changes(lonely))


def test_a_lane_that_was_explored_is_said_to_be(decision: RouteDecision) -> None:
    drawn = decision.model_copy(update={"explored": True, "propensities": {"small": 0.05, "middle": 0.95}})
    assert any("p 0.050" in note for note in nearest_changes(drawn).notes)
