"""How many requests there are to answer while something is dark, and in the busiest hour of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.kinds import Kinds

Floats = NDArray[np.float64]
HOUR = timedelta(hours=1)
_DAY, _WEEK = 24, 24 * 7


@dataclass(frozen=True)
class Demand:
    """Requests by hour, (h,), from ``start`` on; after the last hour it begins again. ``source``: for people."""

    per_hour: Floats
    start: datetime
    source: str

    def __post_init__(self) -> None:
        if len(self.per_hour) == 0 or not self.per_hour.sum() > 0 or (self.per_hour < 0).any():
            raise OfflineDataError("Expected requests in at least one hour, found none.")

    def window(self, hours: float, at_hour: float | None = None) -> tuple[float, float, float]:
        """Of an outage of some hours: its first hour (by default the one in which it meets most requests), the requests
        while it lasts, and those of its busiest hour."""
        starts = np.arange(len(self.per_hour), dtype=np.float64) if at_hour is None else np.array([at_hour])
        met = self._until(starts + hours) - self._until(starts)
        first = float(starts[int(met.argmax())])
        touched = np.arange(math.floor(first), math.ceil(first + hours)) % len(self.per_hour)
        return first, float(met.max()), float(self.per_hour[touched].max())

    def times(self, factor: float) -> Demand:
        """As much at each hour, times a factor."""
        return Demand(self.per_hour * factor, self.start, self.source)

    def per_day(self, requests: float) -> Demand:
        """The same shape, with so many requests a day on average."""
        now = float(self.per_hour.sum()) / len(self.per_hour) * 24
        return Demand(self.per_hour * (requests / now), self.start, f"{requests:,.0f} requests a day, as stated")

    def _until(self, hour: Floats) -> Floats:
        """Requests before hours of a traffic that repeats."""
        size = len(self.per_hour)
        total = np.concatenate([[0.0], np.cumsum(self.per_hour)])
        rounds = np.floor(hour / size)
        result: Floats = rounds * total[-1] + np.interp(hour - rounds * size, np.arange(size + 1.0), total)
        return result


def of_times(at: Iterable[datetime], *, source: str) -> Demand:
    """What requests that came at these times say of each hour: of the week where they span one, else of the day; by the
    time for which each hour was seen, which is up to one more gap after the last request. What spans less than a day is
    taken to go on like that.

    Raises:
        OfflineDataError: there are none.
    """
    times = sorted(each.astimezone(UTC) if each.tzinfo else each.replace(tzinfo=UTC) for each in at)
    if not times:
        raise OfflineDataError("Expected requests in at least one hour, found none.")
    start = times[0].replace(minute=0, second=0, microsecond=0)
    hour = np.array([(each - start) / HOUR for each in times])
    first, end = hour[0], hour[-1] + (hour[-1] - hour[0]) / max(len(hour) - 1, 1)
    if end - first < _DAY:
        size, length = max(int(end - first), 1), max(end - first, 1.0)
        found = np.histogram(hour, bins=size, range=(first, first + length))[0]
        return Demand(found * (size / length), times[0], f"{source}, {length:.1f} hours that repeat")
    size, of = (_WEEK, "week") if end - first >= _WEEK else (_DAY, "day")
    found = np.bincount(hour.astype(np.int64) % size, minlength=size)
    edges = np.arange(math.ceil(end) + 1.0).clip(first, end)
    seen = np.bincount(np.arange(len(edges) - 1) % size, weights=np.diff(edges), minlength=size)
    return Demand(found / seen, start, f"{source}, by hour of the {of}")


def of_scenario(scenario: Scenario, kinds: Kinds) -> Demand:
    """What is expected of the traffic of a scenario, by hour."""
    from router_ml.offline.simulation.traffic.rates import rates

    known, days = rates(scenario, kinds), scenario.traffic.days
    requests = known.mass * scenario.traffic.requests
    hours = math.ceil(24 * days)
    whole = np.interp(np.arange(hours + 1.0), known.edges, np.concatenate([[0.0], np.cumsum(requests)]))
    source = f"assumed: {scenario.traffic.requests / days:,.0f} requests a day, shaped as {scenario.name}"
    return Demand(np.diff(whole), scenario.traffic.start, source)
