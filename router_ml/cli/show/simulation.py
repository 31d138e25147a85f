"""A study as rich renderables, for 100 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.offline.simulation.counting.results import (
    ClassResult,
    Difference,
    Interval,
    Latencies,
    Result,
    Study,
    Trouble,
)
from router_ml.offline.simulation.counting.words import caveats

_MARKS = {"kept": "green", "missed": "red", "not shown": "yellow", "no promise": "dim"}
_REASONS = {
    "failed": "every call failed",
    "no_lane": "no lane was left",
    "queued": "the money was spent, waits",
    "refused_by_budget": "the money was spent, refused",
    "refused": "refused",
    "review": "given to people",
    "asked_back": "asked back",
}


def library_page(found: Mapping[str, str]) -> RenderableType:
    """The scenarios that ship."""
    table = _table("scenario", "what happens")
    for name, description in found.items():
        table.add_row(Text(name), Text(" ".join(description.split())))
    return table


def study_page(study: Study) -> RenderableType:
    """What was played, what these numbers are not, the policies, the champion's classes, notes, and what happened."""
    parts: list[RenderableType] = [Text(study.scenario, style="bold"), Text(" ".join(study.description.split()))]
    parts.append(Text(_played(study)))
    parts += [Text(line, style="yellow") for line in caveats(study)]
    parts += [Text(""), _policies(study), Text(_LEGEND, style="dim")]
    if study.results:
        champion = study.results[0]
        parts += [Text(""), Text(f"{champion.policy}, by traffic class", style="bold"), _classes(champion)]
        parts += [Text(line) for line in _people(champion)]
        parts += [Text(f"{champion.policy}: {note}") for note in champion.notes]
        parts += [Text(line, style="dim") for line in _others(study)]
    if study.troubles:
        parts += [Text(""), Text("What happened", style="bold"), _troubles(study)]
    return Group(*parts)


_LEGEND = (
    "quality: mean of served requests, ± 95%. less champion: quality and USD per 1,000, paired on the same requests "
    "and luck. s: seconds to the answer at p50, p95, p99. dark: minutes in which nothing was served. viol.: calls to a "
    "lane that a rule, a limit or known health excludes."
)


def _played(study: Study) -> str:
    requests = study.results[0].requests if study.results else 0
    source = study.source.rstrip(".")
    return f"{requests:,} requests over {study.hours / 24:g} days, {study.kinds:,} different ones from {source}."


def _policies(study: Study) -> Table:
    against = {each.policy: each for each in study.differences}
    table = _table("policy", "USD per\n1,000", "quality", "less champion:\nquality, USD", "floors", "success")
    for name in ("s at p50,\np95, p99", "dark", "viol."):
        table.add_column(name, justify="right")
    for result in study.results:
        table.add_row(
            Text(result.policy),
            _money(result.usd_per_1000),
            _known(result.quality, ".3f"),
            _difference(against.get(result.policy)),
            _floors(result.classes),
            _share(result.success) if result.due else "nothing due",
            _seconds(result.latency),
            _minutes(result.dark_minutes),
            Text(f"{result.violations}", style="red bold" if result.violations else "green"),
        )
    return table


def _classes(result: Result) -> Table:
    table = _table(
        "class", "requests", "USD", "quality", "floor", "success", "s at p50,\np95, p99", "dark", "no answer"
    )
    for one in result.classes:
        money = f"{one.spend_usd:,.2f}"
        if one.budget_usd is not None:
            money += f"\nof {one.budget_usd:,.2f} a day"
            money += f",\nover on {one.over_budget_days} days" if one.over_budget_days else ""
        floor = Text(f"{one.floor:.2f}\n")
        floor.append(one.floor_verdict, style=_MARKS[one.floor_verdict])
        reasons = "\n".join(f"{count:,} {_REASONS.get(why, why)}" for why, count in one.no_lane.items())
        table.add_row(
            Text(one.name),
            f"{one.requests:,}",
            money,
            _known(one.quality, ".3f"),
            floor,
            _share(one.success) if one.due else "nothing due",
            _seconds(one.latency),
            _minutes(one.dark_minutes),
            Text(reasons),
        )
    return table


def _people(result: Result) -> Iterator[str]:
    asked = result.reviews
    if asked.asked:
        half, most = asked.p50_hours, asked.p95_hours
        waited = f" Half of what they looked at had waited at most {_hours(half)}, 95% {_hours(most)}."
        yield (
            f"People were asked about {asked.asked:,}: {asked.granted:,} granted, {asked.expired:,} expired; "
            f"the longest queue held {asked.longest:,}.{waited if asked.granted else ''}"
        )
    explored = result.exploration
    if explored.requests:
        yield (
            f"Exploration: {explored.requests:,} requests went to another lane than the preferred one, for "
            f"${explored.usd:+,.2f} in all and {-explored.quality:+.4f} of quality per request."
        )


def _others(study: Study) -> Iterator[str]:
    """What the notes of the others say beside the champion's; each once, with all whom it is about."""
    about: dict[str, list[str]] = {}
    for result in study.results[1:]:
        for note in result.notes:
            if note not in study.results[0].notes:
                about.setdefault(note, []).append(result.policy)
    for note, names in about.items():
        yield f"{', '.join(names)}: {note}"


def _troubles(study: Study) -> Table:
    """What happened, and what the champion did in the meantime."""
    table = _table("hours", "what", "lanes", "champion meanwhile")
    for trouble in study.troubles:
        until = "on" if trouble.end is None else f"{trouble.end:g}"
        meanwhile = _meanwhile(study.results[0], trouble) if study.results else ""
        table.add_row(
            f"{trouble.start:g} to {until}", Text(trouble.what), Text(", ".join(trouble.lanes)), Text(meanwhile)
        )
    return table


def _meanwhile(result: Result, trouble: Trouble) -> str:
    """Of the stretches that lie in it for the most part."""
    series, end = result.series, math.inf if trouble.end is None else trouble.end
    middle = (series.edges[:-1] + series.edges[1:]) / 2
    inside = (middle >= trouble.start) & (middle < end)
    due, served = int(series.due[inside].sum()), int(series.served[inside].sum())
    if not due:
        return "too short to tell"
    share = dict(zip(result.lanes, series.by_lane[inside].sum(axis=0).tolist(), strict=True))
    main = sorted((lane for lane in share if share[lane]), key=lambda lane: -share[lane])[:3]
    lanes = ", ".join(f"{lane} {share[lane] / max(served, 1):.0%}" for lane in main)
    return f"{_share(served / due)} of {due:,} served" + (f": {lanes}" if lanes else "")


def _floors(classes: Sequence[ClassResult]) -> Text:
    """Whether floors are kept, and where not."""
    found = Text()
    for verdict in ("missed", "not shown"):
        names = [one.name for one in classes if one.floor_verdict == verdict]
        if names:
            found.append(f"{verdict}: {', '.join(names)}\n", style=_MARKS[verdict])
    kept = sum(one.floor_verdict == "kept" for one in classes)
    found.append(f"{kept} kept" if kept else "", style=_MARKS["kept"])
    found.rstrip()
    return found


def _difference(less: Difference | None) -> Text:
    if less is None:
        return Text("")
    return _known(less.quality, "+.3f").append("\n").append_text(_known(less.usd_per_1000, "+.3f"))


def _known(found: Interval, form: str) -> Text:
    """A value and half the width of its interval; where it is not known, the bounds that are."""
    if not math.isfinite(found.value):
        bounds = math.isfinite(found.low) and math.isfinite(found.high)
        return Text(f"{found.low:{form}} to {found.high:{form}}" if bounds else "not known", style="yellow")
    half = max(found.high - found.value, found.value - found.low)
    return Text(f"{found.value:{form}}").append(f" ±{half:.3f}" if math.isfinite(half) else "", style="dim")


def _seconds(found: Latencies) -> str:
    values = (found.p50, found.p95, found.p99)
    return " ".join("-" if math.isnan(value) else f"{value / 1000:.3g}" for value in values)


def _share(value: float) -> str:
    """Never 100% where something is missing."""
    shown = math.floor(10_000 * value) / 100 if value >= 0.99 else round(100 * value, 1)
    return f"{shown:g}%"


def _hours(value: float) -> str:
    return f"{60 * value:.0f} minutes" if value < 1 else f"{value:.1f} hours"


def _minutes(value: float) -> str:
    return f"{value:,.0f}"


def _money(value: float) -> str:
    return f"{value:,.3f}" if value < 100 else f"{value:,.0f}"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name.split("\n")[0] in _RIGHT else "left")
    return table


_RIGHT = ("USD", "USD per", "requests", "success", "s at p50,", "dark", "viol.")
