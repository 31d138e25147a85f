"""Outages and drills as rich renderables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.offline.outage import words
from router_ml.offline.outage.arms import METRICS
from router_ml.offline.outage.drilled import DrillReport
from router_ml.offline.outage.report import OutageReport
from router_ml.offline.simulation.counting.results import Interval


def outage_page(report: OutageReport) -> RenderableType:
    """The answer, the classes, what stops and why, the first seconds, and what is assumed."""
    answer, *rest = words.headline(report)
    parts: list[RenderableType] = [
        Text(words.title(report), style="bold"),
        Text(answer, style="bold red" if report.stops else "bold green"),
        *(Text(line) for line in rest),
        Text(""),
        _classes(report),
        *_why(report),
        Text(""),
        _lanes(report),
        Text(""),
        *(Text(line) for line in (*words.first_words(report), *words.people_words(report))),
        *_by_rules(report),
        *(Text(note, style="dim") for note in report.notes),
    ]
    return Group(*parts)


def outages_page(reports: Sequence[OutageReport]) -> RenderableType:
    """One row per provider, the one that hurts most first."""
    table = _table("dark", "stops", "moves", "USD per 1,000", "quality", "latency", "by the rules alone")
    for report in reports:
        table.add_row(
            Text(report.name),
            Text(f"{report.stops:.1%}", style="red" if report.stops else ""),
            f"{report.moves:.1%}",
            words.usd(report.compared, report.after),
            words.worth(report.compared, report.after),
            words.waiting(report.compared, report.after),
            Text("\n".join(map(str, report.by_rules)) or "nothing stops"),
        )
    first = reports[0]
    head = f"Each provider dark for {first.hours:g} hours, by itself; the one that stops most first."
    return Group(Text(head, style="bold"), table, *(Text(note, style="dim") for note in first.notes))


def drill_page(found: DrillReport) -> RenderableType:
    """The two arms beside each other, and each promise of the outage report."""
    head = f"Drill {found.drill}: {found.place} down for {found.share:.1%} of sessions"
    when = f"{found.start:%Y-%m-%d %H:%M} to {found.end:%H:%M} UTC, by {found.who}: {found.why}"
    table = _table("", "in the drill", "beside it", "difference, 95%")
    arms = [found.inside, found.outside]
    table.add_row("requests (sessions)", *(f"{arm.requests} ({arm.sessions})" if arm else "0" for arm in arms), "")
    table.add_row("known what became of", *(str(arm.reported) if arm else "" for arm in arms), "")
    for name, label in zip(METRICS, ("success", "quality", "USD per 1,000", "ms"), strict=True):
        cells = (_range(getattr(arm, name)) if arm else "" for arm in arms)
        table.add_row(label, *cells, _range(found.difference[name], sign="+"))
    served = (", ".join(f"{lane} {share:.0%}" for lane, share in arm.lanes.items()) if arm else "" for arm in arms)
    table.add_row("answered by", *map(Text, served), "")
    paused = f"{found.paused} of its requests came while something was really down, so nothing counted as down."
    colours = {"kept": "green", "missed": "red"}
    promised = (
        Text(f"{each.verdict}: {each.claim} ({each.found})", style=colours.get(each.verdict, ""))
        for each in found.promises
    )
    return Group(Text(head, style="bold"), Text(when), table, *promised, *([Text(paused)] if found.paused else []))


def _range(found: Interval, *, sign: str = "") -> str:
    if math.isnan(found.value):
        return "not known"
    form = f"{{:{sign}.3f}}" if abs(found.value) < 100 else f"{{:{sign},.0f}}"
    if not math.isfinite(found.low + found.high):
        return form.format(found.value)
    return f"{form.format(found.value)} [{form.format(found.low)}, {form.format(found.high)}]"


def _classes(report: OutageReport) -> Table:
    table = _table(
        "class", "traffic", "during it", "today", "then", "USD per 1,000", "quality then", "floor", "latency"
    )
    for item in report.classes:
        after = item.after
        table.add_row(
            Text(item.name),
            f"{item.share:.1%}",
            Text(words.goes(item), style="red" if item.stops else ""),
            Text(words.lanes_words(item.before)),
            Text(words.lanes_words(after)),
            words.usd(item.compared, item.after),
            words.quality(after.quality) if after else "-",
            words.floor_words(item),
            words.waiting(item.compared, item.after),
        )
    return table


def _why(report: OutageReport) -> Iterator[RenderableType]:
    for item in report.classes:
        for each in item.situations:
            if each.stopped is None:
                continue
            yield Text("")
            yield Text(f"{item.name}, {words.because_words(each)}: {each.share:.1%} of traffic stops.", style="red")
            yield from (Text(f"  {line}") for line in words.reasons_words(each.stopped.reasons))
            yield Text(f"  Smallest change that keeps it up: {each.stopped.change}.")


def _lanes(report: OutageReport) -> Table:
    table = _table("lane", "vendor", "place", "calls a minute, busiest hour", "takes a minute")
    for load in report.lanes:
        takes = "nothing, dark" if load.struck else "no limit" if load.capacity is None else f"{load.capacity:.0f}"
        calls = words.changed(load.before, load.after, "{:.1f}")
        table.add_row(Text(load.lane), Text(load.provider), Text(f"{load.region}, {load.boundary}"), calls, takes)
    return table


def _by_rules(report: OutageReport) -> Iterator[RenderableType]:
    for stop in report.by_rules:
        yield Text(f"By the rules alone, in this traffic or not: {stop}.")


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    return table
