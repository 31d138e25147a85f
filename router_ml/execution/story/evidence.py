"""The evidence of many requests: one story each, or one row each of a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from router_ml.execution.story.story import Story

if TYPE_CHECKING:
    import pandas as pd

    from router_ml.storage.eventlog import EventLog


def evidence(log: EventLog, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[Story]:
    """The stories of all decisions from ``since`` on and before ``until`` that the database holds, oldest first, read
    in pages. What was compacted is in its archive: ``story`` tells one of these, with ``archive``.

    Raises:
        LogError: the log cannot be read.
    """
    from router_ml.storage.views.told import tell_all

    return (Story(**vars(told)) for told in tell_all(log, since=since, until=until))


def evidence_frame(log: EventLog, *, since: datetime | None = None, until: datetime | None = None) -> pd.DataFrame:
    """``evidence`` as a table, one row per request; the columns are those of ``row``.

    Raises:
        LogError: the log cannot be read.
    """
    import pandas as pd

    return pd.DataFrame([row(found) for found in evidence(log, since=since, until=until)])


def row(found: Story) -> dict[str, Any]:
    """A request in one line. USD and milliseconds are those of all executions, ``expected_*`` those that were estimated
    of the planned lane; None: not known. ``missing`` counts what should be there and is not."""
    decision, runs, hops = found.decision, found.executions, found.hops
    expected = found.expected
    tools = [call for run in runs for call in run.tool_calls]
    ratings = [outcome.quality for outcome in found.outcomes if outcome.quality is not None]
    last = runs[-1] if runs else None
    return {
        "decision_id": decision.decision_id,
        "at": decision.created_at,
        "traffic_class": decision.traffic_class,
        "risk_tier": decision.risk_tier,
        "action": decision.action,
        "lane": decision.lane,
        "policies": tuple(fired.id for fired in decision.policies),
        "status": last.status if last else None,
        "final_lane": found.final_lane,
        "executions": len(runs),
        "calls": sum(hop.called for hop in hops),
        "failed_calls": sum(hop.called and hop.failed for hop in hops),
        "context_ids": tuple(dict.fromkeys(name for run in runs for name in run.context_ids)),
        "tool_calls": len(tools),
        "writes": sum(call.effect == "write" and call.status == "done" for call in tools),
        "approvals": len({step.approval_id for step in found.approvals}),
        "validation": last.validation.status if last else None,
        "checks": tuple(check.action for check in found.checks),
        "tokens_in": sum(hop.tokens_in for hop in hops),
        "tokens_out": sum(hop.tokens_out for hop in hops),
        "cost_usd": found.cost_usd,
        "expected_cost_usd": expected.cost_usd if expected else None,
        "latency_ms": found.latency_ms,
        "expected_latency_ms": expected.latency_ms if expected else None,
        "quality": ratings[-1] if ratings else None,
        "missing": len(found.missing),
    }
