"""How lanes behave, by a log's own calls: ordinary days alone, and nothing from too few calls."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.allocation.cost import latency
from router_ml.offline.simulation.logged.behaviour import (
    LEAST_CALLS,
    Times,
    behaviour_from_log,
    behaviours,
    on_the_log,
)
from router_ml.offline.simulation.logged.beside import Calls
from router_ml.offline.simulation.scenarios.scenario import Behaviour
from router_ml.storage.bundle import Bundle


def calls_of(bundle: Bundle, count: int, *, error_rate: float = 0.02, spread: float = 0.5, pace: float = 2.0) -> Calls:
    rng = np.random.default_rng(3)
    tokens = rng.integers(20, 400, count).astype(float)
    typical = latency([bundle.config.lanes["fast"]], tokens[:, None])[:, 0]
    failed = rng.random(count) < error_rate
    return Calls(
        lanes=("fast", "gone"),
        lane=np.zeros(count, dtype=np.int64),
        hour=np.arange(count) // 20,
        failed=failed,
        timed_out=failed & (rng.random(count) < 0.5),
        latency_ms=np.where(failed, 30.0, pace * typical * np.exp(spread * rng.normal(size=count))),
        tokens_out=np.where(failed, 0.0, tokens),
    )


def test_error_rate_pace_and_spread_are_those_of_the_calls(bundle: Bundle) -> None:
    calls = calls_of(bundle, 4000)
    found = behaviour_from_log(calls, bundle.config)
    assert set(found) == {"fast"}
    fast = found["fast"]
    assert fast.error_rate.value == calls.failed.mean()
    assert fast.error_rate.low < fast.error_rate.value < fast.error_rate.high
    assert fast.spread == pytest.approx(0.5, abs=0.03)
    assert fast.pace == pytest.approx(2.0, rel=0.05)
    assert 0 < fast.timed_out < fast.failed
    assert behaviours(found)["fast"].error_rate == fast.error_rate.value
    assert "of 4000 calls of the log failed" in fast.note


def test_an_outage_is_not_an_ordinary_day(bundle: Bundle) -> None:
    """Hours in which most calls failed are counted apart."""
    calls = calls_of(bundle, 4000)
    dark = calls.failed | ((calls.hour >= 50) & (calls.hour < 60))
    fast = behaviour_from_log(Calls(**{**calls.__dict__, "failed": dark}), bundle.config)["fast"]
    assert (fast.dark_hours, fast.left_out) == (10, 200)
    assert fast.error_rate.value == calls.failed[(calls.hour < 50) | (calls.hour >= 60)].mean()


def test_few_calls_change_nothing(bundle: Bundle) -> None:
    fast = behaviour_from_log(calls_of(bundle, 40, error_rate=0.5), bundle.config)["fast"]
    assert fast.calls < LEAST_CALLS
    assert fast.behaviour == Behaviour()
    assert f"of {fast.calls} calls of the log failed" in fast.note


def test_no_calls_say_nothing(bundle: Bundle) -> None:
    assert behaviour_from_log(calls_of(bundle, 0), bundle.config)["fast"].behaviour == Behaviour()


def test_on_the_log_a_scenario_stands_and_what_it_leaves_open_is_measured(bundle: Bundle) -> None:
    """``default`` is of the lanes that the log used as well; no call fails twice for the same reason."""
    measured = behaviour_from_log(calls_of(bundle, 4000, error_rate=0.2), bundle.config)
    given = {"default": Behaviour(max_concurrency=12), "private": Behaviour(error_rate=0.5)}
    found = on_the_log(given, measured, {"private": Times(80, 1.0, 0.7)})
    assert found["fast"] == Behaviour(error_rate=0.0, spread=measured["fast"].spread, max_concurrency=12)
    assert found["private"] == Behaviour(error_rate=0.5, spread=0.7)
    assert found["default"] == Behaviour(error_rate=0.0, max_concurrency=12)
    assert on_the_log({"default": Behaviour(error_rate=0.1)}, measured, {})["fast"].error_rate == 0.1


def test_a_plan_takes_the_mean_of_its_median_and_spread() -> None:
    assert Times(80, 2.0, 0.0).mean == 2.0
    assert Times(80, 2.0, 1.0).mean == pytest.approx(2 * np.exp(0.5))
