"""What the hard rules of a configuration say on a logged decision, from what its record holds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from router_ml.config import RouterConfig
from router_ml.config.schema import ClassLimits
from router_ml.contract import RouteDecision
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.policy import Ruling, risk_tier, worst_tier
from router_ml.guardrails.rules.apply import apply_limits, apply_rules
from router_ml.guardrails.rules.conditions import ELSEWHERE, Facts
from router_ml.guardrails.rules.limits import smallest
from router_ml.guardrails.rules.verdict import Verdict, invalid, verdict
from router_ml.planning.plan import Situation, matches

_OVER = re.compile(r"(cost|latency) (?:\$?(\d{1,16}(?:\.\d{1,9})?)|without an estimate)")
_NOTHING: Mapping[str, float] = MappingProxyType({})


def facts_of(config: RouterConfig, decision: RouteDecision) -> Facts:
    """What rules may look at, with the tier that this configuration gives it.

    An organisation that was left out of the record for what was found in its name is not known here either.
    """
    seen = decision.circumstances
    risks = frozenset(risk.name for risk in decision.risks)
    write_tool = any(config.tools[name].effect == "write" for name in seen.tools if name in config.tools)
    known = seen.region in (None, ELSEWHERE, *config.regions) or not config.regions
    tier = risk_tier(
        config.guardrails,
        risks=risks,
        guard_state=decision.guard_state,
        language_validated=decision.language.validated,
        language_chars=seen.language_chars,
        abstained=decision.intent.abstained or decision.domain.abstained,
        channel=seen.channel,
        write_tool=write_tool,
    )
    return Facts(
        intent=decision.intent.label,
        domain=decision.domain.label,
        mode=decision.mode.label,
        channel=seen.channel,
        org=seen.org,
        region=seen.region if known else ELSEWHERE,
        risks=risks,
        tier=tier,
        findings=frozenset(finding.type for finding in decision.findings),
        guard_state=decision.guard_state,
        tools=seen.tools,
        write_tool=write_tool,
        language_validated=decision.language.validated,
        language=decision.language.code,
        missed=frozenset(seen.missed),
        worst_tier=worst_tier(config.guardrails, tier, missed=frozenset(seen.missed)),
    )


def rule_again(config: RouterConfig, decision: RouteDecision, facts: Facts | None = None) -> Verdict:
    """What the rules of a configuration say on a logged decision, in a few words: see ``ruling_again``."""
    facts = facts or facts_of(config, decision)
    try:
        return verdict(config, ruling_again(config, decision, facts), facts.tier)
    except InvalidRequestError:
        return invalid(facts.tier)


def ruling_again(config: RouterConfig, decision: RouteDecision, facts: Facts) -> Ruling:
    """The ruling of a configuration on a logged decision.

    The request keeps its traffic class where the configuration has one of that name; else it is in the first that
    matches. A lane without a recorded estimate is within the ceilings that it was within, and above lower ones.

    Args:
        facts: what to look at, as ``facts_of`` has it from the record.

    Raises:
        InvalidRequestError: the request names what the configuration does not have.
    """
    asked, tokens = decision.circumstances.constraints, decision.circumstances.tokens_in
    health = decision.state.lane_health
    ruling = apply_rules(config, facts, constraints=asked, tokens_in=tokens, health=health)
    costs, latencies = recorded(config, decision, facts)
    limits = _limits(config, decision, facts)
    return apply_limits(config, ruling, limits, constraints=asked, tokens_in=tokens, costs=costs, latencies=latencies)


def recorded(
    config: RouterConfig,
    decision: RouteDecision,
    facts: Facts,
    *,
    usual_usd: Mapping[str, float] = _NOTHING,
    usual_ms: Mapping[str, float] = _NOTHING,
) -> tuple[dict[str, float], dict[str, float]]:
    """USD and milliseconds by lane, as far as the record tells: its estimates, and of a lane that was above a ceiling
    by how much. A lane of which nothing is told is as usual, but within the ceiling that it was within."""
    asked, limits = decision.circumstances.constraints, _limits(config, decision, facts)
    cost, deadline = decision.limits.max_cost_usd, decision.limits.deadline_ms
    if decision.lane is None:  # nothing was planned, so no limits are recorded: take those of the class
        cost = smallest(limits.max_cost_usd, asked.max_cost_usd)
        deadline = smallest(limits.deadline_ms, asked.max_latency_ms)
    known = decision.estimates.items()
    usd = {**usual_usd, **{lane: each.cost_usd for lane, each in known}}
    ms = {**usual_ms, **{lane: each.latency_ms for lane, each in known}}
    return _recorded(config, decision, "cost", cost, usd), _recorded(config, decision, "latency", deadline, ms)


def _limits(config: RouterConfig, decision: RouteDecision, facts: Facts) -> ClassLimits:
    classes = config.traffic_classes
    if decision.traffic_class in classes:
        return classes[decision.traffic_class].limits
    situation = Situation(facts.intent, facts.domain, facts.mode, facts.channel, facts.org)
    return next(item.limits for item in classes.values() if matches(item.when, situation))


def _recorded(
    config: RouterConfig, decision: RouteDecision, what: str, ceiling: float | None, numbers: dict[str, float]
) -> dict[str, float]:
    """A number per lane on the right side of the ceiling that was in force, though records are rounded."""
    found = dict(numbers)
    for lane in config.lanes:
        over = [
            match for reason in decision.excluded.get(lane, ()) if (match := _OVER.match(reason)) and match[1] == what
        ]
        if over and over[0][2] is None:
            found.pop(lane, None)
        elif over:
            least = math.nextafter(ceiling, math.inf) if ceiling is not None else 0.0
            found[lane] = max(float(over[0][2]), least)
        elif ceiling is not None:
            found[lane] = min(found.get(lane, ceiling), ceiling)
    return found
