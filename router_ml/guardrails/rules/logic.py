"""What follows from conditions alone: that one rule fires whenever another does, or a request on which some fire.

``implies`` reasons field by field, once for each state of the scan, so its yes holds for every request. ``example``
makes a request up and has ``conditions.fires`` confirm it, so what it returns is one on which all of the rules fire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import JsonValue

from router_ml.config.rules import When
from router_ml.config.schema import RouterConfig
from router_ml.contract.base import TIERS, Channel, GuardState, Mode, RiskTier, highest
from router_ml.guardrails.policy import risk_tier
from router_ml.guardrails.rules.conditions import ELSEWHERE, SCANNED_RISKS, Facts, fires

CHANNELS: tuple[Channel, ...] = get_args(Channel)
STATES: tuple[GuardState, ...] = ("clean", "hit", "unknown")
NEUTRAL = Facts(
    intent="",
    domain="",
    mode="chat",
    channel="api",
    org=None,
    region=None,
    risks=frozenset(),
    tier="low",
    findings=frozenset(),
    guard_state="clean",
    tools=(),
    write_tool=False,
    language_validated=True,
)
_EVERY: dict[str, tuple[str, ...]] = {"mode": get_args(Mode), "channel": CHANNELS}
_SINGLE = ("intent", "domain", "mode", "channel", "org", "region", "language")


def implies(config: RouterConfig, narrow: When, wide: When) -> bool:
    """Whether ``wide`` is sure to fire on every request that ``narrow`` fires on. A no may be for want of a proof."""
    return all(_implied(config, narrow, wide, state) for state in STATES if _possible(config, narrow, state))


def reachable(config: RouterConfig, when: When) -> bool:
    """False where no request can meet a condition: lists that are empty, tiers below what its own risks bring."""
    return any(_possible(config, when, state) for state in STATES)


def _possible(config: RouterConfig, when: When, state: GuardState) -> bool:
    return () not in when.model_dump().values() and _admits(when, state) and bool(_tiers(config, when, state))


def _admits(when: When, state: GuardState) -> bool:
    """Whether a rule may fire in a state; an incomplete scan counts as a hit too."""
    asked = when.guard_state
    return asked is None or state in asked or (state == "unknown" and "hit" in asked)


def _presumes(when: When, state: GuardState) -> bool:
    """Whether an incomplete scan alone meets what a rule asks of risks."""
    return state == "unknown" and when.risk is not None and not SCANNED_RISKS.isdisjoint(when.risk)


def _tiers(config: RouterConfig, when: When, state: GuardState) -> tuple[RiskTier, ...]:
    """The tiers that a request may have on which the rule fires: at least what the rule's own conditions bring."""
    rails = config.guardrails
    channels = when.channel or CHANNELS
    brought = [min((rails.channel_tiers.get(channel, "low") for channel in channels), key=TIERS.index)]
    if when.risk and not _presumes(when, state):
        brought.append(min((rails.risk_tiers.get(risk, "high") for risk in when.risk), key=TIERS.index))
    if when.write_tool:
        brought.append(rails.write_tool_tier)
    if state == "unknown":
        brought.append(rails.unknown_tier)
    least = TIERS.index(highest(*brought))
    return tuple(tier for tier in TIERS[least:] if when.tier is None or tier in when.tier)


def _implied(config: RouterConfig, narrow: When, wide: When, state: GuardState) -> bool:
    if not _possible(config, wide, state):
        return False
    for key in _SINGLE:
        asked, found = _values(wide, key), _values(narrow, key) or _EVERY.get(key)
        if asked is not None and (found is None or not set(found) <= set(asked)):
            return False
    risk = _presumes(wide, state) or _within(narrow, wide, "risk")
    finding = state == "unknown" or _within(narrow, wide, "finding")
    tool = _within(narrow, wide, "tool") or (bool(narrow.write_tool) and set(_writing(config)) <= set(wide.tool or ()))
    flags = all(getattr(wide, key) in (None, getattr(narrow, key)) for key in ("write_tool", "language_validated"))
    tier = wide.tier is None or set(_tiers(config, narrow, state)) <= set(wide.tier)
    return risk and finding and tool and flags and tier


def _within(narrow: When, wide: When, key: str) -> bool:
    asked, found = getattr(wide, key), getattr(narrow, key)
    return asked is None or (found is not None and set(found) <= set(asked))


def _values(when: When, key: str) -> tuple[str, ...] | None:
    asked: tuple[str, ...] | None = getattr(when, key)
    return tuple(name.casefold() for name in asked) if asked is not None and key == "org" else asked


def _writing(config: RouterConfig) -> tuple[str, ...]:
    return tuple(name for name, tool in config.tools.items() if tool.effect == "write")


def example(config: RouterConfig, conditions: Sequence[When]) -> Facts | None:
    """A request on which all of the rules fire, as plain as possible; None if none was found."""
    scanned = any(when.finding or not SCANNED_RISKS.isdisjoint(when.risk or ()) for when in conditions)
    for state in ("hit", "clean", "unknown") if scanned else STATES:
        facts = _made_up(config, conditions, state)
        if facts is not None and all(fires(when, facts) for when in conditions):
            return facts
    return None


def _made_up(config: RouterConfig, conditions: Sequence[When], state: GuardState) -> Facts | None:
    singles = {key: _common(conditions, key) for key in _SINGLE}
    if any(values == () for values in singles.values()):
        return None
    chosen: dict[str, Any] = {key: values[0] for key, values in singles.items() if values is not None}
    by_tier = {
        risk: TIERS.index(config.guardrails.risk_tiers.get(risk, "high")) for c in conditions for risk in c.risk or ()
    }
    risks = {min(c.risk, key=by_tier.__getitem__) for c in conditions if c.risk and not _presumes(c, state)}
    findings = {when.finding[0] for when in conditions if when.finding and state != "unknown"}
    tools = _tools(config, conditions)
    validated = all(when.language_validated is not False for when in conditions)
    facts = replace(
        NEUTRAL,
        **chosen,
        risks=frozenset(risks),
        findings=frozenset(findings),
        guard_state=state,
        tools=tools,
        write_tool=not set(tools).isdisjoint(_writing(config)),
        language_validated=validated,
    )
    return _at_tier(config, conditions, facts)


def _common(conditions: Sequence[When], key: str) -> tuple[str, ...] | None:
    """The values that every condition admits which asks for one; None where none asks."""
    asked = [values for values in (_values(when, key) for when in conditions) if values is not None]
    if not asked:
        return None
    common = tuple(value for value in asked[0] if all(value in other for other in asked))
    return (ELSEWHERE,) if key == "region" and not common and all(asked) else common


def _tools(config: RouterConfig, conditions: Sequence[When]) -> tuple[str, ...]:
    """One tool for each condition on tools, one that only reads where that will do."""
    writing = _writing(config)
    wants = any(when.write_tool for when in conditions)
    named = [next((t for t in w.tool if (t in writing) == wants), w.tool[0]) for w in conditions if w.tool]
    more = writing[:1] if wants and set(named).isdisjoint(writing) else ()
    return tuple(dict.fromkeys([*named, *more]))


def _at_tier(config: RouterConfig, conditions: Sequence[When], facts: Facts) -> Facts | None:
    """The facts with the lowest tier that they can have and that the conditions admit."""
    rails = config.guardrails
    base = risk_tier(
        rails,
        risks=facts.risks,
        guard_state=facts.guard_state,
        language_validated=True,
        language_chars=0,
        abstained=False,
        channel=facts.channel,
        write_tool=facts.write_tool,
    )
    for tier in TIERS[TIERS.index(base) :]:
        if not all(when.tier is None or tier in when.tier for when in conditions):
            continue
        unsure = not facts.language_validated and tier == rails.unvalidated_language_tier
        if tier in (base, rails.abstained_tier) or unsure:
            return replace(facts, tier=tier)
        bringing = next((risk for risk, brought in rails.risk_tiers.items() if brought == tier), None)
        if bringing is not None:
            return replace(facts, tier=tier, risks=facts.risks | {bringing})
    return None


def told(facts: Facts) -> dict[str, JsonValue]:
    """Facts by the names that conditions use, without what is ordinary: as a table of examples may give them."""
    names = {"risks": "risk", "findings": "finding", "tools": "tool"}
    result: dict[str, JsonValue] = {}
    for key, value in vars(facts).items():
        if value != getattr(NEUTRAL, key) and key not in ("write_tool", "tier"):
            result[names.get(key, key)] = sorted(value) if isinstance(value, frozenset | tuple) else value
    return {**result, "tier": facts.tier}
