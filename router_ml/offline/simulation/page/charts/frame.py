"""What charts over time share: days below, troubles above, and buckets that are no finer than the drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.counting.results import Series, Trouble
from router_ml.offline.simulation.page.charts.canvas import Scale, line, rect, text, width_of

Floats = NDArray[np.float64]

WIDTH = 1000.0
LEFT, RIGHT = 62.0, 172.0
FINEST = 336  # buckets
ROW = 19.0  # of a trouble's bar


@dataclass(frozen=True)
class Span:
    """The time that a chart covers, and what happened in it, in ``most`` rows of bars."""

    start: datetime
    hours: float
    troubles: tuple[Trouble, ...]
    left: float = LEFT
    right: float = WIDTH - RIGHT
    most: int = 4

    @property
    def x(self) -> Scale:
        """Places of hours."""
        return Scale(0.0, self.hours, self.left, self.right)

    def rows(self) -> list[list[Trouble]]:
        """Troubles in rows in which neither bars nor names overlap, as many as fit."""
        rows: list[list[Trouble]] = []
        ends: list[float] = []
        for trouble in sorted(self.troubles, key=lambda item: item.start):
            begin, end = self._extent(trouble)
            row = next((index for index, other in enumerate(ends) if other <= begin), len(ends))
            if row == len(ends):
                rows.append([])
                ends.append(0.0)
            rows[row].append(trouble)
            ends[row] = end
        return rows

    @property
    def head(self) -> float:
        """How high the bars of all troubles are together."""
        rows = len(self.rows())
        return ROW * min(rows, self.most) + (15 if rows > self.most else 0)

    @property
    def edges(self) -> list[float]:
        """When something begins or ends, in hours."""
        return [at for trouble in self.troubles for at in (trouble.start, self.end(trouble))]

    def end(self, trouble: Trouble) -> float:
        """When it ends; the end of the run where it lasts."""
        return self.hours if trouble.end is None else min(trouble.end, self.hours)

    def over(self, top: float, bottom: float) -> Iterator[str]:
        """Bars with the names of troubles from ``top`` on, and their edges down to ``bottom``."""
        rows = self.rows()
        for row, members in enumerate(rows[: self.most]):
            y = top + ROW * row
            for trouble in members:
                begin, end = self.x.at(max(trouble.start, 0.0)), self.x.at(self.end(trouble))
                yield rect(begin, y, max(end - begin, 2.0), ROW - 3, kind="trouble", told=self.told(trouble))
                yield line(begin, y, begin, bottom, kind="edge")
                if trouble.end is not None and trouble.end < self.hours:
                    yield line(end, y, end, bottom, kind="edge")
                yield self._named(trouble, begin, end, y + ROW - 7)
        if len(rows) > self.most:
            hidden = sum(len(row) for row in rows[self.most :])
            yield text(self.left, top + ROW * self.most + 11, f"and {hidden} more at the same time", kind="s")

    def _side(self, trouble: Trouble, begin: float, end: float) -> Literal["in", "right", "left"]:
        """Where its name has room: in the bar, else beside it."""
        needs = width_of(trouble.what) + 10
        if needs <= end - begin or max(WIDTH - end, begin) < needs:
            return "in"
        return "right" if end + needs <= WIDTH else "left"

    def _extent(self, trouble: Trouble) -> tuple[float, float]:
        """From where to where its bar and name reach."""
        begin, end = self.x.at(max(trouble.start, 0.0)), self.x.at(self.end(trouble))
        needs = width_of(trouble.what) + 12
        side = self._side(trouble, begin, end)
        return begin - needs * (side == "left"), end + needs * (side == "right") + 2

    def _named(self, trouble: Trouble, begin: float, end: float, y: float) -> str:
        side = self._side(trouble, begin, end)
        if side == "in":
            return text(begin + 5, y, trouble.what, kind="on", width=max(end - begin - 10, 0))
        if side == "right":
            return text(end + 6, y, trouble.what, kind="bad")
        return text(begin - 6, y, trouble.what, kind="bad", anchor="end")

    def told(self, trouble: Trouble) -> str:
        """When and where."""
        until = f"to hour {trouble.end:g}" if trouble.end is not None else "and lasts"
        where = f": {', '.join(trouble.lanes)}" if trouble.lanes else ""
        return f"{trouble.what}, from hour {trouble.start:g} {until}{where}"

    def days(self, top: float, bottom: float) -> Iterator[str]:
        """Lines and names of days below; of hours in a short run."""
        step = next((step for step in (1, 2, 6, 12, 24, 48, 168, 336, 720) if self.hours / step <= 7.01), 1440)
        at = self.start.replace(minute=0, second=0, microsecond=0)
        at -= timedelta(hours=at.hour) if step >= 24 else timedelta(hours=at.hour % step)
        while (hour := (at - self.start).total_seconds() / 3600) <= self.hours + 1e-9:
            if hour >= -1e-9:
                x = self.x.at(hour)
                yield line(x, top, x, bottom + 4)
                named = f"{at:%a} {at.day} {at:%b}" if step >= 24 else f"{at:%H:%M}"
                if step < 24:
                    yield text(x, bottom + 18, named, kind="s", anchor="middle")
                elif hour + 0.4 * step < self.hours:
                    yield text(x + 4, bottom + 17, named, kind="s")
            at += timedelta(hours=step)


def levels(scale: Scale, left: float, right: float, named: Sequence[tuple[float, str]]) -> Iterator[str]:
    """Lines across at values, with their names on the left."""
    for value, words in named:
        y = scale.at(value)
        yield line(left, y, right, y)
        yield text(left - 7, y + 4, words, kind="s", anchor="end")


def coarser(series: Series, most: int = FINEST) -> Series:
    """The same in at most ``most`` buckets of one length."""
    step = -(-len(series.requests) // most)
    return series if step <= 1 else joined(series, np.arange(0, len(series.requests), step))


def telling(series: Series, least: int, edges: Sequence[float]) -> Series:
    """The same in stretches that hold ``least`` requests due where there are so many, none of them across an edge (in
    hours) at which something changes."""
    finer = coarser(series)
    cuts = set(np.searchsorted(finer.edges, np.asarray(edges) - 1e-9).tolist())
    starts, held = [0], 0
    for bucket, due in enumerate(finer.due.tolist()):
        if bucket and (held >= least or bucket in cuts):
            starts.append(bucket)
            held = 0
        held += due
    return joined(finer, np.array(starts))


def joined(series: Series, starts: NDArray[np.int64]) -> Series:
    """The same in buckets that begin at the buckets ``starts``: sums, means by what was served, the highest p95, the
    last queue."""
    served = np.where(np.isfinite(series.quality), series.served, 0)
    known = np.add.reduceat(served, starts)
    worth = np.add.reduceat(np.nan_to_num(series.quality) * served, starts)
    slowest = np.maximum.reduceat(np.where(np.isfinite(series.p95_ms), series.p95_ms, -np.inf), starts)
    last = np.append(starts[1:], len(series.requests)) - 1
    return replace(
        series,
        edges=np.append(series.edges[starts], series.edges[-1]),
        requests=np.add.reduceat(series.requests, starts),
        due=np.add.reduceat(series.due, starts),
        served=np.add.reduceat(series.served, starts),
        spend_usd=np.add.reduceat(series.spend_usd, starts),
        quality=np.where(known > 0, worth / np.maximum(known, 1), np.nan),
        p95_ms=np.where(np.isfinite(slowest), slowest, np.nan),
        waiting=series.waiting[last],
        by_lane=np.add.reduceat(series.by_lane, starts, axis=0),
        classes_due=np.add.reduceat(series.classes_due, starts, axis=0),
        classes_served=np.add.reduceat(series.classes_served, starts, axis=0),
    )
