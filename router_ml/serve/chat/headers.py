"""What the headers of an answer say of how it came about, for those who do not read bodies."""

from __future__ import annotations

from router_ml.contract import RouteDecision
from router_ml.execution.completion import Completion
from router_ml.serve.headers import PREFIX, of_decision


def of_begun(decision: RouteDecision) -> dict[str, str]:
    """Headers of an answer that has only begun; the lane is the one that was planned."""
    return {**of_decision(decision), "x-request-id": decision.decision_id}


def of_completion(completion: Completion) -> dict[str, str]:
    """The same of a request that was carried out: the lane that answered, and the cost in USD where that is known."""
    said, execution = of_begun(completion.decision), completion.execution
    if execution.final_lane is not None:
        said[f"{PREFIX}lane"] = execution.final_lane
    if execution.cost_usd is not None:
        said[f"{PREFIX}cost-usd"] = f"{execution.cost_usd:.10f}".rstrip("0").rstrip(".")
    return said


def of_failure(completion: Completion) -> dict[str, str]:
    """The same of a request without an answer that holds. Clients of the OpenAI API try once more by themselves, which
    would write a second time, so they are told not to where a tool may have written."""
    wrote = any(call.effect == "write" and call.attempts for call in completion.execution.tool_calls)
    return {**of_completion(completion), **({"x-should-retry": "false"} if wrote else {})}
