"""The money of a day: charged once, corrected by what it did cost, by the clock of the decisions, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.pacer import UNIFORM
from router_ml.config import RouterConfig, parse_config
from router_ml.contract import RouteDecision
from router_ml.state.budgets import Budgets, Standing

Make = Callable[..., RouteDecision]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="session")
def config() -> RouterConfig:
    """One lane and two classes; ``default`` alone has a budget."""
    return parse_config("""
        version: 1
        lanes:
          balanced:
            {model: m, provider: p, failure_domain: p, region: eu, boundary: vendor, prior: {quality: 0.8},
            price: {input_per_mtok: 1, output_per_mtok: 1}, latency: {base_ms: 1, ms_per_output_token: 1},
            context_window: 1000, max_output_tokens: 100}
        traffic_classes:
          batch: {when: {mode: [batch]}, floor: 0.5, quality_per_usd: 10}
          default: {floor: 0.5, quality_per_usd: 10, budget_usd_per_day: 1.0}
    """)


def charge(budgets: Budgets, make: Make, name: str, cost: float, at: datetime = NOON, **fields: object) -> None:
    """Charge a decision of class ``default`` that is expected to cost this."""
    estimate = make().estimates["balanced"].model_copy(update={"cost_usd": cost})
    budgets.charge(make(decision_id=name, created_at=at, estimates={"balanced": estimate}, **fields))


def spent(budgets: Budgets, at: datetime = NOON) -> float:
    """USD spent by class ``default`` on the day of a clock."""
    standing = budgets.standing("default", at)
    assert standing is not None
    return standing.spent_usd


def test_a_class_without_a_budget_has_no_money_to_watch(config: RouterConfig, make_decision: Make) -> None:
    budgets = Budgets(config)
    charge(budgets, make_decision, "dec-1", 0.5, traffic_class="batch")
    assert budgets.standing("batch", NOON) is None
    assert spent(budgets) == 0


def test_an_outcome_puts_what_it_did_cost_in_the_place_of_what_was_expected(
    config: RouterConfig, make_decision: Make
) -> None:
    budgets = Budgets(config)
    charge(budgets, make_decision, "dec-1", 0.25)
    charge(budgets, make_decision, "dec-2", 0.5)
    budgets.correct("dec-1", 0.75)
    assert spent(budgets) == 1.25
    budgets.correct("dec-1", 0.5)  # a later bill replaces the first
    budgets.correct("dec-unknown", 9.0)
    assert spent(budgets) == 1.0
    assert budgets.standing("default", NOON) == Standing(1.0, 1.0, UNIFORM)


def test_a_decision_that_is_made_again_is_not_paid_twice(config: RouterConfig, make_decision: Make) -> None:
    budgets = Budgets(config)
    for cost in (0.25, 0.5):
        charge(budgets, make_decision, "dec-1", cost)
    assert spent(budgets) == 0.5


def test_what_goes_to_no_lane_costs_nothing(config: RouterConfig, make_decision: Make) -> None:
    budgets = Budgets(config)
    charge(budgets, make_decision, "dec-1", 0.5, lane=None, model=None, action="refuse")
    assert spent(budgets) == 0


def test_days_are_those_of_utc_by_the_clock_of_the_decision(config: RouterConfig, make_decision: Make) -> None:
    """Also where the clock goes back, as in a replay, or skips days."""
    budgets = Budgets(config)
    late = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))  # the 2nd, in UTC
    charge(budgets, make_decision, "dec-1", 0.25)
    charge(budgets, make_decision, "dec-2", 0.5, late)
    charge(budgets, make_decision, "dec-3", 0.125, NOON + 40 * DAY)
    charge(budgets, make_decision, "dec-4", 0.125)
    found = [spent(budgets, NOON + days * DAY) for days in (0, 1, 2, 40)]
    assert found == [0.375, 0.5, 0, 0.125]
    budgets.correct("dec-2", 1.0)  # a bill that comes on a later day counts for the day it was made
    assert [spent(budgets, NOON + days * DAY) for days in (0, 1)] == [0.375, 1.0]


def test_its_memory_does_not_grow(config: RouterConfig, make_decision: Make) -> None:
    """A replay of years, or years of traffic, keep a few days and the last charges."""
    budgets = Budgets(config, charges=3)
    for number in range(50):
        charge(budgets, make_decision, f"dec-{number}", 0.5, NOON - number * DAY)
    assert len(budgets._ledgers["default"].days) == 8
    assert len(budgets._charges) == 3
    assert spent(budgets, NOON - 49 * DAY) == 0.5
    budgets.correct("dec-0", 9.0)  # too long ago to be known
    assert spent(budgets, NOON - 49 * DAY) == 0.5


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 64), st.booleans()), min_size=1, max_size=40
    )
)
def test_what_is_spent_is_the_sum_of_the_last_known_costs(
    config: RouterConfig, make_decision: Make, events: list[tuple[int, int, int, bool]]
) -> None:
    """Whatever the order of decisions and bills; costs in 64ths, so that sums are exact."""
    budgets = Budgets(config)
    known: dict[int, tuple[int, float]] = {}
    for number, day, cost, is_bill in events:
        if not is_bill:
            known[number] = day, cost / 64
            charge(budgets, make_decision, f"dec-{number}", cost / 64, NOON + day * DAY)
        else:
            budgets.correct(f"dec-{number}", cost / 64)
            if number in known:
                known[number] = known[number][0], cost / 64
    for day in range(4):
        assert spent(budgets, NOON + day * DAY) == sum(cost for on, cost in known.values() if on == day)


def test_many_threads_lose_no_cent(config: RouterConfig, make_decision: Make) -> None:
    budgets = Budgets(config)

    def pay(number: int) -> None:
        charge(budgets, make_decision, f"dec-{number}", 1.0)
        budgets.correct(f"dec-{number}", 0.5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pay, range(400)))
    assert spent(budgets) == 200


def test_the_profile_of_a_day_is_learned_from_whole_days(config: RouterConfig, make_decision: Make) -> None:
    """The first day may have begun before this process did, so it teaches nothing."""
    budgets = Budgets(config)

    def profile(days: int) -> tuple[float, ...]:
        standing = budgets.standing("default", NOON + days * DAY)
        assert standing is not None
        return tuple(standing.profile)

    charge(budgets, make_decision, "dec-a", 0.1)
    assert profile(1) == UNIFORM
    for number in range(20):
        charge(budgets, make_decision, f"dec-{number}", 0.1, NOON + DAY)
    charge(budgets, make_decision, "dec-next", 0.1, NOON + 2 * DAY)
    learned = profile(2)
    assert sum(learned) == pytest.approx(1)
    assert learned[12] > 0.5 > UNIFORM[0] > learned[3] > 0
    assert profile(0) == profile(3) == learned


@given(st.lists(st.floats(0, 5), max_size=20), st.integers(0, 20))
def test_many_charges_in_one_step_are_as_many_charges(config: RouterConfig, costs: list[float], cut: int) -> None:
    """To the last bit, however they are parted: a simulation must not depend on it."""
    one, parted = Budgets(config), Budgets(config)
    for cost in costs:
        one.charge_many("default", NOON, [cost])
    parted.charge_many("default", NOON, costs[:cut])
    parted.charge_many("default", NOON, costs[cut:])
    assert one.standing("default", NOON) == parted.standing("default", NOON)
    parted.charge_many("default", NOON, [-1e6], requests=0)
    assert spent(parted) == 0, "corrections may not fall below nothing"
