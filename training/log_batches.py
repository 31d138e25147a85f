"""The decisions of a log and of its archive, in batches over the same lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.storage.archive import read_archive
from router_ml.storage.eventlog import EventLog
from router_ml.storage.records import LoggedData, utc

ATTRIBUTION_DAYS = 30.0  # where no log says otherwise


@dataclass(frozen=True)
class Window:
    """Which decisions to learn from: from ``since``, before ``until``, of one organisation."""

    since: datetime | None = None
    until: datetime | None = None
    org: str | None = None

    def batches(self, log: EventLog | None, archive: str | None, encoder: str) -> Iterator[LoggedData]:
        """What was compacted into the ``archive`` comes first, as far as the log names it, where there is one; nothing
        where there is neither."""
        days = ATTRIBUTION_DAYS if log is None else log.attribution / timedelta(days=1)
        kept = iter(()) if archive is None else read_archive(archive, log=log, encoder=encoder, attribution_days=days)
        recent = iter(()) if log is None else log.batches(self.since, encoder=encoder, org=self.org)
        for batch in _over_same_lanes(kept, recent):
            yield batch.select(self._rows(batch))

    def holds(self, at: datetime) -> bool:
        """Whether it reaches over a time."""
        after = self.since is None or utc(at) >= utc(self.since)
        return after and (self.until is None or utc(at) < utc(self.until))

    def _rows(self, data: LoggedData) -> NDArray[np.bool_]:
        rows = np.ones(len(data), dtype=bool)
        if self.since is not None:
            rows &= data.created_at >= np.datetime64(utc(self.since), "us")
        if self.until is not None:
            rows &= data.created_at < np.datetime64(utc(self.until), "us")
        if self.org is not None:
            rows &= data.org == self.org
        return rows


def _over_same_lanes(*sources: Iterator[LoggedData]) -> Iterator[LoggedData]:
    first = [next(source, None) for source in sources]
    lanes = tuple(sorted({lane for batch in first if batch is not None for lane in batch.lanes}))
    for batch, rest in zip(first, sources, strict=True):
        if batch is not None:
            for each in chain([batch], rest):
                yield over(each, lanes)


def over(data: LoggedData, lanes: tuple[str, ...]) -> LoggedData:
    """The same over other lanes, which hold all of its own."""
    if data.lanes == lanes:
        return data
    column = [data.lanes.index(lane) if lane in data.lanes else len(data.lanes) for lane in lanes]
    place = np.array([*(lanes.index(lane) for lane in data.lanes), -1], np.int64)

    def widened(values: NDArray[np.generic], absent: float) -> NDArray[np.generic]:
        padding = np.full((len(values), 1), absent).astype(values.dtype)
        return np.concatenate([values, padding], axis=1)[:, column]

    absent = {"propensities": 0.0, "eligible": 0.0, "estimated_quality": np.nan, "estimated_cost_usd": np.nan}
    by_lane: dict[str, Any] = {name: widened(getattr(data, name), value) for name, value in absent.items()}
    return replace(data, lanes=lanes, action=place[data.action], executed=place[data.executed], **by_lane)
