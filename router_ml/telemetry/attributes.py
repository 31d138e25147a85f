"""What spans and metrics say of decisions, hops, tools, lookups: chosen fields of the record, never a text.

``gen_ai.*`` are the names of OpenTelemetry's conventions for generative AI, ``openinference.*`` and ``llm.*`` those
that Arize Phoenix reads, ``router_ml.*`` what neither has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from router_ml.config import Lane
from router_ml.contract import Destinations, Execution, Lookup, RouteDecision, ToolCall
from router_ml.contract.planned import Decoding

Value = str | bool | int | float | Sequence[str]
Attributes = dict[str, Value]

SINKS = "router_ml.trace_sinks"
"""The sinks that a request's rules let its spans go to."""

_PROVIDERS = {"google": "gcp.gemini", "gemini": "gcp.gemini", "mistral": "mistral_ai", "azure": "azure.ai.openai"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
"""What a lane may say that its model is called: there is no room for a sentence in it."""


def provider_of(provider: str) -> str:
    """The name that the conventions have for a provider, where it differs from that in ``router.yaml``."""
    return _PROVIDERS.get(provider, provider)


def of_decision(decision: RouteDecision) -> Attributes:
    """A decision: what was chosen, how sure, and by which rules."""
    found: dict[str, Value | None] = {
        "router_ml.decision_id": decision.decision_id,
        "router_ml.action": decision.action,
        "router_ml.route": decision.route,
        "router_ml.lane": decision.lane,
        "router_ml.model": decision.model,
        "router_ml.traffic_class": decision.traffic_class,
        "router_ml.risk_tier": decision.risk_tier,
        "router_ml.risks": [risk.name for risk in decision.risks],
        "router_ml.guard_state": decision.guard_state,
        "router_ml.policies": [fired.id for fired in decision.policies],
        "router_ml.eligible": list(decision.eligible),
        "router_ml.propensity": decision.propensity,
        "router_ml.explored": decision.explored,
        "router_ml.arm": decision.state.arm,
        "router_ml.bundle": decision.versions.bundle,
        "router_ml.policy_sha256": decision.versions.policy_sha256,
        "router_ml.retrieval": decision.retrieval.strategy,
        "openinference.span.kind": "CHAIN",
    }
    return _known(found)


def of_call(lane: str, place: Lane, decoding: Decoding, *, attempt: int, stream: bool) -> Attributes:
    """A call to a lane, before it is made; ``attempt`` counts the calls of a request from 1."""
    found: dict[str, Value | None] = {
        "router_ml.lane": lane,
        "router_ml.region": place.region,
        "router_ml.boundary": place.boundary,
        "router_ml.attempt": attempt,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider_of(place.provider),
        "gen_ai.request.model": place.model,
        "gen_ai.request.temperature": decoding.temperature,
        "gen_ai.request.top_p": decoding.top_p,
        "gen_ai.request.max_tokens": decoding.max_tokens,
        "gen_ai.request.seed": decoding.seed,
        "gen_ai.request.stream": stream or None,
        "openinference.span.kind": "LLM",
        "llm.model_name": place.model,
    }
    return _known(found)


def of_use(
    served_model: str | None, *, tokens_in: int, tokens_out: int, cached_tokens: int, cost_usd: float | None
) -> Attributes:
    """What a call to a lane used."""
    found: dict[str, Value | None] = {
        "router_ml.cost_usd": cost_usd,
        "gen_ai.response.model": served_model if _NAME.fullmatch(served_model or "") else None,
        "gen_ai.usage.input_tokens": tokens_in,
        "gen_ai.usage.output_tokens": tokens_out,
        "gen_ai.usage.cache_read.input_tokens": cached_tokens or None,
        "llm.token_count.prompt": tokens_in,
        "llm.token_count.completion": tokens_out,
    }
    return _known(found)


def of_tool(call: ToolCall) -> Attributes:
    """A call of a tool: neither arguments nor result, nor the id of the call, which is whatever a lane says it is."""
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.name,
        "gen_ai.tool.type": "function",
        "router_ml.tool.version": call.version,
        "router_ml.tool.effect": call.effect,
        "router_ml.tool.status": call.status,
        "router_ml.tool.attempts": call.attempts,
        "router_ml.approval_id": call.approval_id,
        "error.type": None if call.status == "done" else call.status,
        "openinference.span.kind": "TOOL",
        "tool.name": call.name,
    }
    return _known(found)


def of_lookup(lookup: Lookup) -> Attributes:
    """A search of an index: ids of passages are no text, but may be names of files, so they are counted."""
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": lookup.index,
        "router_ml.retrieval": lookup.strategy,
        "router_ml.passages": len(lookup.context_ids),
        "error.type": None if lookup.error is None else "retrieval",
        "openinference.span.kind": "RETRIEVER",
    }
    return _known(found)


def of_execution(execution: Execution) -> Attributes:
    """How a request ended."""
    found: dict[str, Value | None] = {
        "router_ml.execution_id": execution.execution_id,
        "router_ml.status": execution.status,
        "router_ml.bundle": execution.bundle,
        "router_ml.final_lane": execution.final_lane,
        "router_ml.hops": len(execution.hops),
        "router_ml.tool_calls": len(execution.tool_calls),
        "router_ml.validation": execution.validation.status,
        "router_ml.cost_usd": execution.cost_usd,
        "error.type": execution.error,
    }
    return _known(found)


def sinks_of(destinations: Destinations) -> Attributes:
    """Where the spans of a request may go."""
    return {SINKS: list(destinations.trace_sinks)}


def _known(found: Mapping[str, Value | None]) -> Attributes:
    return {name: value for name, value in found.items() if value is not None}
