"""What a decision was made from, beside the request: estimates, selection, money, sessions, versions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

from router_ml.contract.base import Identifier, Milliseconds, Model, Probability, Usd


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


class Drilled(Model):
    """A ``drill`` that ran: each session was drawn, with probability ``share``, to do without some lanes. ``inside``:
    whether this one was; ``counts``: whether those lanes counted as down for it, which they do not while anything is
    really down; ``session``: whom it was drawn for, as a keyed hash of this drill alone."""

    drill: Identifier
    share: Probability
    inside: bool
    counts: bool
    session: str


class Degraded(Model):
    """A decision that was made by the rules alone, without encoder, scan and learned parts: ``why``: its ``deadline``
    had passed, or under ``load`` it would have; ``deadline_ms``: what the caller allowed."""

    why: Literal["deadline", "load"]
    deadline_ms: Milliseconds


class State(Model):
    """What a replay needs beside the versions: the learning state that the decision was made in.

    ``budget_left``: USD of the class's daily budget; ``explore_left``: USD that probing lanes may still cost. ``arm``:
    whose bundle decided; ``arm_share``: the probability with which this session was given it, so that the propensities
    of a decision are those given its arm; ``rollout``: the release that the arms were drawn for; ``arm_session``: a
    keyed hash of whom they were drawn for, another one in each release. ``session``: None where the request continues
    none; ``spending``: None where its class has no budget; ``online``: outcomes could move the estimates since the
    bundle was opened, so that the bundle alone does not give them again. ``lane_health``: ``down``, or ``down: drill``
    with its id, by place; ``drill``: None where none ran, and then not in the JSON, so that a process of contract 1.4
    reads what was decided without one. ``degraded``: None, and then not in the JSON either, unless the decision was
    made without looking at the request; nothing was drawn for such a one, so it is in no off-policy estimate.
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
    drill: Drilled | None = None
    degraded: Degraded | None = None

    @model_serializer(mode="wrap")
    def _without_what_never_was(self, whole: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        said: dict[str, Any] = whole(self)
        if info.mode == "json":
            for name in ("drill", "degraded"):
                if getattr(self, name) is None:
                    said.pop(name, None)
        return said


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
