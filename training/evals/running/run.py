"""Run suites against lanes: side by side, within a budget, going on where an earlier run was cut off.

A run is a folder: ``run.json`` says what it was, ``results.jsonl`` what came of it, ``across.json`` what checks say
of a lane's results together. A result that is there is not made again; one that is there and was not judged, because a
lane that judges could not be asked, is judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
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
from training.evals.running.ending import ended, together
from training.evals.running.jobs import Job, key_of
from training.evals.running.judging import AskJudges
from training.evals.running.looping import finished
from training.evals.running.planning import plan
from training.evals.running.record import ACROSS, RunRecord, RunSettings, folder_of, held, write_record, write_whole
from training.evals.running.working import Unwatched, Watch, Work, carry_out
from training.evals.suite import Suite

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
            been asked then. The run to go on with is another one, or in use. What came of it cannot be written.
    """
    options = options or Options()
    wanted, jobs = plan(suites, lanes, bench=bench, settings=options.settings, now=clock())
    wanted = wanted.model_copy(update={"budget_usd": options.budget_usd, "parallel": options.parallel})
    allowed = Allowed(suites, bench.config, bench.router)
    calls = _callable(calls, bench, lanes if options.settings.target == "lane" else ())
    folder, record = folder_of(out, wanted, options.run_id, anew=options.anew)

    async def all_of_it(done: list[Result], todo: Sequence[Job], watching: Watch) -> Ran:
        with ExitStack() as stack:
            loop, target = asyncio.get_running_loop(), LaneTarget(calls, bench.config)
            # Checks that wait for a judge each hold a thread; its call needs one more, to look its host up.
            loop.set_default_executor(ThreadPoolExecutor(options.parallel + _SPARE_THREADS))
            spent = max(record.spent_usd, sum(one.spent_usd for one in done))
            budget = Budget(options.budget_usd, spent_usd=spent)
            work = Work(
                run=record.run,
                bench=bench,
                target=_target(stack, bench, target, record.settings),
                asks=lambda allowed: AskJudges(target, bench.config, budget, loop, allowed),
                allowed=allowed,
                budget=budget,
                path=folder / FILE,
                watch=watching,
                clock=clock,
                made=[one for one in done if not one.put_off],
            )
            await carry_out(work, todo, parallel=options.parallel)
            across = {suite.name: await together(work, suite) for suite in suites}
            return Ran(folder, ended(record, work, clock()), work.made, across)

    with held(folder):
        done, todo = _split(folder, jobs)
        write_record(folder, record)
        watching = watch(len(jobs), len(jobs) - len(todo)) if watch is not None else Unwatched()
        ran = finished(all_of_it(done, todo, watching))
        write_whole(folder / ACROSS, _ACROSS.dump_json(ran.across, indent=2, exclude_defaults=True).decode() + "\n")
        write_record(folder, ran.record)
    return ran


def _split(folder: Path, jobs: Sequence[Job]) -> tuple[list[Result], list[Job]]:
    """What is there of what is to be asked, and what is to be done: asked, or only judged."""
    found = read_results(folder) if (folder / FILE).is_file() else []
    known, keys = {key_of(one): one for one in found}, {job.key for job in jobs}
    done = [one for key, one in known.items() if key in keys]
    todo = [replace(job, answered=known.get(job.key)) for job in jobs]
    return done, [job for job in todo if job.answered is None or job.answered.put_off]


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
