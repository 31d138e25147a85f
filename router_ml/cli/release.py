"""``router-ml releases|shadow|canary|approve|promote|rollback``: from challenger to champion and back.

Exit codes: 0 done; 2 not allowed as things stand, or not possible, with the reason, and nothing has changed. A look at
a canary (``canary --once`` or ``--every``): 0 it may be promoted, 3 not known yet, 4 it does harm and has been stopped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_ml.cli.output import AsJson, render, write_json
from router_ml.errors import InvalidRequestError, LogError

if TYPE_CHECKING:
    from router_ml.offline.canary import CanaryReport, CanaryWatch
    from router_ml.storage.registry import Lifecycle, Step

LOOKED = {"promote": 0, "continue": 3, "stop": 4}
AUTOMATIC = "router-ml canary"

Version = Annotated[int, typer.Option(min=1, help="The number of the version.")]
Who = Annotated[str, typer.Option(help="Who takes the step.")]
Why = Annotated[str, typer.Option(help="For the audit log.")]
Name = Annotated[str, typer.Option(help="The registered model.")]
Store = Annotated[str | None, typer.Option(help="The MLflow store; default $MLFLOW_TRACKING_URI.")]
Log = Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")]
Force = Annotated[bool, typer.Option("--force", help="Also without the gate's verdict; the audit event says so.")]
Report = Annotated[
    Path | None, typer.Option(help="The verdict, as router-ml evaluate --json wrote it: kept with the version.")
]


def releases(name: Name = "router", store: Store = None, as_json: AsJson = False) -> None:
    """List the versions of a model: stage, aliases, verdict, who approved."""
    from router_ml.cli.show.release import release_rows, releases_page

    rows = release_rows(name, tracking_uri=store)
    write_json(rows) if as_json else render(releases_page(rows))


def approve(
    *,
    version: Version,
    who: Who,
    why: Why,
    bundle: Annotated[str | None, typer.Option(help="Only if it is this bundle: the id that you looked at.")] = None,
    name: Name = "router",
    store: Store = None,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Agree that a version may become champion; counts once per person, and for these very files."""
    with _release(name, store, log) as release:
        _show(release.approve(version, who=who, why=why, bundle=bundle), as_json)


def shadow(
    *,
    version: Version,
    who: Who,
    why: Why,
    name: Name = "router",
    store: Store = None,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Let a version decide beside the champion, without effect."""
    with _release(name, store, log) as release:
        _show(release.to_shadow(version, who=who, why=why), as_json)


def canary(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    version: Annotated[int | None, typer.Option(min=1, help="Start: the number of the version.")] = None,
    share: Annotated[float | None, typer.Option(help="Start: of the sessions; default: the champion's.")] = None,
    force: Force = False,
    report: Report = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop it.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Look at it once, and stop it if it does harm.")] = False,
    every: Annotated[float | None, typer.Option(min=1, help="Look again after so many seconds.")] = None,
    max_rounds: Annotated[int | None, typer.Option(min=1, help="Look so many times at most.")] = None,
    who: Annotated[str | None, typer.Option(help="Start and stop: who takes the step.")] = None,
    why: Annotated[str | None, typer.Option(help="Start and stop: for the audit log.")] = None,
    name: Name = "router",
    store: Store = None,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Start a canary (--version), stop it (--stop) or watch it (--once, --every): exit 0 promote, 3 wait, 4 stopped."""
    looks = once or every is not None
    if [version is not None, stop, looks].count(True) != 1:
        raise InvalidRequestError(
            "Give --version N to start a canary, --stop, or --once or --every SECONDS: one of them."
        )
    with _release(name, store, log) as release:
        if looks:
            raise typer.Exit(LOOKED[watch(release, every=None if once else every, rounds=max_rounds, as_json=as_json)])
        if who is None or why is None:
            raise InvalidRequestError("Found no --who or no --why, expected both: they go to the audit log.")
        if version is None:
            _show(release.stop_canary(who=who, why=why), as_json)
            return
        said = _verdict(report)
        _show(release.to_canary(version, who=who, why=why, share=share, force=force, report=said), as_json)


def promote(  # noqa: PLR0913
    *,
    version: Version,
    who: Who,
    why: Why,
    force: Force = False,
    report: Report = None,
    holdback: Annotated[
        int | None, typer.Option(min=1, help="The version that held back sessions stay on from now on.")
    ] = None,
    name: Name = "router",
    store: Store = None,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion: needs the gate's verdict and as many people as the configuration asks for."""
    with _release(name, store, log) as release:
        said = _verdict(report)
        _show(release.promote(version, who=who, why=why, force=force, holdback=holdback, report=said), as_json)


def rollback(
    *, who: Who, why: Why, name: Name = "router", store: Store = None, log: Log = None, as_json: AsJson = False
) -> None:
    """Make the previous champion the champion again, at once; a canary is stopped too."""
    with _release(name, store, log) as release:
        _show(release.rollback(who=who, why=why), as_json)


def watch(release: Lifecycle, *, every: float | None, rounds: int | None, as_json: bool = False) -> str:
    """Look at the canary until there is a verdict, and stop it where it does harm; the last verdict.

    Args:
        every: seconds between two looks; None: one look. rounds: at most so many; None: without end.
    """
    from router_ml.offline.canary import act, watch_canary

    canary: CanaryWatch = watch_canary(release)
    done = 0
    while True:
        found: CanaryReport = canary.look()
        step = act(release, found, who=AUTOMATIC)
        if as_json:
            write_json({**found.to_dict(), "stopped": step is not None})
        else:
            from router_ml.cli.show.release import canary_page

            render(canary_page(found, stopped=step is not None))
        done += 1
        if found.verdict != "continue" or every is None or done == rounds:
            return found.verdict
        time.sleep(every)


@contextmanager
def _release(name: str, store: str | None, log: str | None) -> Iterator[Lifecycle]:
    """The steps of a model, with the log that its servers write."""
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.loading import LOG_VARIABLE
    from router_ml.storage.registry import Lifecycle

    url = log or os.environ.get(LOG_VARIABLE)
    if not url:
        raise LogError(
            f"A step of a release goes to the event log, and none is named. Give --log URL, or set ${LOG_VARIABLE}."
        )
    with EventLog(url) as events:
        yield Lifecycle(events, name=name, tracking_uri=store)


def _verdict(report: Path | None) -> dict[str, Any] | None:
    """What the gate said."""
    if report is None:
        return None
    try:
        record = json.loads(report.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or "verdict" not in record:
        raise InvalidRequestError(f"{report} holds no verdict. Write one with router-ml evaluate --json.")
    return record


def _show(step: Step, as_json: bool) -> None:
    if as_json:
        write_json(
            {"event": step.event.model_dump(mode="json"), "before": dict(step.before), "after": dict(step.after)}
        )
        return
    from router_ml.cli.show.release import step_page

    render(step_page(step))
