"""``router-ml batch``: large data as partitioned Parquet, on this machine or on a Ray cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.inputs import Log, event_log, moment, open_config
from router_ml.cli.output import AsJson, Model, render, write_json
from router_ml.errors import InvalidRequestError
from router_ml.offline.engine.run import ROWS

if TYPE_CHECKING:
    from router_ml.offline.engine import Batch

app = typer.Typer(
    name="batch",
    no_args_is_help=True,
    help="Large data as partitioned Parquet: read, score, judge; what is done is kept.",
)


class Engine(StrEnum):
    """What runs the partitions."""

    pyarrow = "pyarrow"
    ray = "ray"


Source = Annotated[str, typer.Option("--in", help="Folder or URL of Parquet files.")]
Out = Annotated[str, typer.Option(help="Folder or URL for the results; what it holds of this run is kept.")]
By = Annotated[Engine, typer.Option(help="What runs the partitions.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes, or Ray's workers of one CPU each.")]
Address = Annotated[str | None, typer.Option(help="Of a Ray cluster; default $RAY_ADDRESS, else one is started here.")]
Rows = Annotated[int, typer.Option(min=1, help="Of a batch, which bounds the memory of a worker.")]


@contextmanager
def _how(engine: Engine, workers: int, address: str | None, rows: int) -> Iterator[Batch]:
    """How to run, with what was done so far on standard error, where that is a terminal."""
    how: Batch = {"engine": engine.value, "workers": workers, "address": address, "rows": rows}
    if not sys.stderr.isatty():
        yield how
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rows", total=None)
        yield {**how, "progress": lambda count: bar.advance(task, count)}


@app.command()
def export(
    out: Out, *, log: Log = None, since: str | None = None, model: Model = None, as_json: AsJson = False
) -> None:
    """Write the decisions of an event log as Parquet, by day, over the lanes of a bundle that is to be judged."""
    from router_ml.offline.engine.export import export as write_out

    _, config = open_config(model=model)
    with event_log(log) as events:
        found = write_out(events, out, config=config, since=moment(since, "--since"))
    if as_json:
        write_json(found.to_dict())
        return
    from router_ml.cli.show.batch import export_page

    render(export_page(found))


@app.command()
def embed(  # noqa: PLR0913 - a command line has as many options as it has
    source: Source,
    out: Out,
    *,
    model: Model = None,
    column: Annotated[str, typer.Option(help="The column of requests, as JSON.")] = "request",
    engine: By = Engine.pyarrow,
    workers: Workers = 1,
    address: Address = None,
    rows: Rows = ROWS,
    as_json: AsJson = False,
) -> None:
    """Read requests: embedding, features, labels and tokens instead of their texts."""
    from router_ml.offline import engine as engines

    with _how(engine, workers, address, rows) as how:
        report = engines.embed(source, out, model=model, column=column, **how)
    _show(report, as_json)


@app.command()
def score(  # noqa: PLR0913 - a command line has as many options as it has
    source: Source,
    out: Out,
    *,
    model: Model = None,
    traffic_class: Annotated[str, typer.Option("--class", help="Of rows that name none.")] = "default",
    engine: By = Engine.pyarrow,
    workers: Workers = 1,
    address: Address = None,
    rows: Rows = ROWS,
    as_json: AsJson = False,
) -> None:
    """Say what a bundle would do with requests that were read: propensities and estimates of every lane."""
    from router_ml.offline import engine as engines

    with _how(engine, workers, address, rows) as how:
        report = engines.score(source, out, model=model, traffic_class=traffic_class, **how)
    _show(report, as_json)


@app.command()
def ope(  # noqa: PLR0913 - a command line has as many options as it has
    source: Source,
    out: Out,
    *,
    target: Annotated[str, typer.Option(help="Column of the policy to judge.")] = "target",
    baseline: Annotated[
        str | None, typer.Option(help="Column of a policy to compare with; propensities: the logged one.")
    ] = None,
    reward: Annotated[str, typer.Option(help="Column of the reward; cost_usd is one, too.")] = "quality",
    reward_model: Annotated[
        str | None, typer.Option(help="Column of predicted rewards by lane, made without these rewards.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="Column of what depends on each other, as person.")] = None,
    engine: By = Engine.pyarrow,
    workers: Workers = 1,
    address: Address = None,
    rows: Rows = ROWS,
    as_json: AsJson = False,
) -> None:
    """Judge a policy on a log of any size: off-policy estimates with intervals, from sums over its partitions."""
    from router_ml.offline import engine as engines

    with _how(engine, workers, address, rows) as how:
        found = engines.ope(
            source,
            out,
            target=target,
            baseline=baseline,
            reward=reward,
            reward_model=reward_model,
            cluster=cluster,
            **how,
        )
    if as_json:
        write_json(found.to_dict())
        return
    from router_ml.cli.show.batch import ope_page

    render(ope_page(found))


@app.command()
def simulate(  # noqa: PLR0913 - a command line has as many options as it has
    out: Out,
    *,
    scenario: Annotated[str, typer.Option(help="A scenario of the library or a YAML file.")] = "quiet_week",
    model: Model = None,
    challenger: Annotated[
        list[str] | None, typer.Option(help="A bundle to compare with, NAME=BUNDLE; repeatable.")
    ] = None,
    requests: Annotated[Path | None, typer.Option(help="JSONL of requests; default: examples that ship.")] = None,
    pack: Annotated[Path | None, typer.Option(help="An outcome pack (path without ending) instead.")] = None,
    policies: Annotated[str, typer.Option(help="Groups beside the champion, as router-ml simulate takes them.")] = "",
    count: Annotated[int | None, typer.Option(min=1, help="Requests of each run.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs, each with other traffic and other luck.")] = 4,
    slices: Annotated[int, typer.Option(min=1, help="Parts of each run, where its requests share nothing.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The first of the seeds.")] = 0,
    engine: By = Engine.pyarrow,
    workers: Workers = 1,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Play a scenario with many seeds, each policy and seed a shard of its own, and add them up."""
    from router_ml.offline import engine as engines
    from router_ml.offline.engine.opening import settled
    from router_ml.offline.simulate import Source, sized
    from router_ml.offline.simulation.scenarios.loading import load_scenario

    bundle, _ = settled(model)
    with _how(engine, workers, address, ROWS) as how:
        found = engines.simulate(
            out,
            scenario=sized(load_scenario(scenario, config=bundle.config), count=count),
            model=model,
            source=Source(requests=requests, pack=pack),
            challengers=_named(challenger or []),
            policies=[name.strip() for name in policies.split(",") if name.strip()],
            deal=engines.Deal(seeds, slices, seed),
            **how,
        )
    if as_json:
        from router_ml.offline.simulation.counting.tables import to_record

        write_json({"study": to_record(found.study), "run": found.run.to_dict()})
        return
    from router_ml.cli.show.batch import report_page
    from router_ml.cli.show.simulation import study_page

    render(report_page(found.run))
    render(study_page(found.study))


def _named(given: list[str]) -> dict[str, str]:
    """NAME=BUNDLE, each name once."""
    if any("=" not in each for each in given):
        raise InvalidRequestError(f"Found --challenger {', '.join(given)}, expected NAME=BUNDLE.")
    named = dict(each.split("=", 1) for each in given)
    if len(named) < len(given):
        raise InvalidRequestError(
            f"Found --challenger {', '.join(given)}, where a name comes twice. Give each its own."
        )
    return named


def _show(report: object, as_json: bool) -> None:
    from router_ml.cli.show.batch import report_page
    from router_ml.offline.engine import Report

    assert isinstance(report, Report)
    if as_json:
        write_json(report.to_dict())
    else:
        render(report_page(report))
