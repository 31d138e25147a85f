"""``router-ml simulate``: what would a policy do to cost, quality, latency and an outage?"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_ml.cli.output import AsJson, Model, render, write, write_json
from router_ml.errors import ConfigError, InvalidRequestError

if TYPE_CHECKING:
    from router_ml.config import RouterConfig
    from router_ml.offline.simulation.counting.results import Study
    from router_ml.offline.simulation.scenarios.scenario import Scenario


def simulate(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    scenario: Annotated[
        list[str] | None, typer.Option(help="A scenario of the library (see --list) or a YAML file; repeatable.")
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the scenarios of the library.")] = False,
    model: Model = None,
    challenger: Annotated[
        list[str] | None, typer.Option(help="A bundle folder or models:/ URI to compare with; repeatable.")
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(help="JSONL of requests, one a line; default: examples that ship.", show_default=False),
    ] = None,
    pack: Annotated[Path | None, typer.Option(help="An outcome pack (path without ending) instead.")] = None,
    log: Annotated[str | None, typer.Option(help="Path or URL of an event log instead: its own decisions.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="How many requests; default: what the scenario says.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.01, help="Over how many days.")] = None,
    policies: Annotated[
        str | None,
        typer.Option(
            help="What the champion is compared with, with commas: challengers, fixed, premium, nearest, shuffled, "
            "oracle, learning; none for the champion alone. Default: all but learning.",
            show_default=False,
        ),
    ] = None,
    learn: Annotated[bool, typer.Option("--learn", help="Also play a champion that learns from ratings.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write a page with charts, which needs no network.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write who answers over time as an SVG, for a document.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write tables into this folder, by scenario and policy.")] = None,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Record a run in MLflow.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play traffic through policies and say what it does to cost, quality, latency and service."""
    from router_ml.offline import simulate as simulator

    if show_list:
        _show_library(as_json=as_json)
        return
    _check_places(html=html, picture=picture, parquet=parquet)
    bundle, names = simulator.open_bundle(model), scenario or ["quiet_week"]
    chosen = _scenarios(names, bundle.config, count=count, days=days)
    source = simulator.Source(requests=requests, pack=pack, log=log, count=count)
    groups = _groups(policies, learn=learn)
    studies = []
    for each in chosen:
        with _progress(each.name) as told:
            studies.append(
                simulator.simulate(
                    bundle,
                    each,
                    challengers=challenger or (),
                    policies=groups,
                    source=source,
                    seed=seed,
                    progress=told,
                )
            )
    options: dict[str, object] = {
        "model": model,
        "challenger": challenger,
        "requests": requests,
        "pack": pack,
        "log": log,
    }
    options |= {"count": count, "days": days, "policies": policies, "learn": learn, "seed": seed}
    several, kept = len(studies) > 1, []
    for name, one in zip(names, studies, strict=True):
        line = _line({"scenario": name, **options})
        kept.append(Keep(one, _own(html, one, several=several), _own(picture, one, several=several), parquet, line))
    try:  # what took minutes is shown even where it cannot be kept
        for keep in kept:
            keep.write()
        for keep in kept if mlflow else ():
            keep.record()
    finally:
        _show(kept, as_json=as_json)


def _show(kept: list[Keep], *, as_json: bool) -> None:
    if as_json:
        from router_ml.offline.simulation.counting.tables import to_record

        write_json({"studies": [{**to_record(one.study), "written": one.written} for one in kept]})
        return
    from router_ml.cli.show.simulation import study_page

    for one in kept:
        render(study_page(one.study))
        write("".join(f"Written: {what}\n" for what in one.written) or "\n")


def _check_places(*, html: Path | None, picture: Path | None, parquet: Path | None) -> None:
    """Before anything is played, or the numbers would be lost to a mistake in a name."""
    for file in (html, picture):
        if file is not None and not file.parent.is_dir():
            raise InvalidRequestError(f"There is no folder {file.parent} to write {file.name} to. Make it first.")
        if file is not None and file.is_dir():
            raise InvalidRequestError(f"{file} is a folder; expected the name of a file to write.")
    if picture is not None and picture.suffix != ".svg":
        raise InvalidRequestError(f"Found {picture.name} for the picture, expected a name that ends in .svg.")
    if parquet is not None and parquet.exists() and not parquet.is_dir():
        raise InvalidRequestError(f"{parquet} is a file; expected a folder for the tables, or a new name.")


def _scenarios(names: Sequence[str], config: RouterConfig, *, count: int | None, days: float | None) -> list[Scenario]:
    """The scenarios as they fit the configuration, every mistake of theirs told at once."""
    from router_ml.offline.simulate import sized
    from router_ml.offline.simulation.scenarios.loading import load_scenario

    try:
        found = [sized(load_scenario(name, config=config), count=count, days=days) for name in names]
    except ConfigError as error:
        raise InvalidRequestError(" ".join(str(problem) for problem in error.problems)) from None
    twice = [one.name for index, one in enumerate(found) if one.name in {other.name for other in found[:index]}]
    if twice:
        raise InvalidRequestError(f"Found two scenarios called {twice[0]!r}, expected a name of its own for each.")
    return found


def _groups(policies: str | None, *, learn: bool) -> tuple[str, ...]:
    from router_ml.offline.simulation.counting.lineup import USUAL, check_groups

    asked = USUAL if policies is None else tuple(part.strip() for part in policies.split(",") if part.strip())
    asked = () if asked == ("none",) else asked
    check_groups(asked)
    return (*asked, "learning") if learn and "learning" not in asked else asked


def _show_library(*, as_json: bool) -> None:
    from router_ml.offline.simulation.scenarios.loading import library, load_scenario

    found = {name: load_scenario(name).description for name in library()}
    if as_json:
        write_json(found)
        return
    from router_ml.cli.show.simulation import library_page

    render(library_page(found))


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar on standard error; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)

        def told(policy: str, played: int, of: int) -> None:
            bar.update(task, completed=played, total=of, description=f"{name}: {policy}")

        yield told


def _own(file: Path | None, study: Study, *, several: bool) -> Path | None:
    """Where something goes; of several studies each has its own."""
    if file is None or not several:
        return file
    name = re.sub(r"[^\w.-]+", "_", study.scenario)
    return file.with_stem(f"{file.stem}-{name}")


def _line(options: Mapping[str, object]) -> str:
    """What gives the same again."""
    words = ["router-ml", "simulate"]
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if one is True:
                words.append(f"--{name}")
            elif one is not None and one is not False:
                secret = name == "log" and "@" in str(one)  # a URL with a password
                words += [f"--{name}", "URL" if secret else str(one)]
    return shlex.join(words)


@dataclass
class Keep:
    """A study, what it is written to, and the ``line`` that gives it again; ``written``: what was, and where."""

    study: Study
    html: Path | None
    picture: Path | None
    parquet: Path | None
    line: str
    written: list[str] = field(default_factory=list)

    @cached_property
    def page(self) -> str:
        """The page."""
        from router_ml.offline.simulation.page.page import page

        return page(self.study, command_line=self.line)

    def write(self) -> None:
        """Write the files that were asked for."""
        from router_ml.offline.simulation.counting import saving
        from router_ml.offline.simulation.page.pictures import outage_picture

        if self.html is not None:
            self.html.write_text(self.page, encoding="utf-8")
            self.written.append(str(self.html))
        if self.picture is not None:
            self.written.append(str(outage_picture(self.picture, self.study)))
        if self.parquet is not None:
            saving.write_parquet(self.study, self.parquet)
            self.written.append(str(self.parquet))

    def record(self) -> None:
        """Record a run in MLflow."""
        from router_ml.offline.simulation.counting import saving

        self.written.append(f"MLflow run {saving.record_run(self.study, page=self.page)}")
