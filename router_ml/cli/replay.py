"""``router-ml replay``: logged decisions once more, bit for bit, and why any comes out otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.inputs import event_log, moment
from router_ml.cli.output import AsJson, render, write_json

if TYPE_CHECKING:
    from router_ml.offline.replay import ReplayReport

DIFFERS = 3  # exit code


def replay(
    log: Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")] = None,
    bundle: Annotated[
        str | None, typer.Option(help="What decided: a bundle folder, models:/ URI or router.yaml; default as --model.")
    ] = None,
    decision_id: Annotated[list[str] | None, typer.Option("--id", help="This decision alone; repeatable.")] = None,
    since: Annotated[str | None, typer.Option(help="From this day or time on, as 2026-03-01T12:00Z.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many decisions, oldest first.")] = None,
    config: Annotated[
        list[Path] | None, typer.Option(help="A further router.yaml that was in force at some time; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make logged decisions again from what was recorded; exit 3 where any comes out otherwise, and say why."""
    report = replay_log(log, bundle=bundle, ids=decision_id, since=since, limit=limit, configs=config or ())
    if as_json:
        write_json(report.to_dict())
    else:
        from router_ml.cli.show.replay import replay_page

        render(replay_page(report))
    if report.differences:
        raise typer.Exit(DIFFERS)


def replay_log(
    log: str | None = None,
    *,
    bundle: str | None = None,
    ids: list[str] | None = None,
    since: str | None = None,
    limit: int | None = None,
    configs: list[Path] | tuple[Path, ...] = (),
) -> ReplayReport:
    """Open what is named and replay it. Nothing is written.

    Raises:
        LogError, BundleError, RegistryError, ConfigError: something cannot be opened.
        InvalidRequestError: the time cannot be read.
    """
    from router_ml.config import load_config
    from router_ml.offline.replay import replay
    from router_ml.storage.loading import open_learned

    parts = open_learned(bundle)
    labels = parts.bundle.taxonomy if parts.bundle is not None else None
    with event_log(log) as events:
        return replay(
            events,
            parts.bundle or parts.config,
            ids=ids,
            since=moment(since, "--since"),
            limit=limit,
            configs=[load_config(path, labels) for path in configs],
            folder=configs[0].parent if configs else parts.folder,
        )
