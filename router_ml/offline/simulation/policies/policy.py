"""What stands between traffic and lanes: the seam that every policy of a simulation fits into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.offline.simulation.traffic.rows import Rows
from router_ml.offline.simulation.world.world import Phase
from router_ml.state.budgets import Standing

Floats = NDArray[np.float64]
NOTHING = -1


@dataclass(frozen=True)
class Moment:
    """What a policy knows besides the requests. ``down``: (L,) lanes that it was told are down; ``money``: by traffic
    class that has a budget; ``incumbent``: (n,) the lane of the previous turn of each request's session, -1 for none;
    ``cached``: (n,) tokens that this lane still holds."""

    at: datetime
    hour: float
    down: NDArray[np.bool_]
    money: Mapping[str, Standing]
    incumbent: NDArray[np.int64]
    cached: NDArray[np.int64]


@dataclass(frozen=True)
class Weighed:
    """What a policy makes of n requests, over the L lanes of the world.

    propensities: (n, L), rows sum to 1, or are all 0 where no lane is to answer; exploit: (n,) the lane that it would
    take without exploring, -1 for none. eligible: (n, L) what rules, limits and health leave. worth: (n, L) by which
    fallbacks are ranked, higher first. fate: (n,) index into ``carried.FATES`` of requests that no lane is to answer
    (asked_back, review, refused, queued, no_lane, refused_by_budget), -1 for those that go on. approval: (n,) whether
    people have to approve what they would change. traffic_class: (n,) index into the classes of ``config``, in its
    order.
    """

    propensities: Floats
    exploit: NDArray[np.int64]
    eligible: NDArray[np.bool_]
    worth: Floats
    fate: NDArray[np.int64]
    approval: NDArray[np.bool_]
    traffic_class: NDArray[np.int64]


@dataclass(frozen=True)
class Told:
    """Ratings that have come in, oldest first, (n,) each: kind of the request, lane that answered, 1 for good or 0 for
    bad, and the probability with which the lane was drawn."""

    kind: NDArray[np.int64]
    lane: NDArray[np.int64]
    quality: Floats
    probability: Floats


class Policy(Protocol):
    """A policy, which is read, so that one that stands on another is a policy too."""

    @property
    def name(self) -> str:
        """Of results."""
        ...

    @property
    def config(self) -> RouterConfig:
        """Whose rules, classes, fallbacks and breakers hold."""
        ...

    @property
    def falls_back(self) -> bool:
        """Whether what fails goes to the next lane."""
        ...

    @property
    def learns(self) -> bool:
        """Whether ``learn`` does anything."""
        ...

    def enter(self, phase: Phase) -> None:
        """Lanes, prices or versions are as in ``phase`` from now on."""
        ...

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """What to do with requests that come at about the same time."""
        ...

    def learn(self, told: Told) -> None:
        """Learn from ratings."""
        ...
