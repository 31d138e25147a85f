"""The commands. Each is a thin shell: open what is named, call one function, print the result."""

from __future__ import annotations

import io
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from router_ml.cli.approvals import app as approvals
from router_ml.cli.audit import audit
from router_ml.cli.batch import app as batch
from router_ml.cli.check import check as check_config
from router_ml.cli.contract_page import contract_page, contract_record
from router_ml.cli.document import write_schemas
from router_ml.cli.drift import drift
from router_ml.cli.evaluate import evaluate
from router_ml.cli.explain import explain
from router_ml.cli.init import init
from router_ml.cli.inputs import build_request, open_config
from router_ml.cli.judge import next_prompts, savings, slices
from router_ml.cli.keys import app as keys
from router_ml.cli.lane import app as lane
from router_ml.cli.log import app as log_commands
from router_ml.cli.outage import outage
from router_ml.cli.output import AsJson, Model, render, write, write_json
from router_ml.cli.policy import app as policy
from router_ml.cli.release import approve, canary, promote, releases, rollback, shadow
from router_ml.cli.replay import replay
from router_ml.cli.rewards import rewards
from router_ml.cli.serve import serve
from router_ml.cli.simulate import simulate
from router_ml.cli.spend import spend
from router_ml.cli.tools import app as tools
from router_ml.errors import ConfigError, RouterError

_LARGEST_SEED = 2**53 - 1

app = typer.Typer(
    name="router-ml",
    add_completion=False,
    no_args_is_help=True,
    help="Decide which LLM lane serves a request, and why. To start: router-ml init my-router asks a few questions, "
    "writes a router.yaml, and says what comes next.",
)
_START, _KNOW, _WORTH = "First", "Know what was decided", "What it is worth"
_LEARN, _RUN = "Learn and release", "Run it for others"
app.command(rich_help_panel=_START)(init)

File = Annotated[
    Path | None, typer.Argument(help="A router.yaml; by default the one of the model.", show_default=False)
]
Log = Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")]


class By(StrEnum):
    """What floors are reported by."""

    cell = "cell"
    language = "language"
    org = "org"
    class_ = "class"


@app.command(rich_help_panel=_START)
def route(  # noqa: PLR0913 - a command line has as many options as it has
    text: Annotated[str | None, typer.Argument(help="The request, or - for standard input.")] = None,
    *,
    request: Annotated[Path | None, typer.Option(help="A request as JSON file, instead of TEXT.")] = None,
    model: Model = None,
    config: Annotated[Path | None, typer.Option(help="A router.yaml that replaces the bundle's.")] = None,
    channel: Annotated[str | None, typer.Option(help="web, app, api or batch.")] = None,
    org: Annotated[str | None, typer.Option(help="metadata.org")] = None,
    region: Annotated[str | None, typer.Option(help="metadata.region")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="A tool the lane may use; repeatable.")] = None,
    traffic_class: Annotated[
        str | None, typer.Option("--class", help="Traffic class, instead of the first match.")
    ] = None,
    allow: Annotated[list[str] | None, typer.Option(help="Only this lane; repeatable.")] = None,
    deny: Annotated[list[str] | None, typer.Option(help="Not this lane; repeatable.")] = None,
    max_cost: Annotated[float | None, typer.Option(help="Ceiling in USD.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=_LARGEST_SEED, help="Of the draw; default: random.")] = None,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Decide one request and say why."""
    asked = build_request(
        text,
        file=request,
        metadata={"org": org, "region": region},
        constraints={"allow_lanes": allow, "deny_lanes": deny, "max_cost_usd": max_cost},
        channel=channel,
        allowed_tools=tool,
        traffic_class=traffic_class,
    )
    from router_ml.router import Router

    decision = Router.load(model, config=config, log=log).predict_route(asked, seed=seed)
    if as_json:
        write(decision.to_json())
        return
    from router_ml.cli.show.decisions import decision_panel

    render(decision_panel(decision))


@app.command(rich_help_panel=_START)
def check(
    file: File = None,
    model: Model = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for what only deserves a look, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find all that is wrong in a router.yaml (exit 1); of a valid one, what deserves a look and what it promises."""
    report = check_config(file, model=model)
    if as_json:
        write_json(report.to_dict())
    else:
        from router_ml.cli.show.decisions import check_page

        render(check_page(report))
    if not report.ok or (strict and report.notes):
        raise typer.Exit(1)


@app.command(rich_help_panel=_START)
def contract(
    file: File = None,
    schema: Annotated[Path | None, typer.Option(help="Write JSON Schema files to this folder instead.")] = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Print the routing contract of a configuration on a page, for review; or write the JSON Schemas."""
    if schema is not None:
        written = [str(path) for path in write_schemas(schema)]
        write_json({"written": written}) if as_json else write("\n".join(written))
        return
    _, config = open_config(file, model=model)
    write_json(contract_record(config)) if as_json else write(contract_page(config))


@app.command(rich_help_panel=_WORTH)
def floors(
    log: Log = None,
    by: Annotated[By, typer.Option(help="What to group decisions by.")] = By.cell,
    as_json: AsJson = False,
) -> None:
    """Say for which cells, languages, organisations or classes the promised floor is kept, from rated decisions."""
    from router_ml.cli.floors import floor_page, floor_rows

    found = floor_rows(log, by=by.value)
    if as_json:
        write_json([row.to_dict() for row in found])
        return
    render(floor_page(found, by.value))


for panel, steps in (
    (_KNOW, (explain, replay, audit)),
    (_WORTH, (savings, spend, slices, outage, simulate)),
    (_LEARN, (evaluate, drift, rewards, releases, approve, shadow, canary, promote, rollback)),
    (_RUN, (serve,)),
):
    for step in steps:
        app.command(rich_help_panel=panel)(step)
app.command("next", rich_help_panel=_WORTH)(next_prompts)
for panel, groups in (
    (_START, (policy,)),
    (_KNOW, (approvals,)),
    (_LEARN, (log_commands, batch)),
    (_RUN, (lane, keys, tools)),
):
    for group in groups:
        app.add_typer(group, rich_help_panel=panel)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command and exit: 0, 1 for a configuration with problems, 2 for anything that could not be done.

    What the library raises becomes one line on standard error.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a character is no reason to fail
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        code = 1
    except ConfigError as error:
        more = len(error.problems) - 1
        code = _fail(str(error.problems[0]) + (f" And {more} more: router-ml check lists all." if more else ""))
    except RouterError as error:
        code = _fail(str(error))
    except OSError as error:
        code = _fail(f"{error.filename or 'The system'}: {error.strerror or 'cannot be used'}.")
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    try:
        typer.main.get_command(app)(arguments, prog_name="router-ml")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"router-ml: {' '.join(message.split())}\n")
    return 2
