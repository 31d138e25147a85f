"""Savings, slices and prompts to evaluate as rich renderables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.cli.inputs import on_log
from router_ml.offline.judging.judged import Judged
from router_ml.offline.judging.savings_words import NEXT, sentence, settled_by
from router_ml.offline.next_prompts import Selected
from router_ml.offline.savings import CellSavings, Savings
from router_ml.offline.slices import Slice

_SHOWN = 20  # cells
_MARKS = {"kept": "green", "lost": "red", "not shown": "yellow", "same": "", "small": "dim"}


def savings_page(found: Savings, *, log: str | None = None) -> RenderableType:
    """The sentence, the numbers behind it, and the cells, the largest first."""
    money = f"${found.cost_usd:.6f} per request against ${found.baseline_cost_usd:.6f}, {found.rows} requests."
    parts: list[RenderableType] = [Text(sentence(found)), Text(""), Text(money)]
    parts.extend(_notes(found.left_out, found.notes))
    if len(found.cells) > 1:
        parts.extend((Text(""), _cells(found.cells[:_SHOWN])))
    if found.source == "log" and (settled := settled_by(found, NEXT)):
        cells = " ".join(f"--cell {cell.name}" for cell in settled)
        parts.append(Text(f"Which prompts: router-ml next {cells}{on_log(log)}"))
    if len(found.cells) > _SHOWN:
        parts.append(Text(f"{len(found.cells) - _SHOWN} smaller cells are in --json."))
    return Group(*parts)


def _cells(cells: Sequence[CellSavings]) -> Table:
    table = _table("cell", "requests", "saved", "quality", "90% interval", "verdict", "prompts to settle it")
    for cell in cells:
        needed = "-" if cell.needed == 0 else "unknown" if cell.verdict == "small" else str(cell.needed or "too many")
        table.add_row(
            Text(cell.name),
            f"{cell.rows} ({cell.share:.0%})",
            f"{cell.cheaper:.0%}",
            f"{cell.quality:+.3f}",
            f"{cell.low:+.3f} to {cell.high:+.3f}",
            Text(cell.verdict, style=_MARKS[cell.verdict]),
            needed,
        )
    return table


def slices_page(found: Sequence[Slice], judged: Judged, *, in_sample: bool, of: int) -> RenderableType:
    """Cells, ranked."""
    table = _table("cell", "requests", "regret", "95% interval", "best lane", "quality", "USD", "fewest outcomes")
    for each in found:
        table.add_row(
            Text(f"{each.intent}/{each.domain}"),
            f"{each.rows} ({each.share:.0%})",
            f"{each.regret:+.4f}",
            f"{each.low:+.4f} to {each.high:+.4f}",
            Text(each.best_lane),
            f"{each.quality:.3f}",
            f"{each.cost_usd:.6f}",
            Text(f"{each.thinnest}: {each.evidence[each.thinnest]}"),
        )
    head = (
        f"{len(found)} of {of} cells, {len(judged)} requests. Regret: utility per request against the best fixed lane."
    )
    parts: list[RenderableType] = [Text(head), table]
    if in_sample:
        parts.append(
            Text("In sample: the bundle has learned from these outcomes, so regret is smaller than it will be.")
        )
    if judged.without:
        parts.append(Text(f"No outcome at all: {', '.join(judged.without)}."))
    return Group(*parts, *_notes(judged.left_out, judged.notes))


def next_page(found: Selected) -> RenderableType:
    """What running the chosen prompts costs and buys; the prompts themselves are printed beside."""
    runs = sum(len(prompt.lanes) for prompt in found.prompts)
    head = f"{len(found.prompts)} prompts, {runs} runs, about ${found.cost_usd:.4f}."
    if found.settled > 0:
        head += f" Not taken: the {found.settled:.0%} of the requests where one lane alone could be the best."
    table = _table("cell", "requests", "prompts", "interval now", "after", "at stake now", "after")
    for each in found.cells[:_SHOWN]:
        table.add_row(
            Text(each.cell),
            f"{each.requests} ({each.share:.0%})",
            str(each.prompts),
            f"{each.width:.3f}",
            f"{each.width_after:.3f}",
            f"{each.at_stake:.4f}",
            f"{each.at_stake_after:.4f}",
        )
    meaning = (
        "Interval: 90%, of the quality difference between the two best lanes. At stake: utility per request that "
        "knowing the better lane would be worth. After: if the means stay where they are."
    )
    return Group(Text(head), table, Text(meaning, style="dim"))


def _notes(left_out: dict[str, int], notes: Sequence[str]) -> Iterator[Text]:
    if left_out:
        yield Text("Left out: " + "; ".join(f"{count} ({reason})" for reason, count in left_out.items()) + ".")
    yield from (Text(note) for note in notes)


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    return table
