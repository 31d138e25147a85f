"""Lanes that judge: their calls keep to the rules, to the budget of the run, and to the places of their lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Set

from router_ml.config import RouterConfig
from router_ml.execution.allowance import assumed_usd, size
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Reply
from training.evals.asking.lane import LaneTarget
from training.evals.bench import Ask
from training.evals.running.budget import Budget

_OUT = 300
_BYTES_PER_TOKEN = 3
_MTOK = 1e6


def ask_with(
    target: LaneTarget, config: RouterConfig, budget: Budget, loop: asyncio.AbstractEventLoop
) -> Callable[[Set[str]], Ask]:
    """What makes the ``Ask`` of a case, of the lanes that may see it; to be called in threads beside the loop."""

    def of_case(allowed: Set[str]) -> Ask:
        def ask(call: LaneCall) -> Reply:
            if call.lane not in allowed:
                raise LaneFailure("not_allowed", "NotAllowedError the rules keep this case from the lane that judges")
            expected = _expected_usd(config, call)
            if not budget.take(expected):
                raise LaneFailure("over_budget", "OverBudgetError the budget of the run")
            paid = 0.0
            try:
                reply = asyncio.run_coroutine_threadsafe(target.call(call), loop).result()
                paid = expected if reply.usage.cost_usd is None else reply.usage.cost_usd
            except LaneFailure as failure:
                paid = assumed_usd(failure.kind, expected)
                raise
            finally:
                budget.settle(expected, paid_usd=paid)
                loop.call_soon_threadsafe(budget.tell)
            return reply

        return ask

    return of_case


def _expected_usd(config: RouterConfig, call: LaneCall) -> float:
    price = config.lanes[call.lane].price
    out = min(call.decoding.max_tokens or _OUT, _OUT)
    return (size(call.messages) / _BYTES_PER_TOKEN * price.input_per_mtok + out * price.output_per_mtok) / _MTOK
