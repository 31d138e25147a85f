"""The requests of one run, dealt out to several shards, where they share nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.playing.probing import Prober
from router_ml.offline.simulation.policies.policy import Policy
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import Rows, Stream
from router_ml.offline.simulation.world.world import World


def shared(policy: Policy, world: World) -> list[str]:
    """What requests of one run share under a policy, so that they cannot be dealt out; empty where nothing is."""
    lanes = [lane for phase in world.phases for lane in phase.lanes.values() if lane.enabled]
    limits = [(one.endpoint.requests_per_minute, one.endpoint.max_concurrency) for one in lanes]
    limits += [(one.requests_per_minute, one.max_concurrency) for one in world.behaviour.values()]
    budgets = [name for name, one in policy.config.traffic_classes.items() if one.budget_usd_per_day is not None]
    fails = any((weather.error_rate > 0).any() for weather in world.weathers)
    found = {
        f"{policy.name} learns": policy.learns,
        f"{policy.name} draws by the number of a request": policy.name == "shuffled",
        f"lanes are probed by {policy.name}": isinstance(policy, Prober) and bool(policy.arms.owed),
        f"the budget of {', '.join(budgets)}": bool(budgets),
        "breakers, where calls fail": fails,
        "rates and concurrency of lanes are limited": any(any(limit) for limit in limits),
    }
    return [what for what, holds in found.items() if holds]


@dataclass(frozen=True)
class Dealt:
    """Part ``number`` of ``of`` of a stream: whole sessions, and single requests in turn."""

    whole: Stream
    number: int
    of: int

    @property
    def kinds(self) -> Kinds:
        """Those of the whole."""
        return self.whole.kinds

    @property
    def start(self) -> datetime:
        """That of the whole."""
        return self.whole.start

    @property
    def hours(self) -> float:
        """Those of the whole."""
        return self.whole.hours

    @property
    def requests(self) -> int:
        """About how many."""
        return -(-self.whole.requests // self.of)

    def batches(self) -> Iterator[Rows]:
        """Its requests, numbered anew; all but numbers is as in the whole."""
        known: list[NDArray[np.int64]] = []
        count = 0
        for rows in self.whole.batches():
            mine = rows.take(
                np.flatnonzero(np.where(rows.session >= 0, rows.session, rows.number) % self.of == self.number)
            )
            known.append(mine.number)
            old = np.concatenate(known)
            before = np.where(mine.before >= 0, np.searchsorted(old, mine.before), -1)
            yield replace(mine, number=count + np.arange(len(mine)), before=before)
            count += len(mine)
