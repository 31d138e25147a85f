"""One request while it is carried out, and the record that is left of it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from router_ml.config import RouterConfig
from router_ml.contract import (
    Execution,
    ExecutionStatus,
    FailureKind,
    Hop,
    Lookup,
    Narrowing,
    RouteDecision,
    RouteRequest,
    ToolCall,
    Validation,
)
from router_ml.contract.base import JsonObject
from router_ml.contract.executed import HopPurpose
from router_ml.execution.client_side import ClientSide
from router_ml.execution.fallback import Tried
from router_ml.execution.reply import Reply


@dataclass
class Run:
    """What is known so far. ``appeared``: texts that came in since the decision, which rules look at before each hop;
    ``started``: on the monotonic clock."""

    decision: RouteDecision
    request: RouteRequest
    messages: list[JsonObject]
    client: ClientSide = field(default_factory=ClientSide)
    execution_id: str = field(default_factory=lambda: f"exe_{secrets.token_hex(12)}")
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    tried: list[Tried] = field(default_factory=list)
    hops: list[Hop] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    narrowing: list[Narrowing] = field(default_factory=list)
    appeared: list[str] = field(default_factory=list)
    output_checks: list[str] = field(default_factory=list)
    approvals: list[str] = field(default_factory=list)
    validation: Validation = field(default_factory=Validation)
    citations: tuple[str, ...] = ()
    refusal: bool = False
    resumes: str | None = None

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since it began."""
        return (time.monotonic() - self.started) * 1000

    @property
    def left_ms(self) -> float:
        """Milliseconds until its deadline."""
        deadline = self.decision.limits.deadline_ms
        return float("inf") if deadline is None else deadline - self.elapsed_ms

    @property
    def context_ids(self) -> tuple[str, ...]:
        """Ids of all passages that a lane was given."""
        return tuple(dict.fromkeys(found for lookup in self.lookups for found in lookup.context_ids))

    @property
    def cost_usd(self) -> float | None:
        """USD of all hops; None where one that answered did not report it."""
        if any(hop.cost_usd is None for hop in self.hops if hop.kind is None):
            return None
        return sum(hop.cost_usd or 0.0 for hop in self.hops)

    def add_hop(
        self,
        config: RouterConfig,
        lane: str,
        *,
        purpose: HopPurpose = "answer",
        kind: FailureKind | None = None,
        error: str | None = None,
        reply: Reply | None = None,
        latency_ms: float = 0.0,
    ) -> None:
        """Write down one call, or one that was not made."""
        place, used = config.lanes[lane], reply.usage if reply else None
        self.hops.append(
            Hop(
                lane=lane,
                provider=place.provider,
                region=place.region,
                boundary=place.boundary,
                served_model=reply.served_model if reply else None,
                purpose=purpose,
                attempt=len(self.hops) + 1,
                at=datetime.now(UTC),
                kind=kind,
                error=error,
                latency_ms=latency_ms,
                tokens_in=used.tokens_in if used else 0,
                tokens_out=used.tokens_out if used else 0,
                cached_tokens=used.cached_tokens if used else 0,
                cost_usd=used.cost_usd if used else None,
            )
        )

    def execution(
        self, status: ExecutionStatus, *, lane: str | None = None, error: FailureKind | None = None
    ) -> Execution:
        """The evidence so far."""
        return Execution(
            execution_id=self.execution_id,
            at=self.at,
            decision_id=self.decision.decision_id,
            status=status,
            error=error,
            hops=tuple(self.hops),
            lookups=tuple(self.lookups),
            context_ids=self.context_ids,
            citations=self.citations,
            tool_calls=tuple(self.tool_calls),
            narrowing=tuple(self.narrowing),
            validation=self.validation,
            output_checks=tuple(self.output_checks),
            approvals=tuple(self.approvals),
            refusal=self.refusal,
            final_lane=lane,
            latency_ms=self.elapsed_ms,
            cost_usd=self.cost_usd,
            resumes=self.resumes,
        )
