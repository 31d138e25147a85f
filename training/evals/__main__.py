"""``python -m training.evals``: run suites, read what came of them, turn it into priors."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from router_ml.errors import RouterError
from training.evals import commands


def build() -> typer.Typer:
    """The application, with a command for each module of ``commands``."""
    app = typer.Typer(
        name="training.evals",
        add_completion=False,
        no_args_is_help=True,
        help="Evaluate lanes: run suites, report, turn results into priors.",
    )
    for module in pkgutil.iter_modules(commands.__path__):
        found = importlib.import_module(f"{commands.__name__}.{module.name}")
        app.command(module.name)(found.command)

    @app.callback()
    def _several() -> None:
        """Keeps the names of commands also where there is one only."""

    return app


if __name__ == "__main__":
    try:
        build()(prog_name="python -m training.evals")
    except (RouterError, OSError) as problem:
        sys.stderr.write(f"training.evals: {' '.join(str(problem).split())}\n")
        sys.exit(2)
