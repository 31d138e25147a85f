"""The verdict of the gate as rich renderables."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.offline.gate import Verdict
from router_ml.offline.gating.words import STATES, differences, headline, left_out

_MARKS = {"promote": "bold green", "hold": "bold yellow", "reject": "bold red"}
_COLOURS = {True: "green", None: "yellow", False: "red"}
_WORST = 5  # parts of the traffic


def verdict_page(found: Verdict) -> RenderableType:
    """The verdict, each check with its answer, the estimates, and the parts of the traffic that lose most."""
    parts: list[RenderableType] = [Text(headline(found), style=_MARKS[found.verdict]), Text("")]
    parts.append(_checks(found))
    if found.comparison is not None:
        parts += [Text(""), _estimates(found)]
    if found.slices:
        parts += [Text(""), _slices(found)]
    parts += [Text(note, style="dim") for note in (left_out(found), *found.notes) if note]
    return Group(*parts)


def _checks(found: Verdict) -> Table:
    table = _table("check", "", "found", "expected", "")
    for check in found.checks:
        number = "" if check.found is None else f"{check.found:.4g}"
        state = Text(STATES[check.passed], style=_COLOURS[check.passed])
        table.add_row(check.name, state, number, Text(check.expected), Text(check.why))
    return table


def _estimates(found: Verdict) -> Table:
    table = _table("challenger - champion", "estimate", "95% interval")
    for name, value, low, high in differences(found):
        table.add_row(name, value, f"{low} to {high}")
    return table


def _slices(found: Verdict) -> Table:
    table = _table("part", "decisions", "rated", "quality", "95% interval", "")
    for each in found.slices[:_WORST]:
        name, state = Text(f"{each.by} {each.name}"), Text("worse" if each.worse else "", style="red")
        interval = f"{each.low:+.3f} to {each.high:+.3f}"
        table.add_row(name, str(each.rows), str(each.rated), f"{each.value:+.3f}", interval, state)
    return table


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    return table
