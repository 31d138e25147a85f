"""What checks say of attempts, and what is kept of it: one line of a results file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from training.evals.attempt import Attempt
from training.evals.case import Case

ROUTER = "router"
"""What stands in the place of a lane in results of cases that the router itself decides."""


@dataclass(frozen=True)
class Verdict:
    """What one check says. ``passed`` None: it could not be judged, which is neither. ``failure``: one of those that
    the suite ``catches``; ``score``: 0..1, how good, where the check grades; ``detail``: for a reader, never a value
    that is private; ``cost_usd``: what judging cost; ``lane``: of a check across results, the lane that it is about."""

    check: str
    passed: bool | None
    failure: str = ""
    score: float | None = None
    detail: str = ""
    cost_usd: float = 0.0
    lane: str = ""


@dataclass(frozen=True)
class Arm:
    """Which lane exactly: ``model`` and ``version`` as configured, and what the provider says it serves."""

    lane: str
    model: str
    version: str
    served_model: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True)
class Result:
    """One case on one lane. ``case``: as it was asked; ``attempt`` None where the router decided; ``run``: id of it;
    ``suite_digest``: of the suite as it was; ``repeat``: from 0; ``put_off``: why a lane that judges could not be asked
    now, empty where it could: going on with the run judges the attempt again."""

    run: str
    suite: str
    suite_digest: str
    case: Case
    arm: Arm
    attempt: Attempt | None
    verdicts: tuple[Verdict, ...]
    at: datetime
    repeat: int = 0
    put_off: str = ""

    @property
    def name(self) -> tuple[object, ...]:
        """What tells it from all others: there is one of a run, suite, case, lane and repeat."""
        arm = self.arm
        return self.run, self.suite, self.case.id, arm.lane, arm.model, arm.version, self.repeat

    @property
    def spent_usd(self) -> float:
        """What it cost: the attempt, what may have been paid beside, and its judges."""
        paid = 0.0 if self.attempt is None else self.attempt.spent_usd
        return paid + sum(one.cost_usd for one in self.verdicts)

    @property
    def passed(self) -> bool | None:
        """Whether every check passed; None where none could judge, or none failed and a lane that judges has still to
        be asked."""
        said = [one.passed for one in self.verdicts if one.passed is not None]
        return None if not said or (self.put_off and all(said)) else all(said)

    @property
    def quality(self) -> float | None:
        """0..1: 0 where a check failed, else the mean of the scores, 1 without any; None where nothing was judged, or a
        lane that judges has still to be asked: of these only failures are known."""
        if self.passed is None or self.put_off:
            return None
        scores = [one.score for one in self.verdicts if one.score is not None]
        return 0.0 if not self.passed else sum(scores) / len(scores) if scores else 1.0

    @property
    def failures(self) -> tuple[str, ...]:
        """How it failed, each once."""
        return tuple(dict.fromkeys(one.failure for one in self.verdicts if one.passed is False))
