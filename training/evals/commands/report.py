"""``python -m training.evals report``: what runs say, as tables, JSON, Markdown or a page; into log and MLflow."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from router_ml.cli.output import AsJson, render, write, write_json
from training.evals.reporting.comparing import compare
from training.evals.reporting.logged import log_results
from training.evals.reporting.page import page
from training.evals.reporting.record import to_record
from training.evals.reporting.runs import Run, latest, read_run
from training.evals.reporting.tracked import track
from training.evals.reporting.views import markdown, terminal
from training.evals.running.run import OUT

ALARM, UNDONE = 1, 2


class By(StrEnum):
    """What rows are split by."""

    route = "route"
    cell = "cell"
    class_ = "class"
    tier = "tier"


def command(  # noqa: PLR0913 - a command line has as many options as it has
    run: Annotated[str | None, typer.Argument(help="Folder or id of a run; the latest by default.")] = None,
    *,
    against: Annotated[str | None, typer.Option(help="Folder or id of a run to compare with, case by case.")] = None,
    by: Annotated[By | None, typer.Option(help="Split rows by this.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = OUT,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown only.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page of HTML here.")] = None,
    log: Annotated[str | None, typer.Option(help="Path or URL of an event log to keep the results in.")] = None,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Record the run in MLflow.")] = False,
) -> None:
    """Report a run: shares with intervals, failures by name with alarms, costs, and what is missing.

    Exit code 1: an alarm rings; 2: something could not be done, as of a lane of which nothing could be judged.
    """
    found = read_run(run if run is not None else latest(out), out=out)
    summary = found.summary()
    differences = compare(read_run(against, out=out).results, found.results) if against is not None else []
    if as_json:
        write_json(to_record(summary, differences))
    elif as_markdown:
        write(markdown(summary, differences, by=None if by is None else by.value))
    else:
        render(terminal(summary, differences, by=None if by is None else by.value))
        _say_changed(found)
    if html is not None:
        html.write_text(page(summary, differences, title=f"Evaluations {found.record.run}"), encoding="utf-8")
    kept = _kept(found, log=log, mlflow=mlflow)
    if not (as_json or as_markdown):
        write("".join(f"{line}\n" for line in kept) or "\n")
    if summary.alarms:
        raise typer.Exit(ALARM)
    if summary.undone or not summary.rows:
        raise typer.Exit(UNDONE)


def _say_changed(run: Run) -> None:
    for name in run.changed:
        write(f"Suite {name} says something else now than when it was run: what is tolerated is as it is now.")


def _kept(run: Run, *, log: str | None, mlflow: bool) -> list[str]:
    said = []
    if log is not None:
        from router_ml.storage.eventlog import EventLog

        with EventLog(log) as events:
            count = log_results(events, run.results, suites={one.name: one for one in run.suites})
        said.append(f"{count} results are outcomes in the log.")
    if mlflow:
        said.append(f"MLflow run {track(run)}")
    return said
