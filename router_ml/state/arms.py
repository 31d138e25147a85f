"""Lanes over time: which of them are new, in a new version, and still owed the probes that teach something of them.

An arm is a lane in one version. One that the bundle has not learned, or learned in another version, gets forced probes:
a share of the requests that it may serve, until it has answered ``probe.requests`` or they have cost
``probe.max_cost_usd``. A lane that is removed and comes back is owed what it was owed then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router_ml.config import Lane
from router_ml.errors import BundleFormatError


@dataclass(frozen=True)
class Spent:
    """What an arm's probes have taken so far: requests decided, and their expected cost in USD."""

    version: str
    requests: int = 0
    cost_usd: float = 0.0


class Arms:
    """Probes owed to each lane. Safe to share between threads, which may overrun a limit by one request each.

    ``learned``: lanes that the bundle knows, by the version it learned.
    """

    def __init__(self, lanes: Mapping[str, Lane], *, learned: Mapping[str, str]) -> None:
        self._lanes = {
            name: lane for name, lane in lanes.items() if learned.get(name) != lane.version and lane.probe.share > 0
        }
        self._spent: Mapping[str, Spent] = {name: Spent(lane.version) for name, lane in self._lanes.items()}
        self._lock = threading.Lock()

    def probes(self, eligible: Iterable[str]) -> dict[str, float]:
        """The probability that each of the ``eligible`` lanes is owed for a request; only those that are owed any."""
        spent = self._spent
        return {name: self._lanes[name].probe.share for name in eligible if self._is_owed(name, spent)}

    @property
    def left_usd(self) -> float:
        """What the probes that are still owed may cost."""
        spent = self._spent
        owed = (name for name, lane in self._lanes.items() if lane.enabled and self._is_owed(name, spent))
        return sum(self._lanes[name].probe.max_cost_usd - spent[name].cost_usd for name in owed)

    def count(self, lane: str, cost_usd: float) -> None:
        """A request was sent to ``lane``, as a probe or not: either teaches. Lanes that are owed nothing are ignored.

        Args:
            cost_usd: what the request is expected to cost.
        """
        self._add(lane, 1, cost_usd)

    def count_many(self, lane: str, costs_usd: Sequence[float]) -> None:
        """``count`` one after another, in one step."""
        if lane not in self._lanes or not len(costs_usd):
            return
        with self._lock:
            old = self._spent[lane]
            cost = old.cost_usd
            for more in costs_usd:
                cost += more
            self._spent = {**self._spent, lane: Spent(old.version, old.requests + len(costs_usd), cost)}

    @property
    def owed(self) -> tuple[str, ...]:
        """The lanes that are still owed probes."""
        spent = self._spent
        return tuple(name for name in self._lanes if self._is_owed(name, spent))

    def lasts(self, lane: str, costs_usd: Sequence[float]) -> int:
        """How many requests of these expected costs, one after another, can be counted until ``lane`` is owed nothing
        any more; all of them where it still is then, and where it is owed nothing now."""
        spent = self._spent
        if not self._is_owed(lane, spent):
            return len(costs_usd)
        probe, so_far = self._lanes[lane].probe, spent[lane]
        left, cost = probe.requests - so_far.requests, so_far.cost_usd
        for index, more in enumerate(costs_usd):
            cost += more
            if index + 1 >= left or cost >= probe.max_cost_usd:
                return index + 1
        return len(costs_usd)

    def release(self, lane: str, cost_usd: float) -> None:
        """Take back a ``count`` of a decision that did not come to be."""
        self._add(lane, -1, -cost_usd)

    def _add(self, lane: str, requests: int, cost_usd: float) -> None:
        if lane not in self._lanes:
            return
        with self._lock:
            old = self._spent[lane]
            requests, cost = max(old.requests + requests, 0), max(old.cost_usd + cost_usd, 0.0)
            self._spent = {**self._spent, lane: Spent(old.version, requests, cost)}

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {name: vars(spent) for name, spent in self._spent.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``; a lane that has another version now starts anew.

        Raises:
            BundleFormatError: not what ``state`` returns.
        """
        try:
            old = {
                name: Spent(str(record["version"]), int(record["requests"]), float(record["cost_usd"]))
                for name, record in state.items()
            }
            if not all(spent.requests >= 0 and 0 <= spent.cost_usd < float("inf") for spent in old.values()):
                raise ValueError("expected counts and costs of 0 or more")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleFormatError(f"The state of the probes cannot be read ({error}). Start without it.") from None
        with self._lock:
            kept = {name: spent for name, spent in old.items() if self._spent.get(name, spent).version == spent.version}
            self._spent = {**self._spent, **kept}

    def _is_owed(self, name: str, spent: Mapping[str, Spent]) -> bool:
        if name not in self._lanes:
            return False
        probe, so_far = self._lanes[name].probe, spent[name]
        return so_far.requests < probe.requests and so_far.cost_usd < probe.max_cost_usd
