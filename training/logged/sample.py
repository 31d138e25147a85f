"""A log of any size in bounded memory: read in batches, counted as a whole, fitted from a sample of its rows.

The sample is the rows whose hash of the decision id is smallest, which is uniform, and the same whatever the batches
were; a lane that it holds few ratings of is filled up to ``FEWEST_PER_LANE`` from its own. What fills it up was chosen
by the lane that answered: it teaches, while checks and certificates are of the uniform rows alone. Regressions on a few
hundred landmarks have little to learn from further rows (``docs/learning.md`` has the numbers), while evidence and what
private requests say are counted over all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig, prices_sha256
from router_ml.storage.database.records import LoggedData
from router_ml.understanding.classifier import ClassifierSpec
from training.logged.outcomes import Usable, by_cell, usable
from training.predicting.fitting import Unplaced
from training.retraining.lineage import LogDigest

MOST_ROWS = 100_000
FEWEST_PER_LANE = 5_000
Hashes = NDArray[np.uint64]


@dataclass
class Counts:
    """What the whole log holds. ``first`` and ``last``: when its decisions were made, ISO 8601 in UTC; ``rated``: what
    the fit may learn from; ``private``: ratings of which only the cell is known; ``by_lane``: ratings by configured
    lane, private ones included; ``randomised_by_lane``: those of decisions that were drawn."""

    decisions: int = 0
    randomised: int = 0
    rated: int = 0
    private: int = 0
    costs: int = 0
    other_version: int = 0
    other_prices: int = 0
    first: str = ""
    last: str = ""
    by_lane: dict[str, int] = field(default_factory=dict)
    randomised_by_lane: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def add(self, data: LoggedData, use: Usable, config: RouterConfig) -> None:
        """Count another batch."""
        teaches, told = use.teaches, use.rated & (use.lane >= 0)
        self.decisions += len(data)
        self.randomised += int(data.randomised.sum())
        self.rated += int((use.rated & teaches).sum())
        self.private += int(use.private.sum())
        self.costs += int((teaches & np.isfinite(data.cost_usd)).sum())
        self.other_version += int((told & (use.weight < 1)).sum())
        self.other_prices += int((teaches & (data.prices != prices_sha256(config))).sum())
        if len(data):
            times = data.created_at.min(), data.created_at.max()
            self.first = min(filter(None, (self.first, str(times[0]))))
            self.last = max(self.last, str(times[1]))
        for index, name in enumerate(config.lanes):
            here = told & (use.lane == index)
            for counted, rows in ((self.by_lane, here), (self.randomised_by_lane, here & data.randomised)):
                counted[name] = counted.get(name, 0) + int(rows.sum())
        for reason, count in use.left_out.items():
            self.left_out[reason] = self.left_out.get(reason, 0) + count


@dataclass(frozen=True)
class Reading:
    """A log, read: a sample of the decisions that the fit sees (None where there are none), what the other ratings say,
    counts, and the digest of all of it. ``uniform``: (n,) which rows of the sample were in it whatever lane answered;
    ``chance``: that a decision of the log that keeps its embedding is one of these."""

    data: LoggedData | None
    unplaced: Unplaced | None
    counts: Counts
    digest: str
    uniform: NDArray[np.bool_]
    chance: float

    @property
    def fair(self) -> LoggedData | None:
        """The uniform part of the sample, which speaks for the log."""
        return None if self.data is None else self.data.select(self.uniform)


def read(
    batches: Iterable[LoggedData],
    config: RouterConfig,
    spec: ClassifierSpec,
    *,
    seed: int = 0,
    most: int = MOST_ROWS,
    step: Callable[[int], None] = lambda rows: None,
) -> Reading:
    """Read a log once.

    Args:
        batches: oldest first, over the same lanes.
        most: rows to keep for the fit, beside those that fill up rare lanes.
        step: hears how many decisions have been read so far.
    """
    sample, counts, digest = _Sample(seed, most), Counts(), LogDigest()
    totals: Unplaced | None = None
    for batch in batches:
        use = usable(batch, config)
        counts.add(batch, use, config)
        digest.add(batch)
        found = by_cell(batch, use, config, spec)
        totals = found if totals is None else totals + found
        sample.add(batch.select(use.teaches), use.lane[use.teaches], use.rated[use.teaches])
        step(counts.decisions)
    data, uniform = sample.rows()
    if totals is not None and data is not None:
        totals = totals.seen(by_cell(data, usable(data, config), config, spec))
    return Reading(data, totals, counts, digest.hex(), uniform, sample.chance)


class _Sample:
    """Rows of smallest hash, of all and of each lane's ratings."""

    def __init__(self, seed: int, most: int) -> None:
        self._key = seed.to_bytes(8, "little", signed=True)
        self._most = most
        self._parts: list[tuple[LoggedData, Hashes, NDArray[np.intp], NDArray[np.bool_]]] = []
        self._held = 0
        self._met = 0

    @property
    def chance(self) -> float:
        """Of a row that was met to be in the uniform part."""
        return min(self._most / self._met, 1.0) if self._met else 1.0

    def add(self, data: LoggedData, lane: NDArray[np.intp], rated: NDArray[np.bool_]) -> None:
        """Meet more rows."""
        if not len(data):
            return
        hashes = np.array([self._hash(key) for key in data.decision_ids.tolist()], np.uint64)
        self._parts.append((data, hashes, lane, rated))
        self._held += len(data)
        self._met += len(data)
        if self._held > 2 * self._most:
            self._shrink()

    def rows(self) -> tuple[LoggedData | None, NDArray[np.bool_]]:
        """The sample, oldest first, and which of it is uniform."""
        if not self._parts:
            return None, np.zeros(0, dtype=bool)
        self._shrink()
        data, hashes, *_ = self._parts[0]
        uniform = np.zeros(len(data), dtype=bool)
        uniform[np.argsort(hashes, kind="stable")[: self._most]] = True
        return data, uniform

    def _hash(self, decision_id: str) -> int:
        return int.from_bytes(hashlib.blake2b(decision_id.encode(), digest_size=8, key=self._key).digest(), "little")

    def _shrink(self) -> None:
        hashes, lane, rated = (np.concatenate([part[at] for part in self._parts]) for at in (1, 2, 3))
        kept = np.zeros(len(hashes), dtype=bool)
        order = np.argsort(hashes, kind="stable")
        kept[order[: self._most]] = True
        for index in np.unique(lane):
            kept[order[(rated & (lane == index))[order]][:FEWEST_PER_LANE]] = True
        data = joined([part[0] for part in self._parts], kept)
        self._parts = [(data, hashes[kept], lane[kept], rated[kept])]
        self._held = len(data)


def joined(parts: list[LoggedData], kept: NDArray[np.bool_]) -> LoggedData:
    """Batches over the same lanes as one, with only the rows that are ``kept`` (n,)."""
    if len(parts) == 1 and kept.all():
        return parts[0]
    where = np.split(kept, np.cumsum([len(part) for part in parts])[:-1])
    chosen = [part.select(rows) for part, rows in zip(parts, where, strict=True)]
    names = [item.name for item in fields(LoggedData)]
    columns = {name: [getattr(part, name) for part in chosen] for name in names}
    whole: dict[str, Any] = {
        name: np.concatenate(each) if isinstance(each[0], np.ndarray) else each[0] for name, each in columns.items()
    }
    return LoggedData(**whole)
