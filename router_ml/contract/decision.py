"""What the router answers: one decision, with everything an auditor needs to see why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue

from router_ml import explanation
from router_ml.contract.base import (
    Action,
    Channel,
    GuardState,
    Identifier,
    JsonObject,
    LogLevel,
    Milliseconds,
    Mode,
    Model,
    Probability,
    RetrievalStrategy,
    RiskTier,
    Usd,
)
from router_ml.contract.request import Constraints, OutputContract

if TYPE_CHECKING:
    from router_ml.what_if import WhatIf


class Label(Model):
    """A predicted label with its calibrated probabilities; ``abstained`` when the best one is not sure enough."""

    label: str
    probabilities: dict[str, Probability]
    abstained: bool = False


class ModeLabel(Label):
    """chat or batch."""

    label: Mode


class Language(Model):
    """Detected language (ISO 639-1, ``und`` if undetermined) and whether the encoder was validated on it."""

    code: str
    validated: bool


class Risk(Model):
    """A risk that fired, and who says so."""

    name: str
    probability: Probability
    source: Literal["model", "rule"]


class Finding(Model):
    """Something a guardrail detected. Offsets count characters of the named part in the named view; never the value.

    ``hard`` is False for what is recorded but brings no risk by itself, such as a name alone. ``digest`` is a keyed
    HMAC of the value, for matching; None where no key is configured.
    """

    type: str
    part: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    view: str = "raw"
    hard: bool = True
    digest: str | None = None


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


class Decoding(Model):
    """How the lane is to decode."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    response_format: JsonObject | None = None


class Limits(Model):
    """Hard limits of the execution."""

    max_input_tokens: int | None = None
    max_context_tokens: int | None = None
    max_tool_calls: int = 0
    deadline_ms: Milliseconds | None = None
    max_cost_usd: Usd | None = None


class Retrieval(Model):
    """Whether and where to look things up."""

    strategy: RetrievalStrategy = "none"
    index: str | None = None
    top_k: int = 0
    reranker: str | None = None


class PlannedTool(Model):
    """A tool the lane may (or, if required, must) call."""

    name: str
    version: str
    required: bool = False
    approval: bool = False


class Step(Model):
    """One step of a fallback: a lane, how often, and the pause between attempts."""

    lane: str
    attempts: int = Field(default=1, ge=1)
    backoff_ms: Milliseconds = 0


class Fallback(Model):
    """What to do when the lane fails, by kind of failure, and when nothing is left."""

    on_timeout: tuple[Step, ...] = ()
    on_rate_limit: tuple[Step, ...] = ()
    on_schema_failure: tuple[Step, ...] = ()
    on_refusal: tuple[Step, ...] = ()
    on_error: tuple[Step, ...] = ()
    finally_: Literal["human_review", "error", "static_answer"] = Field(default="error", alias="finally")

    def lanes(self) -> frozenset[str]:
        """Every lane that any step names."""
        rules = (self.on_timeout, self.on_rate_limit, self.on_schema_failure, self.on_refusal, self.on_error)
        return frozenset(step.lane for rule in rules for step in rule)


class Estimate(Model):
    """What is believed of one lane for this request; a 90% interval and the effective number of outcomes behind it."""

    quality: Probability
    quality_low: Probability
    quality_high: Probability
    evidence: float = Field(ge=0)
    cost_usd: Usd
    latency_ms: Milliseconds


class Selection(Model):
    """What selection was asked for beside floor and lambda; ``margin``, in utility, is what another lane has to gain
    before ``incumbent`` loses the request; ``probes``: the probability that was given to lanes to learn about them;
    ``capped``: the class's budget was spent."""

    explore_share: float = 0.0
    epsilon: float = 0.0
    gamma: float = 1.0
    margin: float = 0.0
    incumbent: str | None = None
    probes: dict[str, float] = Field(default_factory=dict)
    capped: bool = False


class Session(Model):
    """What an earlier turn brought: its ``lane``, if that is configured; the tokens of the prompt that the lane still
    holds; the ``risks`` that keep the session private."""

    lane: str | None = None
    cached_tokens: int = Field(default=0, ge=0)
    risks: tuple[str, ...] = ()


class Spending(Model):
    """The money of a class with a daily budget: USD spent so far, and the share of each hour of the day in the demand
    that was expected, empty where every hour counts alike."""

    spent_usd: float
    profile: tuple[float, ...] = ()


class State(Model):
    """What a replay needs beside the versions: the learning state that the decision was made in.

    ``budget_left``: USD of the class's daily budget; ``explore_left``: USD that probing lanes may still cost. ``arm``:
    whose bundle decided; ``arm_share``: the probability with which this session was given it, so that the propensities
    of a decision are those given its arm; ``rollout``: the release that the arms were drawn for; ``arm_session``: a
    keyed hash of whom they were drawn for, another one in each release. ``session``: None where the request continues
    none; ``spending``: None where its class has no budget; ``online``: outcomes could move the estimates since the
    bundle was opened, so that the bundle alone does not give them again.
    """

    bandit_step: int = 0
    lambda_: float = Field(default=0.0, alias="lambda")
    budget_left: float | None = None
    explore_left: float | None = None
    lane_health: dict[str, str] = Field(default_factory=dict)
    arm: str = "champion"
    arm_share: Probability = 1.0
    rollout: str | None = None
    arm_session: str | None = None
    selection: Selection = Selection()
    session: Session | None = None
    spending: Spending | None = None
    online: bool = False


class Versions(Model):
    """Exactly what decided; ``lanes`` are the versions of configured lanes that are not "1"; ``platform`` names the
    libraries and the class of CPU that numbers may depend on."""

    contract: str
    bundle: str
    policy_sha256: str
    config_sha256: str
    encoder: str
    classifier: str = "none"
    entities: str = "none"
    detectors: str = "none"
    registry: str | None = None
    prices: str
    lanes: dict[str, str] = Field(default_factory=dict)
    platform: str = "unknown"


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
        from router_ml.what_if import what_if

        return what_if(self, deny=deny, allow=allow, floor=floor, quality_per_usd=quality_per_usd)

    def _repr_html_(self) -> str:
        return explanation.to_html(self)
