"""A summary for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.evals.reporting import words
from training.evals.reporting.comparing import Difference
from training.evals.reporting.summary import Summary


def terminal(summary: Summary, differences: Sequence[Difference] = (), *, by: str | None = None) -> RenderableType:
    """Tables for a terminal; ``by``: split rows by ``route``, ``cell``, ``class`` or ``tier``."""
    shown: list[RenderableType] = [
        Text(words.verdict(summary), style="bold red" if summary.alarms or summary.undone else "bold green")
    ]
    shown += [_table(title, columns, rows) for title, columns, rows in _sections(summary, differences, by) if rows]
    return Group(*shown, *(Text(note, style="dim") for note in words.notes(summary)))


def markdown(summary: Summary, differences: Sequence[Difference] = (), *, by: str | None = None) -> str:
    """The same as Markdown."""
    lines = [f"**{words.verdict(summary)}**", ""]
    for title, columns, rows in _sections(summary, differences, by):
        if rows:
            lines += [f"### {title}", "", _line(columns), _line(["---"] * len(columns)), *map(_line, rows), ""]
    return "\n".join([*lines, *(f"- {note}" for note in words.notes(summary))]) + "\n"


def _sections(
    summary: Summary, differences: Sequence[Difference], by: str | None
) -> list[tuple[str, Sequence[str], list[tuple[str, ...]]]]:
    failures = [words.failure_cells(row, one) for row in summary.rows for one in row.failures]
    parts = [(part.name, *words.part_cells(row, part)) for row in summary.rows for part in row.parts if part.by == by]
    return [
        ("Suites and lanes", words.COLUMNS, [words.row_cells(row) for row in summary.rows]),
        (f"By {by}", (str(by), *words.OF_PARTS), sorted(parts)),
        ("Failures", words.OF_FAILURES, failures),
        ("Against the run before", words.OF_DIFFERENCES, [words.difference_cells(one) for one in differences]),
    ]


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    for cells in rows:
        table.add_row(*map(Text, cells), style="red" if "ALARM" in cells else None)
    return table


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
