"""Checks across results look at one lane after another, and a broken one takes nothing with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.execution.setting import CONFIG
from router_ml.config import load_config
from tests.training.evals.tiny import questions, suite_at
from training.evals.bench import Bench
from training.evals.registry import across
from training.evals.result import Arm, Result, Verdict
from training.evals.running.verdicts import across_of
from training.evals.suite import Suite


@across("tiny_together")
def together(suite: Suite, results: Sequence[Result], bench: Bench, *, most: int) -> list[Verdict]:
    """Whether there are few; of lane ``bad`` it has a mistake in it."""
    if results[0].arm.lane == "bad":
        raise ZeroDivisionError
    return [Verdict("tiny_together", len(results) <= most, "many")]


def test_each_verdict_is_of_a_lane(tmp_path: Path) -> None:
    """Also where the check itself does not say of which, and where it breaks."""
    suite = suite_at(tmp_path / "tiny", questions(2), across=[{"check": "tiny_together", "most": 1}])
    lanes = ["one", "two", "two", "bad"]
    results = [
        Result("r", "tiny", suite.digest, suite.cases[0], Arm(lane, "m", "1"), None, (), datetime.now(UTC))
        for lane in lanes
    ]
    said = across_of(suite, results, Bench(load_config(CONFIG)))
    assert [(one.lane, one.passed, one.detail) for one in said] == [
        ("one", True, ""),
        ("two", False, ""),
        ("bad", None, "broke: ZeroDivisionError"),
    ]
