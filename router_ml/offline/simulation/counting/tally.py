"""Counting what became of requests, in memory that does not grow with them.

Sums are kept by cluster of prompts, by traffic class and over time; nothing is kept of a single request. Intervals come
from the sums by cluster. Such a sum holds what was drawn for the requests of its cluster as well as which requests they
are, so the spread between clusters has the Monte Carlo noise of the run inside: a run of few requests has wide
intervals, and no number of repetitions of the same prompts makes them narrower than the prompts allow. What all
clusters share (when a vendor is dark, what others have spent of a budget) is part of the scenario and not of its noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.counting.alone import Alone
from router_ml.offline.simulation.counting.latencies import BINS, bins_of
from router_ml.offline.simulation.counting.queueing import PER_HOUR
from router_ml.offline.simulation.playing.carried import FATES, Carried
from router_ml.offline.simulation.policies.policy import Policy
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.rows import Stream
from router_ml.offline.simulation.world.world import World

if TYPE_CHECKING:
    from router_ml.offline.simulation.counting.results import Result

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DUE, SERVED, USD, QUALITY, KNOWN = range(5)
"""Columns of the sums by cluster. KNOWN: served requests of which the quality is known."""
SERVED_FATE = FATES.index("served")
NOT_DUE = tuple(FATES.index(fate) for fate in ("asked_back", "review", "refused"))
_REVIEW = FATES.index("review")
_AT_ONCE = 32_768  # rows counted together: small pieces would cost a pass over all sums each
_MOST_BUCKETS = 200
_STEPS = (1, 2, 3, 6, 12, 24, 36, 72, 144, 288, 576)  # five minutes to two days, in five minutes


class Tally:
    """What a policy made of a stream, added up.

    ``sums``: arrays by name, for C classes, G clusters, F steps of five minutes, B buckets of the series, L lanes:
    cluster (C, G, 5), fates (C, ``FATES``), latency (C, ``BINS``), asked (F,), due and served (F, C), usd (F, C),
    by_lane (B, L), bucket_latency (B, ``BINS``), bucket_quality and bucket_known (B,), requests (B,), usd_of_day
    (days, C), counts (4,) calls, failed, violations, explored; explored (2,) USD and quality.
    """

    def __init__(self, policy: Policy, stream: Stream, world: World, scenario: Scenario) -> None:
        self.policy, self.scenario, self.lanes = policy.name, scenario, world.lanes
        self.notes: tuple[str, ...] = tuple(getattr(policy, "notes", ()))
        self.promises = policy.config.traffic_classes
        self.classes = tuple(self.promises)
        self.start, self.hours, self.truth = stream.start, stream.hours, stream.kinds.truth
        self._runs: Alone | None = None  # where there are several
        _, self._cluster = np.unique(stream.kinds.cluster, return_inverse=True)
        steps = max(math.ceil(round(stream.hours * PER_HOUR, 6)), 1)
        self.per_bucket = next((step for step in _STEPS if math.ceil(steps / step) <= _MOST_BUCKETS), _STEPS[-1])
        classes, lanes, buckets = len(self.classes), len(self.lanes), math.ceil(steps / self.per_bucket)
        days = math.ceil((_day_offset(stream.start) + stream.hours) / 24)
        shapes = {
            "cluster": (classes, int(self._cluster.max(initial=-1)) + 1, 5),
            "usd": (steps, classes),
            "bucket_quality": (buckets,),
            "usd_of_day": (days, classes),
            "explored": (2,),
        }
        counts = {
            "fates": (classes, len(FATES)),
            "latency": (classes, BINS),
            "asked": (steps,),
            "due": (steps, classes),
            "served": (steps, classes),
            "requests": (buckets,),
            "by_lane": (buckets, lanes),
            "bucket_latency": (buckets, BINS),
            "bucket_known": (buckets,),
            "counts": (4,),
        }
        self.sums: dict[str, NDArray[Any]] = {
            **{name: np.zeros(shape) for name, shape in shapes.items()},
            **{name: np.zeros(shape, dtype=np.int64) for name, shape in counts.items()},
        }
        self._held: list[Carried] = []
        self._rows = 0

    def add(self, carried: Carried) -> None:
        """Count requests.

        Raises:
            OfflineDataError: they were carried out under other traffic classes than the policy has, or other runs have
                been added to this one.
        """
        self._of_one_run()
        if carried.classes != self.classes:
            raise OfflineDataError(
                f"Found requests of the classes {', '.join(carried.classes)}; {self.policy} has "
                f"{', '.join(self.classes)}. Count each policy with a Tally of its own."
            )
        self._held.append(carried)
        self._rows += len(carried.rows)
        if self._rows >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Count what was only held until there is enough of it."""
        held, self._held, self._rows = self._held, [], 0
        if held:
            self._count(_Columns(held))

    def merge(self, other: Tally, *, run: bool = False) -> None:
        """Add what another tally of the same policy and scenario has counted: of another part of the same requests, or
        of another ``run`` (another seed), whose reviewers, budgets and outages are its own (``Alone``). Once runs are
        added up, only further runs can be added.

        Raises:
            OfflineDataError: they counted different things.
        """
        apart = [name for name, mine, theirs in self._alike(other) if mine != theirs]
        if apart or not np.array_equal(self._cluster, other._cluster):
            raise OfflineDataError(
                f"Found tallies of {self.policy} and {other.policy} that differ in {', '.join(apart or ['prompts'])}. "
                "Add up shards of one policy on one scenario."
            )
        if run:
            self._runs = self.alone() + other.alone()
        else:
            self._of_one_run()
            other._of_one_run()
        self.flush()
        other.flush()
        for name, counted in other.sums.items():
            self.sums[name] += counted

    @property
    def runs(self) -> int:
        """How many runs were added up."""
        return 1 if self._runs is None else self._runs.runs

    def alone(self) -> Alone:
        """What every run has for itself, added up."""
        self.flush()
        return Alone.of(self) if self._runs is None else self._runs

    def result(self) -> Result:
        """What has come of all that was counted."""
        from router_ml.offline.simulation.counting.counted import result_of

        self.flush()
        return result_of(self)

    def by_cluster(self, traffic_class: int | None = None) -> Floats:
        """Sums of the clusters (G, 5), see ``DUE`` and the others: of a class, or of all."""
        self.flush()
        table = self.sums["cluster"]
        return np.asarray(table.sum(axis=0) if traffic_class is None else table[traffic_class], dtype=np.float64)

    def _alike(self, other: Tally) -> Iterator[tuple[str, object, object]]:
        """What has to be the same to be added up."""
        for name in ("policy", "lanes", "promises", "scenario", "start", "hours"):
            yield name, getattr(self, name), getattr(other, name)
        mine, theirs = ({name: one.shape for name, one in each.sums.items()} for each in (self, other))
        yield "sums", mine, theirs

    def _of_one_run(self) -> None:
        if self._runs is not None:
            raise OfflineDataError(f"{self.runs} runs were added up, to which no more requests of one can be added.")

    def _count(self, rows: _Columns) -> None:
        served, due = rows.fate == SERVED_FATE, ~np.isin(rows.fate, NOT_DUE)
        known = served & np.isfinite(rows.quality)
        quality = np.where(known, rows.quality, 0.0)
        self._count_clusters(rows, {DUE: due, SERVED: served, USD: rows.cost_usd, QUALITY: quality, KNOWN: known})
        self._add("fates", rows.traffic_class, rows.fate)
        answered = np.isfinite(rows.latency_ms)
        slow = bins_of(rows.latency_ms[answered])
        self._add("latency", rows.traffic_class[answered], slow)
        step = np.minimum((rows.hour * PER_HOUR).astype(np.int64), len(self.sums["asked"]) - 1)
        asked = (rows.fate == _REVIEW) | (rows.approval & served)
        self._add("asked", step[asked])
        self._add("due", step[due], rows.traffic_class[due])
        self._add("served", step[served], rows.traffic_class[served])
        self._add("usd", step, rows.traffic_class, weight=rows.cost_usd)
        day = ((_day_offset(self.start) + rows.hour) // 24).astype(np.int64)
        self._add("usd_of_day", np.minimum(day, len(self.sums["usd_of_day"]) - 1), rows.traffic_class, rows.cost_usd)
        bucket = step // self.per_bucket
        self._add("requests", bucket)
        self._add("by_lane", bucket[served], rows.final[served])
        self._add("bucket_latency", bucket[answered], slow)
        self._add("bucket_known", bucket[known])
        self._add("bucket_quality", bucket, weight=quality)
        explored = (rows.first >= 0) & (rows.exploit >= 0) & (rows.first != rows.exploit)
        self.sums["counts"] += [*rows.totals, int(explored.sum())]
        self.sums["explored"] += rows.explored

    def _count_clusters(self, rows: _Columns, columns: dict[int, NDArray[np.bool_] | Floats]) -> None:
        table = self.sums["cluster"]
        place = rows.traffic_class * table.shape[1] + self._cluster[rows.kind]
        for column, values in columns.items():
            found = np.bincount(place, values, minlength=table.shape[0] * table.shape[1])
            table[:, :, column] += found.reshape(table.shape[:2])

    def _add(self, name: str, row: Ints, column: Ints | None = None, weight: Floats | None = None) -> None:
        """Count, or add ``weight``, by row and column, in the rows that occur: requests are in order of time."""
        table = self.sums[name]
        if not len(row):
            return
        first, last = int(row.min()), int(row.max()) + 1
        width = 1 if column is None else table.shape[1]
        place = (row - first) * width + (0 if column is None else column)
        found = np.bincount(place, weight, minlength=(last - first) * width)
        table[first:last] += found.reshape(table[first:last].shape)


class _Columns:
    """What the tally looks at, of several pieces in a row."""

    def __init__(self, held: list[Carried]) -> None:
        def joined(name: str) -> Any:
            return np.concatenate([getattr(piece, name) for piece in held]) if len(held) > 1 else getattr(held[0], name)

        self.kind: Ints = np.concatenate([piece.rows.kind for piece in held])
        self.hour: Floats = np.concatenate([piece.rows.hour for piece in held])
        self.traffic_class: Ints = joined("traffic_class")
        self.fate: Ints = joined("fate")
        self.first: Ints = joined("first")
        self.final: Ints = joined("final")
        self.exploit: Ints = joined("exploit")
        self.cost_usd: Floats = joined("cost_usd")
        self.latency_ms: Floats = joined("latency_ms")
        self.quality: Floats = joined("quality")
        self.approval: NDArray[np.bool_] = joined("approval")
        self.totals = [int(joined(name).sum()) for name in ("calls", "failed_calls", "violations")]
        self.explored = [float(joined(name).sum()) for name in ("explored_usd", "explored_quality")]


def _day_offset(start: datetime) -> float:
    """Hours of the first day that are over at the start, in UTC."""
    first = start.astimezone(UTC) if start.tzinfo else start
    return first.hour + first.minute / 60 + first.second / 3600
