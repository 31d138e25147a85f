"""What the headers of an answer say of its decision, for those who do not read bodies."""

from __future__ import annotations

import re

from router_ml.contract import RouteDecision
from router_ml.execution.completion import Completion

_PREFIX = "x-router-ml-"
_UNSAFE = re.compile(r"[^\x21-\x7e]+")


def of_decision(decision: RouteDecision, *, lane: str | None = None) -> dict[str, str]:
    """Headers that name a decision and what it came to.

    Args:
        lane: that answered; by default the one that was planned.
    """
    lane = lane or decision.lane
    said = {
        "decision-id": decision.decision_id,
        "route": decision.route,
        "class": decision.traffic_class,
        "risk-tier": decision.risk_tier,
        "bundle": decision.versions.bundle,
        "arm": decision.state.arm,
        **({} if lane is None else {"lane": lane}),
    }
    named = {_PREFIX + name: _UNSAFE.sub("_", str(value)) for name, value in said.items()}
    return {**named, "x-request-id": decision.decision_id}


def of_completion(completion: Completion) -> dict[str, str]:
    """The same of a request that was carried out, with its cost in USD where that is known."""
    execution = completion.execution
    said = of_decision(completion.decision, lane=execution.final_lane)
    if execution.cost_usd is not None:
        said[f"{_PREFIX}cost-usd"] = f"{execution.cost_usd:.10f}".rstrip("0").rstrip(".")
    return said


def of_failure(completion: Completion) -> dict[str, str]:
    """The same of a request without an answer that holds. Clients of the OpenAI API try once more by themselves, which
    would write a second time, so they are told not to where a tool may have written."""
    wrote = any(call.effect == "write" and call.attempts for call in completion.execution.tool_calls)
    return {**of_completion(completion), **({"x-should-retry": "false"} if wrote else {})}
