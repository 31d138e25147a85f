"""``python -m training.evals changed``: which suites a change has made stale, and why; ``--run`` runs those again."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from router_ml.cli.output import AsJson, Model, write, write_json
from training.evals.bench import Bench
from training.evals.reporting.runs import folders
from training.evals.reporting.summary import summarise
from training.evals.result import ROUTER
from training.evals.running.opening import open_bench, open_suites
from training.evals.running.progress import shown
from training.evals.running.record import BUDGET, RunRecord, read_record
from training.evals.running.run import OUT, Options, Ran, run_in
from training.evals.suite import Suite
from training.evals.watching.dependencies import Fingerprints, dependencies_of
from training.evals.watching.stale import Stale, stale

STALE, ALARM, UNDONE = 1, 1, 2


def command(
    suites: Annotated[list[str] | None, typer.Argument(help="Names or folders; all that ship by default.")] = None,
    *,
    lane: Annotated[list[str] | None, typer.Option(help="With --run: lanes to ask; default those asked last.")] = None,
    config: Annotated[Path | None, typer.Option(help="router.yaml; default: that of the bundle.")] = None,
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = OUT,
    budget: Annotated[float | None, typer.Option(min=0, help="With --run: USD that all of it may spend.")] = 2.0,
    run: Annotated[bool, typer.Option("--run", help="Run the stale suites again, and no others.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say which suites have results of something else than there is now: another lane, index, prompt, tool or policy.

    Exit code 1: some are stale and were not run again, or an alarm rings in one that was; 2: something could not be
    done.
    """
    chosen, bench = open_suites(suites or []), open_bench(model, config)
    now = dependencies_of(bench.config, chosen, bench.router)
    records = [read_record(folder) for folder in folders(out)]
    found = look(chosen, now, records, known={*bench.config.lanes, ROUTER})
    if as_json:
        write_json([asdict(one) for one in found])
    elif not found:
        write("Nothing has changed that a suite depends on.")
    else:
        write("".join(f"{one.suite}: {'; '.join(one.reasons)}.\n" for one in found))
    if not found:
        return
    if not run:
        raise typer.Exit(STALE)
    rung = undone = False
    for ran in _run(chosen, found, lane, bench=bench, out=out, budget_usd=budget):
        said = f"{ran.folder}: {ran.record.status}. Read it with: python -m training.evals report {ran.record.run}\n"
        (sys.stderr if as_json else sys.stdout).write(said)
        summary = summarise(ran.results, chosen, across=ran.across, record=ran.record)
        rung, undone = rung or bool(summary.alarms), undone or summary.undone
    if rung:
        raise typer.Exit(ALARM)
    if undone:
        raise typer.Exit(UNDONE)


def look(
    suites: Sequence[Suite], now: Fingerprints, records: Sequence[RunRecord], *, known: Collection[str]
) -> list[Stale]:
    """Stale suites. Each lane that was ever asked is compared with its own last run of the suite, since a later run
    may have asked another one alone. A run that was cut off, or left all of a suite out, is not its last.

    Args:
        records: oldest first. known: lanes that there are; others are forgotten.
    """
    found: list[Stale] = []
    for suite in suites:
        last: dict[str, RunRecord] = {}
        for record in records:
            last |= {lane: record for lane in _answered(record, suite) if lane in known}
        if not last:
            found.append(Stale(suite.name, None, ("it was never run",)))
            continue
        each = {
            lane: stale(suite, before=run.dependencies, now=now, lanes=[lane, run.settings.judge or lane])
            for lane, run in last.items()
        }
        lanes = tuple(lane for lane in last if each[lane])
        if lanes:
            reasons = dict.fromkeys(reason for lane in lanes for reason in each[lane])
            found.append(Stale(suite.name, last[lanes[-1]].run, tuple(reasons), lanes))
    return found


def _answered(record: RunRecord, suite: Suite) -> list[str]:
    """Lanes of a run that ended, which could be called and have results of a suite."""
    kept = next((one for one in record.suites if one.name == suite.name), None)
    if kept is None or record.status == "running":
        return []
    asked = min(kept.cases, sum(case.decided is None for case in suite.cases)) * record.settings.repeat
    left = {arm.lane: record.left_out.get(suite.name, {}).get(arm.lane, {}) for arm in record.arms}
    return [lane for lane, why in left.items() if not why or (set(why) == {BUDGET} and why[BUDGET] < asked)]


def _run(
    suites: Sequence[Suite],
    found: Sequence[Stale],
    lanes: Sequence[str] | None,
    *,
    bench: Bench,
    out: Path,
    budget_usd: float | None,
) -> Iterator[Ran]:
    """Run stale suites, those of the same lanes together, within one budget."""
    together: dict[tuple[str, ...], list[Suite]] = {}
    for one in found:
        asked = tuple(sorted(lanes or one.lanes))
        together.setdefault(asked, []).extend(suite for suite in suites if suite.name == one.suite)
    for asked, some in together.items():
        options = Options(budget_usd=budget_usd, anew=True)
        with shown() as watch:
            ran = run_in(some, asked, bench=bench, out=out, options=options, watch=watch)
        if budget_usd is not None:
            budget_usd = max(0.0, budget_usd - ran.record.spent_usd)
        yield ran
