"""Who answers over time, and which classes go without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.counting.results import Result, Series
from router_ml.offline.simulation.page.charts import words
from router_ml.offline.simulation.page.charts.canvas import Scale, path, rect, spread, text, width_of
from router_ml.offline.simulation.page.charts.colours import OTHER_LANES, OTHERS
from router_ml.offline.simulation.page.charts.frame import RIGHT, Span, coarser, levels, telling

Floats = NDArray[np.float64]

WHOLE = 0.995  # from here on a stretch counts as served
MOSTLY = 0.95
STATES = {
    "at least 99.5% answered": "whole",
    "95% to 99.5%": "slightly",
    "less answered": "partly",
    "none answered": "dark",
}
"""How a class fares in a stretch of time, and the look of that."""
STRIP = 24.0
ENOUGH = 100  # requests per stretch, so that shares are more than noise


def lane_shares(result: Result, span: Span, colours: Mapping[str, str], *, top: float, height: float) -> Iterator[str]:
    """Shares of the requests due by the lane that answered, one above the other; what got no answer is hatched."""
    series = telling(result.series, ENOUGH, span.edges)
    y = Scale(0.0, 1.0, top + height, top)
    yield from span.days(top, top + height)
    yield from levels(y, span.left, span.right, [(value, f"{value:.0%}") for value in (0, 0.25, 0.5, 0.75, 1)])
    bands = _bands(result, series, colours)
    below = np.zeros(len(series.due))
    shown: list[tuple[str, str, float]] = []
    for name, colour, part in bands:
        yield _band(series, span.x(series.edges), y(below), y(below + part), colour=colour, name=name)
        if np.nanmean(np.where(series.due > 0, part, np.nan)) >= 0.004 if (series.due > 0).any() else False:
            middle = np.nanmean(np.where(series.due > 0, below + part / 2, np.nan)[-max(len(part) // 6, 1) :])
            shown.append((name, colour, float(middle)))
        below = below + part
    places = spread(
        [y.at(middle if np.isfinite(middle) else 0.5) for _, _, middle in shown],
        gap=17,
        low=top + 6,
        high=top + height - 6,
    )
    for (name, colour, _), place in zip(shown, places, strict=True):
        yield rect(
            span.right + 10,
            place - 5.5,
            11,
            11,
            fill=colour if colour != "none" else "",
            kind="none" if colour == "none" else "",
        )
        yield text(span.right + 27, place + 4, name, width=RIGHT - 31)


def _bands(result: Result, series: Series, colours: Mapping[str, str]) -> list[tuple[str, str, Floats]]:
    """From below: each lane with a colour of its own, the other lanes together, and no answer."""
    due = np.maximum(series.due, 1)
    bands, others = [], np.zeros(len(series.due))
    for column, lane in enumerate(result.lanes):
        part = series.by_lane[:, column] / due
        if colours.get(lane, OTHERS) == OTHERS:
            others = others + part
        else:
            bands.append((lane, colours[lane], part))
    lost = np.maximum(series.due - series.by_lane.sum(axis=1), 0) / due
    return [*bands, (OTHER_LANES, OTHERS, others), ("no answer", "none", lost)]


def _band(series: Series, edges: Floats, low: Floats, high: Floats, *, colour: str, name: str) -> str:
    """An area in steps, in pieces where nothing was due; without an area where there is none."""
    parts = []
    there = (series.due > 0) & (np.abs(high - low) > 0.01)
    for start, stop in runs(there):
        right = np.repeat(edges[start : stop + 1], 2)[1:-1]
        up, down = np.repeat(high[start:stop], 2), np.repeat(low[start:stop], 2)
        look = "none" if colour == "none" else "band"
        fill = "" if colour == "none" else colour
        parts.append(
            path(np.append(right, right[::-1]), np.append(up, down[::-1]), fill=fill, kind=look, closed=True, told=name)
        )
    return "".join(parts)


def runs(there: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and stop of each run of what is true.

    >>> runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    padded = np.concatenate([[False], there, [False]]).astype(np.int8)
    change = np.diff(padded)
    return list(zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True))


def key(left: float, top: float) -> Iterator[str]:
    """What the colours of the strips say."""
    for said, kind in STATES.items():
        yield rect(left, top, 11, 11, kind=kind)
        yield text(left + 17, top + 10, said, kind="s")
        left += width_of(said, 11.5) + 40


def class_strips(result: Result, span: Span, *, top: float) -> Iterator[str]:
    """One strip per class: when all, some or none of what was due was served."""
    series = coarser(result.series)
    edges = span.x(series.edges)
    for row, (found, column) in enumerate(zip(result.classes, columns_of(result), strict=True)):
        y = top + STRIP * row
        due, served = series.classes_due[:, column], series.classes_served[:, column]
        rate = served / np.maximum(due, 1)
        state = np.select([due == 0, rate >= WHOLE, rate >= MOSTLY, served > 0], [-1, 0, 1, 2], 3)
        for code, (words_of, kind) in enumerate(STATES.items()):
            for start, stop in runs(state == code):
                part = served[start:stop].sum() / due[start:stop].sum()
                hours = f"hour {series.edges[start]:g} to {series.edges[stop]:g}"
                told = f"{found.name}: {words_of}, {words.share(float(part), 2)}, {hours}"
                yield rect(edges[start], y, edges[stop] - edges[start], STRIP - 6, kind=kind, told=told)
        yield text(span.left - 7, y + STRIP - 11, found.name, kind="s", anchor="end", width=span.left - 9)
        dark = f", {found.dark_minutes:,.0f} min dark" if found.dark_minutes else ""
        said = words.share(found.success, 2) + dark if found.due else "nothing due"
        yield text(span.right + 10, y + STRIP - 11, said, kind="s")


def columns_of(result: Result) -> list[int]:
    """Where each class of a result is in its series, which may also have columns of classes without requests."""
    series, columns = result.series, list[int]()
    totals = list(zip(series.classes_due.sum(axis=0).tolist(), series.classes_served.sum(axis=0).tolist(), strict=True))
    for found in result.classes:
        columns.append(totals.index((found.due, found.served), columns[-1] + 1 if columns else 0))
    return columns
