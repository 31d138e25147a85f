"""``python -m training.evals priors``: results of evaluations as Beta priors by lane and cell."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from router_ml.allocation.priors import STRENGTH_CAP
from router_ml.cli.evidence import open_bundle
from router_ml.cli.inputs import event_log
from router_ml.cli.output import render, write, write_json
from router_ml.config import RouterConfig, load_config
from router_ml.errors import OfflineDataError
from router_ml.storage.bundle import Bundle, Manifest
from router_ml.storage.priors import as_json, digest
from router_ml.storage.registry import Lifecycle, log_bundle, set_alias
from training.evals.priors.answers import Answers, aware, lowered, of_results
from training.evals.priors.counting import Discounts
from training.evals.priors.estimating import Estimated, estimate_priors
from training.evals.priors.lacking import Lack, lacking
from training.evals.priors.logged import of_log
from training.evals.priors.reading import known_suites, read_reliability, weights
from training.evals.priors.sealing import with_priors
from training.evals.priors.showing import cells_table, lacks_table
from training.evals.results import read_results
from training.evals.running.run import OUT
from training.evals.suite import Suite
from training.outcomes import ROOT

UPGRADES = ROOT / "runs" / "evals" / "upgrades.jsonl"
WHO = "training.evals.priors"


def command(  # noqa: PLR0913, PLR0917 - a command line has as many options as it has
    runs: Annotated[list[Path] | None, typer.Argument(help="Runs: ids, folders, or results files.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="router.yaml whose lanes they are, and of the new bundle; default: that of --model."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Bundle whose cells they are of; default: the one that ships.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write the priors to.")] = None,
    log: Annotated[str | None, typer.Option(help="URL or path of an event log that holds evaluations.")] = None,
    archive: Annotated[str | None, typer.Option(help="With --log: folder that it was compacted to.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only answers from this time on.")] = None,
    half_life: Annotated[float, typer.Option(help="Days after which an answer counts half.")] = 90.0,
    cap: Annotated[float, typer.Option(help="Most answers that a prior may be worth to the router.")] = STRENGTH_CAP,
    suite: Annotated[list[Path] | None, typer.Option(help="Folder of a suite that does not ship; repeatable.")] = None,
    weight: Annotated[list[str] | None, typer.Option(help="SUITE=WEIGHT, 1 by default; repeatable.")] = None,
    judges: Annotated[Path | None, typer.Option(help="YAML with the reliability of judges by check.")] = None,
    upgrades: Annotated[Path, typer.Option(help="Verdicts of lane upgrade checks.")] = UPGRADES,
    bundle: Annotated[Path | None, typer.Option(help="Folder of a new bundle: --model with these priors.")] = None,
    register: Annotated[bool, typer.Option("--register", help="Register the new bundle as the challenger.")] = False,
    as_json_: Annotated[bool, typer.Option("--json", help="All numbers as JSON.")] = False,
) -> None:
    """Turn results into Beta priors by lane and cell, and say what evidence is missing for floors."""
    if register and bundle is None:
        raise OfflineDataError("--register needs the folder of a new bundle. Give --bundle too.")
    if archive is not None and log is None:
        raise OfflineDataError("--archive is of a log. Give --log too.")
    if not runs and log is None:
        raise OfflineDataError("There is nothing to make priors of. Give folders of runs, or --log.")
    base = open_bundle(model)
    settings = base.config if config is None else load_config(config, base.taxonomy)
    suites = known_suites(suite or ())
    now, start = datetime.now(UTC), None if since is None else aware(since)
    answers = of_results(read_results(*(_folder(one) for one in runs or ())), suites, since=start)
    if log is not None:
        answers = answers.joined(of_log(event_log(log), suites, since=start, archive=archive))
    discounts = Discounts(
        now=now,
        half_life_days=half_life,
        suites=weights(weight or ()),
        judges={} if judges is None else read_reliability(judges),
        lowered=lowered(upgrades),
    )
    found = _estimated(base, settings, answers, discounts, cap=cap, suites=suites)
    lacks = lacking(found, settings, answers=answers.rows, suites=suites, allocation=base.allocation)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(as_json(found.priors), encoding="utf-8")
    sealed = None if bundle is None else with_priors(base.folder, found.priors, bundle, now=now, config=config)
    version = None if sealed is None or bundle is None or not register else _registered(bundle, sealed, found, log)
    if as_json_:
        write_json(_record(found, lacks, sealed, version))
        return
    _show(found, lacks, out=out, sealed=sealed, bundle=bundle, version=version)


def _folder(run: Path) -> Path:
    """A run as ``report`` takes it, too: by its id."""
    return run if run.exists() or not (OUT / run).is_dir() else OUT / run


def _estimated(
    base: Bundle,
    settings: RouterConfig,
    answers: Answers,
    discounts: Discounts,
    *,
    cap: float,
    suites: dict[str, Suite],
) -> Estimated:
    used = sorted({row.suite for row in answers.rows})
    made = {
        "at": discounts.now.isoformat(timespec="seconds"),
        "half_life_days": discounts.half_life_days,
        "cap": cap,
        "answers": len(answers.rows),
        "weights": dict(discounts.suites),
        "judges": {name: asdict(judge) for name, judge in discounts.judges.items()},
        "suites": {name: suites[name].digest for name in used if name in suites},
        "lowered": {lane: at.isoformat() for lane, at in discounts.lowered.items()},
    }
    labels = base.taxonomy
    return estimate_priors(
        answers,
        settings,
        intents=labels["intents"],
        domains=labels["domains"],
        discounts=discounts,
        cap=cap,
        made=made,
    )


def _registered(folder: Path, sealed: Manifest, found: Estimated, log: str | None) -> str:
    recorded: dict[str, Any] = {
        "params": {"parent": str(sealed.training.get("parent", "")), "priors_sha256": digest(found.priors)},
        "metrics": {
            "answers": float(sum(row.answers for row in found.rows)),
            "counted": sum(row.counted for row in found.rows),
            "cells": float(len(found.rows)),
        },
        "datasets": {"priors": digest(found.priors)},
        "tags": {"bundle": sealed.id},
    }
    if log is not None:
        return Lifecycle(event_log(log)).register(folder, who=WHO, why="priors of evaluations", **recorded).uri
    version = log_bundle(folder, **recorded)
    set_alias("router", "challenger", version.version)
    return version.uri


def _record(found: Estimated, lacks: tuple[Lack, ...], sealed: Manifest | None, version: str | None) -> dict[str, Any]:
    missing = [{**asdict(each), "more": each.more, "words": each.words} for each in lacks]
    return {
        "cells": [asdict(row) for row in found.rows],
        "missing": missing,
        "left_out": dict(found.left_out),
        "correlation": found.correlation,
        "priors_sha256": digest(found.priors),
        "bundle": None if sealed is None else sealed.id,
        "registered": version,
    }


def _show(
    found: Estimated,
    lacks: tuple[Lack, ...],
    *,
    out: Path | None,
    sealed: Manifest | None,
    bundle: Path | None,
    version: str | None,
) -> None:
    render(cells_table(found))
    render(lacks_table(lacks))
    for reason, many in sorted(found.left_out.items()):
        write(f"left out: {many} answers: {reason}")
    if out is not None:
        write(f"priors are in {out}")
    if sealed is not None:
        write(
            f"bundle {sealed.id} is in {bundle}; its classes are not certified with these priors: "
            "python -m training.retrain --priors certifies them"
        )
    if version is not None:
        write(f"registered as {version}, the challenger")
