"""Learning from each outcome as it arrives: the bandit moves between two retrainings.

Only decisions that this process remembers can teach it; the log teaches the next bundle all the same. What is learned
here lives in memory, and ``state.bandit_step`` of every decision says how many outcomes it had seen.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import Allocation, estimate
from router_ml.config import Lane
from router_ml.contract import Outcome, RouteDecision

_SIZE = 10_000


class OnlineLearner:
    """Remembers the last decisions and lets the bandit of an allocation learn from their outcomes."""

    def __init__(self, allocation: Allocation, lanes: Mapping[str, Lane], *, size: int = _SIZE) -> None:
        self._allocation = allocation
        self._lanes = lanes
        self._size = size
        self._seen: OrderedDict[str, tuple[RouteDecision, Contexts]] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, decision: RouteDecision, contexts: Contexts) -> None:
        """Keep what an outcome of this decision will be learned with; ``contexts`` is a batch of one."""
        with self._lock:
            self._seen[decision.decision_id] = decision, contexts
            while len(self._seen) > self._size:
                self._seen.popitem(last=False)

    def learn(self, outcome: Outcome) -> bool:
        """Learn one outcome, once; False if it is not rated, not remembered, or of a lane the bandit does not know."""
        if outcome.quality is None:
            return False
        with self._lock:
            decision, contexts = self._seen.pop(outcome.decision_id, (None, None))
        if decision is None or contexts is None:
            return False
        bandit, lane = self._allocation.bandit, outcome.executed_lane or decision.lane
        if lane not in bandit.lanes:
            return False
        known = {name: self._lanes[name] for name in bandit.lanes if name in self._lanes}
        cost = np.full((1, len(bandit.lanes)), np.nan)
        cost[:, [bandit.lanes.index(name) for name in known]] = estimate(self._allocation, known, contexts).cost_usd
        bandit.learn(
            contexts,
            self._allocation.quality.predict(contexts),
            np.nan_to_num(cost, nan=1e-4),
            action=np.array([bandit.lanes.index(lane)]),
            quality=np.array([outcome.quality]),
            probability=np.array([decision.propensities.get(lane) or 1.0]),
        )
        return True
