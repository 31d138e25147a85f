"""Outcomes: a missing rating is not a zero, and a chance of rating is a probability one can divide by."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from router_ml.contract import Execution, Hop, Outcome

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_not_rated_is_none_and_zero_is_zero() -> None:
    """Training on missing ratings as zeros would teach that every unrated lane is bad."""
    assert Outcome(decision_id="d", at=NOON).quality is None
    assert Outcome(decision_id="d", at=NOON, quality=0.0).quality == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"quality": 1.01},
        {"quality": -0.01},
        {"quality": math.nan},
        {"rated_probability": 0.0},
        {"rated_probability": 1.5},
        {"rated_probability": math.nan},
        {"cost_usd": -1},
        {"latency_ms": math.inf},
        {"decision_id": ""},
        {"decision_id": "two words"},
        {"validation": {"status": "fine"}},
        {"score": 1},
        {"at": "9999-12-31T23:59:59-23:00"},
        {"at": "0001-01-01T00:00:00+23:00"},
        {"source": "\ud800"},
        {"signals": {"a": [{"\udfff": 1}]}},
        {"labels": {"intent": "\ud800"}},
    ],
    ids=str,
)
def test_an_outcome_outside_its_range_is_refused(wrong: dict[str, Any]) -> None:
    """Estimates divide by these numbers: one NaN or zero spoils the whole report."""
    with pytest.raises(ValidationError):
        Outcome.model_validate({"decision_id": "d", "at": NOON, **wrong})


def test_outcome_and_execution_survive_json() -> None:
    outcome = Outcome(decision_id="d", at=NOON, quality=0.5, labels={"risks": ["pii"]}, validation={"status": "passed"})
    assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome
    hop = Hop(lane="fast", provider="google", region="us", boundary="vendor", error="timeout", latency_ms=1e4)
    execution = Execution(decision_id="d", hops=(hop,), final_lane="fast")
    assert Execution.model_validate_json(execution.model_dump_json()) == execution
    with pytest.raises(ValidationError):
        execution.final_lane = "premium"  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "9999-12-31T23:59:59-23:00"},
        {"final_lane": "\ud800"},
        {"tool_calls": [{"name": "a", "version": "1", "arguments": {"\ud800": 1}}]},
        {"hops": [{"lane": "a", "provider": "b", "region": "c", "boundary": "d", "at": "0001-01-01T00:00:00+23:00"}]},
    ],
    ids=str,
)
def test_an_execution_that_no_log_can_hold_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Execution.model_validate({"decision_id": "d", **wrong})


def test_times_at_either_end_and_whole_characters_are_taken() -> None:
    for at in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+23:00"):
        said = {"decision_id": "d", "at": at, "source": "\U0001f600", "signals": {"\u00e9": ["\U0001f600"]}}
        assert Outcome.model_validate(said).source == "\U0001f600"
