"""Budgets while a simulation runs: the router's own ledger, looked at every so often and whenever a day's money is
spent.

A request is charged what its lane costs when it is sent there, and corrected when it has ended elsewhere, as a router
does; but with what that costs in expectation instead of what the router believes. On the requests of a log that is the
cost of its lanes on the level of the log, lane by lane; what single logged decisions cost corrects the result alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.state.budgets import Budgets, Standing

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
STEP_S = 600.0
_NEVER = 1 << 62


class Money:
    """The spending of the classes that have a budget. ``at``: when it was last looked at; ``standing``: as it was
    then, or when a day's money came to be spent or was no longer."""

    def __init__(self, config: RouterConfig, start: datetime) -> None:
        self._budgets, self._start = Budgets(config), start
        self._names = {
            index: name
            for index, (name, one) in enumerate(config.traffic_classes.items())
            if one.budget_usd_per_day is not None
        }
        self.at, self._news = start, False
        self.standing: dict[str, Standing] = {}
        self._rows: dict[int, list[int]] = {index: [] for index in self._names}
        self._costs: dict[int, list[float]] = {index: [] for index in self._names}
        self.look(0.0)

    @property
    def matters(self) -> bool:
        """Whether any class has a budget."""
        return bool(self._names)

    def next_s(self, now_s: float) -> float:
        """When to look next: at steps of the clock of UTC, so that each lies within an hour."""
        if not self._names:
            return np.inf
        offset = self._start.timestamp() % STEP_S
        return float((np.floor((now_s + offset) / STEP_S + 1e-6) + 1) * STEP_S - offset)

    def look(self, now_s: float) -> None:
        """See what has been spent by now."""
        self.at = self._start + timedelta(seconds=now_s)
        for name in self._names.values():
            found = self._budgets.standing(name, self.at)
            assert found is not None
            self.standing[name] = found

    def news(self) -> bool:
        """Whether the money of a class was spent, or was there again, since it was asked last."""
        changed, self._news = self._news, False
        return changed

    def ask(self, low: int, traffic_class: Integers, cost_usd: Floats) -> None:
        """Rows from ``low`` on that are about to be charged."""
        for index in self._names:
            rows = np.flatnonzero(traffic_class == index)
            self._rows[index], self._costs[index] = (rows + low).tolist(), cost_usd[rows].tolist()

    def charge(self, until: int) -> None:
        """Charge the rows before ``until`` that have not been charged yet."""
        for index, name in self._names.items():
            rows, costs = self._rows[index], self._costs[index]
            count = int(np.searchsorted(rows, until))
            self._budgets.charge_many(name, self.at, costs[:count])
            self._changed(name)
            self._rows[index], self._costs[index] = rows[count:], costs[count:]

    def charge_late(self, traffic_class: int, cost_usd: float, at: datetime) -> bool:
        """Correct the charge of ``at`` of a request that has ended now; whether that was the last of today's money, or
        there is some again."""
        name = self._names.get(traffic_class)
        if name is None:
            return False
        self._budgets.charge_many(name, at, [cost_usd], requests=0)
        return self._changed(name)

    def _changed(self, name: str) -> bool:
        """Whether a class has just come to its cap or below it, which is known at once."""
        found = self._budgets.standing(name, self.at)
        if found is None or found.capped == self.standing[name].capped:
            return False
        self.standing[name], self._news = found, True
        return True

    @property
    def enough(self) -> int:
        """The row before which there is money: the one after that with which a day's money is spent."""
        return min((self._enough(index, name) for index, name in self._names.items()), default=_NEVER)

    def _enough(self, index: int, name: str) -> int:
        if self.standing[name].capped:
            return _NEVER
        found = self._budgets.standing(name, self.at)
        assert found is not None
        spent, limit = found.spent_usd, found.budget_usd
        for row, cost in zip(self._rows[index], self._costs[index], strict=True):
            spent += cost
            if spent >= limit:
                return row + 1
        return _NEVER

    def view(self) -> Mapping[str, Standing]:
        """What a policy is shown."""
        return dict(self.standing)
