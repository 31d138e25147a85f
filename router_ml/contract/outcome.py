"""What was learned later."""

from __future__ import annotations

from pydantic import Field

from router_ml.contract.base import (
    At,
    Identifier,
    JsonObject,
    Milliseconds,
    Model,
    Probability,
    Reported,
    RetrievalStrategy,
    Usd,
)
from router_ml.contract.executed import Validation


class OutcomeLabels(Model):
    """What intent, domain and risks turned out to be, where someone looked; and what the plan should have been:
    retrieval strategy, tools that had to be called, name of the output contract, and slots that had to be asked for."""

    intent: str | None = None
    domain: str | None = None
    risks: tuple[str, ...] | None = None
    retrieval: RetrievalStrategy | None = None
    tools: tuple[str, ...] | None = None
    output_contract: str | None = None
    missing: tuple[str, ...] | None = None


class Outcome(Reported):
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
    at: At
