"""What a policy makes of the next requests as long as nothing changes: all at once, sessions turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.playing.calls import Calls, Terms
from router_ml.offline.simulation.policies.policy import Weighed
from router_ml.offline.simulation.traffic.rows import DRAW, FAILS, SLOW, Rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass
class Ahead:
    """Rows ``low`` to ``high`` of a block. lane: (n,) drawn, -1 for none; seconds: of its call, where that does not
    fail; fails: it fails, or takes too long. incumbent, cached: (n,) what was taken for true of their sessions. The
    others as in ``Weighed`` and ``Carried``."""

    low: int
    high: int
    lane: Integers
    exploit: Integers
    propensity: Floats
    propensities: Floats
    eligible: Bools
    worth: Floats
    fate: Integers
    approval: Bools
    traffic_class: Integers
    seconds: Floats
    fails: Bools
    cost_usd: Floats
    incumbent: Integers
    cached: Integers

    @property
    def whole(self) -> bool:
        """Whether all that was weighed is still right."""
        return self.high - self.low == len(self.lane)

    def rows(self, low: int, high: int) -> slice:
        """Where rows of the block are here."""
        return slice(low - self.low, high - self.low)

    @classmethod
    def blank(cls, low: int, high: int, lanes: int) -> Ahead:
        """Nothing weighed yet."""
        n = high - low
        return cls(
            low,
            high,
            lane=np.full(n, -1, np.int64),
            exploit=np.full(n, -1, np.int64),
            propensity=np.full(n, np.nan),
            propensities=np.zeros((n, lanes)),
            eligible=np.zeros((n, lanes), np.bool_),
            worth=np.zeros((n, lanes)),
            fate=np.full(n, -1, np.int64),
            approval=np.zeros(n, np.bool_),
            traffic_class=np.zeros(n, np.int64),
            seconds=np.full(n, np.nan),
            fails=np.zeros(n, np.bool_),
            cost_usd=np.zeros(n),
            incumbent=np.full(n, -1, np.int64),
            cached=np.zeros(n, np.int64),
        )


def draw(propensities: Floats, points: Floats) -> Integers:
    """One lane per row, -1 where it is all 0: ``select.draw`` for many rows at once.

    Args:
        propensities: (n, L), rows that sum to 1 or are all 0. points: (n,) uniform in [0, 1).
    """
    lanes = propensities.shape[1]
    ladder = np.cumsum(propensities, axis=1)
    total = propensities.sum(axis=1)
    passed = (ladder <= (points * total)[:, None]).sum(axis=1)
    last = lanes - 1 - (propensities[:, ::-1] > 0).argmax(axis=1)
    return np.where(total > 0, np.minimum(passed, last), -1)


@dataclass(frozen=True)
class Seen:
    """What looking ahead needs: ``weigh`` takes rows, incumbents and cached tokens; ``previous``: the lanes that the
    earlier turns (n,) of sessions are on now, by number; ``final``: where a row of an ``Ahead`` that fails will be by
    an hour in seconds; ``held``: share of a conversation that a lane keeps."""

    weigh: Callable[[Rows, Integers, Integers], Weighed]
    previous: Callable[[Integers, Floats], Integers]
    final: Callable[[Ahead, int, float], int]
    calls: Calls
    terms: Terms
    held: float


def look(seen: Seen, rows: Rows, low: int) -> Ahead:
    """Weigh rows, in waves: a turn of a session after the one before it. ``low``: where they begin in their block."""
    found = Ahead.blank(low, low + len(rows), len(seen.calls.timeout_s))
    if not len(rows):
        return found
    inside = rows.before - rows.number[0]
    done = np.zeros(len(rows), np.bool_)
    at_s = rows.hour * 3600
    out = (rows.before >= 0) & (inside < 0)
    if out.any():
        found.incumbent[out] = seen.previous(rows.before[out], at_s[out])
    wave = np.flatnonzero(inside < 0)
    waiting = np.flatnonzero(inside >= 0)
    while len(wave):
        _weigh(seen, rows, found, wave)
        done[wave] = True
        come = done[inside[waiting]]
        wave, waiting = waiting[come], waiting[~come]
        if len(wave):
            found.incumbent[wave] = _lanes_before(seen, found, inside[wave], at_s[wave])
    return found


def _lanes_before(seen: Seen, found: Ahead, turns: Integers, at_s: Floats) -> Integers:
    """The lanes that earlier turns will be on, which are rows of the same ``Ahead``."""
    lanes = found.lane[turns]
    for place in np.flatnonzero(found.fails[turns]):
        lanes[place] = seen.final(found, int(turns[place]), float(at_s[place]))
    return lanes


def _weigh(seen: Seen, rows: Rows, found: Ahead, wave: Integers) -> None:
    whole = len(wave) == len(rows)
    part = rows if whole else rows.take(wave)
    incumbent = found.incumbent[wave]
    cached = np.where(incumbent >= 0, np.floor(seen.held * part.held), 0).astype(np.int64)
    weighed = seen.weigh(part, incumbent, cached)
    goes = weighed.fate < 0
    lane = np.where(goes, draw(weighed.propensities, part.luck[:, DRAW]), -1)
    safe, sent = np.maximum(lane, 0), lane >= 0
    everyone = np.arange(len(wave))
    terms, calls, klass = seen.terms, seen.calls, weighed.traffic_class
    seconds = calls.seconds(part.kind, safe, part.luck[:, SLOW])
    limit = np.minimum(calls.timeout_s[safe], terms.deadline_s[part.kind, klass])
    at = slice(None) if whole else wave
    found.lane[at] = lane
    found.exploit[at] = np.where(goes, weighed.exploit, -1)
    found.propensity[at] = np.where(sent, weighed.propensities[everyone, safe], np.nan)
    found.propensities[at], found.eligible[at], found.worth[at] = weighed.propensities, weighed.eligible, weighed.worth
    found.fate[at], found.approval[at], found.traffic_class[at] = weighed.fate, weighed.approval, klass
    found.seconds[at] = seconds
    found.fails[at] = sent & (calls.fails(safe, part.luck[:, FAILS]) | (seconds > limit))
    found.cost_usd[at] = np.where(
        sent,
        calls.usd(
            part.kind,
            safe,
            held=part.held,
            cached=np.where(lane == incumbent, cached, 0),
            batched=terms.batched[part.kind, klass],
        ),
        0.0,
    )
    found.cached[at] = cached
