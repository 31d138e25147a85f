"""A summary as one page of HTML that needs nothing beside it: text, tables, and an interval drawn for each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from training.evals.reporting import words
from training.evals.reporting.comparing import Difference
from training.evals.reporting.rows import PARTS, Row
from training.evals.reporting.shares import Share
from training.evals.reporting.summary import Summary

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#1d2430}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13.5px}"
    "td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top;border-bottom:1px solid #e3e6eb}"
    ".answer{padding:.8rem 1rem;background:#f6f7f9;border-left:5px solid #1a7353;font-size:18px}"
    ".answer.bad{border-color:#b3261e}.bad{color:#b3261e;font-weight:600}.note{color:#4d5563;font-size:13.5px}"
    "svg{display:block;width:180px;height:14px}summary{cursor:pointer}"
)
_WIDTH = 180.0


def page(summary: Summary, differences: Sequence[Difference] = (), *, title: str = "Evaluations") -> str:
    """The report, whole, in one string; nothing is fetched from anywhere, and nothing runs."""
    parts = (_top(summary, title), _rows(summary), _failures(summary), _compared(differences), _parts(summary))
    body = "".join(piece for part in parts for piece in part)
    notes = "".join(f"<li>{escape(note)}</li>" for note in words.notes(summary))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body>{body}<h2>How to read this</h2><ul class="note">{notes}</ul></body></html>\n'
    )


def _top(summary: Summary, title: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1><p class=note>{escape(', '.join(summary.runs))}</p>"
    yield f'<p class="answer{" bad" if summary.alarms or summary.undone else ""}">{escape(words.verdict(summary))}</p>'


def _rows(summary: Summary) -> Iterator[str]:
    yield "<h2>Suites and lanes</h2>"
    cells = ((_line(row), *map(escape, words.row_cells(row))) for row in summary.rows)
    yield _table(("", *words.COLUMNS), cells)


def _failures(summary: Summary) -> Iterator[str]:
    found = [(row, one) for row in summary.rows for one in row.failures]
    if found:
        yield "<h2>Failures</h2>"
        yield _table(words.OF_FAILURES, (map(_marked, words.failure_cells(row, one)) for row, one in found))


def _compared(differences: Sequence[Difference]) -> Iterator[str]:
    if differences:
        yield "<h2>Against the run before</h2>"
        yield _table(words.OF_DIFFERENCES, (map(escape, words.difference_cells(one)) for one in differences))


def _parts(summary: Summary) -> Iterator[str]:
    for by in PARTS:
        rows = sorted(
            (part.name, row.suite, row.lane, (bar(part.share), *map(escape, (part.name, *words.part_cells(row, part)))))
            for row in summary.rows
            for part in row.parts
            if part.by == by
        )
        if rows:
            yield f"<details{' open' if by == 'route' else ''}><summary>By {by}</summary>"
            yield _table(("", by, *words.OF_PARTS), (cells for *_, cells in rows)) + "</details>"


def _line(row: Row) -> str:
    return bar(row.share, bad=bool(row.alarms))


def bar(share: Share, *, bad: bool = False) -> str:
    """An interval as a line with its share as a dot, from 0 to 1."""
    if share.value is None:
        return ""
    colour = "#b3261e" if bad else "#1f5fa8"
    low, at, high = (f"{4 + value * (_WIDTH - 8):.1f}" for value in (share.low, share.value, share.high))
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} 14" role="img" aria-label="{escape(str(share))}">'
        f'<line x1="4" x2="{_WIDTH - 4:.0f}" y1="7" y2="7" stroke="#e3e6eb" stroke-width="2"/>'
        f'<line x1="{low}" x2="{high}" y1="7" y2="7" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{at}" cy="7" r="4" fill="{colour}"/></svg>'
    )


def _marked(cell: str) -> str:
    return f"<span class=bad>{escape(cell)}</span>" if cell == "ALARM" else escape(cell)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for cells in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
