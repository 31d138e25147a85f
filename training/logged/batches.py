"""The decisions of a log and of its archive, in batches over the same lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.contract import Outcome, RouteDecision
from router_ml.storage.archives.archive import archived, read_archive
from router_ml.storage.database.records import LoggedData, parse, utc
from router_ml.storage.eventlog import EventLog

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

    @property
    def words(self) -> str:
        """The window as an error says it."""
        said = [f"{name} {value}" for name, value in (("from", self.since), ("before", self.until)) if value]
        return " ".join([*said, *([f"of {self.org}"] if self.org else [])]) or "at all"

    def holds(self, decision: RouteDecision) -> bool:
        """Whether the decision is one of these."""
        at = utc(decision.created_at)
        after = self.since is None or at >= utc(self.since)
        before = self.until is None or at < utc(self.until)
        return after and before and (self.org is None or decision.circumstances.org == self.org)

    def labelled(self, log: EventLog | None, archive: str | None) -> Iterator[tuple[RouteDecision, Outcome]]:
        """These decisions, of the log and of its archive, each with the latest outcome that labels it, by id: the same
        order before and after a compaction."""
        found = {} if archive is None else {each.decision_id: (each, told) for each, told in _archived_labels(archive)}
        # whatever is said of a decision is said after it was made
        told = () if log is None else (each for each in log.outcomes(self.since) if each.labels is not None)
        for name, outcome in {each.decision_id: each for each in told}.items():
            before = found.get(name)
            decision = log.decision(name) if before is None and log is not None else before and before[0]
            if decision is not None:
                found[name] = decision, outcome
        yield from (each for _, each in sorted(found.items()) if self.holds(each[0]))

    def _rows(self, data: LoggedData) -> NDArray[np.bool_]:
        rows = np.ones(len(data), dtype=bool)
        if self.since is not None:
            rows &= data.created_at >= np.datetime64(utc(self.since), "us")
        if self.until is not None:
            rows &= data.created_at < np.datetime64(utc(self.until), "us")
        if self.org is not None:
            rows &= data.org == self.org
        return rows


def _archived_labels(archive: str) -> Iterator[tuple[RouteDecision, Outcome]]:
    """Labelled decisions of an archive, once for each outcome with labels, oldest first."""
    decision = ""
    for entry in archived(archive):
        if entry.kind == "decision":
            decision = entry.record
        elif entry.kind == "outcome":
            outcome = parse(Outcome, entry.record, f"Outcome {entry.record_id}")
            if outcome.labels is not None:
                yield parse(RouteDecision, decision, f"Decision {entry.decision_id}"), outcome


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
