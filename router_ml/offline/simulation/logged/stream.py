"""Logged decisions as traffic: at their own times, or more, fewer or longer, in blocks of whole days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.offline.simulation.scenarios.scenario import Burst, Wave
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import LUCK, Rows

Floats = NDArray[np.float64]
AT_ONCE = 65_536
DAY = 24.0
WEEK = 7


@dataclass(frozen=True)
class LogStream:
    """Decisions of a log as arrivals: ``kind`` (n,) and ``hour`` (n,) since ``start``, oldest first. Sessions are not
    known from a log: each request stands alone."""

    kinds: Kinds
    start: datetime
    hours: float
    kind: NDArray[np.int64]
    hour: Floats
    seed: int = 0

    @property
    def requests(self) -> int:
        """How many there are."""
        return len(self.kind)

    def batches(self) -> Iterator[Rows]:
        """All requests in order; the luck of a request depends on the seed and on its number alone."""
        for number, first in enumerate(range(0, self.requests, AT_ONCE)):
            part = slice(first, min(first + AT_ONCE, self.requests))
            count = part.stop - part.start
            alone = np.full(count, -1, dtype=np.int64)
            yield Rows(
                number=np.arange(part.start, part.stop, dtype=np.int64),
                kind=self.kind[part],
                hour=self.hour[part],
                session=alone,
                turn=np.zeros(count, dtype=np.int64),
                before=alone,
                held=np.zeros(count, dtype=np.int64),
                luck=np.random.default_rng([self.seed, number]).random((count, LUCK)),
            )


def as_it_came(kinds: Kinds, created_at: NDArray[np.datetime64], *, seed: int = 0) -> LogStream:
    """Every decision once, at its own time; ``start`` is the beginning of the first day (UTC)."""
    first = created_at.min().astype("datetime64[D]") if len(created_at) else np.datetime64(0, "D")
    hour = (created_at - first).astype("timedelta64[us]").astype(np.float64) / 3.6e9
    days = float(np.ceil((hour.max() if len(hour) else 0.0) / DAY + 1e-12))
    start = datetime.fromisoformat(f"{first}T00:00:00+00:00")
    order = np.argsort(hour, kind="stable")
    return LogStream(kinds, start, max(days, 1.0) * DAY, order.astype(np.int64), hour[order], seed)


def resampled(
    stream: LogStream,
    *,
    requests: int | None = None,
    days: float | None = None,
    bursts: Sequence[Burst] = (),
    waves: Sequence[Wave] = (),
    seed: int = 0,
) -> LogStream:
    """More, fewer or longer traffic of the same shape.

    Day by day: a day that the log has is itself; a later one is a day of the log of the same weekday, drawn at random
    (any day, where it has none). In a run that is shorter than the log, a day is made of all its days of that weekday,
    each request as likely as their number makes it. Within a day every request comes as often as it should on average,
    the first time at its own time, then between that and the next request of the log, so that more traffic is denser
    and does not come all at once. No request that the log does not hold is made up.

    Args:
        requests: how many; by default as many as the days had. days: how long; by default as the log.
        bursts, waves: of a scenario.

    Raises:
        InvalidRequestError: less than one request, or no time. OfflineDataError: the log has none in these hours.
    """
    if (requests is not None and requests < 1) or (days is not None and not days > 0):
        raise InvalidRequestError(f"Found {requests} requests in {days} days; expected at least one, in some time.")
    rng = np.random.default_rng([seed, stream.requests])
    hours = stream.hours if days is None else days * DAY
    kind, hour, often = _days(stream, hours, rng)
    for burst in bursts:
        often[(hour >= burst.at_hour) & (hour < burst.at_hour + burst.hours)] *= burst.times
    for wave in waves:
        of_it = matching(stream.kinds, wave)[kind]
        often[of_it & (hour >= wave.at_hour) & (hour < wave.at_hour + wave.hours)] *= wave.times
    if not len(often):
        raise OfflineDataError(
            f"The log has no request in the first {hours:g} hours of its days (UTC). Play it for a whole day or longer."
        )
    copies = _whole(often, requests, rng)
    when = [(each.at_hour, each.hours) for each in bursts] + [(each.at_hour, each.hours) for each in waves]
    edges = [hours, *(edge for at, lasts in when for edge in (at, at + lasts))]
    place = np.repeat(np.arange(len(hour)), copies)
    again = np.arange(len(place)) > np.searchsorted(place, place)
    later = hour[place] + again * rng.random(len(place)) * _room(hour, edges)[place]
    order = np.argsort(later, kind="stable")
    return LogStream(stream.kinds, stream.start, hours, kind[place][order], later[order], seed)


def _whole(often: Floats, requests: int | None, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each request comes, as a whole number that is right on average, (n,); ``requests`` in all, by default
    as many as ``often`` adds up to, and at least one. Systematic rounding in random order (Madow 1949): the sum is
    exact, and no rhythm of the log matters."""
    order = rng.permutation(len(often))
    sums = np.cumsum(often[order])
    total = requests if requests is not None else max(round(float(sums[-1])), 1)
    sums = np.minimum(sums * (total / sums[-1]), total)
    sums[-1] = total
    steps = np.floor(np.concatenate([[0.0], sums]) + rng.random()).astype(np.int64)
    copies = np.empty(len(often), dtype=np.int64)
    copies[order] = np.diff(steps)
    return copies


def _room(hour: Floats, edges: Sequence[float]) -> Floats:
    """Hours that copies of each request (n,) may come later: until the next one of the log, or until something begins
    or ends, at most one."""
    stops = np.unique(np.concatenate([hour, edges]))
    after = np.searchsorted(stops, hour, side="right")
    return np.minimum(stops[np.minimum(after, len(stops) - 1)] - hour, 1.0)


def _days(stream: LogStream, hours: float, rng: np.random.Generator) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Kinds and hours of enough days of the log, one after the other, and how often each request comes."""
    known, wanted = round(stream.hours / DAY), int(np.ceil(hours / DAY))
    edges = np.searchsorted(stream.hour, DAY * np.arange(known + 1))
    places, days = [], []
    for day in range(wanted):
        same = [each for each in range(known) if each % WEEK == day % WEEK] or list(range(known))
        if wanted >= known:
            same = [day] if day < known else [int(rng.choice(same))]
        mine = np.concatenate([np.arange(edges[each], edges[each + 1]) for each in same])
        mine = mine[np.argsort(stream.hour[mine] % DAY, kind="stable")]
        places.append(mine)
        days.append(np.tile([float(day), 1 / len(same)], (len(mine), 1)))
    place, (which, often) = np.concatenate(places), np.concatenate(days).T
    hour = np.where(which == stream.hour[place] // DAY, stream.hour[place], which * DAY + stream.hour[place] % DAY)
    inside = hour < hours
    return stream.kind[place][inside], hour[inside], often[inside].copy()


def matching(kinds: Kinds, wave: Wave) -> NDArray[np.bool_]:
    """Which kinds a wave is of, (k,)."""
    result = np.ones(len(kinds), dtype=bool)
    for what, value in wave.of.items():
        wanted = None if value == "none" else value
        if what == "risk":
            result &= [value in facts.risks for facts in kinds.facts]
        else:
            result &= [getattr(facts, what) == wanted for facts in kinds.facts]
    return result


def shape(stream: LogStream) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """How traffic comes, as ``Traffic.daily`` (24) and ``Traffic.weekly`` (7, from Monday on): requests per day that
    the log has of each, relative to the mean of those it has."""
    days = round(stream.hours / DAY)
    per_hour = np.bincount(stream.hour.astype(np.int64) % 24, minlength=24) / max(len(stream.hour), 1) * 24
    weekday = np.array([(stream.start + timedelta(days=day)).weekday() for day in range(days)])
    counts = np.bincount(np.minimum(stream.hour // DAY, days - 1).astype(np.int64), minlength=days)
    seen = np.bincount(weekday, minlength=WEEK)
    mean = np.bincount(weekday, counts, minlength=WEEK) / np.maximum(seen, 1)
    usual = mean[seen > 0].mean()
    weekly = np.where(seen > 0, mean / max(usual, 1e-12), 1.0)
    return tuple(per_hour.tolist()), tuple(weekly.tolist())
