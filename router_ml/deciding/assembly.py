"""From what was found and chosen to the decision that says so. Pure: no clock, no randomness, no log."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from router_ml.allocation.choose import Choice
from router_ml.config import RouterConfig
from router_ml.contract import (
    Circumstances,
    Decoding,
    Estimate,
    Fallback,
    Limits,
    OutputContract,
    Place,
    PolicyFired,
    Retrieval,
    RouteDecision,
    State,
    Versions,
)
from router_ml.contract.base import Action
from router_ml.deciding.terms import Terms
from router_ml.guardrails.policy import Ruling
from router_ml.guardrails.rules.verdict import NO_LANE
from router_ml.planning.guess import NO_GUESS, Advice, Guess
from router_ml.planning.plan import Allowed, Plan, make_plan
from router_ml.planning.rules import Clarification, asked_back, matching
from router_ml.planning.seen import Seen
from router_ml.ruling.case import Case

BUDGET = "budget"
"""The queue of requests that wait for the next day's money."""

DEADLINE = "deadline"
"""Stands among the policies of a decision that was made without looking at the request, since there was no time."""


@dataclass(frozen=True)
class Stamp:
    """What makes a decision this decision: identity, clock, seed, state, versions; what selection was asked for; and
    the organisations that whoever runs this has named: such a name is recorded also where nothing was scanned."""

    decision_id: str
    now: datetime
    seed: int
    state: State
    versions: Versions
    terms: Terms
    organisations: frozenset[str] = frozenset()


def assemble(
    config: RouterConfig,
    case: Case,
    ruling: Ruling,
    choice: Choice | None,
    estimates: Mapping[str, Estimate],
    *,
    learned_lane: str | None,
    stamp: Stamp,
    guess: Guess = NO_GUESS,
) -> RouteDecision:
    """The decision; ``choice`` is None when no lane may be used. ``estimates``: of the eligible lanes and the learned
    one.

    What is missing is asked for only where a lane could have answered: rules and money come first. Such a decision goes
    to no lane whatever the draw, so it has no propensities, as one that goes to a person.
    """
    seen = Seen(case.request, ruling.tools, case.tier, case.facts.risks)
    rules = matching(config, case.situation, seen) if choice is not None else ()
    advice = Advice(rules, guess)
    question = asked_back(config, seen, advice) if choice is not None else None
    choice = None if question is not None else choice
    action, reason, queue = _action(case, ruling, choice, stamp, question=question)
    plan = _without_values(case, _plan(config, case, ruling, choice, advice=advice, asks=question is not None))
    lane = choice.lane if choice else None
    understood = case.understood
    decision = RouteDecision(
        decision_id=stamp.decision_id,
        trace_id=hashlib.sha256(stamp.decision_id.encode()).hexdigest()[:32],
        request_id=_request_id(case),
        created_at=stamp.now,
        action=action,
        question=question.question if question is not None else None,
        missing=question.missing if question is not None else (),
        queue=queue,
        reason=reason,
        route=f"{case.situation.domain}_{case.situation.intent}_{case.tier}",
        traffic_class=case.class_name,
        floor=case.promise.floor,
        quality_per_usd=stamp.terms.rule.quality_per_usd,
        intent=understood.intent_label,
        domain=understood.domain_label,
        mode=understood.mode_label,
        language=understood.language,
        risks=case.risks,
        risk_tier=case.tier,
        findings=case.scanned.findings,
        guard_state=case.scanned.state,
        guard_reasons=case.scanned.reasons,
        circumstances=_circumstances(case, stamp.organisations),
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
        places=_places(config, ruling.eligible),
        log_level=ruling.log,
        learned_lane=learned_lane,
        learned_estimate=estimates.get(learned_lane or "") if learned_lane not in ruling.eligible else None,
        overridden_by=_overridden_by(ruling, learned_lane, lane),
        estimates={name: found for name, found in estimates.items() if name in ruling.eligible},
        propensities=choice.propensities if choice else {},
        propensity=choice.propensities[choice.lane] if choice else None,
        explored=choice.explored if choice else False,
        seed=stamp.seed,
        state=stamp.state,
        policies=_policies(case, ruling, stamp),
        versions=stamp.versions,
    )
    _check_eligible(decision)
    return decision


def _action(
    case: Case, ruling: Ruling, choice: Choice | None, stamp: Stamp, *, question: Clarification | None
) -> tuple[Action, str, str | None]:
    """Action, reason and queue. Rules come first, then whether a lane is left, then the money, then what is missing."""
    if ruling.refuse:
        return "refuse", ruling.refuse, None
    if ruling.human_review:
        by = ", ".join(f.id for f in ruling.fired if f"human_review {ruling.human_review}" in f.effect)
        return "human_review", f"Policy {by} asks for a person ({ruling.human_review}).", ruling.human_review
    if not ruling.eligible:
        return "human_review", "No lane is eligible; the reasons are in excluded.", NO_LANE
    if question is not None:
        what = f" What is missing: {', '.join(question.missing)}." if question.missing else ""
        return "clarify", f"The plan asks back before anything is answered.{what}", None
    if choice is None:
        refused = stamp.terms.at_cap == "refuse"
        return ("refuse", _spent(case, stamp), None) if refused else ("human_review", _spent(case, stamp), BUDGET)
    scanned = f" {'; '.join(case.scanned.reasons)}." if case.scanned.reasons else ""
    return "route", choice.reason + _pacing(case, stamp.terms) + scanned, None


def _spent(case: Case, stamp: Stamp) -> str:
    tomorrow = stamp.now.astimezone(UTC).date() + timedelta(days=1)
    return f"The day's budget of traffic class {case.class_name} is spent. Retry from {tomorrow} 00:00 UTC on."


def _pacing(case: Case, terms: Terms) -> str:
    """What the pacer changed, where it did; at the cap the reason says it already."""
    own, in_force = case.promise.quality_per_usd, terms.rule.quality_per_usd
    if terms.rule.capped or math.isclose(in_force, own, rel_tol=1e-3):
        return ""
    why = "so that the day's budget lasts" if in_force > own else "the most that the floor is certified for"
    return f" A dollar has to buy {in_force:.4g} instead of {own:.4g} quality, {why}."


def _plan(
    config: RouterConfig,
    case: Case,
    ruling: Ruling,
    choice: Choice | None,
    *,
    advice: Advice,
    asks: bool,
) -> Plan:
    if choice is None:
        nothing = Fallback(finally_="human_review")
        retrieval = Retrieval(strategy="clarify") if asks else Retrieval()
        return Plan(Decoding(), Limits(), retrieval, (), OutputContract(name="none"), nothing)
    allowed = Allowed(ruling.tools, ruling.approval, ruling.destinations, ruling.output_contract)
    tokens = case.understood.tokens_in
    return make_plan(config, case.request, case.situation, case.promise, allowed, choice.ranking, tokens, advice)


def _overridden_by(ruling: Ruling, learned_lane: str | None, lane: str | None) -> tuple[str, ...]:
    """The policies that kept the request from the lane learning alone would have taken."""
    if learned_lane is None or lane == learned_lane or (lane and learned_lane in ruling.eligible):
        return ()
    reasons = ruling.excluded.get(learned_lane, ())
    named = [fired.id for fired in ruling.fired if any(reason.startswith(f"policy {fired.id}:") for reason in reasons)]
    stops = [f.id for f in ruling.fired if lane is None and ("refuse" in f.effect or "human_review" in f.effect)]
    return tuple(dict.fromkeys([*named, *stops]))


def _places(config: RouterConfig, lanes: tuple[str, ...]) -> dict[str, Place]:
    """Where lanes stand now."""
    found = {name: config.lanes[name] for name in lanes}
    return {
        name: Place(provider=lane.provider, region=lane.region, boundary=lane.boundary) for name, lane in found.items()
    }


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


def _circumstances(case: Case, organisations: frozenset[str]) -> Circumstances:
    """What rules looked at; of the organisation only where it is a known one, or nothing was found in its name, nor in
    all values of the metadata as one text, which may be a part of it."""
    parts = [finding.part for finding in case.scanned.findings]
    at = next((index for index, key in enumerate(case.request.metadata) if key == "org"), 0)
    in_org = any(part == "metadata" or part.startswith(f"metadata[{at}]") for part in parts)
    named = case.facts.org in organisations or (case.scanned.state != "unknown" and not in_org)
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


def _policies(case: Case, ruling: Ruling, stamp: Stamp) -> tuple[PolicyFired, ...]:
    pin = PolicyFired(
        id="session-pin",
        version="1",
        effect=f"an earlier turn is not known to be clean: counts as {', '.join(sorted(case.pinned))}",
    )
    late = PolicyFired(
        id=DEADLINE,
        version="1",
        effect="not decided in time: counts as not scanned, nothing that was learned is used, explore off",
    )
    own = ((pin,) if case.pinned else ()) + ((late,) if stamp.state.degraded is not None else ())
    return (*own, *ruling.fired)


def _check_eligible(decision: RouteDecision) -> None:
    used = decision.fallback.lanes() | ({decision.lane} if decision.lane else set())
    if not used <= set(decision.eligible):
        raise AssertionError(f"{decision.decision_id} plans lanes that are not eligible.")
