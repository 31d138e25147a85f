"""Results made by hand, as a run would leave them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml.execution.lanes.reply import Reply
from training.evals.attempt import Attempt
from training.evals.case import Case
from training.evals.result import Arm, Result, Verdict
from training.evals.suite import Suite, SuiteFile

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

MakeResult = Callable[..., Result]
MakeSuite = Callable[..., Suite]


@pytest.fixture
def make_case() -> Callable[..., Case]:
    """A case by its number."""

    def make(number: int = 0, **changes: Any) -> Case:
        fields = {"id": f"case-{number}", "intent": "qa", "domain": "hr", "ask": f"Question {number}?"}
        return Case.model_validate({**fields, **changes})

    return make


@pytest.fixture
def make_result(make_case: Callable[..., Case]) -> MakeResult:
    """A result of a case by its number; ``failure``: how it failed, None where it passed."""

    def make(  # noqa: PLR0913 - a result has as many sides
        number: int = 0,
        *,
        failure: str | None = None,
        lane: str = "balanced",
        run: str = "run-1",
        suite: str = "contract",
        repeat: int = 0,
        judged: bool = True,
        score: float | None = None,
        case: Case | None = None,
        arm: Arm | None = None,
        attempt: Attempt | None = None,
    ) -> Result:
        case = case or make_case(number)
        passed = None if not judged else failure is None
        verdict = Verdict("keeps_contract", passed, failure=failure or "", score=score, cost_usd=0.001)
        attempt = attempt or Attempt(
            lane,
            case.id,
            Reply("SECRET ANSWER"),
            latency_ms=100.0 + number,
            tokens_in=10,
            tokens_out=5,
            cost_usd=0.002,
        )
        return Result(
            run=run,
            suite=suite,
            suite_digest="d1",
            case=case,
            arm=arm or Arm(lane, f"mock/{lane}", "1", served_model=f"{lane}-2026", fingerprint="fp_1"),
            attempt=attempt,
            verdicts=(verdict,),
            at=NOON + timedelta(seconds=number),
            repeat=repeat,
        )

    return make


@pytest.fixture
def make_suite() -> MakeSuite:
    """A suite of cases, with what it catches and tolerates."""

    def make(cases: Sequence[Case], name: str = "contract", **changes: Any) -> Suite:
        fields = {
            "name": name,
            "version": "1",
            "title": "What was promised",
            "catches": {"wrong_shape": "The answer has another shape than was promised.", "slow": "It took too long."},
            "authored": True,
        }
        return Suite(Path("nowhere"), SuiteFile.model_validate({**fields, **changes}), tuple(cases), {})

    return make
