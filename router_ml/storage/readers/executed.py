"""What executions say of decisions of which no outcome says it: the cost, the time taken, the lane that answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from router_ml.contract.executed import NOT_CALLED
from router_ml.storage.database.records import other_contract


def fill(
    learned: Mapping[str, NDArray[Any]],
    executions: Iterable[Any],
    lanes: Mapping[str, int],
    *,
    decision_ids: Sequence[str],
    created_at: Sequence[Any],
    window: timedelta,
) -> None:
    """Fill in ``cost_usd``, ``latency_ms`` and ``executed`` (n,) where outcomes left them unknown.

    A cost is that of all hops of all executions, and known only where each hop that answered reports one; a time is
    that of all hops of the latest execution, where it was measured.

    Args:
        executions: oldest first, with ``decision_id, execution_id, at, final_lane, record`` (JSON).
        lanes: the column of each lane.
        window: how long after its decision an execution still counts.

    Raises:
        LogError: a record of another contract.
    """
    row_of = {name: number for number, name in enumerate(decision_ids)}
    cost, latency, executed = learned["cost_usd"], learned["latency_ms"], learned["executed"]
    costs, times, answered = np.isnan(cost), np.isnan(latency), executed < 0
    spent: dict[int, float] = {}
    for execution in executions:
        row = row_of.get(execution.decision_id)
        if row is None or execution.at - created_at[row] > window or not (costs[row] or times[row] or answered[row]):
            continue
        paid, took = _sums(execution)
        if paid is not None and costs[row]:
            spent[row] = spent.get(row, 0.0) + paid
        if times[row] and took > 0:
            latency[row] = took
        if answered[row] and execution.final_lane in lanes:
            executed[row] = lanes[execution.final_lane]
    cost[list(spent)] = list(spent.values())


def _sums(execution: Any) -> tuple[float | None, float]:
    """USD and milliseconds of all hops. USD are None where no call was made, NaN where a call does not say; a failed
    one need not."""
    try:
        found = from_json(execution.record)["hops"]
        hops = [hop for hop in found if hop["cost_usd"] is not None or hop.get("kind") not in NOT_CALLED]
        said = [hop["cost_usd"] for hop in hops if hop["cost_usd"] is not None or not _failed(hop)]
        paid = sum(np.nan if cost is None else cost for cost in said) if said else None
        return paid, sum(hop["latency_ms"] for hop in hops)
    except (ValueError, KeyError, TypeError):
        raise other_contract(f"Execution {execution.execution_id}") from None


def _failed(hop: Mapping[str, Any]) -> bool:
    return hop["error"] is not None or hop.get("kind") is not None
