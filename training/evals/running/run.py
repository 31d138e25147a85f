"""Run suites against lanes: side by side, within a budget, going on where an earlier run was cut off.

A run is a folder: ``run.json`` says what it was, ``results.jsonl`` what came of it, ``across.json`` what checks say
of a lane's results together. A result that is there is not made again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from router_ml.errors import OfflineDataError
from router_ml.execution import Executor
from router_ml.execution.lanes.calls import Lanes, LiteLLMLanes
from training.evals.asking.allowed import Allowed
from training.evals.asking.lane import LaneTarget
from training.evals.asking.routed import RouteTarget
from training.evals.bench import Bench
from training.evals.result import Result, Verdict
from training.evals.results import FILE, read_results
from training.evals.running.budget import Budget
from training.evals.running.jobs import Job, Key, arms_of, jobs_of, key_of
from training.evals.running.judging import ask_with
from training.evals.running.looping import finished
from training.evals.running.record import (
    ACROSS,
    RunRecord,
    RunSettings,
    folder_of,
    held,
    of_suite,
    write_record,
    write_whole,
)
from training.evals.running.verdicts import BROKE, across_of, require_known, verdicts_of
from training.evals.running.working import Watch, Work, carry_out
from training.evals.suite import Suite
from training.evals.watching.dependencies import dependencies_of

__all__ = ["OUT", "Options", "Ran", "Unwatched", "plan", "run", "run_in", "spent_usd", "verdicts_of"]

OUT = Path("runs/evals")
_SPARE_THREADS = 8
_ACROSS = TypeAdapter(dict[str, tuple[Verdict, ...]])


@dataclass(frozen=True)
class Options:
    """How a run is made.

    ``budget_usd``: of the whole run, earlier parts included, None for no limit; ``parallel``: attempts at the same
    time; ``run_id``: of a run to go on with, or to begin, by default the latest unfinished one of the last day that
    asks the same, else a new one; ``anew``: never one that is there.
    """

    settings: RunSettings = field(default_factory=RunSettings)
    budget_usd: float | None = None
    parallel: int = 8
    run_id: str | None = None
    anew: bool = False


@dataclass(frozen=True)
class Ran:
    """What a run came to, with what it had before it was gone on with. ``across``: by suite."""

    folder: Path
    record: RunRecord
    results: list[Result]
    across: dict[str, tuple[Verdict, ...]]


class Unwatched:
    """Nobody looks on."""

    def made(self, result: Result | None, *, spent_usd: float) -> None:
        """Nothing."""


def run(
    suites: Sequence[Suite],
    lanes: Sequence[str],
    *,
    bench: Bench,
    out: Path = OUT,
    options: Options | None = None,
    calls: Lanes | None = None,
) -> list[Result]:
    """The results of ``run_in``."""
    return run_in(suites, lanes, bench=bench, out=out, options=options, calls=calls).results


def run_in(
    suites: Sequence[Suite],
    lanes: Sequence[str],
    *,
    bench: Bench,
    out: Path = OUT,
    options: Options | None = None,
    calls: Lanes | None = None,
    watch: Callable[[int, int], Watch] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Ran:
    """Run suites.

    Args:
        lanes: names of configured lanes; not looked at where the route is the target.
        out: the folder that runs lie in.
        calls: what calls lanes; by default LiteLLM.
        watch: is told how many attempts there are, and how many of them are made already, and looks on from then.

    Raises:
        OfflineDataError: a check, a lane or a suite is not what it has to be, or a lane cannot be called: nothing has
            been asked then. The run to go on with is another one, or in use.
    """
    options = options or Options()
    wanted, jobs = plan(suites, lanes, bench=bench, settings=options.settings, now=clock())
    wanted = wanted.model_copy(update={"budget_usd": options.budget_usd, "parallel": options.parallel})
    allowed = Allowed(suites, bench.config, bench.router)
    calls = _callable(calls, bench, lanes if options.settings.target == "lane" else ())
    folder, record = folder_of(out, wanted, options.run_id, anew=options.anew)
    with held(folder):
        done = _known(folder, jobs)
        todo = tuple(job for job in jobs if job.key not in done)
        write_record(folder, record)
        watching = watch(len(jobs), len(done)) if watch is not None else Unwatched()

        async def all_of_it() -> tuple[Work, dict[str, tuple[Verdict, ...]]]:
            with ExitStack() as stack:
                loop = asyncio.get_running_loop()
                # Checks that wait for a judge each hold a thread; its call needs one more, to look its host up.
                loop.set_default_executor(ThreadPoolExecutor(options.parallel + _SPARE_THREADS))
                lane_target = LaneTarget(calls, bench.config)
                budget = Budget(options.budget_usd, spent_usd=sum(map(spent_usd, done.values())))
                work = Work(
                    run=record.run,
                    bench=bench,
                    target=_target(stack, bench, lane_target, record.settings),
                    asks=ask_with(lane_target, bench.config, budget, loop),
                    allowed=allowed,
                    budget=budget,
                    path=folder / FILE,
                    watch=watching,
                    clock=clock,
                    made=list(done.values()),
                )
                await carry_out(work, todo, parallel=options.parallel)
                return work, {suite.name: await _across(work, suite) for suite in suites}

        work, across = finished(all_of_it())
        record = _ended(record, work, clock())
        write_whole(folder / ACROSS, _ACROSS.dump_json(across, indent=2, exclude_defaults=True).decode() + "\n")
        write_record(folder, record)
    return Ran(folder, record, work.made, across)


def plan(
    suites: Sequence[Suite], lanes: Sequence[str], *, bench: Bench, settings: RunSettings, now: datetime
) -> tuple[RunRecord, tuple[Job, ...]]:
    """What a run would be, and all that it would ask; nothing is asked or written.

    Raises:
        OfflineDataError: as ``run_in``.
    """
    if settings.target == "lane" and not lanes and any(case.decided is None for one in suites for case in one.cases):
        raise OfflineDataError("Found no lane to ask. Name at least one, or let the router choose: --target route.")
    names = Counter(one.name for one in suites)
    if twice := [name for name, count in names.items() if count > 1]:
        raise OfflineDataError(f"Found two suites called {', '.join(twice)}. Run one, or give each a name of its own.")
    require_known(suites)
    if bench.judge is not None:
        arms_of(bench.config, [bench.judge], None, target="lane")
        settings = settings.model_copy(update={"judge": bench.judge})
    arms = arms_of(bench.config, tuple(dict.fromkeys(lanes)), bench.router, target=settings.target)
    jobs = jobs_of(suites, arms, bench.router, settings)
    record = RunRecord(
        run=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        started=now,
        suites=tuple(of_suite(one, len({job.case.id for job in jobs if job.suite is one})) for one in suites),
        arms=arms,
        settings=settings,
        dependencies=dependencies_of(bench.config, suites, bench.router),
    )
    return record, jobs


def spent_usd(result: Result) -> float:
    """What a result cost: the attempt, what may have been paid beside, and its judges."""
    attempt = result.attempt
    paid = 0.0 if attempt is None else (attempt.cost_usd or 0.0) + attempt.assumed_usd
    return paid + sum(one.cost_usd for one in result.verdicts)


def _known(folder: Path, jobs: Sequence[Job]) -> dict[Key, Result]:
    """What is there already of what is to be asked."""
    keys = {job.key for job in jobs}
    found = read_results(folder) if (folder / FILE).is_file() else []
    return {key: one for one in found if (key := key_of(one)) in keys}


def _callable(calls: Lanes | None, bench: Bench, lanes: Sequence[str]) -> Lanes:
    """What calls lanes, once it is known that those that are named can be called."""
    if calls is not None:
        return calls
    made = LiteLLMLanes(bench.config.lanes)
    needed = {*lanes, *([bench.judge] if bench.judge is not None else [])}
    if missing := {lane: why for lane, why in made.missing().items() if lane in needed}:
        raise OfflineDataError("; ".join(f"Lane {lane} cannot be called: {why}" for lane, why in missing.items()) + ".")
    return made


def _target(stack: ExitStack, bench: Bench, lanes: LaneTarget, settings: RunSettings) -> LaneTarget | RouteTarget:
    if settings.target == "lane" or bench.router is None:
        return lanes
    return RouteTarget(stack.enter_context(Executor(bench.router)), bench.config)


async def _across(work: Work, suite: Suite) -> tuple[Verdict, ...]:
    """Of one suite; a lane may judge there only what it may see of all cases."""
    seen = [one for one in work.made if one.suite == suite.name and (one.attempt is None or _asked(one))]
    if not suite.file.across or not seen:
        return ()
    may = frozenset(work.bench.config.lanes)
    for one in seen:
        may &= work.allowed.lanes(suite, one.case)
    ask = None if work.bench.judge is None else work.asks(may)
    bench = Bench(work.bench.config, work.bench.router, ask, work.bench.judge)
    return await asyncio.to_thread(across_of, suite, seen, bench)


def _asked(result: Result) -> bool:
    return result.attempt is not None and result.attempt.error != "not_allowed"


def _ended(record: RunRecord, work: Work, now: datetime) -> RunRecord:
    left: dict[str, dict[str, dict[str, int]]] = {}
    for (suite, lane), why in work.left.items():
        left.setdefault(suite, {})[lane] = dict(why)
    seen = work.made
    broken = Counter(said.check for one in seen for said in one.verdicts if said.detail.startswith(BROKE))
    barred = Counter(one.arm.lane for one in seen if one.attempt is not None and not _asked(one))
    return record.model_copy(
        update={
            "ended": now,
            "status": "partial" if left else "done",
            "spent_usd": work.budget.spent_usd,
            "left_out": left,
            "broken": dict(broken),
            "not_allowed": dict(barred),
        }
    )
