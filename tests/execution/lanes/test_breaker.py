"""A breaker keeps what fails alone, and never for good."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from router_ml.config.execution import Breaker
from router_ml.execution.lanes.breaker import BreakerState, allow, passed, ready, record

RULES = st.builds(
    Breaker,
    failures=st.integers(1, 4),
    least=st.integers(2, 6),
    open_ms=st.floats(10, 100),
    max_open_ms=st.floats(100, 1000),
    probes=st.integers(1, 3),
)
STEPS = st.lists(
    st.tuples(st.floats(0, 200), st.sampled_from(["ask", "good", "bad", "nothing"]), st.integers(0, 20)), max_size=80
)


@given(RULES, STEPS)
def test_what_holds_whatever_happens(rules: Breaker, steps: list[tuple[float, str, int]]) -> None:
    """Never more probes at once than allowed, closed after a good one, pauses that double up to the limit."""
    state, now, calls = BreakerState(), 0.0, list[int]()
    for wait, what, which in steps:
        now += wait
        before = state
        if what == "ask":
            allowed, state = allow(state, now, rules=rules)
            assert allowed == ready(before, now, rules=rules)
            if allowed:
                calls.append(state.turn)
        elif calls:
            turn = calls.pop(which % len(calls))
            ok = {"good": True, "bad": False, "nothing": None}[what]
            state = record(state, ok, now, rules=rules, turn=turn)
            if turn != before.turn:
                assert state == before, "a call of an earlier phase says nothing of this one"
            elif before.phase == "half_open" and ok is not None:
                expected = min(before.pause_ms * 2, rules.max_open_ms)
                assert (state.phase, state.pause_ms) == (("closed", 0.0) if ok else ("open", expected))
        if state.phase == "half_open":
            assert state.probing == sum(turn == state.turn for turn in calls) <= rules.probes
        if state.phase == "open":
            assert state.until_ms - now <= rules.max_open_ms
            assert ready(state, state.until_ms, rules=rules)


def failing(state: BreakerState, rules: Breaker, count: int, *, may_open: bool = True) -> BreakerState:
    for at in range(count):
        state = record(state, False, float(at), rules=rules, may_open=may_open)
    return state


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    rules = Breaker(failures=3, least=100)
    assert failing(BreakerState(), rules, 2).phase == "closed"
    assert failing(BreakerState(), rules, 3).phase == "open"
    state = record(failing(BreakerState(), rules, 2), True, 5.0, rules=rules)
    assert failing(state, rules, 2).phase == "closed"


def test_a_share_of_failures_opens_it_within_the_window_only() -> None:
    rules = Breaker(failures=100, share=0.5, least=4, window_ms=1000)
    soon = late = BreakerState()
    for at in range(4):
        soon = record(soon, at % 2 == 0, at * 10.0, rules=rules)
        late = record(late, at % 2 == 0, at * 2000.0, rules=rules)
    assert (soon.phase, late.phase) == ("open", "closed")


def test_failures_that_may_not_open_it_are_counted_all_the_same() -> None:
    rules = Breaker(failures=3, least=100)
    state = failing(BreakerState(), rules, 5, may_open=False)
    assert state.phase == "closed"
    assert record(state, False, 6.0, rules=rules).phase == "open"


def test_an_outage_of_two_days_costs_few_probes() -> None:
    """One call a second for 48 hours: after the first minute, under 1% of them are made."""
    rules, state, made = Breaker(), BreakerState(), []
    for second in range(48 * 3600):
        allowed, state = allow(state, second * 1000.0, rules=rules)
        if allowed:
            made.append(second)
            state = record(state, False, second * 1000.0 + 100, rules=rules)
    late = [second for second in made if second >= 60]
    assert len(late) <= 0.01 * 47 * 3600
    assert late, "it is never given up for good"


@given(RULES, STEPS, st.lists(st.tuples(st.floats(0, 200), st.integers(0, 5)), max_size=15), st.booleans())
def test_calls_that_went_well_in_one_step_are_calls_that_went_well_one_by_one(
    rules: Breaker, steps: list[tuple[float, str, int]], more: list[tuple[float, int]], early: bool
) -> None:
    """So that a simulator of a million requests has the breakers that a router has, in each of their phases."""
    state, now = BreakerState(), 0.0
    for wait, what, _ in steps:
        now += wait
        if what == "ask":
            _, state = allow(state, now, rules=rules)
        else:
            state = record(state, {"good": True, "bad": False, "nothing": None}[what], now, rules=rules)
    ended = list[tuple[float, int]]()
    for wait, count in more:
        now += wait
        ended.append((now, count))
    turn = state.turn - 1 if early else None
    expected = state
    for at, count in ended:
        for _ in range(count):
            expected = record(expected, True, at, rules=rules, turn=turn)
    found = passed(state, ended, rules=rules, turn=turn)
    assert replace(found, counts=()) == replace(expected, counts=())
    later = now + 1.0
    after = (record(each, False, later, rules=rules, may_open=False) for each in (found, expected))
    assert next(after) == next(after), "what is too old to count may have gone sooner"
