"""What sets the policies apart: differences with paired intervals, and the quantiles of latency."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from router_ml.offline.simulation.counting.results import Difference, Interval, Result
from router_ml.offline.simulation.page.charts import words
from router_ml.offline.simulation.page.charts.canvas import Scale, around, dot, line, rect, text
from router_ml.offline.simulation.page.charts.frame import WIDTH

ROW = 23.0
NAMES = 168.0
PANEL, NUMBERS = 150.0, 112.0
HEAD, FOOT = 34.0, 26.0

Pick = Callable[[Difference], Interval]
PANELS: tuple[tuple[str, Pick, Callable[[float], str], int, float], ...] = (
    ("quality", lambda found: found.quality, lambda value: words.points(value, 3), 1, 0.02),
    ("USD per 1,000", lambda found: found.usd_per_1000, words.usd, -1, 0.01),
    ("answered", lambda found: found.success, lambda value: words.points(100 * value, 2) + " pt", 1, 0.01),
)
"""Title, which difference, how a number is said, the better direction, and how wide the axis is at least."""


def forest_height(differences: Sequence[Difference]) -> float:
    """How high the drawing is."""
    return HEAD + ROW * len(differences) + FOOT


def forest(differences: Sequence[Difference]) -> Iterator[str]:
    """Rows of policies, a column per quantity: the difference, its 95% interval, and both in numbers."""
    bottom = HEAD + ROW * len(differences)
    for row, found in enumerate(differences):
        y = HEAD + ROW * row
        if row % 2 == 0:
            yield rect(0, y, WIDTH, ROW, kind="stripe")
        yield text(6, y + 15.5, found.policy, width=NAMES - 12)
    for place, (title, pick, said, better, at_least) in enumerate(PANELS):
        left = NAMES + place * (PANEL + NUMBERS + 12)
        values = [pick(found) for found in differences]
        low, high = around([0.0, *(end for value in values for end in (value.low, value.high))], at_least=at_least)
        x = Scale(low, high, left, left + PANEL)
        yield text(left, 14, title, kind="h")
        good = "further right is better" if better > 0 else "further left is better"
        yield text(left, 28, good, kind="s")
        yield line(x.at(0.0), HEAD, x.at(0.0), bottom, kind="zero")
        yield text(x.at(0.0), bottom + 15, "0", kind="s", anchor="middle")
        for row, value in enumerate(values):
            yield from _interval(
                value, x, HEAD + ROW * row + ROW / 2, said=said, better=better, right=left + PANEL + 10
            )


def _interval(
    value: Interval, x: Scale, y: float, *, said: Callable[[float], str], better: int, right: float
) -> Iterator[str]:
    """A dot with its interval; in colour where the interval leaves zero."""
    if not math.isfinite(value.value):
        yield text(right, y + 4, words.NONE, kind="s")
        return
    kind = _kind(value, better)
    told = f"{words.signed(said(value.value))} [{said(value.low)}, {said(value.high)}]"
    if math.isfinite(value.low) and math.isfinite(value.high):
        yield line(x.at(value.low), y, x.at(value.high), y, kind=f"w {kind}")
    yield dot(x.at(value.value), y, 4, kind=kind, told=told)
    yield text(right, y + 4, words.signed(said(value.value)), kind=f"n {kind}")


def _kind(value: Interval, better: int) -> str:
    """Whether it is shown to be better or worse."""
    if value.low > 0:
        return "up" if better > 0 else "down"
    if value.high < 0:
        return "down" if better > 0 else "up"
    return "same"


def latencies_height(results: Sequence[Result]) -> float:
    """How high the drawing is."""
    return 24 + ROW * len(results) + FOOT


def latencies(results: Sequence[Result]) -> Iterator[str]:
    """p50, p95 and p99 of each policy on one line."""
    known = [value for result in results for value in _quantiles(result)]
    low, high = around(known, at_least=4.0, log=True) if any(map(math.isfinite, known)) else (100.0, 10_000.0)
    x = Scale(low, high, NAMES, WIDTH - 190, log=True)
    bottom = 24 + ROW * len(results)
    for value in x.ticks():
        yield line(x.at(value), 20, x.at(value), bottom)
        yield text(x.at(value), bottom + 16, words.seconds(value), kind="s", anchor="middle")
    for place, name in enumerate(("p50", "p95", "p99")):
        yield text(WIDTH - 130 + 62 * place, 12, name, kind="h", anchor="end")
    for row, result in enumerate(results):
        y = 24 + ROW * row + ROW / 2
        yield text(6, y + 4, result.policy, width=NAMES - 12)
        places = [x.at(value) for value in _quantiles(result) if math.isfinite(value) and value > 0]
        if len(places) > 1:
            yield line(places[0], y, places[-1], y, kind="w same")
        for place, (value, look) in enumerate(zip(_quantiles(result), ("q50", "q95", "q99"), strict=True)):
            yield text(WIDTH - 130 + 62 * place, y + 4, words.seconds(value), kind="n", anchor="end")
            if math.isfinite(value) and value > 0:
                yield dot(
                    x.at(value),
                    y,
                    4.5,
                    kind=look,
                    told=f"{result.policy}, {look.replace('q', 'p')}: {words.seconds(value)}",
                )


def _quantiles(result: Result) -> tuple[float, float, float]:
    return result.latency.p50, result.latency.p95, result.latency.p99
