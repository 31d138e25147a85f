"""How a replay is shown."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.offline.replay import ReplayReport
from router_ml.offline.replaying.causes import ADVICE

SHOWN = 20
WIDEST = 40


def replay_page(report: ReplayReport) -> RenderableType:
    """What came out the same, what did not, and why."""
    sources = f"{report.from_text} from text, {report.from_embedding} from embedding"
    style = "bold red" if report.differences else "green"
    said = f"{report.identical} of {report.replayed} decisions came out the same, bit for bit"
    parts: list[RenderableType] = [
        Text(f"{said} ({sources}, {report.from_estimates} from their recorded estimates).", style=style)
    ]
    parts += [Text(f"{count} not replayed: {why}.") for why, count in report.not_replayed.items()]
    for cause, count in report.because.items():
        parts.append(Text(f"{cause}: {count} came out otherwise. {ADVICE[cause]}"))
    silent = {cause: count for cause, count in report.inputs.items() if cause not in report.because}
    parts += [
        Text(f"{cause}: {count} were made with another one, and came out the same.") for cause, count in silent.items()
    ]
    if report.differences:
        parts.append(_table(report))
    return Group(*parts)


def _table(report: ReplayReport) -> Table:
    table = Table("decision", "field", "recorded", "found", "because", box=None)
    for each in report.differences[:SHOWN]:
        values = (_short(each.recorded), _short(each.found))
        table.add_row(*(Text(cell) for cell in (each.decision_id, each.field, *values, ", ".join(each.because))))
    if len(report.differences) > SHOWN:
        table.caption = f"and {len(report.differences) - SHOWN} more; --json lists all"
    return table


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."
