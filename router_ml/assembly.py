"""From what was found and chosen to the decision that says so. Pure: no clock, no randomness, no log."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from router_ml.allocation.choose import Choice
from router_ml.allocation.select import Rule
from router_ml.case import Case
from router_ml.config import RouterConfig
from router_ml.contract import (
    Circumstances,
    Decoding,
    Estimate,
    Fallback,
    Limits,
    OutputContract,
    PolicyFired,
    Retrieval,
    RouteDecision,
    State,
    Versions,
)
from router_ml.contract.base import Action
from router_ml.guardrails.policy import Ruling
from router_ml.plan import Allowed, Plan, make_plan
from router_ml.storage.promises import Promises


@dataclass(frozen=True)
class Stamp:
    """What makes a decision this decision: identity, clock, seed, state, versions."""

    decision_id: str
    now: datetime
    seed: int
    state: State
    versions: Versions


def selection_rule(config: RouterConfig, case: Case, ruling: Ruling, promises: Promises) -> Rule:
    """What selection is asked for: lambda at most what ``promises`` certify, no exploration inside a session, nor where
    tier, policy or caller forbid it."""
    request = case.request
    explore = ruling.explore and request.constraints.explore and request.previous is None
    explore = explore and case.tier not in config.exploration.never_at
    rule = Rule.of(case.promise, config.exploration, explore=explore)
    return replace(rule, quality_per_usd=promises.in_force(case.class_name, case.promise))


def assemble(
    config: RouterConfig,
    case: Case,
    ruling: Ruling,
    choice: Choice | None,
    estimates: Mapping[str, Estimate],
    *,
    learned_lane: str | None,
    stamp: Stamp,
) -> RouteDecision:
    """The decision; ``choice`` is None when no lane may be used."""
    action, reason = _action(case, ruling, choice)
    plan = _without_values(case, _plan(config, case, ruling, choice))
    lane = choice.lane if choice else None
    understood = case.understood
    decision = RouteDecision(
        decision_id=stamp.decision_id,
        trace_id=hashlib.sha256(stamp.decision_id.encode()).hexdigest()[:32],
        request_id=_request_id(case),
        created_at=stamp.now,
        action=action,
        queue=_queue(ruling, action),
        reason=reason,
        route=f"{case.situation.domain}_{case.situation.intent}_{case.tier}",
        traffic_class=case.class_name,
        floor=case.promise.floor,
        quality_per_usd=stamp.state.lambda_,
        intent=understood.intent_label,
        domain=understood.domain_label,
        mode=understood.mode_label,
        language=understood.language,
        risks=case.risks,
        risk_tier=case.tier,
        findings=case.scanned.findings,
        guard_state=case.scanned.state,
        guard_reasons=case.scanned.reasons,
        circumstances=_circumstances(case),
        lane=lane,
        model=config.lanes[lane].model if lane else None,
        decoding=plan.decoding,
        limits=plan.limits,
        retrieval=plan.retrieval,
        tools=plan.tools,
        output_contract=plan.output_contract,
        fallback=plan.fallback,
        eligible=ruling.eligible,
        excluded=ruling.excluded,
        narrowing=ruling.narrowing,
        destinations=ruling.destinations,
        log_level=ruling.log,
        learned_lane=learned_lane,
        overridden_by=_overridden_by(ruling, learned_lane, lane),
        estimates=dict(estimates),
        propensities=choice.propensities if choice else {},
        propensity=choice.propensities[choice.lane] if choice else None,
        explored=choice.explored if choice else False,
        seed=stamp.seed,
        state=stamp.state,
        policies=_policies(case, ruling),
        versions=stamp.versions,
    )
    _check_eligible(decision)
    return decision


def _action(case: Case, ruling: Ruling, choice: Choice | None) -> tuple[Action, str]:
    if ruling.refuse:
        return "refuse", ruling.refuse
    if ruling.human_review:
        by = ", ".join(f.id for f in ruling.fired if f"human_review {ruling.human_review}" in f.effect)
        return "human_review", f"Policy {by} asks for a person ({ruling.human_review})."
    if choice is None:
        return "human_review", "No lane is eligible; the reasons are in excluded."
    scanned = f" {'; '.join(case.scanned.reasons)}." if case.scanned.reasons else ""
    return "route", choice.reason + scanned


def _queue(ruling: Ruling, action: Action) -> str | None:
    if action != "human_review":
        return None
    return ruling.human_review or "no-eligible-lane"


def _plan(config: RouterConfig, case: Case, ruling: Ruling, choice: Choice | None) -> Plan:
    if choice is None:
        nothing = Fallback(finally_="human_review")
        return Plan(Decoding(), Limits(), Retrieval(), (), OutputContract(name="none"), nothing)
    allowed = Allowed(ruling.tools, ruling.approval, ruling.destinations, ruling.output_contract)
    tokens = case.understood.tokens_in
    return make_plan(config, case.request, case.situation, case.promise, allowed, choice.ranking, tokens)


def _overridden_by(ruling: Ruling, learned_lane: str | None, lane: str | None) -> tuple[str, ...]:
    """The policies that kept the request from the lane learning alone would have taken."""
    if learned_lane is None or lane == learned_lane or (lane and learned_lane in ruling.eligible):
        return ()
    reasons = ruling.excluded.get(learned_lane, ())
    named = [fired.id for fired in ruling.fired if any(reason.startswith(f"policy {fired.id}:") for reason in reasons)]
    stops = [f.id for f in ruling.fired if lane is None and ("refuse" in f.effect or "human_review" in f.effect)]
    return tuple(dict.fromkeys([*named, *stops]))


def _without_values(case: Case, plan: Plan) -> Plan:
    """A plan without the caller's own schema where something was found in it: a record holds no values."""
    if not any(finding.part.startswith("output_contract") for finding in case.scanned.findings):
        return plan
    bare = plan.output_contract.model_copy(update={"schema": None})
    return replace(plan, output_contract=bare, decoding=plan.decoding.model_copy(update={"response_format": None}))


def _request_id(case: Case) -> str | None:
    """The caller's id, unless the scan found something in it: a digest without a key could be guessed back."""
    found = any(finding.part == "request_id" for finding in case.scanned.findings)
    return None if found or case.scanned.state == "unknown" else case.request.request_id


def _circumstances(case: Case) -> Circumstances:
    """What rules looked at; of the organisation only where nothing was found in its name."""
    found = {finding.part for finding in case.scanned.findings}
    named = case.scanned.state != "unknown" and not any(part.startswith("metadata") for part in found)
    return Circumstances(
        channel=case.facts.channel,
        org=case.facts.org if named else None,
        region=case.facts.region,
        tools=case.facts.tools,
        constraints=case.request.constraints,
        tokens_in=case.understood.tokens_in,
        language_chars=case.understood.language_characters,
        pinned=bool(case.pinned),
        missed=tuple(sorted(case.facts.missed)),
    )


def _policies(case: Case, ruling: Ruling) -> tuple[PolicyFired, ...]:
    pin = PolicyFired(
        id="session-pin",
        version="1",
        effect=f"an earlier turn is not known to be clean: counts as {', '.join(sorted(case.pinned))}",
    )
    return (pin, *ruling.fired) if case.pinned else ruling.fired


def _check_eligible(decision: RouteDecision) -> None:
    used = decision.fallback.lanes() | ({decision.lane} if decision.lane else set())
    if not used <= set(decision.eligible):
        raise AssertionError(f"{decision.decision_id} plans lanes that are not eligible.")
