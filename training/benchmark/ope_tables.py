"""The tables of the off-policy benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from training.benchmark.ope import Row

HEADLINE = ("dr", "sndr", "snips", "ips", "dr difference", "snips difference")
OTHERS = ("dm", "switch_dr", "clipped_ips")


def tables(rows: Sequence[Row], name: str, seeds: int) -> list[Table]:
    """Coverage by cell, root mean squared error by cell, and what betting held at any time."""
    error = (0.05 * 0.95 / seeds) ** 0.5
    limit = f"{name}: {seeds} logs per cell; * further than 3 binomial errors ({3 * error:.3f}) from .950"
    normal = [row for row in rows if row.interval == "normal"]
    betting = [row for row in rows if row.interval != "normal"]
    return [
        _by_cell(f"Coverage of 95% intervals, {limit}", normal, (*HEADLINE, *OTHERS), lambda row: _held(row, error)),
        _by_cell(f"Root mean squared error, {name}", normal, (*HEADLINE, *OTHERS), lambda row: f"{row.rmse:.4f}"),
        _by_cell(f"Mean width of 95% intervals, {name}", normal, HEADLINE, lambda row: f"{row.width:.3f}"),
        _by_cell(
            f"Betting sequence, share of logs that never ruled the truth out, {name}",
            betting,
            ("value", "difference"),
            lambda row: f"{row.coverage:.3f}",
        ),
    ]


def _held(row: Row, error: float) -> str:
    return f"{row.coverage:.3f}{'*' if abs(row.coverage - 0.95) > 3 * error else ''}"


def _by_cell(title: str, rows: Sequence[Row], names: Sequence[str], show: object) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("log", "ratings", "n", "effective", *names):
        table.add_column(column, justify="right" if column not in ("log", "ratings") else "left")
    cells = dict.fromkeys((row.log, row.ratings, row.n) for row in rows)
    for cell in cells:
        mine = {row.estimator: row for row in rows if (row.log, row.ratings, row.n) == cell}
        first = next(iter(mine.values()))
        assert callable(show)
        shown = [show(mine[name]) if name in mine else "" for name in names]
        table.add_row(cell[0], cell[1], str(cell[2]), f"{first.effective:.0f}", *shown)
    return table
