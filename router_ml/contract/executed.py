"""What was done with a decision: every hop, every call of a tool, what the answer was checked against, who agreed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, JsonValue, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

from router_ml.contract.base import At, Identifier, Milliseconds, Model, Reported, Usd
from router_ml.contract.decision import Narrowing, PolicyFired
from router_ml.contract.state import Estimate, Versions

ValidationStatus = Literal["passed", "repaired", "truncated", "failed", "not_checked"]

FailureKind = Literal[
    "timeout",
    "rate_limit",
    "server_error",
    "authentication",
    "connection",
    "malformed",
    "empty",
    "truncated",
    "content_filter",
    "context_overflow",
    "refusal",
    "schema",
    "withheld",
    "tool_loop",
    "tool_failure",
    "unavailable",
    "not_allowed",
    "over_budget",
    "deadline",
    "cancelled",
]
"""Why a hop gave no answer. ``unavailable``: its breaker is open or its lane is full, so no call was made;
``not_allowed``: a hard rule took the lane away since the decision; ``withheld``: the answer did not pass the output
policies."""

NOT_CALLED: tuple[FailureKind, ...] = ("unavailable", "not_allowed", "over_budget")
"""Hops of these kinds stand in a record so that it is whole: nothing was sent."""
_CALLED_IF_TIMED: tuple[FailureKind, ...] = ("deadline", "context_overflow")
"""A limit of ours may stop such a call before it is made, and a vendor after."""

ExecutionStatus = Literal["answered", "static_answer", "clarify", "human_review", "refused", "failed", "cancelled"]
"""How a request ended."""

HopPurpose = Literal["answer", "repair", "tool_round", "draft", "check"]


class Hop(Model):
    """One call to one lane, or one that was not made (``kind`` is in ``NOT_CALLED``). ``cost_usd`` None: not
    reported, which is not a call that cost nothing.

    ``attempt`` counts the hops of one execution from 1; ``error`` begins with the class of the error or its status.
    """

    lane: str
    provider: str
    region: str
    boundary: str
    served_model: str | None = None
    purpose: HopPurpose = "answer"
    attempt: int = Field(default=1, ge=1)
    at: At | None = None
    kind: FailureKind | None = None
    error: str | None = None
    latency_ms: Milliseconds = 0
    tokens_in: int = Field(default=0, ge=0)
    tokens_out: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    cost_usd: Usd | None = None

    @property
    def called(self) -> bool:
        """Whether anything was sent to the lane. One that cost or answered something was called, whatever it says."""
        traces = self.tokens_in or self.tokens_out or self.cost_usd or self.served_model
        unsent = self.kind in NOT_CALLED or (self.kind in _CALLED_IF_TIMED and not self.latency_ms)
        return not unsent or bool(traces)

    @property
    def failed(self) -> bool:
        """Whether its answer, if there was one, could not be used."""
        return self.kind is not None or self.error is not None


class ToolCall(Model):
    """One call to one tool. ``call_id`` is the model's; ``key`` made a write idempotent; ``attempts`` counts tries;
    ``nothing_done``: where it did not succeed, it is certain that nothing was done, so that it may be made again."""

    name: str
    version: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    result: JsonValue = None
    approval_id: str | None = None
    call_id: str | None = None
    effect: Literal["read", "write"] = "read"
    status: Literal["done", "invalid_arguments", "refused", "waiting", "failed", "timeout"] = "done"
    error: str | None = None
    key: str | None = None
    attempts: int = Field(default=1, ge=0)
    nothing_done: bool = False
    latency_ms: Milliseconds = 0


class Lookup(Model):
    """One search of an index: what was found is in ``context_ids``."""

    index: str
    strategy: Literal["light", "deep"]
    reranker: str | None = None
    context_ids: tuple[str, ...] = ()
    latency_ms: Milliseconds = 0
    error: str | None = None


class Validation(Model):
    """Whether the answer kept its output contract; ``truncated``: it ends where the request wanted it to end."""

    status: ValidationStatus = "not_checked"
    errors: tuple[str, ...] = ()


class Replanned(Model):
    """What was decided once a person had let a request through: the log keeps one decision per id, which is the one
    that sent it there. ``policies`` names who did."""

    lane: str
    estimate: Estimate
    eligible: tuple[str, ...]
    policies: tuple[PolicyFired, ...]
    versions: Versions


class Execution(Reported):
    """What was done, from the first call to the answer or the error.

    ``narrowing``: lanes that hard rules took away while it ran, as for personal data in the result of a tool.
    ``cost_usd`` is that of all hops, None where one that answered did not report it; ``output_checks`` and
    ``approvals`` are ids in the log; ``resumes`` is the execution that this one goes on from;
    ``replanned`` what it carries out instead of its decision; ``bundle`` the bundle whose plan it carries out, so that
    releases can be told apart by executions alone: None where it is not known, and then not in the JSON, so that a
    process of contract 1.5 reads it.
    """

    execution_id: Identifier | None = None
    at: At | None = None
    decision_id: Identifier
    status: ExecutionStatus | None = None
    error: FailureKind | None = None
    hops: tuple[Hop, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    context_ids: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    narrowing: tuple[Narrowing, ...] = ()
    validation: Validation = Validation()
    output_checks: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    refusal: bool = False
    final_lane: str | None = None
    latency_ms: Milliseconds | None = None
    cost_usd: Usd | None = None
    resumes: str | None = None
    replanned: Replanned | None = None
    bundle: str | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_not_known(
        self, whole: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        said: dict[str, Any] = whole(self)
        if self.bundle is None and info.mode == "json":
            said.pop("bundle", None)
        return said


class Approval(Model):
    """A step of an approval: of one call of a tool (``subject`` tool; ``arguments_sha256`` says which call) or of a
    whole request that a person has to look at (``subject`` request).

    ``expires_at``: when it is ``expired`` if nobody has said anything, with what ``on_expiry`` says then happening.
    """

    approval_id: Identifier
    decision_id: Identifier
    subject: Literal["tool", "request"] = "tool"
    tool: str = ""
    version: str = ""
    arguments_sha256: str = ""
    state: Literal["requested", "granted", "denied", "expired"]
    queue: str | None = None
    reason: str | None = None
    expires_at: At | None = None
    on_expiry: Literal["deny", "refuse", "static_answer"] = "deny"
    who: str | None = None
    why: str | None = None
    at: At
