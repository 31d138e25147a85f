"""What a suite says of one lane: shares, failures, costs, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.evals.reporting.alarms import UNLISTED, Failure, failure
from training.evals.reporting.shares import Share, mean_quality, share
from training.evals.result import ROUTER, Arm, Result, Verdict
from training.evals.suite import Suite

PARTS: Mapping[str, Callable[[Result], str]] = {
    "route": lambda one: one.case.route,
    "cell": lambda one: f"{one.case.intent} in {one.case.domain}",
    "class": lambda one: one.case.traffic_class or "default",
    "tier": lambda one: one.case.tier,
}
"""What the rows of a suite are split by."""


@dataclass(frozen=True)
class Costs:
    """Money, time and tokens of some attempts. ``usd``: of those that said it, ``unpriced`` did not; latencies in ms,
    None where nothing was called."""

    usd: float
    judges_usd: float
    unpriced: int
    p50_ms: float | None
    p95_ms: float | None
    tokens_in: int
    tokens_out: int
    retries: int


@dataclass(frozen=True)
class Part:
    """The rows of one route, cell, class or tier."""

    by: str
    name: str
    share: Share
    failures: Mapping[str, int]


@dataclass(frozen=True)
class Row:
    """What a suite says of a lane.

    ``arms``: all that it was while it was asked; ``share`` of the judged rows that passed; ``quality``: the mean of the
    rows' qualities, None where the suite does not count for quality; ``tests``: p-values of what is
    tolerated, by failure, 1 where nothing failed so; ``unheard``: it was asked, and nothing of what it did could be
    judged; ``not_judged`` rows; ``left_out``: cases of the suite that were not asked; ``errors``: attempts without an
    answer, by why; ``digests`` of the suite: more than one means that it changed in between.
    """

    suite: str
    lane: str
    arms: tuple[Arm, ...]
    share: Share
    quality: Share | None
    failures: tuple[Failure, ...]
    tests: Mapping[str, float]
    parts: tuple[Part, ...]
    costs: Costs
    unheard: bool
    not_judged: int
    left_out: int
    errors: Mapping[str, int]
    digests: tuple[str, ...]

    @property
    def alarms(self) -> tuple[Failure, ...]:
        """Failures of which there are too many."""
        return tuple(one for one in self.failures if one.alarm)


def row_of(name: str, lane: str, rows: Sequence[Result], suite: Suite | None, across: Sequence[Verdict]) -> Row:
    """What a suite says of a lane, by its results and by verdicts on all of them at once."""
    judged = [one for one in rows if one.passed is not None]
    counts = suite is None or suite.file.quality
    rated = [(one.quality, one.case.cluster) for one in judged if one.quality is not None] if counts else []
    failures = _failures(judged, suite, across)
    return Row(
        suite=name,
        lane=lane,
        arms=tuple(dict.fromkeys(one.arm for one in rows)),
        share=_share(judged),
        quality=mean_quality([q for q, _ in rated], [c for _, c in rated]) if counts else None,
        failures=failures,
        tests=_tests(judged, suite, failures),
        parts=tuple(part for by, named in PARTS.items() for part in _parts(by, named, judged)),
        costs=_costs(rows),
        unheard=not judged and any(one.attempt is not None and one.attempt.error != "not_allowed" for one in rows),
        not_judged=len(rows) - len(judged),
        left_out=_left_out(lane, rows, suite),
        errors=dict(Counter(str(one.attempt.error) for one in rows if one.attempt is not None and one.attempt.error)),
        digests=tuple(dict.fromkeys(one.suite_digest for one in rows)),
    )


def _share(judged: Sequence[Result]) -> Share:
    return share([bool(one.passed) for one in judged], [one.case.cluster for one in judged])


def _failures(judged: Sequence[Result], suite: Suite | None, across: Sequence[Verdict]) -> tuple[Failure, ...]:
    catches = {} if suite is None else suite.file.catches
    tolerated = {} if suite is None else suite.file.tolerated
    names = dict.fromkeys([*catches, *(name for one in judged for name in _named(one))])
    found: list[Failure] = []
    for name in names:
        hit = [name in _named(one) for one in judged]
        if not any(hit):
            continue
        by_cluster: dict[str, list[bool]] = {}
        for one, failed in zip(judged, hit, strict=True):
            by_cluster.setdefault(one.case.cluster, []).append(failed)
        cases = dict.fromkeys(one.case.id for one, failed in zip(judged, hit, strict=True) if failed)
        found.append(
            failure(name, by_cluster, cases=tuple(cases), tolerated=tolerated.get(name, 0.0), means=catches.get(name))
        )
    return tuple(found) + tuple(_together(name, catches, across) for name in _failed_together(across))


def _tests(judged: Sequence[Result], suite: Suite | None, failures: Sequence[Failure]) -> dict[str, float]:
    """The tests that are made of a lane, whatever came of them: what is never tolerated is not tested but counted."""
    shares = suite.file.tolerated if suite is not None and judged else {}
    seen = {one.name: one.p_value for one in failures if one.p_value is not None}
    return {name: seen.get(name, 1.0) for name, share in shares.items() if share > 0}


def _named(result: Result) -> tuple[str, ...]:
    """How it failed; by the name of the check where that names no failure."""
    failed = (one for one in result.verdicts if one.passed is False)
    return tuple(dict.fromkeys(one.failure or one.check for one in failed))


def _failed_together(across: Sequence[Verdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.failure or one.check for one in across if one.passed is False))


def _together(name: str, catches: Mapping[str, str], across: Sequence[Verdict]) -> Failure:
    """A failure that a check of all results together found: it has weighed chance itself, so it is an alarm."""
    failed = [one for one in across if one.passed is False and (one.failure or one.check) == name]
    judged = sum(one.passed is not None and one.check in {each.check for each in failed} for one in across)
    details = tuple(one.detail for one in failed if one.detail)
    return Failure(name, catches.get(name, UNLISTED), len(failed), judged, 0.0, True, None, details)


def _parts(by: str, named: Callable[[Result], str], judged: Sequence[Result]) -> list[Part]:
    grouped: dict[str, list[Result]] = {}
    for one in judged:
        grouped.setdefault(named(one), []).append(one)
    return [
        Part(by, name, _share(some), dict(Counter(how for one in some for how in _named(one))))
        for name, some in sorted(grouped.items())
    ]


def _costs(rows: Sequence[Result]) -> Costs:
    attempts = [one.attempt for one in rows if one.attempt is not None]
    times = [one.latency_ms for one in attempts if one.latency_ms > 0]
    p50, p95 = (float(np.quantile(times, q)) for q in (0.5, 0.95)) if times else (None, None)
    return Costs(
        usd=sum(one.cost_usd or 0.0 for one in attempts),
        judges_usd=sum(verdict.cost_usd for one in rows for verdict in one.verdicts),
        unpriced=sum(one.cost_usd is None for one in attempts),
        p50_ms=p50,
        p95_ms=p95,
        tokens_in=sum(one.tokens_in for one in attempts),
        tokens_out=sum(one.tokens_out for one in attempts),
        retries=sum(one.retries for one in attempts),
    )


def _left_out(lane: str, rows: Sequence[Result], suite: Suite | None) -> int:
    """Cases of the suite that nobody asked; the router is asked only those that it decides, a lane only the others,
    unless the route as a whole was asked."""
    if suite is None:
        return 0
    asked = {one.case.id for one in rows}
    routed = lane == ROUTER and any(one.attempt is not None for one in rows)
    due = [case for case in suite.cases if routed or (case.decided is not None) == (lane == ROUTER)]
    return sum(case.id not in asked for case in due)
