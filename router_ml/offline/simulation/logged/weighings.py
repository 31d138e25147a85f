"""What a policy made of the latest requests, under each state of health.

A loop that looks ahead weighs requests before they are carried out, perhaps again when a lane has gone down, and may go
back to what it knew when that lane is up. So the last time a request was weighed is not always the one that counted:
it is the last one whose propensity of the lane that was drawn is the one that was written down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HELD = 1 << 18  # requests that may be weighed before the first of them is counted
_FITS = 1 << 60  # above any count of weighings


class _Ring:
    """Of one state of health, by number modulo ``HELD``: which request, when it was weighed, in which phase, and the
    propensities."""

    def __init__(self, lanes: int) -> None:
        self.number, self.stamp, self.phase = (np.full(HELD, -1, dtype=np.int64) for _ in range(3))
        self.shares = np.zeros((HELD, lanes))


class Weighings:
    """Propensities over ``lanes`` lanes of at most ``HELD`` requests for each state of health."""

    def __init__(self, lanes: int) -> None:
        self._lanes, self._count = lanes, 0
        self._rings: dict[bytes, _Ring] = {}

    def widen(self, more: int) -> None:
        """Make place for further lanes, which had nothing so far."""
        self._lanes += more
        for ring in self._rings.values():
            ring.shares = np.pad(ring.shares, ((0, 0), (0, more)))

    def put(self, numbers: Integers, shares: Floats, *, down: NDArray[np.bool_], phase: int) -> None:
        """Requests (n,) were weighed: propensities (n, L) while the lanes ``down`` (L,) were known to be."""
        key, slot = down.tobytes(), numbers % HELD
        if key not in self._rings:
            self._rings[key] = _Ring(self._lanes)
        ring = self._rings[key]
        self._count += 1
        ring.number[slot], ring.stamp[slot], ring.phase[slot] = numbers, self._count, phase
        ring.shares[slot] = shares

    def taken(self, numbers: Integers, first: Integers, propensity: Floats) -> tuple[Integers, Floats] | None:
        """Phase (n,) and propensities (n, L) that requests were carried out by; None where one was never weighed.

        Args:
            first: (n,) the lane that was drawn, -1 for none. propensity: (n,) of it.
        """
        slot, rows = numbers % HELD, np.arange(len(numbers))
        drawn, nobody = np.maximum(first, 0), first < 0
        best = np.full(len(numbers), -1, dtype=np.int64)
        phase, shares = np.zeros(len(numbers), dtype=np.int64), np.zeros((len(numbers), self._lanes))
        for ring in self._rings.values():
            there = ring.number[slot] == numbers
            if not there.any():
                continue
            found = ring.shares[slot]
            fits = nobody | (found[rows, drawn] == propensity)
            rank = np.where(there, ring.stamp[slot] + _FITS * fits, -1)
            better = rank > best
            best[better], phase[better], shares[better] = rank[better], ring.phase[slot][better], found[better]
        return None if (best < 0).any() else (phase, shares)
