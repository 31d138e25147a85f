"""From a log to a challenger: checks, classifier, quality, cost, bandit, promises, bundle, report, registry.

``python -m training.retrain --out FOLDER [--log URL] [--register]`` learns from the outcome pack that ships and, with
``--log``, from logged decisions with outcomes; no text is needed for either. ``--dry-run`` says what would be learned
from, and what could not be concluded, and writes nothing. The result is a challenger: nothing routes with it until it
is promoted. The same log, seed and release give the same bytes; a run that was killed goes on in its work folder.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from router_ml.cli.inputs import event_log
from router_ml.errors import OfflineDataError, RouterError
from router_ml.storage.bundle import Manifest
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Lifecycle, Version, log_bundle, set_alias
from training.annotate import annotation_list, write_list
from training.logged.batches import Window
from training.logged.sample import MOST_ROWS
from training.outcomes import DEFAULT, ROOT, Pack, load_pack
from training.retraining.gathering import Gathered, gather
from training.retraining.learned import Learned
from training.retraining.report import numbers, write_report
from training.retraining.show import show, show_plan
from training.retraining.stages import Stages
from training.retraining.steps import certified, compared, fitted, written

STEPS = 4
WHO = "training.retrain"


def retrain(  # noqa: PLR0913 - what is not given has a default
    *,
    base: Path,
    out: Path,
    pack: Pack | None,
    log: EventLog | None,
    settings: Path | None = None,
    archive: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    org: str | None = None,
    seed: int = 0,
    now: datetime | None = None,
    work: Path | None = None,
    most: int = MOST_ROWS,
    priors: Path | None = None,
) -> tuple[Manifest, Learned]:
    """Learn from a pack, a log, or both, and write the new bundle to ``out``.

    Promises are certified on the prompts of the pack, if there are enough to learn from a part of them; without a pack,
    on the decisions of the log that were drawn at random.

    Args:
        settings: the ``router.yaml`` of the new bundle; by default that of ``base``.
        archive: folder, or any fsspec path, that older decisions of the log were compacted into.
        since, until, org: learn only from decisions from this time on, before this time, of this organisation. What a
            challenger has learned from cannot judge it: keep later ones for ``router_ml.offline.gate.evaluate``.
        work: folder of finished steps, in which a run that was killed goes on, and of the report. Without it there is
            neither.
        most: decisions of the log to fit to; further ones count as evidence.
        priors: file of ``training.evals priors``; by default those of the base, where it has any.

    Raises:
        OfflineDataError: there is too little to learn from, it cannot be read, or the log holds no decision of the
            window.
        EncoderMismatchError: the pack was embedded by another encoder.
    """
    with _progress() as progress, Stages.in_folder(work) as stages:
        window = Window(since, until, org)
        found = gather(
            base,
            pack=pack,
            log=log,
            settings=settings,
            archive=archive,
            window=window,
            seed=seed,
            most=most,
            priors=priors,
            progress=progress,
        )
        task = progress.add_task("fitting quality, cost, bandit", total=STEPS)
        learning = fitted(stages, found)
        progress.update(task, advance=1, description="certifying promises")
        promises, uncertified = certified(stages, found)
        progress.update(task, advance=1, description="comparing with the base")
        errors = compared(found, learning)
        progress.update(task, advance=1, description="writing the bundle")
        manifest = written(found, learning, promises, out=out, now=now or datetime.now(UTC))
        learned = Learned(
            allocation=learning.allocation,
            from_pack=found.from_pack,
            from_log=found.from_log,
            left_out=found.reading.counts.left_out if found.reading else {},
            promises=promises,
            counts=found.reading.counts if found.reading else None,
            checks=found.checks,
            corrections=found.corrections,
            errors=errors,
            unknown=found.unknown,
            uncertified=uncertified,
            lineage=found.lineage,
            reused=tuple(stages.reused),
            report=None if work is None else work / "report.html",
        )
        if learned.report is not None:
            write_report(manifest, learned, found.config, learned.report)
        progress.update(task, advance=1)
    return manifest, learned


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn()
    quiet = not sys.stderr.isatty()  # a notebook claims to be a terminal and shows each step on a line of its own
    return Progress(*columns, transient=True, console=Console(stderr=True), disable=quiet)


def register(
    out: Path,
    manifest: Manifest,
    learned: Learned,
    *,
    name: str = "router",
    tracking_uri: str | None = None,
    log: EventLog | None = None,
    who: str = WHO,
    why: str = "retrained",
) -> Version:
    """Record the run in MLflow with its numbers, digests, lineage, plots and report, and register the bundle as the
    challenger.

    Args:
        log: where the audit event of it goes, as for every other step of a release; without one, there is none.
        who, why: for that event.

    Raises:
        As ``router_ml.storage.registry.log_bundle``, and with a log as ``Lifecycle.register``.
    """
    lineage = {key: "" if value is None else str(value) for key, value in learned.lineage.items()}
    recorded: dict[str, Any] = {
        "params": lineage,
        "metrics": numbers(learned),
        "datasets": {key: lineage[f"{key}_sha256"] for key in ("pack", "log") if lineage.get(f"{key}_sha256")},
        "files": [] if learned.report is None else sorted(learned.report.parent.glob("report*")),
        "tags": {"bundle": manifest.id, "parent": lineage["parent"]},
    }
    if log is not None:
        return Lifecycle(log, name=name, tracking_uri=tracking_uri).register(out, who=who, why=why, **recorded)
    version = log_bundle(out, name=name, tracking_uri=tracking_uri, **recorded)
    set_alias(name, "challenger", version.version, tracking_uri=tracking_uri)
    return version


def main(  # noqa: PLR0913, PLR0917 - a command line has as many options as it has
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")] = ROOT / "runs" / "challenger",
    base: Annotated[Path, typer.Option(help="Bundle to start from.")] = ROOT / "models" / "default",
    config: Annotated[
        Path | None, typer.Option(help="router.yaml of the new bundle, with your own lanes; default: the base's.")
    ] = None,
    log: Annotated[str, typer.Option(help="URL or path of an event log to learn from.")] = "",
    archive: Annotated[str | None, typer.Option(help="Where older decisions were compacted into Parquet.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Learn only from decisions from this time on.")] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Learn only from decisions before this; judge it on later ones.")
    ] = None,
    org: Annotated[str | None, typer.Option(help="Learn only from decisions of this organisation.")] = None,
    pack: Annotated[Path, typer.Option(help="Outcome pack, path without ending.")] = DEFAULT,
    no_pack: Annotated[bool, typer.Option("--no-pack", help="Learn from the log alone.")] = False,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    work: Annotated[
        Path | None, typer.Option(help="Folder of finished steps and of the report; with a log, OUT.work by default.")
    ] = None,
    priors: Annotated[
        Path | None, typer.Option(help="Priors that training.evals made; default: the base's, where it has any.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be learned from; write nothing.")] = False,
    annotate: Annotated[
        tuple[int, Path] | None, typer.Option(help="Write so many decisions that should be labelled to a CSV file.")
    ] = None,
    register_it: Annotated[
        bool, typer.Option("--register", help="Record the run in MLflow and register the challenger.")
    ] = False,
) -> None:
    """Retrain from outcomes and write a challenger bundle."""
    window, evaluated = Window(since, until, org), None if no_pack else load_pack(pack)
    opened = event_log(log) if log else None
    console = Console(width=None if sys.stdout.isatty() else 132)
    if annotate is not None or dry_run:
        with _progress() as progress:
            found = gather(
                base,
                pack=evaluated,
                log=opened,
                settings=config,
                archive=archive,
                window=window,
                seed=seed,
                priors=priors,
                progress=progress,
            )
        if annotate is not None:
            _annotate(found, *annotate, console=console)
        else:
            show_plan(found, console)
        return
    folder = work or (out.with_name(f"{out.name}.work") if log or archive else None)
    manifest, learned = retrain(
        base=base,
        out=out,
        pack=evaluated,
        log=opened,
        settings=config,
        archive=archive,
        since=since,
        until=until,
        org=org,
        seed=seed,
        work=folder,
        priors=priors,
    )
    show(manifest, learned, out, console)
    if register_it:
        console.print(f"registered as {register(out, manifest, learned, log=opened).uri}, the challenger")


def _annotate(found: Gathered, count: int, path: Path, *, console: Console) -> None:
    reading = found.reading
    if reading is None or reading.fair is None:
        raise OfflineDataError("There is no logged decision to label. Give --log a log whose decisions keep features.")
    spec = found.classifier.spec
    wanted = annotation_list(reading.fair, spec, count, sampled=reading.chance, seed=found.seed)
    write_list(wanted, path)
    console.print(f"{len(wanted)} decisions to label are in {path}.")


if __name__ == "__main__":
    try:
        typer.run(main)
    except (RouterError, OSError) as problem:
        sys.stderr.write(f"training.retrain: {' '.join(str(problem).split())}\n")
        sys.exit(2)
