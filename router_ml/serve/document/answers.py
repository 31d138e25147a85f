"""What the endpoints answer and take beside the contract, as the OpenAPI document describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from router_ml.contract import Approval, Execution, Outcome, OutputCheck, RouteDecision, RouteRequest
from router_ml.contract.base import At
from router_ml.serve.access.caller import Scope
from router_ml.serve.document.spoken import Open

Ack = Literal["database", "spool"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorBody(BaseModel):
    """``code`` is for programs; ``message`` for people, and holds nothing of what was sent. ``router``: the story of a
    request that no lane answered."""

    message: str
    type: str
    code: str
    param: str | None = None
    router: dict[str, Any] = Field(default_factory=dict)


class Problem(_Shape):
    """Every error of `/v1`, in the shape of the OpenAI API."""

    error: ErrorBody


class RequestsGiven(_Shape):
    """All are decided, or none."""

    requests: list[RouteRequest] = Field(min_length=1)


class DecisionsMade(_Shape):
    """In the order of the requests."""

    decisions: list[RouteDecision]


class DecisionExplained(_Shape):
    """A decision, and why, in words."""

    decision: RouteDecision
    explanation: str


class OutcomeGiven(Outcome):
    """An outcome, whose ``at`` may be left out: it is then of this moment."""

    at: At | None = None  # type: ignore[assignment]


class OutcomesGiven(_Shape):
    """Up to 500 outcomes."""

    outcomes: list[OutcomeGiven] = Field(min_length=1, max_length=500)


class OutcomeKept(_Shape):
    """``acknowledged``: how far it had got: committed, or on the disk of this machine; null where nothing is logged."""

    decision_id: str
    acknowledged: Ack | None
    at: datetime


class OutcomeRefused(Problem):
    """One of several that was not taken, with the status that it would have had alone."""

    status: int


class OutcomesKept(_Shape):
    """In the order of the outcomes."""

    outcomes: list[OutcomeKept | OutcomeRefused]
    failed: int


class ExecutionKept(_Shape):
    """``acknowledged``: as of an outcome."""

    decision_id: str
    execution_id: str
    acknowledged: Ack | None


class DecisionStory(_Shape):
    """A decision with all that came of it; ``missing``: what should be there and is not, in words."""

    decision: RouteDecision
    executions: list[Execution]
    checks: list[OutputCheck]
    approvals: list[Approval]
    outcomes: list[Outcome]
    overtaken: list[Outcome]
    missing: list[str]


class Explained(_Shape):
    """``nearest_changes``: the smallest changes that would have moved it elsewhere; not for a user."""

    decision_id: str
    audience: Literal["user", "operator", "auditor"]
    explanation: str
    nearest_changes: list[dict[str, Any]] | None = None


class DecisionLine(BaseModel):
    """A decision in one line."""

    decision_id: str
    at: datetime
    org: str | None
    action: str
    route: str
    traffic_class: str
    tier: str
    lane: str | None
    propensity: float | None
    cost_usd: float | None
    quality: float | None


class Decisions(_Shape):
    """``next``: the cursor of the page after; ``looked_to``: how far back a page that took too long looked."""

    decisions: list[DecisionLine]
    next: str | None
    looked_to: datetime | None


class Approvals(_Shape):
    """``more``: there are more than these."""

    approvals: list[Approval]
    more: bool


class ApprovalSeen(_Shape):
    """``waits``: for an admin, the request, the call or the answer, as far as it may be seen here; null once that is
    over."""

    approval: Approval
    waits: dict[str, Any] | None = None


class Why(_Shape):
    """Why it is granted or denied; it is kept in the log. Name no person that the request is about."""

    why: str = Field(min_length=1, max_length=2000)


class KeyWanted(_Shape):
    """A key to be made; limits and organisation that are left out are those of the caller's key."""

    name: str = Field(min_length=1, max_length=200)
    scopes: list[Scope] = Field(min_length=1)
    org: str | None = None
    requests_per_minute: int | None = None
    usd_per_day: float | None = None
    expires_at: datetime | None = None
    why: str = Field(min_length=1, max_length=2000)


class KeyShown(Open):
    """What anybody may know of a key."""

    key_id: str
    name: str
    scopes: list[str]
    org: str | None


class KeyMade(KeyShown):
    """``key``: the key itself, which nobody can show again."""

    key: str


class KeysShown(_Shape):
    """Oldest first."""

    keys: list[KeyShown]


class SwitchShown(Open):
    """What is off, since when, by whom and why."""

    places: list[str]


class SwitchesShown(Open):
    """What is off; ``places``: what can be turned off."""

    switches: list[SwitchShown]
    places: list[str]


class SwitchEnded(_Shape):
    """The switches that ended, and the audit event that says so."""

    ended: list[str]
    event_id: str


class Alive(Open):
    """The process is alive."""

    alive: bool


class Readiness(Open):
    """Whether requests should be sent here; ``degraded``: what fails and costs nobody an answer yet."""

    ready: bool
    reasons: list[str]
    degraded: list[str]


class StatusShown(Open):
    """What a worker serves, with which rules, and how its log stands."""

    ready: bool
    reasons: list[str]
    degraded: list[str]
