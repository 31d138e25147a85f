"""The traffic of a window as the live page shows it: counts, shares, latencies, quality. Arithmetic alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from router_ml.config import TrafficClass
from router_ml.storage.views.overview import SECONDS, Grain, Group, Ran, Rating

NO_LANE = "no lane"
Z90 = 1.6448536269514722
MOST_CELLS = 30


@dataclass(frozen=True)
class Window:
    """``step``: of slices that are counted at a time; ``grain``: of the bars."""

    name: str
    words: str
    length: timedelta
    step: timedelta
    grain: Grain


WINDOWS = (
    Window("15m", "15 min", timedelta(minutes=15), timedelta(minutes=1), "10 seconds"),
    Window("1h", "1 h", timedelta(hours=1), timedelta(minutes=5), "1 minute"),
    Window("24h", "24 h", timedelta(hours=24), timedelta(minutes=30), "10 minutes"),
    Window("7d", "7 days", timedelta(days=7), timedelta(hours=1), "1 hour"),
)


@dataclass(frozen=True)
class LaneShare:
    """A lane's part of what was decided, and how its newest executions went (None: none were seen)."""

    lane: str
    count: int
    share: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    failed: int = 0
    ran: int = 0


@dataclass(frozen=True)
class Cell:
    """Rated quality of a class, intent and domain. ``mean`` None: nothing was rated."""

    traffic_class: str
    intent: str
    domain: str
    count: int
    floor: float | None
    rated: int = 0
    mean: float | None = None
    low: float = 0.0
    high: float = 1.0

    @property
    def standing(self) -> str:
        """Of the floor: kept, below, open (the interval holds it), or no evidence."""
        if self.mean is None:
            return "no evidence"
        if self.floor is None:
            return "no floor"
        return "below" if self.high < self.floor else "kept" if self.low >= self.floor else "open"


@dataclass(frozen=True)
class Executions:
    """How the newest executions went: ``count`` of those that called a lane or could call none, and ``with_person``
    of those that stopped for a person. Those that were asked back or refused before a call are in neither."""

    count: int = 0
    with_person: int = 0
    answered: int = 0
    fell_back: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    failures: tuple[tuple[str, int], ...] = ()
    cost_usd: float = 0.0
    since: datetime | None = None


def by_bucket(
    groups: Sequence[Group], start: datetime, end: datetime, grain: Grain
) -> tuple[list[datetime], dict[str, list[float]]]:
    """When each bucket begins, and by lane the counts in them, the lane with most first."""
    size = SECONDS[grain]
    first, last = int(start.timestamp()) // size, int(end.timestamp()) // size
    begins = [datetime.fromtimestamp(at * size, start.tzinfo) for at in range(first, last + 1)]
    totals = Counter[str]()
    counts: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(begins))
    for group in groups:
        at = int(group.start.timestamp()) // size - first
        if 0 <= at < len(begins):
            lane = group.lane or NO_LANE
            counts[lane][at] += group.count
            totals[lane] += group.count
    order = sorted(totals, key=lambda lane: (lane == NO_LANE, -totals[lane], lane))
    return begins, {lane: counts[lane] for lane in order}


def counted(groups: Sequence[Group], of: Callable[[Group], str | None]) -> list[tuple[str, int]]:
    """Counts by what a group says, the largest first."""
    found = Counter[str]()
    for group in groups:
        found[of(group) or NO_LANE] += group.count
    return found.most_common()


def lane_shares(groups: Sequence[Group], ran: Sequence[Ran]) -> list[LaneShare]:
    """Lanes by how often they were decided for."""
    totals = sorted(counted(groups, lambda group: group.lane), key=lambda one: one[0] == NO_LANE)
    every = sum(count for _, count in totals) or 1
    took: dict[str, list[float]] = defaultdict(list)
    tried, failed = Counter[str](), Counter[str]()
    for one in (one for one in ran if one.counts):
        if one.planned is not None:
            tried[one.planned] += 1
            failed[one.planned] += one.final_lane != one.planned
        if one.final_lane is not None and one.latency_ms is not None:
            took[one.final_lane].append(one.latency_ms)
    return [
        LaneShare(
            lane,
            count,
            count / every,
            p50_ms=quantile(took[lane], 0.5),
            p95_ms=quantile(took[lane], 0.95),
            failed=failed[lane],
            ran=tried[lane],
        )
        for lane, count in totals
    ]


def executions(ran: Sequence[Ran]) -> Executions:
    """How the newest executions went; ``ran`` is newest first."""
    if not ran:
        return Executions()
    tried = [one for one in ran if one.counts]
    took = [one.latency_ms for one in tried if one.called and one.latency_ms is not None]
    kinds = Counter(kind for one in ran for kind in one.failures)
    return Executions(
        count=len(tried),
        with_person=sum(one.with_person for one in ran),
        answered=sum(one.status in ("answered", "static_answer") for one in tried),
        fell_back=sum(one.fell_back for one in tried),
        p50_ms=quantile(took, 0.5),
        p95_ms=quantile(took, 0.95),
        failures=tuple(kinds.most_common(8)),
        cost_usd=math.fsum(one.cost_usd or 0.0 for one in ran),
        since=ran[-1].at,
    )


def cells(groups: Sequence[Group], ratings: Sequence[Rating], classes: Mapping[str, TrafficClass]) -> list[Cell]:
    """Each class, intent and domain with traffic: those below their floor first, then by traffic."""
    seen = Counter[tuple[str, str, str]]()
    for group in groups:
        seen[group.traffic_class, group.intent, group.domain] += group.count
    rated: dict[tuple[str, str, str], list[Rating]] = defaultdict(list)
    for rating in ratings:
        rated[rating.traffic_class, rating.intent, rating.domain].append(rating)
    found = []
    for key in seen.keys() | rated.keys():
        promised = classes.get(key[0])
        floor = None if promised is None else promised.floor
        mean, low, high = weighted_mean(rated[key]) if rated[key] else (None, 0.0, 1.0)
        found.append(Cell(*key, seen[key], floor, len(rated[key]), mean, low, high))
    rank = {"below": 0, "open": 1, "kept": 1, "no floor": 1, "no evidence": 2}
    return sorted(found, key=lambda cell: (rank[cell.standing], -cell.count, cell.intent, cell.domain))


def weighted_mean(ratings: Sequence[Rating]) -> tuple[float, float, float]:
    """Mean quality with a 90% interval. A rating counts for as many decisions as it was picked out of; the interval is
    Wilson's for as many ratings as the weights are worth, which is wide enough for any quality in 0..1."""
    weights = [1.0 / max(rating.probability, 1e-6) for rating in ratings]
    total = math.fsum(weights)
    mean = math.fsum(weight * rating.quality for weight, rating in zip(weights, ratings, strict=True)) / total
    worth = total**2 / math.fsum(weight**2 for weight in weights)
    scale = 1 + Z90**2 / worth
    middle = (mean + Z90**2 / (2 * worth)) / scale
    half = Z90 / scale * math.sqrt(mean * (1 - mean) / worth + Z90**2 / (4 * worth**2))
    return mean, max(middle - half, 0.0), min(middle + half, 1.0)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of the others does not pass; None of nothing.

    >>> quantile([3.0, 1.0, 2.0], 0.5), quantile([], 0.5)
    (2.0, None)
    """
    if not values:
        return None
    return sorted(values)[min(math.ceil(share * len(values)), len(values)) - 1 if share > 0 else 0]
