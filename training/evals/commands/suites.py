"""``python -m training.evals suites``: which suites there are, and what each catches."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from router_ml.cli.output import AsJson, render, write_json
from training.evals.running.opening import open_suites
from training.evals.suite import Suite


def command(
    suites: Annotated[list[str] | None, typer.Argument(help="Names or folders; all that ship by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """List suites: their cases, cells, and the failures that each catches."""
    found = open_suites(suites or [])
    if as_json:
        write_json([_json(one) for one in found])
        return
    for one in found:
        said = _json(one)
        shown = Table(title=f"{one.name} {one.file.version}: {one.file.title}", title_justify="left")
        shown.add_column("failure")
        shown.add_column("means")
        shown.add_column("tolerated", justify="right")
        for name, means in one.file.catches.items():
            shown.add_row(name, means, f"{one.file.tolerated.get(name, 0.0):.0%}")
        shown.caption = (
            f"{said['cases']} cases in {said['clusters']} clusters and {said['cells']} cells; "
            f"{'made up, sent anywhere' if one.file.authored else 'the rules decide where it may go'}"
        )
        render(shown)


def _json(suite: Suite) -> dict[str, Any]:
    return {
        "name": suite.name,
        "version": suite.file.version,
        "title": suite.file.title,
        "digest": suite.digest,
        "cases": len(suite.cases),
        "clusters": len({case.cluster for case in suite.cases}),
        "cells": len({case.cell for case in suite.cases}),
        "authored": suite.file.authored,
        "catches": suite.file.catches,
        "tolerated": dict(suite.file.tolerated),
    }
