"""``router-ml policy test`` and ``router-ml policy diff``: rules tried out before they are in force."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from router_ml.cli.inputs import event_log, open_config
from router_ml.cli.output import AsJson, Model, render, write_json

app = typer.Typer(name="policy", no_args_is_help=True, help="Try rules out before they are in force.")


@app.command("test")
def run_table(
    file: Annotated[Path, typer.Argument(help="A table of examples in YAML.")],
    config: Annotated[Path | None, typer.Option(help="A router.yaml; by default the one of the model.")] = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Run a table of examples: given a request or facts, expect lanes and more (exit 1 where one fails)."""
    from router_ml.cli.policy_run import policy_test

    report = policy_test(file, config=config, model=model)
    if as_json:
        write_json(report.to_dict())
    else:
        from router_ml.cli.show.policy import examples_page

        render(examples_page(report))
    if not report.ok:
        raise typer.Exit(1)


@app.command("diff")
def show_diff(
    before: Annotated[str, typer.Argument(help="A router.yaml, or a bundle.")],
    after: Annotated[str, typer.Argument(help="The one to compare with.")],
    log: Annotated[str | None, typer.Option(help="An event log whose decisions are ruled on again.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only decisions from then on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which rules differ, and which decisions of a log would come out otherwise."""
    from router_ml.offline.policy_diff import compare_policies

    first, second = (open_config(model=source)[1] for source in (before, after))
    if log is None:
        found = compare_policies(first, second)
    else:
        with event_log(log) as events:
            found = compare_policies(first, second, events.decisions(since, shadows=False))
    if as_json:
        write_json(found.to_dict())
    else:
        from router_ml.cli.show.policy import diff_page

        render(diff_page(found, logged=log is not None))
