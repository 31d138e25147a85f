"""One request while it is carried out, and the record that is left of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pydantic import BaseModel

from router_ml.config import RouterConfig
from router_ml.contract import (
    Destinations,
    Execution,
    ExecutionStatus,
    FailureKind,
    Hop,
    Lookup,
    Narrowing,
    Replanned,
    RiskTier,
    RouteDecision,
    RouteRequest,
    ToolCall,
    Validation,
    highest,
)
from router_ml.contract.base import JsonObject
from router_ml.contract.executed import HopPurpose
from router_ml.deciding.rechecking import Still
from router_ml.execution.client_side import ClientSide
from router_ml.execution.fallback import Tried
from router_ml.execution.grants import Grant
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.progress import Progress
from router_ml.execution.retrieval.passages import Passage
from router_ml.ruling.of_request import REVIEWED

Spent = Callable[[float], None]
"""Is told USD."""


@dataclass
class Run:
    """What is known so far.

    ``messages``: the conversation, which a fallback lane goes on from; ``appeared``: texts that came in since the
    decision, which rules look at before each hop, ``fresh`` where some have not been looked at. ``lanes``,
    ``tools``, ``destinations``, ``client``: what the rules have left so far, which never grows; ``gone``: why lanes
    are; ``ask``: rules want an approval of writes; ``words``: the log may keep some. ``earlier``: what executions
    came to that this one goes on from, whose calls and money count as well; ``resumes``: the last of them;
    ``assumed_usd``: what calls that failed without a bill may have cost. ``granted``: an approval that was not used
    yet; ``reviewed``: a person agreed to the request, or to the answer; ``unfinished``: it is in the middle of a
    round of tools, the only time that calls are taken from messages. ``model``: a pydantic one that the answer has
    to fit; ``asked_bytes``: of the request as it is sent; ``started``: on the monotonic clock; ``closed``: its
    record has been written; ``before_ms``: what a stream that it goes on from took of the deadline. ``began``: of
    ``telemetry.clock``; ``on_spent``: is told what this execution came to.
    """

    decision: RouteDecision
    request: RouteRequest
    messages: list[JsonObject]
    client: ClientSide = field(default_factory=ClientSide)
    model: type[BaseModel] | None = None
    execution_id: str = field(default_factory=lambda: f"exe_{secrets.token_hex(12)}")
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    earlier: Progress = field(default_factory=Progress)
    resumes: str | None = None
    tried: list[Tried] = field(default_factory=list)
    hops: list[Hop] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    narrowing: list[Narrowing] = field(default_factory=list)
    appeared: list[str] = field(default_factory=list)
    output_checks: list[str] = field(default_factory=list)
    approvals: list[str] = field(default_factory=list)
    granted: Grant | None = None
    validation: Validation = field(default_factory=Validation)
    citations: tuple[str, ...] = ()
    assumed_usd: float = 0.0
    refusal: bool = False
    reviewed: bool = False
    ask: bool = False
    words: bool = True
    closed: bool = False
    before_ms: float = 0.0
    began: int = 0
    on_spent: Spent | None = None
    fresh: bool = False
    unfinished: bool = False
    gone: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked_bytes: int = 0
    lanes: tuple[str, ...] = field(init=False)
    tools: tuple[str, ...] = field(init=False)
    destinations: Destinations = field(init=False)
    tier: RiskTier = field(init=False)

    def __post_init__(self) -> None:
        self.lanes = self.decision.eligible
        self.tools = tuple(tool.name for tool in self.decision.tools)
        self.destinations = self.decision.destinations
        self.tier = self.decision.risk_tier

    def appear(self, *texts: str) -> None:
        """Have the rules look at some texts before the next hop."""
        new = [text for text in texts if text.strip()]
        self.appeared.extend(new)
        self.fresh = self.fresh or bool(new)

    def go_on_from(self, earlier: Progress, *, execution_id: str | None) -> None:
        """Begin where an execution ended."""
        self.earlier, self.resumes, self.client = earlier, execution_id, earlier.client
        self.passages, self.granted = list(earlier.passages), earlier.granted
        self.reviewed, self.unfinished = earlier.reviewed, earlier.unfinished

    @property
    def progress(self) -> Progress:
        """How far the request has come, with all that it went on from."""
        return Progress(
            context_ids=self.context_ids,
            passages=tuple(self.passages),
            looked_up=self.earlier.looked_up or bool(self.lookups),
            tool_calls=self.all_calls,
            spent_usd=self.spent_usd,
            client=self.client,
            granted=self.granted,
            reviewed=self.reviewed,
            unfinished=self.unfinished,
            with_model=self.model is not None,
        )

    def why_not(self, lane: str) -> FailureKind:
        """Whether a lane may not be called, or only cannot be because it is down."""
        reasons = self.gone.get(lane, ())
        down = bool(reasons) and all(reason.startswith("health:") for reason in reasons)
        return "unavailable" if down else "not_allowed"

    def narrow(self, still: Still) -> None:
        """Take away what the rules have taken away. What is gone does not come back, whatever they say later."""
        lanes = tuple(lane for lane in self.lanes if lane in still.lanes)
        if lanes != self.lanes:
            self.narrowing.append(Narrowing(rule="recheck", before=self.lanes, after=lanes))
        kept = {
            kind: tuple(name for name in getattr(self.destinations, kind) if name in getattr(still.destinations, kind))
            for kind in Destinations.model_fields
        }
        self.lanes, self.destinations = lanes, Destinations(**kept)
        self.tools = tuple(name for name in self.tools if name in still.tools)
        self.tier = highest(self.tier, still.tier)
        if self.client.tools and not still.foreign_tools:
            self.client = replace(self.client, tools=(), must_call=False)
        self.ask = self.ask or still.approval
        self.words = self.words and still.words

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since it began."""
        return (time.monotonic() - self.started) * 1000

    @property
    def left_ms(self) -> float:
        """Milliseconds until its deadline."""
        deadline = self.decision.limits.deadline_ms
        return float("inf") if deadline is None else deadline - self.before_ms - self.elapsed_ms

    @property
    def context_ids(self) -> tuple[str, ...]:
        """Ids of all passages that a lane was given."""
        found_now = (found for lookup in self.lookups for found in lookup.context_ids)
        return tuple(dict.fromkeys((*self.earlier.context_ids, *found_now)))

    @property
    def all_calls(self) -> tuple[ToolCall, ...]:
        """Calls of tools of this request, those before it was suspended included."""
        return (*self.earlier.tool_calls, *self.tool_calls)

    @property
    def calls_left(self) -> int:
        """How many calls of tools the limits leave."""
        made = sum(call.status not in ("refused", "waiting") for call in self.all_calls)
        return max(self.decision.limits.max_tool_calls - made, 0)

    @property
    def spent_usd(self) -> float:
        """USD that count against the limit: what was reported, and what is assumed where nothing was."""
        return self.earlier.spent_usd + self.assumed_usd + sum(hop.cost_usd or 0.0 for hop in self.hops)

    @property
    def cost_usd(self) -> float | None:
        """USD of all hops; None where one that answered did not report it."""
        if any(hop.cost_usd is None and (hop.kind is None or hop.tokens_out) for hop in self.hops):
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

    def fault(self, kind: FailureKind) -> None:
        """Say of the last hop, if this run made any, that its answer did not hold."""
        if self.hops:
            self.hops[-1] = self.hops[-1].model_copy(update={"kind": kind})

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
            replanned=_replanned(self.decision),
            bundle=self.decision.versions.bundle,
        )


def _replanned(decision: RouteDecision) -> Replanned | None:
    """The plan of a request that a person let through: the log keeps the decision that sent it there."""
    if decision.lane is None or all(fired.id != REVIEWED for fired in decision.policies):
        return None
    return Replanned(
        lane=decision.lane,
        estimate=decision.estimates[decision.lane],
        eligible=decision.eligible,
        policies=decision.policies,
        versions=decision.versions,
    )
