"""What the router answers: one decision, with everything an auditor needs to see why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from router_ml.contract import explanation
from router_ml.contract.base import (
    Action,
    Channel,
    GuardState,
    Identifier,
    LogLevel,
    Model,
    Probability,
    RiskTier,
)
from router_ml.contract.planned import Decoding, Fallback, Limits, PlannedTool, Retrieval
from router_ml.contract.request import Constraints, OutputContract
from router_ml.contract.state import Estimate, State, Versions
from router_ml.contract.understood import Finding, Label, Language, ModeLabel, Risk

if TYPE_CHECKING:
    from router_ml.counterfactual.nearest import Nearest
    from router_ml.counterfactual.what_if import WhatIf


class PolicyFired(Model):
    """A rule that fired and what it did."""

    id: str
    version: str
    effect: str


class Narrowing(Model):
    """One hard rule that took lanes away: the lanes before and after it."""

    rule: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class Destinations(Model):
    """Where data of this request may go besides its lanes."""

    indexes: tuple[str, ...] = ()
    rerankers: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    trace_sinks: tuple[str, ...] = ()


class Place(Model):
    """Where a lane stood when a request was decided: who runs it, in which region, how wide the boundary is."""

    provider: str
    region: str
    boundary: str


class Circumstances(Model):
    """What rules looked at that is nowhere else in the decision, so that other rules can be tried on it later.

    ``org`` and ``region`` as rules read them; ``tools`` are those the caller allowed; ``tokens_in`` is what a lane has
    to hold; ``language_chars`` what the language was judged by; ``missed`` the risks of detectors that did not answer.
    """

    channel: Channel = "api"
    org: str | None = None
    region: str | None = None
    tools: tuple[str, ...] = ()
    constraints: Constraints = Constraints()
    tokens_in: int = 0
    language_chars: int = 0
    pinned: bool = False
    missed: tuple[str, ...] = ()


class RouteDecision(Model):
    """The router's answer to one request.

    ``places``: of each eligible lane, as configured then, since a lane may move later. ``learned_estimate``: of the
    learned lane where rules excluded it, so that a rule has a price.
    """

    decision_id: Identifier
    trace_id: str
    request_id: str | None
    created_at: datetime
    action: Action
    question: str | None = None
    missing: tuple[str, ...] = ()
    queue: str | None = None
    reason: str
    route: str
    traffic_class: str
    floor: Probability
    quality_per_usd: float
    intent: Label
    domain: Label
    mode: ModeLabel
    language: Language
    risks: tuple[Risk, ...]
    risk_tier: RiskTier
    findings: tuple[Finding, ...]
    guard_state: GuardState
    guard_reasons: tuple[str, ...] = ()
    circumstances: Circumstances = Circumstances()
    lane: str | None
    model: str | None
    decoding: Decoding
    limits: Limits
    retrieval: Retrieval
    tools: tuple[PlannedTool, ...]
    output_contract: OutputContract
    fallback: Fallback
    eligible: tuple[str, ...]
    excluded: dict[str, tuple[str, ...]]
    narrowing: tuple[Narrowing, ...] = ()
    destinations: Destinations = Destinations()
    places: dict[str, Place] = Field(default_factory=dict)
    log_level: LogLevel = "embedding"
    learned_lane: str | None
    learned_estimate: Estimate | None = None
    overridden_by: tuple[str, ...]
    estimates: dict[str, Estimate]
    propensities: dict[str, Probability]
    propensity: Probability | None
    explored: bool
    seed: int
    state: State
    policies: tuple[PolicyFired, ...]
    versions: Versions

    def to_json(self) -> str:
        """Stable JSON: the same decision gives the same bytes."""
        return self.model_dump_json()

    def routing(self) -> dict[str, JsonValue]:
        """The compact routing object: what a gateway needs to act, without the proof."""
        return self.model_dump(
            mode="json",
            include={
                "route": True,
                "risk_tier": True,
                "model": True,
                "retrieval": {"index", "top_k", "reranker"},
                "tools": {"__all__": {"name", "required"}},
                "output_contract": {"type", "schema"},
                "fallback": {"on_timeout"},
            },
        )

    def explain(self, audience: explanation.Audience = "operator") -> str:
        """Why, in plain words, for a user, an operator or an auditor."""
        return explanation.explain(self, audience)

    def what_if(
        self,
        *,
        deny: Iterable[str] = (),
        allow: Iterable[str] | None = None,
        floor: float | None = None,
        quality_per_usd: float | None = None,
    ) -> WhatIf:
        """The lane that the same draw would have taken with fewer lanes, another floor or another trade-off.

        From this record alone; what hard rules excluded stays excluded.

        Raises:
            InvalidRequestError: a lane that this decision does not know, or a number out of range.
        """
        from router_ml.counterfactual.what_if import what_if

        return what_if(self, deny=deny, allow=allow, floor=floor, quality_per_usd=quality_per_usd)

    def nearest_changes(self) -> Nearest:
        """The smallest changes that would have moved it elsewhere: of the floor, of what a dollar has to buy, of a
        price, of a rule; from this record alone."""
        from router_ml.counterfactual.nearest import nearest_changes

        return nearest_changes(self)

    def _repr_html_(self) -> str:
        return explanation.to_html(self)
