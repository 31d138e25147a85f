"""A verdict as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from router_ml.offline.gate import WEIGHT_EDGES, Verdict
from router_ml.offline.gating.words import STATES, differences, headline, left_out

_STYLE = """
.verdict{font:15px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:60rem;margin:1rem auto;padding:0 1rem}
.verdict h1{font-size:1.3rem}.verdict h2{font-size:1.05rem;margin-top:2rem}
.verdict table{border-collapse:collapse;width:100%}
.verdict th,.verdict td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #e6e6e6;vertical-align:top}
.verdict td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.verdict .passed,.verdict .promote{color:#2a8a6e}.verdict .failed,.verdict .reject{color:#a33a3a}
.verdict .open,.verdict .hold{color:#9a6a00}
.verdict .bar{display:inline-block;height:.7rem;background:#1f5fa8}.verdict p.note{color:#666}
"""
_NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?(?: to [-+]?\d[\d.,]*)?")  # not a sentence that begins with one
_CLASSES = {True: "passed", None: "open", False: "failed"}
_PARTS = 30
_WIDTH, _LEFT, _ROW = 720, 260, 24  # pixels of the plot


def write_report(found: Verdict, path: str | Path) -> Path:
    """Write the page and return where."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(found), encoding="utf-8")
    return target


def page(found: Verdict) -> str:
    """The whole page."""
    title = f"<title>{escape(found.verdict)}: {escape(_names(found))}</title>"
    head = f'<meta charset="utf-8">{title}'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{fragment(found)}</body></html>\n'


def fragment(found: Verdict) -> str:
    """Its content, for a notebook: checks, estimates, parts of the traffic, weights."""
    parts = [
        f'<h1 class="{found.verdict}">{escape(headline(found))}</h1><p>{escape(_names(found))}</p>',
        "<h2>Checks</h2>",
        _checks(found),
    ]
    if found.comparison is not None:
        rows = [[escape(name), value, f"{low} to {high}"] for name, value, low, high in differences(found)]
        parts += ["<h2>Challenger minus champion</h2>", _table(["", "estimate", "95% interval"], rows)]
        parts += [_forest(found), f'<p class="note">{escape(left_out(found))}</p>']
    if found.slices:
        parts += ["<h2>Parts of the traffic, the worst first</h2>", _slices(found)]
    if found.weights:
        parts += ["<h2>Importance weights</h2>", _weights(found.weights)]
    parts += [f'<p class="note">{escape(note)}</p>' for note in found.notes]
    body = "\n".join(parts)
    return f'<style>{_STYLE}</style>\n<div class="verdict">\n{body}\n</div>\n'


def _names(found: Verdict) -> str:
    return f"{found.challenger or 'challenger'} against {found.champion or 'whatever wrote the log'}"


def _checks(found: Verdict) -> str:
    rows = [
        [
            escape(check.name.replace("_", " ")),
            f'<span class="{_CLASSES[check.passed]}">{STATES[check.passed]}</span>',
            "" if check.found is None else f"{check.found:.4g}",
            escape(check.expected),
            escape(check.why),
        ]
        for check in found.checks
    ]
    return _table(["check", "", "found", "expected", ""], rows)


def _slices(found: Verdict) -> str:
    rows = [
        [
            escape(f"{each.by} {each.name}"),
            str(each.rows),
            str(each.rated),
            f"{each.value:+.4f}",
            f"{each.low:+.4f} to {each.high:+.4f}",
            '<span class="failed">surely worse</span>' if each.worse else "",
        ]
        for each in found.slices[:_PARTS]
    ]
    return _table(["part", "decisions", "rated", "quality", "95% interval", ""], rows)


def _weights(counts: Sequence[int]) -> str:
    most = max(*counts, 1)
    ends = [f"to {edge:g}" for edge in WEIGHT_EDGES[1:]] + [f"above {WEIGHT_EDGES[-1]:g}"]
    rows = [
        [end, str(count), f'<span class="bar" style="width:{20 * count / most:.2f}rem"></span>']
        for end, count in zip(ends, counts, strict=True)
    ]
    return _table(["weight", "decisions", ""], rows)


def _forest(found: Verdict) -> str:
    """Intervals of the quality difference beside each other, with zero and the margin."""
    if found.comparison is None:
        return ""
    shown = [("doubly robust", found.comparison.dr), ("self-normalised", found.comparison.snips)]
    shown.append(("inverse propensity", found.comparison.ips))
    lines = [(name, each.value, each.low, each.high) for name, each in shown]
    lines += [(f"{each.by} {each.name}", each.value, each.low, each.high) for each in found.slices[:8]]
    ends = [number for line in lines for number in line[1:]] + [0.0, -found.release.margin]
    low, high = min(ends), max(ends)
    span = max(high - low, 1e-9)

    def x(value: float) -> float:
        return _LEFT + (value - low) / span * (_WIDTH - _LEFT - 20)

    height = _ROW * (len(lines) + 1)
    rules = [(0.0, "#222", "0"), (-found.release.margin, "#c8443c", "margin")]
    drawn = [
        f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="0" y2="{height - _ROW}" stroke="{colour}" '
        f'stroke-dasharray="4 3"/><text x="{x(at):.1f}" y="{height - (18 if name == "0" else 4)}" fill="{colour}" '
        f'text-anchor="middle">{name}</text>'
        for at, colour, name in rules
    ]
    for number, (name, value, start, end) in enumerate(lines):
        y = _ROW * number + _ROW / 2
        drawn.append(
            f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
            f'<line x1="{x(start):.1f}" x2="{x(end):.1f}" y1="{y}" y2="{y}" stroke="#1f5fa8" stroke-width="2"/>'
            f'<circle cx="{x(value):.1f}" cy="{y}" r="4" fill="#1f5fa8"/>'
        )
    size = f'viewBox="0 0 {_WIDTH} {height}" width="100%" font-size="12" font-family="inherit"'
    return f"<svg {size} role='img' aria-label='Quality differences with intervals'>{''.join(drawn)}</svg>"


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """``rows`` are HTML already; cells of numbers are set to the right."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        "<tr>"
        + "".join(f'<td class="n">{cell}</td>' if _NUMBER.fullmatch(cell) else f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
