"""What has been weighed of each kind, kept as long as nothing that it depends on changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.policies.phased import Phased
from router_ml.offline.simulation.policies.policy import Moment
from router_ml.offline.simulation.policies.weighing import Asked, Columns
from router_ml.state.arms import Arms

Rank = NDArray[np.int64]
Mask = NDArray[np.bool_]
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # where no money depends on it


class Memo:
    """First turns of all kinds, ``table``, weighed when they are asked for. A state of a traffic class is what is down,
    the rule in force and the probes that are owed. ``fits``: (k, K) as ``Phased.fitting``.

    A new one is made when the phase changes or something is learned.
    """

    def __init__(self, now: Phased) -> None:
        self._now, self._names = now, list(now.at.config.traffic_classes)
        self.fits = now.fitting()
        self.table = Columns.empty(len(now.kinds), len(now.at.config.lanes))
        self._made = np.full(len(now.kinds), -1)  # the state in which each kind was weighed
        self._state, self._latest = np.zeros(len(self._names), np.int64), 0  # of each class; how many there have been
        self._around: list[object] = [None] * len(self._names)  # what the state of each class is
        self._asked: list[Asked | None] = [None] * len(self._names)

    def ask(self, moment: Moment, arms: Arms) -> list[Asked]:
        """What is asked of each class now; where that or what is down has changed, a new state begins for it."""
        config = self._now.at.config
        probes = arms.probes(config.lanes) if arms.owed else {}
        around = (moment.down.tobytes(), tuple(probes.items()))
        for index, name in enumerate(self._names):
            standing, certified = moment.money.get(name), self._now.certified[index]
            if standing is None and self._around[index] == around:
                continue
            asked = Asked.of(config, name, certified=certified, standing=standing, now=moment.at, probes=probes)
            state = around if standing is None else (around, asked.plain, asked.probes)
            if state != self._around[index]:
                self._latest += 1
                self._around[index], self._state[index], self._asked[index] = state, self._latest, asked
        return [one for one in self._asked if one is not None]

    def ask_calmly(self) -> list[Asked]:
        """What is asked of each class while no money is short and no probe is owed."""
        pairs = zip(self._names, self._now.certified, strict=True)
        config = self._now.at.config
        return [Asked.of(config, name, certified=most, standing=None, now=_ANY_TIME, probes={}) for name, most in pairs]

    def fill(self, kinds: Rank, asked: list[Asked], up: Mask) -> None:
        """Weigh those of ``kinds`` that have not been weighed in this state."""
        classes = self._now.ruled.table.traffic_class
        stale = self._made[kinds] != self._state[classes[kinds]]
        if not np.logical_or.reduce(stale):
            return
        wanted = np.zeros(len(self._made), bool)
        wanted[kinds[stale]] = True
        self._weigh(self.table, np.flatnonzero(wanted), asked, up)
        self._made[wanted] = self._state[classes[wanted]]

    def fresh(self, asked: list[Asked], up: Mask) -> Columns:
        """All kinds, whatever has been weighed before."""
        table = Columns.empty(len(self._made), len(up))
        self._weigh(table, np.arange(len(self._made)), asked, up)
        return table

    def _weigh(self, into: Columns, kinds: Rank, asked: list[Asked], up: Mask) -> None:
        for rows, index, explore in self._groups(kinds):
            into.put(rows, self._now.first_turns(rows, self.fits, up, asked[index], explore=explore))

    def _groups(self, kinds: Rank) -> Iterator[tuple[Rank, int, bool]]:
        """Kinds that are weighed together: of one class, explored on or not."""
        group = self._now.ruled.table.traffic_class[kinds] * 2 + self._now.explore[kinds]
        for code in np.flatnonzero(np.bincount(group)).tolist():
            yield kinds[group == code], code // 2, bool(code % 2)
