"""``router-ml log import``: outcomes that others logged, looked at first, then written into the event log."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from router_ml.cli.inputs import log_url, open_config
from router_ml.cli.output import AsJson, Model, render, write, write_json
from router_ml.errors import InvalidRequestError

if TYPE_CHECKING:
    from router_ml.config import RouterConfig
    from router_ml.offline.importing.mapping import Mapping
    from router_ml.router import Router


class Kind(StrEnum):
    """How the file is written, where there is no mapping file yet."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"
    litellm = "litellm"
    mlflow = "mlflow"


def import_log(  # noqa: PLR0913 - a command line has as many options as it has
    file: Annotated[str, typer.Argument(help="CSV, JSONL or Parquet; or mlflow:EXPERIMENT of a tracking store.")],
    *,
    mapping: Annotated[
        Path | None, typer.Option(help="What its columns mean; by default FILE.mapping.yaml, guessed if absent.")
    ] = None,
    guess: Annotated[bool, typer.Option("--guess", help="Write a first mapping file and stop.")] = False,
    kind: Annotated[Kind | None, typer.Option("--format", help="For a guess; default: by the file's name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read all, write nothing, say what is missing.")] = False,
    log: Annotated[str | None, typer.Option(help="Event log to write to; default $ROUTER_ML_LOG.")] = None,
    model: Model = None,
    config: Annotated[Path | None, typer.Option(help="A router.yaml that replaces the bundle's.")] = None,
    who: Annotated[str, typer.Option(help="Who imports; kept in the audit event.")] = "",
    why: Annotated[str, typer.Option(help="Why; kept in the audit event. Name no person.")] = "",
    read: Annotated[int, typer.Option(min=0, help="Of a dry run: texts to read, to see how many are private.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Import outcomes as decisions: exit 1 where rows were left out, or where a mapping file was guessed."""
    place = mapping or Path(f"{file.replace(':', '_')}.mapping.yaml")
    if guess or (mapping is None and not place.is_file()):
        known, given = open_config(config, model=model)[1], _given(model, config)
        _guess(file, place, known, kind=kind, given=given, as_json=as_json)
        raise typer.Exit(0 if guess else 1)
    if not dry_run and not (who.strip() and why.strip()):
        raise InvalidRequestError("An import is an event of the log: say who with --who and why with --why.")
    from router_ml.offline.importing.mapping import load_mapping

    told, router = load_mapping(place), _router(model, config)
    if dry_run:
        left_out = _survey(
            file, told, router, read=read, commands=_Next(file, place, log, model, config), as_json=as_json
        )
    else:
        left_out = _write(file, told, router, log=log, said=(who, why), as_json=as_json)
    if left_out:
        raise typer.Exit(1)


class _Next:
    """The commands that come next, with what this one was given."""

    def __init__(self, file: str, mapping: Path, log: str | None, model: str | None, config: Path | None) -> None:
        told = f" --config {config}" if config else ""
        reads = f"{file} --mapping {mapping}{_given(model, config)}"
        learns = f"{f' --base {model}' if model and Path(model).is_dir() else ''}{told} --no-pack --out runs/challenger"
        log = log or "router.db"
        self.lines = (
            f"router-ml log import {reads} --log {log} --who NAME --why REASON",
            f"router-ml log verify --log {log}",
            f"python -m training.retrain --log {log}{learns} --dry-run",
            f"python -m training.retrain --log {log}{learns} --register",
        )


def _given(model: str | None, config: Path | None) -> str:
    return (f" --model {model}" if model else "") + (f" --config {config}" if config else "")


def _router(model: str | None, config: Path | None) -> Router:
    """A router that reads and decides, and writes nowhere."""
    from router_ml.deciding.reading import Guards
    from router_ml.router import Router
    from router_ml.storage.loading import open_learned

    parts = open_learned(model, config=config)
    guards = Guards.open(parts.config, folder=parts.folder)
    return Router(parts.config, bundle=parts.bundle, registry=parts.registry, guards=guards, rewards=parts.rewards)


def _guess(file: str, place: Path, config: RouterConfig, *, kind: Kind | None, given: str, as_json: bool) -> None:
    from router_ml.offline.importing.guessing import guess
    from router_ml.offline.importing.mapping import Format

    form: Format | None = kind.value if kind else None
    text = guess(file, config, kind=form)
    if place.exists():
        raise InvalidRequestError(f"{place} exists and is not written over. Remove it, or name another --mapping.")
    place.write_text(text, encoding="utf-8")
    if as_json:
        write_json({"mapping": str(place), "text": text})
        return
    write(text)
    again = f"router-ml log import {file} --mapping {place}{given} --dry-run"
    write(f"Written to {place}. Read it, correct it, then: {again}")


def _survey(file: str, told: Mapping, router: Router, *, read: int, commands: _Next, as_json: bool) -> int:
    from router_ml.offline.importing.survey import survey

    found = survey(file, told, config=router.config, now=datetime.now(UTC), router=router, read=read)
    if as_json:
        write_json({**found.to_dict(), "next": list(commands.lines)})
    else:
        from router_ml.cli.show.importing import survey_page

        render(survey_page(found))
        write("\n".join(["\nNext:", *commands.lines]))  # unwrapped, to be copied
    return found.left_out


def _write(file: str, told: Mapping, router: Router, *, log: str | None, said: tuple[str, str], as_json: bool) -> int:
    from router_ml.offline.importing.running import import_file
    from router_ml.storage.eventlog import EventLog

    columns = TextColumn("reading rows"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with (
        EventLog(log_url(log), attribution_days=router.config.logging.attribution_days) as events,
        Progress(*columns, transient=True, console=Console(stderr=True, force_jupyter=False)) as progress,
    ):
        task = progress.add_task("rows", total=None)
        done = import_file(
            file,
            told,
            router=router,
            log=events,
            who=said[0],
            why=said[1],
            step=lambda rows, of: progress.update(task, completed=rows, total=of),
        )
    if as_json:
        write_json(done.to_dict())
    else:
        from router_ml.cli.show.importing import imported_page

        render(imported_page(done))
    return done.survey.left_out
