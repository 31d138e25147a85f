"""The shape of ``router.yaml``. Cross-references are checked in ``checks.py``, files are read in ``load.py``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from router_ml.config.cascades import DEFAULT_BOUNDARIES, Cascade, with_filled_lanes
from router_ml.config.execution import ContractSpec, Endpoint, ExecutionRules, Index, Tool
from router_ml.config.planning import ClassWhen, PlanRule, Slot
from router_ml.config.rules import Guardrails, Notice, OutputPolicy, Policy
from router_ml.config.section import Fraction, NotNegative, Positive, Section
from router_ml.contract.base import LogLevel, RiskTier
from router_ml.contract.planned import Decoding


class Taxonomy(Section):
    """The labels policies and classes may name. A bundle's classifier must know them all."""

    intents: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()


class Price(Section):
    """USD per million tokens. There is no default: an unknown price is an error, never zero."""

    input_per_mtok: NotNegative
    output_per_mtok: NotNegative
    cached_input_per_mtok: NotNegative | None = None
    batch_discount: Fraction = 0.0


class Latency(Section):
    """Typical latency: ``base_ms`` to the first token, then ``ms_per_output_token``."""

    base_ms: NotNegative
    ms_per_output_token: NotNegative


class Prior(Section):
    """What is believed of a lane before any outcome: a mean, and how many outcomes that belief is worth."""

    quality: Fraction
    strength: Positive = 4.0


class Probe(Section):
    """Requests that a lane gets so that something is known of it, however it looks: ``share`` of those it may serve,
    until it has answered ``requests`` or they have cost ``max_cost_usd``."""

    requests: int = Field(default=50, ge=1)
    max_cost_usd: Positive = 1.0
    share: Fraction = 0.05


class Lane(Section):
    """One way to serve a request. A new ``version`` is a new arm: what was learned of the old one is discounted, and it
    is probed again. ``cascade``: it is made of other lanes, from which all that is not given here follows."""

    model: str
    version: str = "1"
    provider: str
    failure_domain: str
    region: str
    boundary: str
    price: Price
    latency: Latency
    prior: Prior
    context_window: int = Field(gt=0)
    max_output_tokens: int = Field(gt=0)
    capabilities: tuple[str, ...] = ()
    grade: int = Field(default=1, ge=1, le=3)
    outcomes: str | None = None
    probe: Probe = Probe()
    decoding: Decoding = Decoding()
    endpoint: Endpoint = Endpoint()
    enabled: bool = True
    cascade: Cascade | None = None


class Destination(Section):
    """Any other place that a request's data may go: a reranker, a judge, a sink of traces."""

    region: str | None = None
    boundary: str | None = None


class TraceSink(Destination):
    """A sink of traces. ``endpoint``: its OTLP address over HTTP (``.../v1/traces``); ``headers_env``: the environment
    variable that holds its headers, as ``key=value,key=value``."""

    endpoint: str | None = None
    headers_env: str | None = None


class ClassLimits(Section):
    """Hard limits of each request of a class."""

    max_input_tokens: int | None = Field(default=None, gt=0)
    max_output_tokens: int | None = Field(default=None, gt=0)
    max_tool_calls: int = Field(default=4, ge=0)
    deadline_ms: Positive | None = None
    max_cost_usd: Positive | None = None


class Promise(Section):
    """How the floor is meant: ``mean``, the average quality of the class is at least the floor; ``loss``, it is at most
    ``max_loss`` below that of the best lane. Either may be missed with probability ``delta`` at most."""

    kind: Literal["mean", "loss"] = "mean"
    delta: Fraction = 0.1
    max_loss: Fraction = 0.05


class TrafficClass(Section):
    """A named group of requests with a promise: floor, trade-off, budget, limits.

    ``quality_per_usd`` is lambda's counterpart: what a dollar has to buy. With ``budget_usd_per_day``, a pacer raises
    it where the day's money would not last, inside what is certified for the floor; ``at_cap`` is what happens when the
    money is gone. ``on_log_error``: whether its requests go on where they cannot be logged, where that differs from
    ``logging.on_error``; those of the restricted tier never do. ``batch_prices``: requests of mode batch are sent as
    batches on every channel, so the batch discount of a lane counts for them; on the channel batch it always does.
    """

    when: ClassWhen = ClassWhen()
    floor: Fraction
    promise: Promise = Promise()
    quality_per_usd: NotNegative
    budget_usd_per_day: Positive | None = None
    at_cap: Literal["cheapest", "queue", "refuse"] = "cheapest"
    explore_share: Fraction = 0.1
    on_log_error: Literal["continue", "raise"] | None = None
    limits: ClassLimits = ClassLimits()
    batch_prices: bool = False

    def batched(self, *, channel: str, mode: str) -> bool:
        """Whether the batch discount of a lane counts for a request of the class."""
        return channel == "batch" or (self.batch_prices and mode == "batch")


class Exploration(Section):
    """Inverse-gap weighting (``gamma``) with a floor (``epsilon``); never at the listed tiers."""

    epsilon: Fraction = 0.02
    gamma: Positive = 200.0
    never_at: tuple[RiskTier, ...] = ("high", "restricted")


class Stability(Section):
    """How much utility (quality in 0..1) another lane has to gain: ``margin`` over the usual lane of the request's
    cell, so that a paraphrase keeps its lane; ``session_margin`` over the lane that a session is on."""

    margin: Fraction = 0.0
    session_margin: Fraction = 0.0


class FallbackRule(Section):
    """How many other lanes to try, how often each, and what to do when nothing is left. The first lane gets as many
    attempts, after failures that may pass."""

    lanes: int = Field(default=2, ge=0, le=5)
    attempts: int = Field(default=1, ge=1, le=5)
    backoff_ms: NotNegative = 250
    finally_: Literal["human_review", "error", "static_answer"] = Field(default="error", alias="finally")


class Keep(Section):
    """The most that is kept of requests of one tier, and for how many days (None: for good)."""

    level: LogLevel = "embedding"
    days: int | None = Field(default=None, ge=1)


class Logging(Section):
    """Where decisions go and what of them is kept.

    ``spool``: folder in which records wait for the database, so that writing never blocks; without one, each is written
    before it is answered. ``keep``: by tier; of a private request neither text nor embedding is, whatever it says.
    ``keep_embedding``: false, as earlier releases wrote it, leaves at most features in every tier that ``keep`` does
    not name. ``subject``: key of the metadata that names the person whose data can be erased; only a keyed hash is
    kept. ``attribution_days``: outcomes that come later teach nothing. ``on_error``: whether traffic goes on unlogged,
    where neither database nor spool can be written.
    """

    url: str | None = None
    spool: str | None = None
    keep: dict[RiskTier, Keep] = Field(default_factory=dict)
    keep_embedding: bool = True
    subject: str = "user"
    attribution_days: float = Field(default=30.0, gt=0)
    on_error: Literal["continue", "raise"] = "continue"

    def of(self, tier: RiskTier) -> Keep:
        """What is kept of requests of a tier."""
        return self.keep.get(tier) or Keep(level="embedding" if self.keep_embedding else "features")


class Release(Section):
    """How a challenger becomes champion.

    ``margin``: how much lower quality may be and still count as kept; ``min_effective``: effective rated decisions that
    a verdict needs; ``canary_share`` and ``holdback_share``: of sessions; ``approvals``: how many people have to agree,
    the one who promotes included; ``max_latency_ratio``: of the challenger's decision time to the champion's.
    """

    margin: float = Field(default=0.01, ge=0, le=1)
    min_effective: float = Field(default=500.0, ge=2)
    canary_share: float = Field(default=0.1, gt=0, lt=1)
    holdback_share: float = Field(default=0.0, ge=0, lt=0.5)
    approvals: int = Field(default=1, ge=1, le=5)
    max_latency_ratio: float = Field(default=1.25, gt=0)


class RouterConfig(Section):
    """All of ``router.yaml``."""

    version: Literal[1]
    boundaries: tuple[str, ...] = DEFAULT_BOUNDARIES
    regions: tuple[str, ...] = ()
    taxonomy: Taxonomy = Taxonomy()
    lanes: dict[str, Lane] = Field(min_length=1)
    tools: dict[str, Tool] = Field(default_factory=dict)
    indexes: dict[str, Index] = Field(default_factory=dict)
    rerankers: dict[str, Destination] = Field(default_factory=dict)
    judges: dict[str, Destination] = Field(default_factory=dict)
    trace_sinks: dict[str, TraceSink] = Field(default_factory=dict)
    output_contracts: dict[str, ContractSpec] = Field(default_factory=dict)
    guardrails: Guardrails = Guardrails()
    policies: tuple[Policy, ...] = ()
    notices: dict[str, Notice] = Field(default_factory=dict)
    output_policies: tuple[OutputPolicy, ...] = ()
    traffic_classes: dict[str, TrafficClass] = Field(min_length=1)
    cues: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    slots: dict[str, Slot] = Field(default_factory=dict)
    plan: tuple[PlanRule, ...] = ()
    exploration: Exploration = Exploration()
    stability: Stability = Stability()
    release: Release = Release()
    fallback: FallbackRule = FallbackRule()
    execution: ExecutionRules = ExecutionRules()
    logging: Logging = Logging()

    @model_validator(mode="before")
    @classmethod
    def _fill_cascades(cls, raw: Any) -> Any:
        return with_filled_lanes(raw)
