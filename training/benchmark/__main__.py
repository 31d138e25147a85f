"""The command line of the benchmarks."""

from __future__ import annotations

import sys

import typer

from router_ml.errors import RouterError
from training.benchmark.acquisition import main as acquisition
from training.benchmark.classifier import main as classifier
from training.benchmark.drift import main as drift
from training.benchmark.gate import main as gate
from training.benchmark.guardrails import main as guardrails
from training.benchmark.log_sizes import main as log_sizes
from training.benchmark.online import main as online
from training.benchmark.ope import main as ope
from training.benchmark.plan import main as plan
from training.benchmark.priors import main as priors
from training.benchmark.promise import main as promise
from training.benchmark.relabelling import main as relabelling
from training.benchmark.routing import main as routing
from training.benchmark.savings import main as savings
from training.benchmark.switching import main as switching

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.command("routing")(routing)
app.command("switching")(switching)
app.command("acquisition")(acquisition)
app.command("classifier")(classifier)
app.command("guardrails")(guardrails)
app.command("savings")(savings)
app.command("plan")(plan)
app.command("promise")(promise)
app.command("priors")(priors)
app.command("online")(online)
app.command("drift")(drift)
app.command("gate")(gate)
app.command("ope")(ope)
app.command("log-sizes")(log_sizes)
app.command("labels")(relabelling)


@app.callback()
def benchmarks() -> None:
    """Measure the learned parts on held-out data, and the guardrails against a red team."""


def main() -> None:
    """Run a benchmark; errors of ours become one line."""
    try:
        app()
    except RouterError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
