"""What a decision may still do now: the rules again, with what has appeared and changed since it was made.

Before each call to a lane or a tool. A rule that was added, a lane that went down, personal data in the result of a
tool: each can only take away, never give back.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from router_ml.config import RouterConfig
from router_ml.contract import Destinations, Message, Narrowing, Risk, RiskTier, RouteDecision, RouteRequest, highest
from router_ml.contract.base import GuardState
from router_ml.deciding.answers import PRIVATE_RISKS
from router_ml.guardrails.policy import Ruling, risk_tier, worst_tier
from router_ml.guardrails.rules.apply import apply_rules
from router_ml.guardrails.rules.conditions import Facts
from router_ml.guardrails.scan import Scan
from router_ml.ruling.of_record import facts_of
from router_ml.ruling.of_request import REVIEWED
from router_ml.state.overrides import InForce

Read = tuple[Scan, tuple[Risk, ...]]
"""What guards and model found in some texts; it holds none of their words."""

_QUEUE = re.compile(r"human_review ([^,]+)")
_WORST: tuple[GuardState, ...] = ("clean", "hit", "unknown")
_REMEMBERED = 512
_NOTHING = "-"
ASKED_FOR = frozenset(("state_change", "employment_decision", "harmful"))
"""Risks that only a request can have, as far as the model sees them. It learned them on requests, and takes the status
of an order in the result of a tool, a page on leave or one on phishing for one. What a lane makes of such a text is
checked as an answer; orders that a text gives to the lane are ``prompt_injection``, which counts."""


@dataclass(frozen=True)
class Still:
    """What is left of a decision. ``excluded``: why each of its lanes is gone; ``risks`` and ``tier`` count what has
    appeared since; ``refuse`` and ``human_review`` are what a rule asks for now that did not before; ``foreign_tools``:
    whether no rule limits tools, so that those of the caller, of which nobody knows what they do, may be offered;
    ``words``: whether the log may still keep words of it, where the decision's level lets it."""

    lanes: tuple[str, ...]
    tools: tuple[str, ...]
    approval: bool
    destinations: Destinations
    excluded: dict[str, tuple[str, ...]]
    narrowing: tuple[Narrowing, ...]
    risks: tuple[str, ...]
    tier: RiskTier
    refuse: str | None = None
    human_review: str | None = None
    foreign_tools: bool = True
    words: bool = True


def as_request(added: Sequence[str], definitions: Sequence[str] = ()) -> RouteRequest | None:
    """Texts that have appeared since, in the shape of a request, so that they are read as one is.

    Definitions of tools are read as the operator's words are: for what they hold, not for what they ask. One that says
    "send an email" does not want one sent.
    """
    said = [Message(role="tool", content=text) for text in added if text.strip()]
    defined = [Message(role="system", content=text) for text in definitions if text.strip()]
    if defined and not said:
        said = [Message(role="user", content=_NOTHING)]  # else the last definition would be what is asked
    return RouteRequest(messages=(*defined, *said)) if said else None


class Readings:
    """What was found in texts that have appeared, so that the next hop of the same request does not read them again.

    It is kept by a digest of the texts, for the last few hundred; the texts themselves are not kept. Safe to share.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Read] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, rules: str, added: Sequence[str], read: Callable[[RouteRequest], Read], *, definitions: Sequence[str] = ()
    ) -> Read | None:
        """What is found in some texts under ``rules``, a digest of them; None where nothing has appeared."""
        new = as_request(added, definitions)
        if new is None:
            return None
        digest = hashlib.sha256(f"{rules} {len(definitions)}".encode())
        for text in (*definitions, *added):
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        key = digest.digest()
        with self._lock:
            if (known := self._known.get(key)) is not None:
                self._known.move_to_end(key)
                return known
        found = read(new)
        with self._lock:
            self._known[key] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


def recheck(
    force: InForce,
    decision: RouteDecision,
    *,
    health: Mapping[str, str],
    appeared: Read | None = None,
) -> Still:
    """What is left of a decision under the rules in force.

    Args:
        health: ``down`` by name of a lane, a provider or a failure domain.
        appeared: what was found in the texts that have come in since.
    """
    config = force.config
    facts = facts_of(config, _known(config, decision))
    if appeared is not None:
        facts = _with(config, facts, *appeared)
    seen = _known(config, decision).circumstances
    ruling = apply_rules(config, facts, constraints=seen.constraints, tokens_in=seen.tokens_in, health=health)
    fired = {policy.id for policy in ruling.fired}
    limits_tools = any(policy.id in fired and policy.then.tools is not None for policy in config.policies)
    still = _left(decision, ruling, risks=tuple(sorted(facts.risks)), tier=facts.tier)
    words = facts.guard_state == "clean" and not facts.risks & PRIVATE_RISKS and ruling.log == "text"
    return replace(still, foreign_tools=not limits_tools, words=words)


def _known(config: RouterConfig, decision: RouteDecision) -> RouteDecision:
    """The decision without tools and lanes that have gone from the configuration since, which nobody can use anyway."""
    seen = decision.circumstances
    asked = seen.constraints
    allow = None if asked.allow_lanes is None else tuple(lane for lane in asked.allow_lanes if lane in config.lanes)
    deny = tuple(lane for lane in asked.deny_lanes if lane in config.lanes)
    tools = tuple(name for name in seen.tools if name in config.tools)
    asked = asked.model_copy(update={"allow_lanes": allow, "deny_lanes": deny})
    seen = seen.model_copy(update={"tools": tools, "constraints": asked})
    return decision.model_copy(update={"circumstances": seen})


def _with(config: RouterConfig, facts: Facts, found: Scan, by_model: Sequence[Risk]) -> Facts:
    """Facts with what was found in texts that have come in since; nothing is taken away."""
    read = {risk.name for risk in by_model} - ASKED_FOR
    risks = facts.risks | {risk.name for risk in found.risks} | read
    state = max(facts.guard_state, found.state, key=_WORST.index)
    missed = facts.missed | frozenset(found.missed)
    new = risk_tier(
        config.guardrails,
        risks=risks,
        guard_state=state,
        language_validated=True,
        language_chars=0,
        abstained=False,
    )
    tier = highest(facts.tier, new)
    return replace(
        facts,
        risks=risks,
        guard_state=state,
        findings=facts.findings | {finding.type for finding in found.findings},
        missed=missed,
        tier=tier,
        worst_tier=worst_tier(config.guardrails, tier, missed=missed),
    )


def _left(decision: RouteDecision, ruling: Ruling, *, risks: tuple[str, ...], tier: RiskTier) -> Still:
    lanes = tuple(lane for lane in decision.eligible if lane in ruling.eligible)
    gone = {lane: ruling.excluded.get(lane, ("no longer configured",)) for lane in decision.eligible}
    before = decision.destinations
    kept = {
        kind: tuple(name for name in getattr(before, kind) if name in getattr(ruling.destinations, kind))
        for kind in Destinations.model_fields
    }
    step = () if lanes == decision.eligible else (Narrowing(rule="recheck", before=decision.eligible, after=lanes),)
    return Still(
        lanes=lanes,
        tools=tuple(tool.name for tool in decision.tools if tool.name in ruling.tools),
        approval=ruling.approval,
        destinations=Destinations(**kept),
        excluded={lane: reasons for lane, reasons in gone.items() if lane not in lanes},
        narrowing=step,
        risks=risks,
        tier=tier,
        refuse=ruling.refuse if decision.action == "route" else None,
        human_review=_asks(decision, ruling) if decision.action == "route" else None,
    )


def _asks(decision: RouteDecision, ruling: Ruling) -> str | None:
    """The queue that a rule asks for now; one that a person has let the request through is not asked again."""
    before = {fired.id for fired in decision.policies}
    if REVIEWED not in before:
        return ruling.human_review
    found = (_QUEUE.search(fired.effect) for fired in ruling.fired if fired.id not in before)
    return next((match[1] for match in found if match is not None), None)
