"""Counts of a run by suite and lane, and which failures there are more of than is tolerated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.evals.result import Result
from training.evals.suite import Suite

_LEVEL = 0.01


@dataclass(frozen=True)
class Count:
    """Of one suite on one lane. ``asked``: attempts that were made, ``passed`` and ``failed`` of those that could be
    judged; ``failures``: how many attempts failed so; ``alarms``: those of them that are too many."""

    suite: str
    lane: str
    asked: int
    passed: int
    failed: int
    failures: dict[str, int]
    alarms: tuple[str, ...]
    cost_usd: float
    judged_usd: float
    latency_ms: float | None

    @property
    def not_judged(self) -> int:
        """Attempts that no check could judge, or that were not allowed."""
        return self.asked - self.passed - self.failed


def counts_of(results: Iterable[Result], suites: Sequence[Suite]) -> list[Count]:
    """Counts in the order of the suites, then of the lanes as they come."""
    by: dict[tuple[str, str], list[Result]] = {}
    for one in results:
        by.setdefault((one.suite, one.arm.lane), []).append(one)
    return [
        _count(suite, lane, found)
        for suite in suites
        for (name, lane), found in sorted(by.items(), key=lambda item: item[0][1])
        if name == suite.name
    ]


def alarms(failures: dict[str, int], n: int, tolerated: dict[str, float]) -> tuple[str, ...]:
    """Failures of which there are more than their tolerated share explains: exact binomial test, one-sided, at 1%; any
    one where nothing is tolerated."""
    return tuple(name for name, k in sorted(failures.items()) if _too_many(k, n, tolerated.get(name, 0.0)))


def _too_many(k: int, n: int, share: float) -> bool:
    from scipy.stats import binom

    return k > 0 if share <= 0 else float(binom.sf(k - 1, n, share)) < _LEVEL


def _count(suite: Suite, lane: str, results: Sequence[Result]) -> Count:
    judged = [one for one in results if one.passed is not None]
    failures = Counter(name for one in judged for name in one.failures)
    attempts = [one.attempt for one in results if one.attempt is not None]
    times = sorted(one.latency_ms for one in attempts if one.reply is not None)
    return Count(
        suite.name,
        lane,
        asked=len(results),
        passed=sum(bool(one.passed) for one in judged),
        failed=sum(not one.passed for one in judged),
        failures=dict(failures.most_common()),
        alarms=alarms(failures, len(judged), dict(suite.file.tolerated)),
        cost_usd=sum((one.cost_usd or 0.0) + one.assumed_usd for one in attempts),
        judged_usd=sum(said.cost_usd for one in results for said in one.verdicts),
        latency_ms=times[len(times) // 2] if times else None,
    )
