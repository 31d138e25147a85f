"""What is counted and measured, under the names of OpenTelemetry's conventions where they have one."""

from __future__ import annotations

from typing import Any

from router_ml.contract import Execution, Hop, RouteDecision
from router_ml.telemetry.attributes import provider_of

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


class Metrics:
    """The instruments. Their attributes are names out of ``router.yaml`` and of this library, so that no request can
    make new series."""

    def __init__(self, meter: Any) -> None:
        def seconds(name: str, what: str) -> Any:
            return meter.create_histogram(
                name, unit="s", description=what, explicit_bucket_boundaries_advisory=list(_SECONDS)
            )

        self._decisions = meter.create_counter("router_ml.decisions", unit="{decision}", description="Decisions made.")
        self._deciding = seconds("router_ml.decision.duration", "Time to decide.")
        self._executions = meter.create_counter(
            "router_ml.executions", unit="{execution}", description="Requests carried out, by how they ended."
        )
        self._took = seconds("router_ml.execution.duration", "Time to carry a request out.")
        self._cost = meter.create_counter("router_ml.cost", unit="USD", description="Cost of the calls to lanes.")
        self._calls = seconds("gen_ai.client.operation.duration", "Time of a call to a lane.")
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens in and out of a call to a lane.",
            explicit_bucket_boundaries_advisory=list(_TOKENS),
        )
        self._tools = meter.create_counter("router_ml.tool_calls", unit="{call}", description="Calls of tools.")
        self._health = meter.create_counter(
            "router_ml.health",
            unit="{report}",
            description="Lanes, providers and failure domains that went down or up.",
        )

    def decided(self, decision: RouteDecision, seconds: float) -> None:
        """A decision was made."""
        found = {"router_ml.action": decision.action, "router_ml.traffic_class": decision.traffic_class}
        self._deciding.record(seconds, found)
        more = {"router_ml.lane": decision.lane or "none", "router_ml.risk_tier": decision.risk_tier}
        self._decisions.add(1, {**found, **more, **_made_by(decision)})

    def executed(self, decision: RouteDecision, execution: Execution) -> None:
        """A request was carried out."""
        found = {
            "router_ml.status": execution.status or "unknown",
            "router_ml.traffic_class": decision.traffic_class,
            "router_ml.final_lane": execution.final_lane or "none",
            "router_ml.fallback": execution.final_lane not in (None, decision.lane),
            "error.type": execution.error or "none",
            **_made_by(decision),
        }
        self._executions.add(1, found)
        if execution.latency_ms is not None:
            self._took.record(execution.latency_ms / 1000, {"router_ml.status": found["router_ml.status"]})
        for hop in execution.hops:
            self._hop(hop)
        for call in execution.tool_calls:
            named = {"gen_ai.tool.name": call.name if call.version != "?" else "unknown"}
            self._tools.add(1, {**named, "router_ml.tool.status": call.status})

    def reported(self, place: str, status: str) -> None:
        """A place went down or came up."""
        self._health.add(1, {"router_ml.place": place, "router_ml.status": status})

    def _hop(self, hop: Hop) -> None:
        provider = provider_of(hop.provider)
        named = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "router_ml.lane": hop.lane}
        if hop.called and hop.latency_ms:  # a call that a limit forbids took no time, and was not made either
            self._calls.record(hop.latency_ms / 1000, {**named, "error.type": hop.kind or "none"})
        for kind, count in (("input", hop.tokens_in), ("output", hop.tokens_out)):
            if count:
                self._tokens.record(count, {**named, "gen_ai.token.type": kind})
        if hop.cost_usd:
            self._cost.add(hop.cost_usd, {"router_ml.lane": hop.lane})


def _made_by(decision: RouteDecision) -> dict[str, str]:
    """What tells the arms of a release apart, and the replicas that do not serve the same yet."""
    return {"router_ml.arm": decision.state.arm, "router_ml.bundle": decision.versions.bundle}
