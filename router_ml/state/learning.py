"""Learning from each outcome as it arrives: bandit and posterior move between two retrainings.

Only decisions that this process remembers can teach; the log teaches the next bundle all the same. What is learned here
lives in memory, and ``state.bandit_step`` of every decision says how many outcomes the bandit had seen. ``state`` and
``restore`` carry it over a restart with the same bundle.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import REMOVED_COST_USD, Allocation, estimate
from router_ml.allocation.posterior import Drift, Posterior
from router_ml.config import Lane
from router_ml.contract import Outcome, RouteDecision
from router_ml.errors import BundleFormatError

_SIZE = 10_000


def versions_learned(allocation: Allocation | None) -> dict[str, str]:
    """The lanes that an allocation has learned, by the version it learned."""
    if allocation is None:
        return {}
    return {lane: allocation.bandit.versions.get(lane, "1") for lane in allocation.quality.lanes}


class _Seen(NamedTuple):
    """What an outcome is learned with; a decision as a whole would take ten times the memory."""

    lane: str | None
    propensities: Mapping[str, float]
    contexts: Contexts


class OnlineLearner:
    """Remembers the last decisions and lets an allocation learn from their outcomes."""

    def __init__(self, allocation: Allocation, lanes: Mapping[str, Lane], *, size: int = _SIZE) -> None:
        self._allocation = allocation
        self._lanes = lanes
        self._size = size
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()
        versions = {name: lane.version for name, lane in lanes.items()}
        self.posterior = Posterior(versions, learned=versions_learned(allocation))

    def remember(self, decision: RouteDecision, contexts: Contexts) -> None:
        """Keep what an outcome of this decision will be learned with; ``contexts`` is a batch of one."""
        with self._lock:
            self._seen[decision.decision_id] = _Seen(decision.lane, decision.propensities, contexts)
            while len(self._seen) > self._size:
                self._seen.popitem(last=False)

    def drift(self, contexts: Contexts) -> Drift:
        """What outcomes have said of every configured lane since the bundle was made, (n, L)."""
        return self.posterior.drift(contexts, list(self._lanes))

    def learn(self, outcome: Outcome) -> bool:
        """Learn one outcome, once; False if it is not rated, not remembered, or of a lane that is not configured."""
        if outcome.quality is None:
            return False
        with self._lock:
            seen = self._seen.pop(outcome.decision_id, None)
        if seen is None:
            return False
        lane = outcome.executed_lane or seen.lane
        if lane is None or lane not in self._lanes:
            return False
        self.update(seen.contexts, lane, quality=outcome.quality, probability=seen.propensities.get(lane) or 1.0)
        return True

    def update(self, contexts: Contexts, lane: str, *, quality: float, probability: float) -> None:
        """Learn that ``lane``, a configured one, answered a request with ``quality``.

        The bandit learns lanes that the bundle knows; the posterior every lane, against what is predicted of it now.

        Args:
            contexts: the request, a batch of one. probability: with which the lane was drawn, in (0, 1].
        """
        self.update_many(contexts, [lane], quality=np.array([quality]), probability=np.array([probability]))

    def update_many(
        self,
        contexts: Contexts,
        lanes: Sequence[str],
        *,
        quality: NDArray[np.float64],
        probability: NDArray[np.float64],
    ) -> None:
        """``update`` for n outcomes in order, (n,) each, all against what is predicted before the first of them."""
        allocation, bandit = self._allocation, self._allocation.bandit
        now, names = estimate(allocation, self._lanes, contexts), list(self._lanes)
        for row, lane in enumerate(lanes):
            predicted, one = float(now.predicted[row, names.index(lane)]), contexts.take(slice(row, row + 1))
            self.posterior.learn(lane, one, predicted=predicted, quality=float(quality[row]))
        cost = np.full((len(lanes), len(bandit.lanes)), REMOVED_COST_USD)
        for column, name in enumerate(bandit.lanes):
            if name in self._lanes:
                cost[:, column] = now.cost_usd[:, names.index(name)]
        rows = np.array([row for row, lane in enumerate(lanes) if lane in bandit.lanes], np.intp)
        if not len(rows):
            return
        part = contexts.take(rows)
        bandit.learn(
            part,
            allocation.quality.predict(part),
            cost[rows],
            action=np.array([bandit.lanes.index(lanes[row]) for row in rows.tolist()]),
            quality=quality[rows],
            probability=probability[rows],
        )

    def state(self) -> dict[str, Any]:
        """Posterior and bandit as JSON."""
        bandit = self._allocation.bandit
        model, steps = bandit.model, bandit.steps
        return {
            "posterior": self.posterior.state(),
            "bandit": base64.b64encode(model).decode(),
            "bandit_sha256": hashlib.sha256(model).hexdigest(),
            "bandit_steps": steps,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``.

        Raises:
            BundleFormatError: it is damaged, or of another release.
        """
        try:
            model, steps = base64.b64decode(state["bandit"]), int(state["bandit_steps"])
            intact = hashlib.sha256(model).hexdigest() == state["bandit_sha256"]
            posterior = state["posterior"]
        except (KeyError, TypeError, ValueError) as error:
            raise BundleFormatError(f"What was learned online cannot be read ({error}). Start without it.") from None
        if not intact:  # VW loads a damaged file without a word
            raise BundleFormatError("The bandit of what was learned online is damaged. Start without it.")
        self.posterior.restore(posterior)
        self._allocation.bandit.resume(model, steps=steps)
