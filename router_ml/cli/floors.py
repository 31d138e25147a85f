"""``router-ml floors``: who got what they were promised, by cell, language, organisation or class."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.cli.inputs import event_log
from router_ml.offline.floors import By, FloorRow, logged_floors

_STYLES = {"missed": "bold red", "not enough evidence": "dim", "kept": "green"}


def floor_rows(log: str | None = None, *, by: By = "cell") -> list[FloorRow]:
    """The floors of an event log, by default ``$ROUTER_ML_LOG``; those that were missed first.

    Raises:
        LogError: the log cannot be read. OfflineDataError: nothing in it is rated.
    """
    with event_log(log) as events:
        # embeddings say nothing here, and a log may hold those of several encoders
        rows = logged_floors(events.logged(encoder="none"), by=by)
    order = list(_STYLES)
    return sorted(rows, key=lambda row: (order.index(row.verdict), row.group))


def floor_page(rows: list[FloorRow], by: By) -> RenderableType:
    """The rows as a table."""
    table = Table(by, "requests", "rated", "quality", "90% interval", "floor", "verdict", box=None)
    for row in rows:
        quality = f"{row.quality:.3f}" if row.rated else ""
        cells = (str(row.requests), str(row.rated), quality, f"{row.low:.3f} to {row.high:.3f}", f"{row.floor:.3f}")
        table.add_row(Text(row.group), *cells, Text(row.verdict, style=_STYLES[row.verdict]))
    return table
