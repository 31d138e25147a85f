"""What was found in an answer before it may reach anybody, and what follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from router_ml.contract.base import GuardState, Identifier, Model
from router_ml.contract.decision import PolicyFired
from router_ml.contract.state import Versions
from router_ml.contract.understood import Finding, Risk

OutputAction = Literal["pass", "withhold", "human_review"]


class OutputFinding(Finding):
    """Something a guardrail detected in an answer; ``echoed``: its value stands in the request too, so it is no news to
    whoever asked and brings no risk."""

    echoed: bool = False


class OutputCheck(Model):
    """What may become of one answer. It holds neither the answer nor any value that was found in it.

    ``risks`` and ``guard_state`` leave out what is echoed; ``echoed`` counts it, by type. ``notices``: what to add to
    the answer before it is shown, text by name. ``versions``: the rules, detectors and models that looked.
    """

    check_id: Identifier
    decision_id: Identifier
    at: datetime
    action: OutputAction
    reason: str
    queue: str | None = None
    findings: tuple[OutputFinding, ...] = ()
    echoed: dict[str, int] = Field(default_factory=dict)
    risks: tuple[Risk, ...] = ()
    guard_state: GuardState
    guard_reasons: tuple[str, ...] = ()
    notices: dict[str, str] = Field(default_factory=dict)
    policies: tuple[PolicyFired, ...] = ()
    versions: Versions
