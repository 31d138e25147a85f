"""What else a request gets besides a lane: the readable rules of the plan, what they listen for, and what they ask."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from router_ml.config.section import NotNegative, Section
from router_ml.contract.base import Channel, Mode, RiskTier


class ClassWhen(Section):
    """Which requests belong to a traffic class."""

    intent: tuple[str, ...] | None = None
    domain: tuple[str, ...] | None = None
    mode: tuple[Mode, ...] | None = None
    channel: tuple[Channel, ...] | None = None
    org: tuple[str, ...] | None = None


class PlanWhen(ClassWhen):
    """Which requests a plan rule is for: every condition that is given holds.

    ``says``: one of these cues is in what is asked; ``says_too``: one of these as well; ``says_not``: none of these;
    ``only``: nothing but single words of these. ``has``: one of these slots has been said. ``tool``: policies left one
    of these. ``write_tool``: whether they left one that changes something. ``risk``: one of these was found.
    ``max_words`` and ``min_words`` count what is asked, without a quoted document. ``document``: whether one is quoted
    or attached. ``follow_up``: whether there were earlier turns.
    """

    says: tuple[str, ...] | None = None
    says_too: tuple[str, ...] | None = None
    says_not: tuple[str, ...] | None = None
    only: tuple[str, ...] | None = None
    has: tuple[str, ...] | None = None
    tool: tuple[str, ...] | None = None
    write_tool: bool | None = None
    tier: tuple[RiskTier, ...] | None = None
    risk: tuple[str, ...] | None = None
    min_words: int | None = Field(default=None, ge=1)
    max_words: int | None = Field(default=None, ge=1)
    document: bool | None = None
    follow_up: bool | None = None


class Slot(Section):
    """Something that a request has to say before it can be carried out, and how to ask for it.

    ``patterns``: regular expressions without open ends, of which one is found in any turn where it has been said;
    ``is``: ``document`` where it is a text to work on, ``context`` where any earlier turn or text will do. A key of
    this name in the request's metadata counts as said.
    """

    question: str
    patterns: tuple[str, ...] = ()
    is_: Literal["pattern", "document", "context"] = Field(default="pattern", alias="is")


class ToolPlan(Section):
    """Which of the allowed tools a lane must call, may call, or is not offered. What no rule names may be called."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


class PlanRule(Section):
    """For each field, and each tool, the first rule that matches and sets it decides.

    ``retrieval: clarify`` asks back instead of answering: ``missing`` names slots, and the rule matches where one of
    them has not been said; ``question`` is what is asked, by default the question of the first that is missing. Nothing
    is asked twice. ``require_tools``: the only tool that is left must be called. ``reasoning_effort`` and ``grammar``
    are for lanes that can be held to them (capabilities ``reasoning`` and ``grammar``). ``soft``: what outcomes taught
    comes before it, where that is sure.
    """

    when: PlanWhen = PlanWhen()
    retrieval: Literal["none", "light", "deep", "clarify"] | None = None
    index: str | None = None
    question: str | None = None
    missing: tuple[str, ...] = ()
    output_contract: str | None = None
    tools: ToolPlan | None = None
    require_tools: bool | None = None
    temperature: NotNegative | None = None
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    stop: tuple[str, ...] | None = None
    grammar: str | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    soft: bool = False
