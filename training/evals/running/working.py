"""The work of a run: attempts at the same time, their checks in threads, their results on the disk as they come."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from router_ml.contract import FailureKind
from router_ml.router import Router
from training.evals.asking.allowed import Allowed
from training.evals.asking.forecast import Forecast, expected_usd
from training.evals.asking.lane import Target
from training.evals.attempt import Attempt
from training.evals.bench import Bench
from training.evals.registry import Seen
from training.evals.result import ROUTER, Arm, Result, Verdict
from training.evals.results import append
from training.evals.running.budget import Budget
from training.evals.running.jobs import Job
from training.evals.running.judging import AskJudges
from training.evals.running.record import BUDGET
from training.evals.running.verdicts import BROKE, verdicts_of

CLOSED: frozenset[FailureKind] = frozenset(("authentication", "unavailable"))
"""Failures that say that a lane cannot be called at all: its other cases are left out, and nothing is kept of it."""


class Watch(Protocol):
    """Whoever looks on."""

    def made(self, result: Result | None, *, spent_usd: float) -> None:
        """An attempt was made, or, None, left out."""
        ...


class Unwatched:
    """Nobody looks on."""

    def made(self, result: Result | None, *, spent_usd: float) -> None:
        """Nothing."""


@dataclass
class Work:
    """What the workers of a run share. ``left``: by suite and lane, why attempts were not made and how many."""

    run: str
    bench: Bench
    target: Target
    asks: Callable[[Set[str]], AskJudges]
    allowed: Allowed
    budget: Budget
    path: Path
    watch: Watch
    clock: Callable[[], datetime]
    forecast: Forecast = field(default_factory=Forecast)
    made: list[Result] = field(default_factory=list)
    left: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    closed: dict[str, str] = field(default_factory=dict)


async def carry_out(work: Work, jobs: Sequence[Job], *, parallel: int) -> None:
    """Do all jobs, ``parallel`` at a time; those of one lane never wait for those of another one that is full."""
    queues: dict[str, deque[Job]] = defaultdict(deque)
    for job in jobs:
        queues[job.arm.lane].append(job)
    places = asyncio.Semaphore(parallel)
    lanes = work.bench.config.lanes

    async def worker(lane: str) -> None:
        while queues[lane]:
            async with places:
                if queues[lane]:
                    await _do(work, queues[lane].popleft())

    try:
        async with asyncio.TaskGroup() as group:
            for lane, waiting in queues.items():
                most = (lanes[lane].endpoint.max_concurrency if lane in lanes else None) or parallel
                for _ in range(min(parallel, most, len(waiting))):
                    group.create_task(worker(lane))
    except ExceptionGroup as broken:
        raise broken.exceptions[0] from None


async def _do(work: Work, job: Job) -> None:
    if job.case.decided is not None:
        _keep(work, job, None, await asyncio.to_thread(_decided, work.bench.router, job))
        return
    allowed = await asyncio.to_thread(work.allowed.lanes, job.suite, job.case)
    lane = job.arm.lane
    if lane != ROUTER and lane not in allowed:
        _keep(work, job, Attempt(lane, job.case.id, None, error="not_allowed", detail="NotAllowedError"), ())
        return
    attempt = job.answered.attempt if job.answered is not None else await _attempted(work, job)
    if attempt is None:
        return
    asks = None if work.bench.judge is None else work.asks(allowed)
    seen = Seen(job.suite, job.case, attempt, replace(work.bench, ask=asks))
    verdicts = await asyncio.to_thread(verdicts_of, seen)
    work.forecast.judged(job.suite.name, sum(one.cost_usd for one in verdicts))
    _keep(work, job, attempt, verdicts, put_off="" if asks is None else asks.put_off)


async def _attempted(work: Work, job: Job) -> Attempt | None:
    """The attempt, within the budget; None where it was not made, or its lane cannot be called."""
    lane = job.arm.lane
    expected = work.forecast.of(job.suite.name, lane, _plain_usd(work, job))
    if lane in work.closed:
        _leave(work, job, work.closed[lane])
        return None
    if not await work.budget.reserve(expected):
        _leave(work, job, BUDGET)
        return None
    paid = 0.0
    try:
        attempt = await work.target.attempt(job.suite, job.case, lane)
        paid = attempt.spent_usd
    finally:
        work.budget.settle(expected, paid_usd=paid)
        work.budget.tell()
    if attempt.error in CLOSED:
        work.closed[lane] = attempt.error
        _leave(work, job, attempt.error)
        return None
    work.forecast.learn(job.suite.name, lane, plain_usd=_plain_usd(work, job), paid_usd=paid)
    return attempt


def _plain_usd(work: Work, job: Job) -> float:
    config = work.bench.config
    lanes = (job.arm.lane,) if job.arm.lane in config.lanes else tuple(config.lanes)
    return max(expected_usd(config, job.suite, job.case, lane) for lane in lanes)


def _leave(work: Work, job: Job, why: str) -> None:
    work.left[job.suite.name, job.arm.lane][why] += 1
    work.watch.made(None, spent_usd=work.budget.spent_usd)


def _keep(work: Work, job: Job, attempt: Attempt | None, verdicts: tuple[Verdict, ...], *, put_off: str = "") -> None:
    served = (None, None) if attempt is None else (attempt.served_model, attempt.fingerprint)
    result = Result(
        run=work.run,
        suite=job.suite.name,
        suite_digest=job.suite.digest,
        case=job.case,
        arm=Arm(job.arm.lane, job.arm.model, job.arm.version, *served),
        attempt=attempt,
        verdicts=verdicts,
        at=work.clock() if job.answered is None else job.answered.at,
        repeat=job.repeat,
        put_off=put_off,
    )
    if result != job.answered:
        append(work.path, [result])
    work.made.append(result)
    work.watch.made(result, spent_usd=work.budget.spent_usd)


def _decided(router: Router | None, job: Job) -> tuple[Verdict, ...]:
    from training.evals.asking.decided import decide

    if router is None:
        raise AssertionError("a run with such cases has a router")
    try:
        return decide(job.case, router)
    except Exception as error:  # noqa: BLE001 - as a check that breaks
        return (Verdict("decided", None, detail=f"{BROKE}{type(error).__name__}"),)
