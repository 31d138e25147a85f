"""``router-ml drift``: has something changed since? For a scheduler: exit 0 nothing, 3 drift, 2 could not be told."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.inputs import event_log
from router_ml.cli.output import AsJson, render, write_json
from router_ml.errors import OfflineDataError

if TYPE_CHECKING:
    from router_ml.offline.drift import DriftReport

DRIFTED = 3  # exit code


class Together(StrEnum):
    """What is kept together."""

    hour = "hour"
    day = "day"


def drift(
    log: Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")] = None,
    reference: Annotated[
        str, typer.Option(help="As 2026-05-01..2026-06-01, or a span before the recent window, as 28d.")
    ] = "28d",
    recent: Annotated[str, typer.Option(help="The same, or a span up to now, as 7d or 12h.")] = "7d",
    level: Annotated[float, typer.Option(help="Share of reports that may alarm where nothing has changed.")] = 0.05,
    org: Annotated[str | None, typer.Option(help="Decisions of this organisation alone.")] = None,
    together: Annotated[
        Together | None, typer.Option(help="Keep hours or days together, where each is unlike the others.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write the report to this HTML file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a recent window of a log with a reference window: inputs, quality, cost, latency, prices, models."""
    unit = together.value if together is not None else None
    report = drift_of_log(log, reference=reference, recent=recent, level=level, org=org, together=unit)
    if html is not None:
        html.write_text(report.to_html(), encoding="utf-8")
    if as_json:
        write_json(report.to_dict())
    else:
        from router_ml.cli.show.drift import drift_page

        render(drift_page(report))
    if report.drifted:
        raise typer.Exit(DRIFTED)
    if not report.checks:
        raise OfflineDataError("Nothing could be tested; the reasons are above. Choose longer windows.")


def drift_of_log(
    log: str | None = None,
    *,
    reference: str = "28d",
    recent: str = "7d",
    level: float = 0.05,
    org: str | None = None,
    together: str | None = None,
    now: datetime | None = None,
) -> DriftReport:
    """The report on two windows of an event log.

    Args:
        reference, recent: as ``parse_window`` takes them; a span of the reference ends where the recent one begins.
        together: ``hour`` or ``day``. now: the end of a span, by default the current time.

    Raises:
        LogError: the log cannot be read. InvalidRequestError: a window cannot be read.
        OfflineDataError: a window holds no decisions, or the level is no share.
    """
    from router_ml.offline.drift import drift
    from router_ml.offline.drifting.windows import parse_window, read_windows

    later = parse_window(recent, end=now or datetime.now(UTC))
    earlier = parse_window(reference, end=later.start)
    with event_log(log) as events:
        before, after = read_windows(events, (earlier, later), org=org, clusters=together is not None)
        unit = {"hour": "datetime64[h]", "day": "datetime64[D]"}.get(together or "")
        marks = (before.created_at.astype(unit), after.created_at.astype(unit)) if unit else None
        executions = events.executions(since=earlier.start)
        return drift(before, after, executions=executions, level=level, together=marks)
