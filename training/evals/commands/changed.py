"""``python -m training.evals changed``: which suites a change has made stale, and why; ``--run`` runs those again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from router_ml.cli.output import AsJson, Model, write, write_json
from training.evals.opening import open_bench, open_suites
from training.evals.progress import shown
from training.evals.record import RunRecord, read_record
from training.evals.reporting.runs import folders
from training.evals.running import OUT, Options, run_in
from training.evals.suite import Suite
from training.evals.watching.dependencies import Fingerprints, dependencies_of
from training.evals.watching.stale import Stale, stale

STALE = 1


def command(
    suites: Annotated[list[str] | None, typer.Argument(help="Names or folders; all that ship by default.")] = None,
    *,
    lane: Annotated[list[str] | None, typer.Option(help="With --run: lanes to ask; default those asked last.")] = None,
    config: Annotated[Path | None, typer.Option(help="router.yaml; default: that of the bundle.")] = None,
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = OUT,
    budget: Annotated[float | None, typer.Option(min=0, help="With --run: USD that it may spend.")] = 2.0,
    run: Annotated[bool, typer.Option("--run", help="Run the stale suites again, and no others.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say which suites have results of something else than there is now: another lane, index, prompt, tool or policy.

    Exit code 1: some are stale; 2: something could not be done.
    """
    chosen, bench = open_suites(suites or []), open_bench(model, config)
    now = dependencies_of(bench.config, chosen, bench.router)
    found = look(chosen, now, [read_record(folder) for folder in folders(out)])
    if as_json:
        write_json([asdict(one) for one in found])
    elif not found:
        write("Nothing has changed that a suite depends on.")
    else:
        write("".join(f"{one.suite}: {'; '.join(one.reasons)}.\n" for one in found))
    if not found:
        return
    if run:
        again = [suite for suite in chosen if suite.name in {one.suite for one in found}]
        lanes = list(lane or dict.fromkeys(name for one in found for name in one.lanes))
        with shown() as watch:
            ran = run_in(again, lanes, bench=bench, out=out, options=Options(budget_usd=budget, anew=True), watch=watch)
        write(f"{ran.folder}: {ran.record.status}. Read it with: python -m training.evals report {ran.record.run}")
        return
    raise typer.Exit(STALE)


def look(suites: Sequence[Suite], now: Fingerprints, records: Sequence[RunRecord]) -> list[Stale]:
    """Stale suites; each is compared with its last run, ``records`` being oldest first."""
    found: list[Stale] = []
    for suite in suites:
        last = next((one for one in reversed(records) if suite.name in {each.name for each in one.suites}), None)
        if last is None:
            found.append(Stale(suite.name, None, ("it was never run",)))
            continue
        lanes = [arm.lane for arm in last.arms]
        one = stale(suite, before=last.dependencies, now=now, run=last.run, lanes=lanes)
        if one is not None:
            found.append(one)
    return found
