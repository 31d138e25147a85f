"""Money adds up however it is grouped, is never counted twice, and says where each figure is from."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.errors import InvalidRequestError
from router_ml.offline.judging.pricing import price
from router_ml.offline.spend import BY, SpendRow, spent, to_frame
from router_ml.storage.views.stories import Story

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COSTS = {"cheap": 0.001, "premium": 0.010}
PLACES = {
    "cheap": {"provider": "vllm", "region": "eu", "boundary": "private"},
    "premium": {"provider": "openai", "region": "us", "boundary": "vendor"},
}
Make = Callable[..., RouteDecision]


def estimate(cost: float, quality: float = 0.8) -> dict[str, float]:
    return {
        "quality": quality,
        "quality_low": 0.5,
        "quality_high": 0.9,
        "evidence": 9,
        "cost_usd": cost,
        "latency_ms": 1,
    }


def drawn(number: int = 0, lane: str | None = "cheap", **changes: Any) -> dict[str, Any]:
    """A decision between a cheap and a premium lane, of which 20% go to the premium one to explore."""
    fields: dict[str, Any] = {
        "decision_id": f"d{number}",
        "created_at": NOON + timedelta(minutes=number),
        "lane": lane,
        "eligible": ["cheap", "premium"],
        "excluded": {},
        "learned_lane": "cheap",
        "overridden_by": [],
        "estimates": {name: estimate(cost) for name, cost in COSTS.items()},
        "propensities": {"cheap": 0.8, "premium": 0.2} if lane else {},
        "propensity": {"cheap": 0.8, "premium": 0.2, None: None}[lane],
        "explored": lane == "premium",
        "fallback": {"finally": "error"},
        "places": PLACES,
        "policies": [],
    }
    return fields | changes


def ran(decision: RouteDecision, *hops: tuple[str, float | None]) -> Story:
    called = [{"lane": lane, **PLACES[lane], "cost_usd": usd} for lane, usd in hops]
    return Story(decision, (Execution.model_validate({"decision_id": decision.decision_id, "hops": called}),))


def billed(decision: RouteDecision, usd: float | None) -> Story:
    outcome = Outcome(decision_id=decision.decision_id, cost_usd=usd, at=NOON)
    return Story(decision, (), (outcome,))


def test_retries_and_fallbacks_are_priced_apart(make_decision: Make) -> None:
    story = ran(make_decision(**drawn()), ("cheap", 0.001), ("cheap", 0.002), ("premium", 0.01), ("cheap", 0.003))
    row = spent([story]).total
    assert (row.executed, row.cost_usd, row.executed_usd) == (1, pytest.approx(0.016), pytest.approx(0.016))
    assert (row.retries_usd, row.fallbacks_usd, row.failed_usd) == (pytest.approx(0.005), pytest.approx(0.01), 0)
    (execution,) = story.executions
    hops = [execution.hops[0].model_copy(update={"error": "timeout"}), *execution.hops[1:]]
    failed = Story(story.decision, (execution.model_copy(update={"hops": tuple(hops)}),))
    assert spent([failed]).total.failed_usd == 0.001


def test_money_is_with_the_lane_that_took_it_and_the_request_where_it_was_planned(make_decision: Make) -> None:
    story = ran(make_decision(**drawn()), ("cheap", 0.001), ("premium", 0.01))
    rows = {row.group: row for row in spent([story], by=("lane", "provider")).rows}
    assert rows["premium", "openai"].cost_usd == 0.01
    assert rows["premium", "openai"].requests == 0
    assert rows["cheap", "vllm"].cost_usd == 0.001
    assert rows["cheap", "vllm"].requests == 1


def test_where_a_cost_is_from_is_always_said(make_decision: Make) -> None:
    decision = [make_decision(**drawn(number)) for number in range(5)]
    refused = make_decision(**drawn(9, None, action="refuse"))
    stories = [
        ran(decision[0], ("cheap", 0.005)),
        billed(decision[1], 0.004),
        billed(decision[2], None),
        Story(decision[3]),
        ran(decision[4], ("cheap", None)),
        Story(refused),
    ]
    found = spent(stories)
    row = found.total
    assert (row.requests, row.executed, row.reported, row.expected, row.nowhere) == (6, 1, 1, 3, 1)
    assert (row.executed_usd, row.reported_usd, row.expected_usd) == (0.005, 0.004, pytest.approx(0.003))
    assert any(note.startswith("3 requests have no cost") for note in found.notes)
    assert any(note.startswith("1 requests have calls without a cost") for note in found.notes)


def test_calls_that_were_not_made_are_no_calls(make_decision: Make) -> None:
    """They neither cost anything nor make the lane that answered a fallback; where none was made, nothing was spent."""
    decision = make_decision(**drawn())
    left = {"lane": "cheap", **PLACES["cheap"], "kind": "unavailable"}
    broken = {"lane": "premium", **PLACES["premium"], "kind": "schema"}
    hops = [left, {"lane": "cheap", **PLACES["cheap"], "cost_usd": 0.001}]

    def priced(*hops: dict[str, Any]) -> Any:
        run = Execution.model_validate({"decision_id": decision.decision_id, "hops": hops})
        return price(Story(decision, (run,)))

    (part,) = priced(*hops).parts
    assert (part.lane, part.kind, part.failed) == ("cheap", "first", False)
    assert (priced(left).source, priced(left).usd) == ("nowhere", 0)
    assert not priced(broken, *hops).unpriced
    assert [part.failed for part in priced(broken, *hops).parts] == [True, False]


def test_a_call_that_cost_nothing_is_not_priced_as_expected(make_decision: Make) -> None:
    """A lane on own machines may be free; that its cost was not reported is something else."""
    found = spent([ran(make_decision(**drawn()), ("cheap", 0.0))])
    assert (found.total.executed, found.total.expected, found.total.cost_usd, found.notes) == (1, 0, 0.0, ())
    partly = spent([ran(make_decision(**drawn()), ("cheap", None), ("premium", 0.01))])
    assert (partly.total.executed, partly.total.cost_usd) == (1, 0.01)
    assert any(note.startswith("1 requests have calls without a cost") for note in partly.notes)


def test_shadow_decisions_are_no_traffic(make_decision: Make) -> None:
    """Their ids say so; the arm of a session alone takes no request out of the bill."""
    state = {**make_decision().state.model_dump(), "arm": "shadow"}
    shadow = make_decision(**{**drawn(), "decision_id": "d0.shadow"})
    found = spent([Story(shadow), Story(make_decision(**drawn(1, state=state)))])
    assert (found.total.requests, found.shadow) == (1, 1)


def test_exploration_is_priced_by_its_probability_not_by_its_luck(make_decision: Make) -> None:
    rows = [spent([Story(make_decision(**drawn(lane=lane)))]).total for lane in ("cheap", "premium")]
    assert [row.explored for row in rows] == [0, 1]
    for row in rows:
        assert row.exploration_usd == pytest.approx(0.2 * (0.010 - 0.001))
    assert price(Story(make_decision(**drawn(lane=None)))).exploration_usd == 0


def test_a_rule_costs_what_the_learned_lane_would_have_been_cheaper(make_decision: Make) -> None:
    narrowing = [
        {"rule": "context window", "before": ["cheap", "premium", "other"], "after": ["cheap", "premium"]},
        {"rule": "eu-only", "before": ["cheap", "premium"], "after": ["premium"]},
    ]
    only = {
        **{"eligible": ["premium"], "narrowing": narrowing, "propensities": {"premium": 1.0}, "propensity": 1.0},
        **{"explored": False, "excluded": {"cheap": ["policy eu-only: region"]}, "places": {}},
        "estimates": {"premium": estimate(0.010, quality=0.9)},
    }
    priced = make_decision(**drawn(0, "premium", **only, learned_estimate=estimate(0.001)))
    unpriced = make_decision(**drawn(1, "premium", **only))
    emptied = [{"rule": "eu-only", "before": ["cheap"], "after": []}]
    stopped = make_decision(**drawn(2, None, action="human_review", eligible=[], estimates={}, narrowing=emptied))
    found = spent([Story(priced), Story(unpriced), Story(stopped)])
    (rule,) = found.rules
    assert (rule.rule, rule.requests, rule.unpriced, rule.stopped) == ("eu-only", 2, 1, 1)
    assert (rule.usd, rule.quality) == (pytest.approx(0.009), pytest.approx(0.1))
    assert found.total.rules_usd == rule.usd


def test_savings_are_right_in_the_mean_though_estimates_are_not(make_decision: Make) -> None:
    """The premium lane costs twice what was estimated; only the draws that went there say so."""
    random = np.random.default_rng(5)
    true = {"cheap": 0.001, "premium": 0.020}
    stories = []
    for number in range(1500):
        lane = "premium" if random.random() < 0.2 else "cheap"
        noise = random.uniform(0.8, 1.2)
        stories.append(ran(make_decision(**drawn(number, lane)), (lane, true[lane] * noise)))
    row = spent(stories).total
    truth = 1500 * 0.8 * (true["premium"] - true["cheap"])
    assert row.compared == 1500
    assert row.saved_low is not None
    assert row.saved_high is not None
    assert row.saved_low < truth < row.saved_high
    assert row.saved_high - row.saved_low < 0.25 * truth
    naive = 1500 * 0.8 * (COSTS["premium"] - true["cheap"])
    assert not row.saved_low < naive < row.saved_high


@pytest.mark.slow
@pytest.mark.parametrize("requests", [200, 1000])
def test_the_interval_of_savings_covers_the_truth(make_decision: Make, requests: int) -> None:
    """Estimates are half of what the premium lane costs, and requests differ in size."""
    plain = {lane: make_decision(**drawn(0, lane)) for lane in COSTS}
    covered = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        truth, stories = 0.0, []
        for number, size in enumerate(random.lognormal(0, 0.8, requests)):
            cost = {"cheap": 0.001 * size, "premium": 0.020 * size}
            lane = "premium" if random.random() < 0.2 else "cheap"
            truth += 0.8 * (cost["premium"] - cost["cheap"])
            at = NOON + timedelta(seconds=20 * number)
            stories.append(ran(plain[lane].model_copy(update={"created_at": at}), (lane, cost[lane])))
        row = spent(stories).total
        covered += row.saved_low is not None and row.saved_low <= truth <= (row.saved_high or 0)
    assert covered / 300 >= 0.9


def test_the_baseline_can_be_named_and_where_rules_forbid_it_nothing_is_compared(make_decision: Make) -> None:
    story = Story(make_decision(**drawn()))
    assert spent([story], baseline="cheap").total.saved_usd == 0
    forbidden = Story(make_decision(**drawn(eligible=["cheap"], excluded={"premium": ["region us"]})))
    row = spent([forbidden], baseline="premium").total
    assert (row.compared, row.saved_usd, row.saved_low) == (0, 0, None)
    with pytest.raises(InvalidRequestError, match="Known lanes: cheap, premium"):
        spent([story], baseline="gold")
    for by in (["colour"], ["lane", "lane"]):
        with pytest.raises(InvalidRequestError, match="expected different ones of org, class"):
            spent([story], by=by)


ADDITIVE = [name for name, kind in SpendRow.__annotations__.items() if kind in ("int", "float")]
COMPARED = ["compared", "baseline_usd", "saved_usd"]
hops = st.lists(st.tuples(st.sampled_from(list(COSTS)), st.floats(0, 1)), max_size=4)
request = st.fixed_dictionaries(
    {
        "lane": st.sampled_from(["cheap", "premium", None]),
        "class": st.sampled_from(["default", "batch"]),
        "org": st.sampled_from(["a", "b", None]),
        "hops": hops,
        "usd": st.none() | st.floats(0, 1),
    }
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(request, max_size=8), by=st.lists(st.sampled_from(BY), unique=True, max_size=3))
def test_rows_add_up_to_the_total(make_decision: Make, requests: list[dict[str, Any]], by: list[str]) -> None:
    stories = []
    for number, each in enumerate(requests):
        more = {"traffic_class": each["class"], "circumstances": {"org": each["org"]}}
        decision = make_decision(**drawn(number, each["lane"], **more))
        done = ran(decision, *each["hops"]).executions
        stories.append(Story(decision, done, billed(decision, each["usd"]).outcomes))
    found = spent(stories, by=by)
    assert len({row.group for row in found.rows}) == len(found.rows)
    by_draw = {"lane", "provider"} & set(by)
    assert all(row.saved_usd is None for row in found.rows) or not by_draw
    for name in ADDITIVE + ([] if by_draw else COMPARED):
        parts = math.fsum(getattr(row, name) for row in found.rows)
        assert parts == pytest.approx(getattr(found.total, name), rel=1e-9, abs=1e-9), name
    for row in (*found.rows, found.total):
        assert row.executed + row.reported + row.expected + row.nowhere == row.requests
        assert row.cost_usd == pytest.approx(row.executed_usd + row.reported_usd + row.expected_usd)
    paid = math.fsum(usd for each in requests for _, usd in each["hops"])
    assert found.total.executed_usd == pytest.approx(paid)


def test_a_frame_has_a_column_for_each_name_also_without_rows(make_decision: Make) -> None:
    pytest.importorskip("pandas", reason="pandas (extra: offline) makes the frame")
    frame = to_frame(spent([Story(make_decision(**drawn()))], by=("month", "lane")))
    assert frame[["month", "lane", "requests"]].to_numpy().tolist() == [["2026-03", "cheap", 1]]
    assert list(to_frame(spent([], by=("month", "lane"))).columns) == list(frame.columns)
