"""Why a call gave no answer, and which fallback rule each reason belongs to."""

from __future__ import annotations

from typing import Literal

from router_ml.contract import FailureKind

Rule = Literal["on_timeout", "on_rate_limit", "on_schema_failure", "on_refusal", "on_error"]

RULE_OF: dict[FailureKind, Rule] = {
    "timeout": "on_timeout",
    "rate_limit": "on_rate_limit",
    "schema": "on_schema_failure",
    "truncated": "on_schema_failure",
    "malformed": "on_schema_failure",
    "refusal": "on_refusal",
    "content_filter": "on_refusal",
    "withheld": "on_refusal",
    "server_error": "on_error",
    "authentication": "on_error",
    "connection": "on_error",
    "empty": "on_error",
    "context_overflow": "on_error",
    "tool_loop": "on_error",
    "tool_failure": "on_error",
    "unavailable": "on_error",
    "not_allowed": "on_error",
}
"""What ends a request at once (deadline, cancelled) has no rule; after over_budget, ``fallback.rule_of`` looks for a
cheaper lane."""

OF_THE_PROVIDER: frozenset[FailureKind] = frozenset(
    ("timeout", "rate_limit", "server_error", "authentication", "connection", "malformed", "empty")
)
"""Failures that say something of the health of a lane; a refusal or a broken schema says something of the request."""


class LaneFailure(Exception):  # noqa: N818 - a failure of a lane that the fallback is there for, not an error of ours
    """A call to a lane gave no usable answer. ``detail`` begins with the class or status of the error and never holds
    text of the request; ``retry_after_ms``: how long the provider asks to be left alone; ``partial``: what had been
    streamed; ``of_request``: the provider answered, and would not have this request, or it could not even be
    written."""

    def __init__(
        self,
        kind: FailureKind,
        detail: str = "",
        *,
        retry_after_ms: float | None = None,
        partial: str = "",
        of_request: bool = False,
    ) -> None:
        self.kind = kind
        self.detail = detail
        self.retry_after_ms = retry_after_ms
        self.partial = partial
        self.of_request = of_request
        super().__init__(f"{kind}: {detail}" if detail else kind)
