"""What is asked of a lane, and what has to come of it: one line of a JSONL file."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

import regex  # type: ignore[import-untyped]
from pydantic import ConfigDict, Field, JsonValue, model_validator

from router_ml.config.execution import ContractSpec
from router_ml.config.section import Section
from router_ml.contract.base import Channel, Identifier, JsonObject, RiskTier
from router_ml.contract.planned import Decoding
from router_ml.contract.request import Message


class Expect(Section):
    """One check and what it is told. ``check``: its name in the registry; the other keys are the check's own."""

    model_config = ConfigDict(frozen=True, extra="allow")
    check: str

    @property
    def given(self) -> dict[str, Any]:
        """What the check is told."""
        return dict(self.model_extra or {})


class Step(Section):
    """What a tool says in the replay of a trace, to a call that fits.

    ``arguments``: those that the call has to have, others may stand beside them; None fits any call. ``result`` or
    ``error``: what comes back; ``times``: how often this step answers before the next one that fits does, None for
    always.
    """

    tool: str
    arguments: JsonObject | None = None
    result: JsonValue = None
    error: str | None = None
    times: int | None = Field(default=None, ge=1)


class RightCall(Section):
    """A call that a good lane makes. ``arguments``: what each has to be, as a value, as ``{"pattern": REGEX}`` or as
    ``{"any_of": [VALUES]}``; ``optional``: it may be left out; others may not be made unless they are listed.
    ``after``: positions, from 0, of the calls whose results it waits for; without it, in any order or at once."""

    tool: str
    arguments: JsonObject = Field(default_factory=dict)
    optional: bool = False
    after: tuple[int, ...] = ()


class Decided(Section):
    """What the router itself has to decide, for cases that call no lane: ``facts`` or a request, and what is expected
    of the decision, both as in a file of ``router-ml policy test``."""

    facts: JsonObject | None = None
    request: JsonObject | None = None
    expect: JsonObject


class Case(Section):
    """One case.

    ``ask``, or ``messages``: what is asked. ``intent`` and ``domain``: its cell; ``tier``: its risk tier, and both
    together its route. ``group``: cases that stand and fall together (paraphrases, one per lane). ``passages``: ids of
    the passages of the suite that the lane is given, ``sources`` those of them that answer the question; none of them
    where it cannot be answered from what is given. ``tools``, ``script``, ``calls``: tools of the suite that are
    offered, what they say, and the calls that are right. ``reference``: an answer that is right, written by us.
    ``answerable``: whether a good lane answers at all (False: it says that it does not know, or declines).
    ``checks``: of this case, beside those of its suite. ``decided``: no lane is called, the router decides.
    """

    id: Identifier
    intent: str
    domain: str
    tier: RiskTier = "low"
    traffic_class: str | None = None
    channel: Channel = "api"
    region: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    ask: str | None = None
    messages: tuple[Message, ...] = ()
    system: str | None = None
    passages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    answerable: bool = True
    output_contract: ContractSpec | None = None
    tools: tuple[str, ...] = ()
    must_call: bool = False
    script: tuple[Step, ...] = ()
    calls: tuple[RightCall, ...] = ()
    decoding: Decoding = Decoding(temperature=0.0)
    reference: str | None = None
    checks: tuple[Expect, ...] = ()
    decided: Decided | None = None

    @model_validator(mode="after")
    def _asks_once(self) -> Self:
        asked = sum((self.ask is not None, bool(self.messages), self.decided is not None))
        if asked != 1:
            raise ValueError("has to have exactly one of ask, messages and decided")
        if stray := set(self.sources) - set(self.passages):
            raise ValueError(f"names sources that are not among its passages: {', '.join(sorted(stray))}")
        return self

    @model_validator(mode="after")
    def _calls_what_it_offers(self) -> Self:
        called = (*(step.tool for step in self.script), *(right.tool for right in self.calls))
        if stray := sorted({name for name in called if name not in self.tools}):
            raise ValueError(f"has a script or calls of tools that it does not offer: {', '.join(stray)}")
        for place, right in enumerate(self.calls):
            if any(not 0 <= first < len(self.calls) or first == place for first in right.after):
                raise ValueError(f"has call {place} after calls that are not there; they are counted from 0")
            for name, wanted in right.arguments.items():
                try:
                    regex.compile(str(wanted.get("pattern", "")) if isinstance(wanted, dict) else "")
                except regex.error as error:
                    raise ValueError(f"has a pattern of {right.tool}.{name} that is none: {error}") from None
        return self

    @property
    def route(self) -> str:
        """``{domain}_{intent}_{tier}``, as decisions name it."""
        return f"{self.domain}_{self.intent}_{self.tier}"

    @property
    def cell(self) -> tuple[str, str]:
        """Intent and domain."""
        return self.intent, self.domain

    @property
    def cluster(self) -> str:
        """What it stands and falls with."""
        return self.group or self.id

    @property
    def digest(self) -> str:
        """sha256 of all that it says."""
        said = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
