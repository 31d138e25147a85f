"""Counts over time, and shares of a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from markupsafe import Markup

from router_ml.offline.simulation.page.charts.canvas import Scale, line, rect, round_ticks, text
from router_ml.serve.console.charts.frame import drawing

WIDTH, HEIGHT, LEFT, BOTTOM = 760.0, 140.0, 36.0, 20.0


def stacked(
    buckets: Sequence[str], counts: Mapping[str, Sequence[float]], look: Mapping[str, str], *, name: str, unit: str
) -> Markup:
    """A bar for each bucket, in parts by series.

    Args:
        buckets: when each begins, in words. counts: of each series, by bucket. look: the class of each series.
        unit: of the counts.
    """
    totals = [sum(of[index] for of in counts.values()) for index in range(len(buckets))]
    top = max([*totals, 1e-9])
    y = Scale(0.0, top * 1.08, HEIGHT - BOTTOM, 8.0)
    step = (WIDTH - LEFT) / max(len(buckets), 1)
    parts = [*_levels(y, top), *_times(buckets, step)]
    for index, total in enumerate(totals):
        below, inner = 0.0, []
        for series, of in counts.items():
            if of[index] > 0:
                low, high = y.at(below), y.at(below + of[index])
                inner.append(rect(LEFT + index * step, high, max(step - 1, 0.6), low - high, kind=look[series]))
                below += of[index]
        if inner:
            told = f"{buckets[index]}: {total:,.4g} {unit}"
            parts.append(f"<g><title>{escape(told)}</title>{''.join(inner)}</g>")
    return drawing(WIDTH, HEIGHT, parts, name=name, kind="chart series")


def _levels(y: Scale, top: float) -> Iterator[str]:
    for value in round_ticks(0.0, top, 3):
        yield line(LEFT, y.at(value), WIDTH, y.at(value), kind="grid" if value else "axis")
        yield text(LEFT - 6, y.at(value) + 4, f"{value:,.4g}", kind="tick", anchor="end")


def _times(buckets: Sequence[str], step: float) -> Iterator[str]:
    """About six times below."""
    every = max(round(len(buckets) / 6), 1)
    for index in range(0, len(buckets), every):
        if LEFT + index * step + 60 < WIDTH:
            yield text(LEFT + index * step, HEIGHT - 6, buckets[index], kind="tick")


def shares(parts: Mapping[str, float], look: Mapping[str, str], *, name: str) -> Markup:
    """One bar of a whole in parts, in 0..1."""
    at, drawn = 0.0, []
    for series, share in parts.items():
        if share > 0:
            drawn.append(
                rect(at * 1000, 0, max(share * 1000 - 2, 1), 14, kind=look[series], told=f"{series} {share:.1%}")
            )
            at += share
    return Markup(
        f'<svg class="shares" viewBox="0 0 1000 14" preserveAspectRatio="none" role="img" aria-label="{escape(name)}">'
        f"{''.join(drawn)}</svg>"
    )
