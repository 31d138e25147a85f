"""Requests of one batch while they are carried out, and where the sessions are now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.playing.ahead import Ahead
from router_ml.offline.simulation.playing.calls import Calls
from router_ml.offline.simulation.playing.carried import FATES, Carried
from router_ml.offline.simulation.playing.flight import Flight
from router_ml.offline.simulation.traffic.rows import Rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SERVED, FAILED, NO_LANE = (FATES.index(fate) for fate in ("served", "failed", "no_lane"))


class Block:
    """A batch of rows. ``at_s``: (n,) seconds since the start; ``done``: rows that have been sent out; ``open``: how
    many of these are still under way; ``flies``: (n,) rows that are carried out one by one."""

    def __init__(self, rows: Rows, classes: tuple[str, ...]) -> None:
        n = len(rows)
        self.rows, self.at_s = rows, rows.hour * 3600
        self.done = self.open = 0
        self.flies = np.zeros(n, np.bool_)
        self.carried = Carried(
            rows=rows,
            classes=classes,
            traffic_class=np.zeros(n, np.int64),
            fate=np.zeros(n, np.int64),
            first=np.full(n, -1, np.int64),
            final=np.full(n, -1, np.int64),
            exploit=np.full(n, -1, np.int64),
            propensity=np.full(n, np.nan),
            cost_usd=np.zeros(n),
            latency_ms=np.full(n, np.nan),
            quality=np.full(n, np.nan),
            calls=np.zeros(n, np.int64),
            failed_calls=np.zeros(n, np.int64),
            violations=np.zeros(n, np.int64),
            approval=np.zeros(n, np.bool_),
            explored_usd=np.zeros(n),
            explored_quality=np.zeros(n),
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def complete(self) -> bool:
        """Whether all is known of all rows."""
        return self.done == len(self) and not self.open

    def put(
        self, low: int, high: int, ahead: Ahead, calls: Calls, batched: NDArray[np.bool_], down: NDArray[np.bool_]
    ) -> None:
        """Write down rows ``low`` to ``high`` as if every first call went well; ``down``: (L,) lanes that are known to
        be."""
        rows, own = slice(low, high), ahead.rows(low, high)
        into, kind, held = self.carried, self.rows.kind[rows], self.rows.held[rows]
        lane, exploit = ahead.lane[own], ahead.exploit[own]
        sent, safe = lane >= 0, np.maximum(lane, 0)
        fate, klass = ahead.fate[own], ahead.traffic_class[own]
        into.traffic_class[rows] = klass
        into.fate[rows] = np.where(fate >= 0, fate, np.where(sent, SERVED, NO_LANE))
        into.first[rows] = into.final[rows] = lane
        into.exploit[rows] = exploit
        into.propensity[rows] = ahead.propensity[own]
        into.cost_usd[rows] = ahead.cost_usd[own]
        into.latency_ms[rows] = np.where(sent, ahead.seconds[own] * 1000, np.nan)
        into.quality[rows] = np.where(sent, calls.phase.quality[kind, safe], np.nan)
        into.calls[rows] = sent
        into.failed_calls[rows] = 0
        into.violations[rows] = sent & (
            down[safe] | calls.closed[safe] | ~ahead.eligible[own][np.arange(high - low), safe]
        )
        into.approval[rows] = ahead.approval[own]
        into.explored_usd[rows] = into.explored_quality[rows] = 0.0
        left = np.flatnonzero(sent & (exploit >= 0) & (lane != exploit))
        if len(left):
            other, which = exploit[left], kind[left]
            kept = np.where(other == ahead.incumbent[own][left], ahead.cached[own][left], 0)
            price = batched[which, klass[left]]
            usual = calls.usd(which, other, held=held[left], cached=kept, batched=price)
            into.explored_usd[low + left] = ahead.cost_usd[own][left] - usual
            truth = calls.phase.quality
            worse = truth[which, lane[left]] - truth[which, other]
            into.explored_quality[low + left] = np.where(np.isfinite(worse), worse, 0.0)

    def land(self, flight: Flight) -> None:
        """Write down what became of a row that was carried out call by call, now that it has ended."""
        into, row, lane = self.carried, flight.row, flight.final
        self.open -= 1
        into.final[row] = lane
        into.fate[row] = SERVED if lane >= 0 else FAILED if flight.calls else NO_LANE
        into.cost_usd[row] = flight.cost_usd
        into.latency_ms[row] = flight.took_s * 1000 if lane >= 0 else np.nan
        into.quality[row] = flight.quality if lane >= 0 else np.nan
        into.calls[row], into.failed_calls[row] = flight.calls, flight.failed
        into.violations[row] += flight.violations


class Sessions:
    """The lanes that the last requests are on, by number: the one that was drawn, then the one that answered.

    A turn that lies more than ``_SIZE`` requests back is forgotten.
    """

    _SIZE = 1 << 20

    def __init__(self) -> None:
        self._lane = np.full(self._SIZE, -1, np.int16)
        self._latest = -1

    def put(self, first: int, lanes: Integers) -> None:
        """Requests from number ``first`` on are on these lanes."""
        at = first % self._SIZE
        end = min(at + len(lanes), self._SIZE)
        self._lane[at:end] = lanes[: end - at]
        self._lane[: len(lanes) - (end - at)] = lanes[end - at :]
        self._latest = first + len(lanes) - 1

    def move(self, number: int, lane: int) -> None:
        """A request has ended on another lane, -1 for none."""
        if number > self._latest - self._SIZE:
            self._lane[number % self._SIZE] = lane

    def lanes(self, numbers: Integers) -> Integers:
        """The lanes of earlier requests, (n,), -1 for none."""
        known = numbers > self._latest - self._SIZE
        return np.where(known & (numbers >= 0), self._lane[numbers % self._SIZE], -1).astype(np.int64)
