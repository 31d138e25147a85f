"""The suite ``budgets`` finds what is slow, verbose, expensive or turned down, and rings for no lane that is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.config import RouterConfig, load_config
from router_ml.execution.lanes.reply import Reply
from training.evals.attempt import Attempt, Turn
from training.evals.bench import Bench
from training.evals.case import Case, Expect
from training.evals.checks.budgets import above, least
from training.evals.registry import Seen, run_across, run_check
from training.evals.result import Arm, Result
from training.evals.suite import load_suite

SUITE = load_suite("budgets")
CASES = {case.id: case for case in SUITE.cases}


@pytest.fixture(scope="module")
def config(root: Path) -> RouterConfig:
    return load_config(root / "models" / "default" / "router.yaml")


def good(case: Case, **changed: Any) -> Attempt:
    """What a good lane does with a case."""
    text = str(case.reference)
    turns = tuple(Turn(call.tool, "{}", call.arguments) for call in case.calls)
    made = Attempt("lane", case.id, Reply(text=text), turns=turns, latency_ms=900, tokens_in=60, cost_usd=0.001)
    return replace(made, **{"tokens_out": len(text) // 4 + 10, **changed})


def failures(case: Case, attempt: Attempt, config: RouterConfig) -> set[str]:
    seen = Seen(SUITE, case, attempt, Bench(config))
    found = [one for expect in (*SUITE.file.checks, *case.checks) for one in run_check(seen, expect)]
    return {one.failure for one in found if one.passed is False}


def results(attempts: list[Attempt], case: Case, *, lane: str = "lane") -> list[Result]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    arm = Arm(lane, "m", "1")
    return [Result("r", "budgets", "d", case, arm, one, (), now, repeat=n) for n, one in enumerate(attempts)]


def across(which: int, found: list[Result], config: RouterConfig) -> set[str]:
    expect: Expect = SUITE.file.across[which]
    return {one.failure for one in run_across(SUITE, found, Bench(config), expect) if one.passed is False}


@pytest.mark.parametrize("name", CASES)
def test_a_good_lane_stays_within_its_budget(name: str, config: RouterConfig) -> None:
    """The reference of each case, at a usual speed and price, breaks no ceiling."""
    assert failures(CASES[name], good(CASES[name]), config) == set()


def test_each_class_and_length_has_cases(config: RouterConfig) -> None:
    """Every traffic class that ships has ceilings, for short and for longer answers, and there are calls of tools."""
    assert {case.traffic_class for case in SUITE.cases} == set(config.traffic_classes)
    assert sum(bool(case.tools) for case in SUITE.cases) >= 4
    assert sum("load" in case.tags for case in SUITE.cases) >= 6


@pytest.mark.parametrize(
    ("changed", "failure"),
    [
        ({"latency_ms": 46_000.0}, "too_slow"),
        ({"cost_usd": 0.3}, "too_expensive"),
        ({"reply": Reply(text="word " * 900), "tokens_out": 900}, "verbose"),
        ({"tokens_out": 1900}, "thinking_too_long"),
        ({"turns": (Turn("stock", "{}", {}),) * 5}, "too_many_tool_calls"),
        ({"reply": None, "error": "rate_limit", "retries": 2}, "rate_limited"),
        ({"reply": None, "error": "timeout"}, "timed_out"),
        ({"reply": None, "error": "server_error"}, "error"),
        ({"retries": 1}, "retried"),
        ({"reply": Reply(text="cut", stop="length")}, "truncated"),
        ({"reply": Reply(text=" ")}, "empty"),
        ({"looped": True}, "looped"),
    ],
)
def test_each_failure_has_its_name(changed: dict[str, Any], failure: str, config: RouterConfig) -> None:
    """A lane that breaks one ceiling is told which one."""
    case = CASES["default-short-time"]
    found = failures(case, good(case, **changed), config)
    assert failure in found
    assert found <= set(SUITE.file.catches)


def test_the_lower_ceiling_counts(config: RouterConfig) -> None:
    """Where the class allows less than the case, the class is held; a class that is not there holds nothing."""
    case = CASES["default-long-story"]
    tight = config.traffic_classes["default"].model_copy(
        update={"limits": config.traffic_classes["default"].limits.model_copy(update={"deadline_ms": 500})}
    )
    other = config.model_copy(update={"traffic_classes": {**config.traffic_classes, "default": tight}})
    assert failures(case, good(case), other) == {"too_slow"}
    assert failures(case, good(case), config.model_copy(update={"traffic_classes": {}})) == set()
    assert least(None, None) is None
    assert least(3, None, 2) == 2


def test_a_slow_lane_is_told_by_its_quantiles(config: RouterConfig) -> None:
    """Half of the answers above the median's ceiling is chance, most of them is not; three slow ones of 40 may be."""
    case = CASES["default-short-time"]
    fast, slow = good(case), good(case, latency_ms=50_000.0)
    assert across(0, results([fast] * 37 + [slow] * 3, case), config) == set()
    assert across(0, results([fast] * 30 + [slow] * 10, case), config) == {"slow_tail"}
    assert across(0, results([slow] * 30, case), config) == {"slow_median", "slow_tail"}


def test_load(config: RouterConfig) -> None:
    """Many at once: a lane that fails, puts off or slows down is told, a single failure of many is not."""
    case = CASES["load-1"]
    fine, broken = good(case), good(case, reply=None, error="server_error")
    later, slow = good(case, retries=1), good(case, latency_ms=20_000.0)
    assert across(1, results([fine] * 59 + [broken], case), config) == set()
    assert across(1, results([fine] * 50 + [broken] * 10, case), config) == {"failed_under_load"}
    assert across(1, results([fine] * 40 + [later] * 20, case), config) == {"throttled_under_load"}
    assert across(1, results([fine] * 40 + [slow] * 20, case), config) == {"slow_under_load"}
    assert across(1, results([broken] * 30, CASES["default-short-time"]), config) == set()


def test_lanes_are_told_apart(config: RouterConfig) -> None:
    """The slow one of two lanes is named."""
    case = CASES["load-1"]
    both = results([good(case)] * 30, case, lane="quick") + results([good(case, latency_ms=60_000.0)] * 30, case)
    said = run_across(SUITE, both, Bench(config), SUITE.file.across[0])
    assert {one.detail.split(":")[0] for one in said if one.passed is False} == {"lane"}


def test_a_lane_at_its_ceiling_rings_in_one_of_a_hundred() -> None:
    """With exactly the share that is tolerated, the test rings as rarely as it promises."""
    rng = np.random.default_rng(1)
    rung = np.mean([above(int(rng.binomial(60, 0.05)), 60, share=0.05) for _ in range(4000)])
    assert rung <= 0.013


@given(st.integers(0, 50), st.integers(1, 50))
def test_more_failures_never_ring_less(count: int, of: int) -> None:
    """Once some failures ring, more of them do too."""
    if count < of and above(count, of, share=0.05):
        assert above(count + 1, of, share=0.05)
