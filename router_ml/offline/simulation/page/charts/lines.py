"""A quantity over time under some policies, each named at the end of its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.offline.simulation.counting.results import Result
from router_ml.offline.simulation.page.charts import words
from router_ml.offline.simulation.page.charts.canvas import Scale, around, line, path, rect, spread, text
from router_ml.offline.simulation.page.charts.frame import RIGHT, Span, coarser, levels

Floats = NDArray[np.float64]
NAME = RIGHT - 34  # room for a name
Look = Mapping[str, tuple[str, str]]  # by policy: colour ("" for that of text) and kind of line


def spent(results: Sequence[Result], span: Span, looks: Look, *, top: float, height: float) -> Iterator[str]:
    """USD spent so far, and the daily budgets so far where every class that has requests has one."""
    curves = {}
    for result in results:
        series = coarser(result.series)
        curves[result.policy] = (series.edges, np.concatenate([[0.0], np.cumsum(series.spend_usd)]))
    budget = daily_budget(results[0])
    most = max([float(total[-1]) for _, total in curves.values()] + [0.01])
    y = Scale(0.0, 1.05 * most, top + height, top)
    yield from _axes(span, y, words.mark, top, height)
    yield from _lines(span, y, curves, looks)
    if budget is not None:
        reaches = min(1.05 * most / budget * 24, span.hours)
        yield line(span.left, y.at(0), span.x.at(reaches), y.at(budget / 24 * reaches), kind="limit")
        yield text(span.x.at(reaches) - 6, y.at(budget / 24 * reaches) + 15, "budget", kind="s", anchor="end")


def daily_budget(result: Result) -> float | None:
    """USD per day of all classes together, None where a class with requests has no budget."""
    budgets = [found.budget_usd for found in result.classes if found.requests]
    return (
        None if not budgets or any(budget is None for budget in budgets) else sum(b for b in budgets if b is not None)
    )


def slowest(results: Sequence[Result], span: Span, looks: Look, *, top: float, height: float) -> Iterator[str]:
    """The 95th percentile of latency over time."""
    curves = {}
    for result in results:
        series = coarser(result.series)
        curves[result.policy] = (_middle(series.edges), series.p95_ms)
    known = np.concatenate([values for _, values in curves.values()])
    high = float(np.nanmax(known)) if np.isfinite(known).any() else 1000.0
    y = Scale(0.0, 1.08 * high, top + height, top)
    yield from _axes(span, y, words.seconds, top, height)
    yield from _lines(span, y, curves, looks)


def qualities(results: Sequence[Result], span: Span, looks: Look, *, top: float, height: float) -> Iterator[str]:
    """Mean quality of what was served, over time."""
    curves = {}
    for result in results:
        series = coarser(result.series, 84)
        curves[result.policy] = (_middle(series.edges), series.quality)
    low, high = around(np.concatenate([values for _, values in curves.values()]), at_least=0.05)
    y = Scale(low, high, top + height, top)
    yield from _axes(span, y, lambda value: words.points(value, 2), top, height)
    yield from _lines(span, y, curves, looks)


def queue(results: Sequence[Result], span: Span, looks: Look, *, top: float, height: float) -> Iterator[str]:
    """Requests that wait for a person, over time."""
    curves = {}
    for result in results:
        series = coarser(result.series)
        curves[result.policy] = (series.edges[1:], series.waiting)
    most = max([float(np.nanmax(values, initial=0.0)) for _, values in curves.values()] + [1.0])
    y = Scale(0.0, 1.08 * most, top + height, top)
    yield from _axes(span, y, words.count, top, height)
    yield from _lines(span, y, curves, looks)


def budgets(result: Result, *, hours: float, left: float, right: float, top: float, row: float = 30.0) -> Iterator[str]:
    """One bar per class with a budget: USD per day on average against it."""
    found = [part for part in result.classes if part.budget_usd is not None]
    days_played = max(result.runs * hours / 24, 1e-9)
    for index, part in enumerate(found):
        y, budget, spend = top + row * index, part.budget_usd or 0.0, part.spend_usd / days_played
        x = Scale(0.0, 1.15 * max(budget, spend, 1e-9), left, right)
        over = spend > budget or part.over_budget_days > 0
        yield rect(left, y, x.at(budget) - left, 16, kind="room")
        yield rect(left, y + 4, x.at(spend) - left, 8, kind="over" if over else "within")
        yield line(x.at(budget), y - 2, x.at(budget), y + 18, kind="limit")
        yield text(left - 7, y + 12, part.name, kind="s", anchor="end", width=left - 9)
        days = f"; over it on {part.over_budget_days} days" if part.over_budget_days else ""
        said = f"{words.usd(spend)} a day of {words.usd(budget)}{days}"
        yield text(right + 10, y + 12, said, kind="bad" if part.over_budget_days else "s")


def _middle(edges: Floats) -> Floats:
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def _axes(span: Span, y: Scale, said: Callable[[float], str], top: float, height: float) -> Iterator[str]:
    yield from span.days(top, top + height)
    yield from levels(y, span.left, span.right, [(value, said(value)) for value in y.ticks(4)])


def _lines(span: Span, y: Scale, curves: Mapping[str, tuple[ArrayLike, Floats]], looks: Look) -> Iterator[str]:
    """The lines, the first policy on top; names at the right, as near to the ends of their lines as they fit."""
    ends = {name: _last(values) for name, (_, values) in curves.items()}
    wanted = [y.at(end) if np.isfinite(end) else y.start for end in ends.values()]
    places = spread(wanted, gap=16, low=min(y.start, y.end) + 4, high=max(y.start, y.end) - 4)
    for (name, (hours, values)), place, at in reversed(list(zip(curves.items(), places, wanted, strict=True))):
        colour, kind = looks[name]
        yield path(span.x(hours), y(values), stroke=colour, kind=kind, told=name)
        if not np.isfinite(ends[name]):
            continue
        yield line(span.right + 1, at, span.right + 9, place, kind="lead")
        swatch = f'<line x1="{span.right + 11:.1f}" y1="{place:.1f}" x2="{span.right + 25:.1f}" y2="{place:.1f}"'
        yield f'{swatch} class="{kind}"' + (f' stroke="{colour}"/>' if colour else "/>")
        yield text(span.right + 30, place + 4, name, width=NAME, kind="t")


def _last(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else float("nan")
