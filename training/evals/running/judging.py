"""Lanes that judge: their calls keep to the rules, to the budget of the run, and to the places of their lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Set

from router_ml.config import RouterConfig
from router_ml.contract import FailureKind
from router_ml.execution.allowance import assumed_usd, size
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Reply
from training.evals.asking.lane import PASSING, LaneTarget
from training.evals.running.budget import Budget

LATER: frozenset[FailureKind] = PASSING | {"over_budget", "authentication", "unavailable"}
"""Failures of a judge that another time, more money or another key may not have."""
_OUT = 300
_BYTES_PER_TOKEN = 3
_MTOK = 1e6


class AskJudges:
    """The ``Ask`` of one case, of the lanes that may see it; called in threads beside the loop. ``put_off``: why a lane
    could not be asked that may be asked another time."""

    def __init__(
        self,
        target: LaneTarget,
        config: RouterConfig,
        budget: Budget,
        loop: asyncio.AbstractEventLoop,
        allowed: Set[str],
    ) -> None:
        self._target, self._config, self._budget, self._loop, self._allowed = target, config, budget, loop, allowed
        self.put_off = ""

    def __call__(self, call: LaneCall) -> Reply:
        """The reply.

        Raises:
            LaneFailure: there is none.
        """
        try:
            return self._paid(call)
        except LaneFailure as failure:
            if failure.kind in LATER:
                self.put_off = failure.kind
            raise

    def _paid(self, call: LaneCall) -> Reply:
        if call.lane not in self._allowed:
            raise LaneFailure("not_allowed", "NotAllowedError the rules keep this case from the lane that judges")
        expected = _expected_usd(self._config, call)
        if not self._budget.take(expected):
            raise LaneFailure("over_budget", "OverBudgetError the budget of the run")
        paid = 0.0
        try:
            reply = asyncio.run_coroutine_threadsafe(self._target.call(call), self._loop).result()
            paid = expected if reply.usage.cost_usd is None else reply.usage.cost_usd
        except LaneFailure as failure:
            paid = assumed_usd(failure.kind, expected)
            raise
        finally:
            self._budget.settle(expected, paid_usd=paid)
            self._loop.call_soon_threadsafe(self._budget.tell)
        return reply


def _expected_usd(config: RouterConfig, call: LaneCall) -> float:
    price = config.lanes[call.lane].price
    out = min(call.decoding.max_tokens or _OUT, _OUT)
    return (size(call.messages) / _BYTES_PER_TOKEN * price.input_per_mtok + out * price.output_per_mtok) / _MTOK
