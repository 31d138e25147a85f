"""``python -m training.evals run``: run suites against lanes, or the whole router."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from router_ml.cli.output import AsJson, Model, render, write, write_json
from training.evals.bench import Bench
from training.evals.reporting.logged import log_results
from training.evals.reporting.record import to_record
from training.evals.reporting.summary import summarise
from training.evals.reporting.views import terminal
from training.evals.running.expected import expected_json, expected_table
from training.evals.running.opening import open_bench, open_suites
from training.evals.running.planning import plan
from training.evals.running.progress import shown
from training.evals.running.record import RunSettings
from training.evals.running.run import OUT, Options, Ran, run_in
from training.evals.suite import Suite

ALARM, UNDONE, INTERRUPTED = 1, 2, 130


class Target(StrEnum):
    """What is asked."""

    lane = "lane"
    route = "route"


def command(  # noqa: PLR0913 - a command line has as many options as it has
    suites: Annotated[
        list[str] | None, typer.Argument(help="Names or folders of suites; all that ship by default.")
    ] = None,
    *,
    lane: Annotated[list[str] | None, typer.Option(help="Lane to ask; give it for each.")] = None,
    config: Annotated[Path | None, typer.Option(help="router.yaml; default: that of the bundle.")] = None,
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = OUT,
    budget: Annotated[
        float | None, typer.Option(min=0, help="USD that the whole run may spend, judges included.")
    ] = 2.0,
    parallel: Annotated[int, typer.Option(min=1, help="Attempts at the same time.")] = 8,
    repeat: Annotated[int, typer.Option(min=1, help="How often each case is asked.")] = 1,
    sample: Annotated[int | None, typer.Option(min=1, help="About as many cases of each suite, drawn by cell.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample and of the order.")] = 0,
    target: Annotated[Target, typer.Option(help="Ask lanes, or the route as a whole.")] = Target.lane,
    judge: Annotated[str | None, typer.Option(help="Lane that judges where a check needs one.")] = None,
    log: Annotated[str | None, typer.Option(help="Path or URL of an event log to keep the results in.")] = None,
    run: Annotated[str | None, typer.Option(help="Id of the run to go on with, or to begin.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new run, also where one is unfinished.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and its price; send nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run suites against lanes. A run that was cut off goes on where it stopped.

    Exit code 1: an alarm rings; 2: something could not be done, as a lane that cannot be called.
    """
    os.environ.setdefault("LITELLM_LOG", "ERROR")
    chosen = open_suites(suites or [])
    bench = open_bench(model, config, judge=judge)
    settings = RunSettings(target=target.value, repeat=repeat, sample=sample, seed=seed)
    options = Options(settings, budget_usd=budget, parallel=parallel, run_id=run, anew=new)
    if dry_run:
        _say_what_would_be(chosen, lane or [], bench, settings, as_json=as_json)
        return
    try:
        with shown() as watch:
            ran = run_in(chosen, lane or [], bench=bench, out=out, options=options, watch=watch)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. What was made is kept: the same command goes on.\n")
        raise typer.Exit(INTERRUPTED) from None
    summary = summarise(ran.results, chosen, across=ran.across, record=ran.record)
    if log is not None:
        _keep(ran, chosen, log)
    if as_json:
        write_json({**_json(ran), **to_record(summary)})
    else:
        render(terminal(summary))
        write(f"{ran.folder}: ${ran.record.spent_usd:.4f} spent, {ran.record.status}.")
    if summary.alarms:
        raise typer.Exit(ALARM)
    if summary.undone:
        raise typer.Exit(UNDONE)


def _say_what_would_be(
    suites: list[Suite], lanes: list[str], bench: Bench, settings: RunSettings, *, as_json: bool
) -> None:
    _, jobs = plan(suites, lanes, bench=bench, settings=settings, now=datetime.now(UTC))
    if as_json:
        write_json(expected_json(jobs, bench.config))
    else:
        render(expected_table(jobs, bench.config))


def _keep(ran: Ran, suites: list[Suite], log: str) -> None:
    from router_ml.storage.eventlog import EventLog

    with EventLog(log) as events:
        log_results(events, ran.results, suites={one.name: one for one in suites})


def _json(ran: Ran) -> dict[str, Any]:
    record = ran.record.model_dump(
        mode="json", include={"status", "spent_usd", "left_out", "not_allowed", "put_off", "broken"}
    )
    return {"run": ran.record.run, "folder": str(ran.folder), **record}
