"""Made-up traffic: requests that come by day, week, bursts, waves and sessions, one bounded batch after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.scenarios.scenario import Scenario, Sessions
from router_ml.offline.simulation.traffic.choosing import Chooser
from router_ml.offline.simulation.traffic.conversations import Conversations, Turns, no_turns
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rates import Rates, aware, rates
from router_ml.offline.simulation.traffic.rows import LUCK, Rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_ROWS = 65_536
_SLICE = 24_576  # requests expected in a slice of time; a batch is one slice or several
_COUNTS, _ROWS = 0, 1  # streams of random numbers


@dataclass(frozen=True)
class Arrivals:
    """A ``Stream`` of a scenario. Given how many come, arrivals are independent of one another, as those of a Poisson
    process are (but for sessions); everything follows from ``seed``."""

    kinds: Kinds
    start: datetime
    hours: float
    requests: int
    sessions: Sessions
    rates: Rates
    seed: int

    def batches(self) -> Iterator[Rows]:
        """All requests in order, in batches of at most ``MOST_ROWS``."""
        chooser = Chooser.of(self.kinds, self.rates)
        conversations = Conversations(self.sessions, chooser, hours=self.hours)
        edges, counts, places = self._slices()
        pool, number, left = no_turns(), 0, int(places.sum())
        for batch, (first, last) in enumerate(_joined(counts + places)):
            random, here = self._random(_ROWS, batch), slice(first, last)
            bounds = edges[first : last + 1]
            hour = _uniform(bounds, counts[here], random)
            kind = chooser.singles(hour, random)
            if left or len(pool):
                pool = pool.and_then(conversations.begin(bounds, places[here], left, random))
                left -= int(places[here].sum())
            rows, pool = _in_order(hour, kind, pool, until=bounds[-1] if last < len(counts) else np.inf, number=number)
            number += len(rows)
            yield from _bounded(rows, random)

    def _slices(self) -> tuple[Floats, Ints, Ints]:
        """Slices of time in which few enough requests come: edges (s + 1,), and how many come in each alone, (s,), and
        in sessions."""
        parts = np.maximum(np.ceil(self.rates.mass * self.requests / _SLICE), 1).astype(np.int64)
        width = np.repeat(np.diff(self.rates.edges) / parts, parts)
        nth = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
        edges = np.append(np.repeat(self.rates.edges[:-1], parts) + nth * width, self.hours)
        mass = np.repeat(self.rates.mass / parts, parts)
        random = self._random(_COUNTS, 0)
        in_sessions = round(self.sessions.share * self.requests)
        counts = random.multinomial(self.requests - in_sessions, mass)
        return edges, counts, random.multinomial(in_sessions, mass)

    def _random(self, stream: int, number: int) -> np.random.Generator:
        """Numbers that depend on nothing but these."""
        return np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, stream, number]))


def arrivals(scenario: Scenario, kinds: Kinds, *, seed: int) -> Arrivals:
    """The traffic of a scenario. The mix of a scenario is in the weights of the kinds already.

    Raises:
        OfflineDataError: a wave of what is not among the kinds, or a seed below 0.
    """
    if seed < 0:
        raise OfflineDataError(f"Expected a seed of at least 0, found {seed}.")
    traffic = scenario.traffic
    hours = 24.0 * traffic.days
    return Arrivals(
        kinds, aware(traffic.start), hours, traffic.requests, traffic.sessions, rates(scenario, kinds), seed
    )


def _uniform(edges: Floats, counts: Ints, random: np.random.Generator) -> Floats:
    """So many times in each stretch, in order; none at the end of the last."""
    began, lasts = np.repeat(edges[:-1], counts), np.repeat(np.diff(edges), counts)
    return np.sort(np.minimum(began + random.random(len(began)) * lasts, np.nextafter(edges[-1], 0)))


def _joined(counts: Ints) -> Iterator[tuple[int, int]]:
    """Slices that follow one another as batches: first and one past the last of each."""
    first, size = 0, 0
    for index, count in enumerate(counts.tolist()):
        if size and size + count > _SLICE * 1.5:
            yield first, index
            first, size = index, 0
        size += count
    yield first, len(counts)


def _in_order(hour: Floats, kind: Ints, pool: Turns, *, until: float, number: int) -> tuple[Rows, Turns]:
    """Single requests and the turns of the pool that come before ``until``, in order and numbered; and what is left of
    the pool."""
    due = pool.hour < until
    alone, turns = len(hour), pool.take(due)
    every = np.concatenate([hour, turns.hour])
    order = np.argsort(every, kind="stable") if len(turns) else slice(None)
    count = len(every)
    numbers = number + np.arange(count)
    if len(turns):
        place = np.empty(count, np.int64)
        place[order] = numbers
        given = np.full(len(pool), -1)
        given[due] = place[alone:]
        pool = pool.numbered(given)
        turns = pool.take(due)

    def joined(single: Ints | int, of_turns: Ints) -> Ints:
        first = np.full(alone, single) if isinstance(single, int) else single
        return np.asarray(np.concatenate([first, of_turns])[order])

    rows = Rows(
        number=numbers,
        kind=joined(kind, turns.kind),
        hour=every[order],
        session=joined(-1, turns.session),
        turn=joined(0, turns.turn),
        before=joined(-1, turns.before),
        held=joined(0, turns.held),
        luck=np.empty((count, LUCK)),
    )
    return rows, pool.take(~due)


def _bounded(rows: Rows, random: np.random.Generator) -> Iterator[Rows]:
    """Rows in parts of at most ``MOST_ROWS``, with their luck."""
    random.random(out=rows.luck)
    for first in range(0, len(rows), MOST_ROWS):
        yield rows.take(slice(first, first + MOST_ROWS)) if len(rows) > MOST_ROWS else rows
