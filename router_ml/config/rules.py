"""The hard rules of ``router.yaml``: on requests (``policies``), on answers (``output_policies``), and the scan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from router_ml.config.section import Section
from router_ml.contract.base import Channel, GuardState, LogLevel, Mode, RiskTier


class When(Section):
    """Conditions of a rule: every key given must hold; a list holds when any of its values does. None: not asked."""

    intent: tuple[str, ...] | None = None
    domain: tuple[str, ...] | None = None
    mode: tuple[Mode, ...] | None = None
    channel: tuple[Channel, ...] | None = None
    org: tuple[str, ...] | None = None
    region: tuple[str, ...] | None = None
    risk: tuple[str, ...] | None = None
    tier: tuple[RiskTier, ...] | None = None
    finding: tuple[str, ...] | None = None
    guard_state: tuple[GuardState, ...] | None = None
    tool: tuple[str, ...] | None = None
    language: tuple[str, ...] | None = None
    write_tool: bool | None = None
    language_validated: bool | None = None


class LaneSet(Section):
    """Lanes to keep (``allow``) or to drop (``deny``)."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


class Then(Section):
    """Effects of a rule. They only narrow. ``log`` is the most that the event log may keep."""

    boundary: str | None = None
    regions: tuple[str, ...] | None = None
    lanes: LaneSet | None = None
    min_grade: int | None = Field(default=None, ge=1, le=3)
    tools: Literal["read_only", "none"] | None = None
    approval: bool = False
    human_review: str | None = None
    refuse: str | None = None
    output_contract: str | None = None
    explore: Literal[False] | None = None
    log: LogLevel | None = None


class Policy(Section):
    """One guardrail rule."""

    id: str
    version: str
    owner: str
    rationale: str
    when: When
    then: Then


class DetectorFile(Section):
    """A detector of one's own: a Python file (relative to the ``router.yaml``) that runs in a process of its own.

    ``deadline_ms``: a call that takes longer leaves the scan incomplete, which counts as a hit.
    """

    path: str
    deadline_ms: float = Field(default=50.0, gt=0.0, le=10_000.0)


class Guardrails(Section):
    """What is scanned, and the tier that each risk, tool, channel, incomplete scan or unknown language brings.

    ``joined_messages``: so many last messages are also read as one text, for values that are split over turns.
    ``packs``: further sets of detectors by name.
    """

    max_bytes: int = Field(default=262_144, gt=0)
    joined_messages: int = Field(default=8, ge=2, le=64)
    packs: tuple[str, ...] = ()
    detectors: tuple[DetectorFile, ...] = ()
    risk_tiers: dict[str, RiskTier] = Field(default_factory=dict)
    channel_tiers: dict[Channel, RiskTier] = Field(default_factory=dict)
    write_tool_tier: RiskTier = "low"
    unknown_tier: RiskTier = "high"
    unvalidated_language_tier: RiskTier = "medium"
    unvalidated_language_min_chars: int = Field(default=40, ge=0)
    abstained_tier: RiskTier = "low"


class OutputWhen(Section):
    """Conditions of a rule on an answer: every key given must hold; a list holds when any of its values does.

    ``risk``, ``finding`` and ``guard_state`` are of the answer; ``request_risk``, ``tier``, ``domain`` and ``channel``
    of the request that it answers. ``request_private``: personal data or secrets were found in that request or its
    session; what could not be scanned is not known to have held any. ``notice_missing``: none of these notices is in
    the answer.
    """

    risk: tuple[str, ...] | None = None
    finding: tuple[str, ...] | None = None
    guard_state: tuple[GuardState, ...] | None = None
    request_risk: tuple[str, ...] | None = None
    request_private: bool | None = None
    tier: tuple[RiskTier, ...] | None = None
    domain: tuple[str, ...] | None = None
    channel: tuple[Channel, ...] | None = None
    notice_missing: tuple[str, ...] | None = None


class OutputThen(Section):
    """Effects of a rule on an answer: withhold it, have a person look first, or add a notice to it."""

    withhold: str | None = None
    human_review: str | None = None
    add_notice: str | None = None


class OutputPolicy(Section):
    """One rule on answers; the same for every lane."""

    id: str
    version: str
    owner: str
    rationale: str
    when: OutputWhen
    then: OutputThen


class Notice(Section):
    """A notice that some answers need; any of ``phrases`` in an answer counts as it, whatever its case."""

    text: str = Field(min_length=1)
    phrases: tuple[str, ...] = Field(min_length=1)
