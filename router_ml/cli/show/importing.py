"""What an import found, as tables and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from router_ml.offline.importing.findings import Finding
    from router_ml.offline.importing.running import Imported
    from router_ml.offline.importing.survey import Survey


def survey_page(found: Survey) -> RenderableType:
    """A dry run: what is there, what is wrong, what off-policy evaluation lacks, what can be learned."""
    return Group(
        _head(found),
        _lanes(found),
        *_problems(found),
        "",
        "For judging other policies on these rows (off-policy evaluation):",
        _findings(found.missing, lacking="missing"),
        "",
        "What can be learned all the same:",
        _findings(found.learnable, lacking="little"),
    )


def imported_page(done: Imported) -> RenderableType:
    """An import that was made."""
    found = done.survey
    told = f"{done.decisions} decisions and {done.outcomes} outcomes were written; {done.there} decisions were there."
    if done.gone:
        told += f" {done.gone} had been erased from this log, or had expired, and stay out of it."
    if not (done.decisions or done.outcomes):
        told += " Nothing has changed."
    if done.otherwise:
        told += (
            " Some that were there had come by another mapping file: they keep their lanes and propensities, only new "
            "outcomes were added. To import them anew, begin another log."
        )
    return Group(told, _head(found), *_problems(found))


def _head(found: Survey) -> str:
    at = f", {found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}" if found.first and found.last else ""
    share = found.rated / found.usable if found.usable else 0.0
    fifths = " ".join(map(str, found.quality))
    lines = [
        f"{_rows(found.rows)}: {found.usable} usable, {found.duplicates} said twice, {found.left_out} left out{at}.",
        f"{found.rated} rated ({share:.0%}; by fifths of 0..1: {fifths}), {found.drawn} drawn.",
    ]
    if found.read:
        lines.append(f"{found.private} of {found.read} texts that were read are private: these keep no embedding.")
    if found.late:
        lines.append(f"{found.late} ratings came after the attribution window: they are kept, and teach nothing.")
    if found.expired:
        lines.append(
            f"{found.expired} rows are older than logging.keep says: the next router-ml log expire takes them."
        )
    if found.ahead:
        lines.append(f"{_rows(found.ahead)} of a time still to come: check time.format and time.zone of the mapping.")
    lines += [f"Claimed, and recorded as such: {escape(claim)}." for claim in found.claims]
    return "\n".join(lines)


def _rows(many: int) -> str:
    return f"{many} row" if many == 1 else f"{many} rows"


def _lanes(found: Survey) -> Table:
    table = Table("lane", *("rows", "rated", "mean", "cost", "latency", "drawn", "least p", "effective"), box=None)
    for name, lane in found.lanes.items():
        mean = f"{lane.quality / lane.rated:.2f}" if lane.rated else "-"
        least = f"{lane.least:.3f}" if lane.reachable else "-"
        counts = (lane.rows, lane.rated, mean, lane.costs, lane.latencies, lane.drawn, least, f"{lane.effective:.0f}")
        table.add_row(name, *map(str, counts))
    return table


def _problems(found: Survey) -> Iterator[RenderableType]:
    for name, count in found.unknown_lanes.items():
        yield f"Not a lane of router.yaml: {escape(name)} ({_rows(count)}). Add it to lane.lanes of the mapping."
    for one in found.problems:
        lines = ", ".join(map(str, one.lines)) + (", ..." if one.rows > len(one.lines) else "")
        where = f" (line {lines})" if one.lines else ""
        what = "left out" if one.fatal else "without this value"
        yield f"{_rows(one.rows)} {what}: {escape(one.column)}: {escape(one.expected)}{where}"


def _findings(found: Sequence[Finding], *, lacking: str) -> Table:
    table = Table(box=None, show_header=False)
    for one in found:
        table.add_row("ok" if one.ok else lacking, one.topic, escape(one.text))
    return table
