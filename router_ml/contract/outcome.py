"""What was done with a decision, and what was learned later."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from router_ml.contract.base import Identifier, JsonObject, Milliseconds, Model, Probability, Usd

ValidationStatus = Literal["passed", "repaired", "failed", "not_checked"]


class Hop(Model):
    """One call to one lane. ``cost_usd`` None: not reported, which is not a call that cost nothing."""

    lane: str
    provider: str
    region: str
    boundary: str
    served_model: str | None = None
    error: str | None = None
    latency_ms: Milliseconds = 0
    tokens_in: int = Field(default=0, ge=0)
    tokens_out: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    cost_usd: Usd | None = None


class ToolCall(Model):
    """One call to one tool."""

    name: str
    version: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    result: JsonValue = None
    approval_id: str | None = None


class Validation(Model):
    """Whether the answer kept its output contract."""

    status: ValidationStatus = "not_checked"
    errors: tuple[str, ...] = ()


class Execution(Model):
    """What was done: every hop, every tool call, and the lane that answered."""

    execution_id: Identifier | None = None
    at: datetime | None = None
    decision_id: Identifier
    hops: tuple[Hop, ...] = ()
    context_ids: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    validation: Validation = Validation()
    refusal: bool = False
    final_lane: str | None = None


class Approval(Model):
    """Who let a tool call of a decision happen, or did not; ``arguments_sha256`` says which call."""

    approval_id: Identifier
    decision_id: Identifier
    tool: str
    version: str
    arguments_sha256: str
    state: Literal["requested", "granted", "denied", "expired"]
    who: str | None = None
    why: str | None = None
    at: datetime


class OutcomeLabels(Model):
    """What intent, domain and risks turned out to be, where someone looked."""

    intent: str | None = None
    domain: str | None = None
    risks: tuple[str, ...] | None = None


class Outcome(Model):
    """What was learned later. ``quality`` None means not rated, which is not zero; ``rated_probability`` is the known
    chance that this decision was picked for rating; ``signals`` is what was observed (a thumb, an edit, a resolved
    ticket); where ``quality`` was worked out from them, ``rewards`` is the sha256 of the mapping that did."""

    decision_id: Identifier
    executed_lane: str | None = None
    quality: Probability | None = None
    labels: OutcomeLabels | None = None
    signals: JsonObject = Field(default_factory=dict)
    rewards: str | None = None
    rated_probability: float = Field(default=1.0, gt=0.0, le=1.0)
    cost_usd: Usd | None = None
    latency_ms: Milliseconds | None = None
    validation: Validation | None = None
    refused: bool = False
    source: str = "user"
    at: datetime
