"""Which kind of request each arrival is: by its weight at that time, in a session among those of its circumstances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rates import Rates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Chooser:
    """Kinds in ``order`` (k,) of their circumstances: channel, organisation and region. ``ladder``: (p, k) sums of
    their weights, by phase; ``first`` and ``last``: (k,) bounds of each kind's circumstances in that order; ``tokens``:
    (k,) asked and answered, which the next turn of a session carries."""

    rates: Rates
    order: Ints
    ladder: Floats
    first: Ints
    last: Ints
    tokens: Ints

    @classmethod
    def of(cls, kinds: Kinds, rates: Rates) -> Chooser:
        """For the kinds of a simulation."""
        places = [(facts.channel, facts.org or "", facts.region or "") for facts in kinds.facts]
        numbers = {place: number for number, place in enumerate(sorted(set(places)))}
        group = np.array([numbers[place] for place in places])
        order = np.argsort(group, kind="stable")
        bounds = np.concatenate([[0], np.cumsum(np.bincount(group))])
        ladder = np.cumsum(rates.weights[:, order], axis=1)
        known = np.isfinite(kinds.tokens_out)
        answered = np.where(known, kinds.tokens_out, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        tokens = kinds.contexts.tokens_in + np.ceil(answered).astype(np.int64)
        return cls(rates, order, ladder / ladder[:, -1:], bounds[group], bounds[group + 1], tokens)

    def singles(self, hour: Floats, random: np.random.Generator) -> Ints:
        """A kind for each hour, (n,)."""
        points, result = random.random(len(hour)), np.empty(len(hour), np.int64)
        for phase, rows in self._phases(hour):
            result[rows] = self.order[np.searchsorted(self.ladder[phase], points[rows], side="right")]
        return result

    def of_sessions(self, hour: Floats, begins: NDArray[np.bool_], own: Ints, random: np.random.Generator) -> Ints:
        """A kind for each turn, (n,); those of a session (``own``, (n,)) share the circumstances of the turn that
        ``begins`` it."""
        opening = self.singles(hour[begins], random)
        low, high = self.first[opening][own], self.last[opening][own]
        points, result = random.random(len(hour)), np.empty(len(hour), np.int64)
        for phase, rows in self._phases(hour):
            ladder = np.concatenate([[0.0], self.ladder[phase]])
            bottom, top = ladder[low[rows]], ladder[high[rows]]
            found = np.searchsorted(ladder, bottom + points[rows] * (top - bottom), side="right") - 1
            result[rows] = self.order[np.clip(found, low[rows], high[rows] - 1)]
        result[begins] = opening
        return result

    def _phases(self, hour: Floats) -> list[tuple[int, NDArray[np.bool_] | slice]]:
        """Rows by the phase that they are in."""
        if len(self.ladder) == 1:
            return [(0, slice(None))]
        phase = self.rates.phase_at(hour)
        return [(number, phase == number) for number in np.unique(phase).tolist()]
