"""Decisions in words: for a user, an operator or an auditor, and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Literal

from router_ml.contract.missing import missing
from router_ml.errors import InvalidRequestError

if TYPE_CHECKING:
    from router_ml.contract.decision import RouteDecision

Audience = Literal["user", "operator", "auditor"]


def explain(decision: RouteDecision, audience: Audience) -> str:
    """Why this request went where it went; never a value that a guardrail found.

    Raises:
        InvalidRequestError: there is no such audience.
    """
    if audience not in ("user", "operator", "auditor"):
        raise InvalidRequestError(f"Found audience {audience!r}, expected user, operator or auditor.")
    if audience == "user":
        return _for_user(decision)
    lines = [_headline(decision), *_understanding(decision), *_guardrails(decision)]
    lines += [*_terms(decision), *_lanes(decision), *_missing(decision)]
    if audience == "auditor":
        lines += _proof(decision)
    return "\n".join(lines)


def _for_user(decision: RouteDecision) -> str:
    if decision.action == "refuse":
        return f"This request was not answered: {decision.reason}"
    if decision.action == "human_review":
        return f"A person will look at this request first: {decision.reason}"
    if decision.action == "clarify":
        return decision.question or "Please say more about what you need."
    where = " It stays on our own machines because it holds private data." if _kept_inside(decision) else ""
    return f"Your request goes to {decision.model}.{where}"


def _kept_inside(decision: RouteDecision) -> bool:
    """Whether something was found and a rule, not chance, kept the request at home."""
    found = any(finding.hard for finding in decision.findings)
    return found and any("boundary private" in fired.effect for fired in decision.policies)


def _headline(decision: RouteDecision) -> str:
    target = f"lane {decision.lane} ({decision.model})" if decision.lane else f"no lane: {decision.action}"
    return f"{decision.decision_id}: {target}. {decision.reason}"


def _understanding(decision: RouteDecision) -> Iterator[str]:
    parts = []
    for name, label in (("intent", decision.intent), ("domain", decision.domain), ("mode", decision.mode)):
        probability = label.probabilities.get(label.label)
        sure = f" {probability:.2f}" if probability is not None else ""
        parts.append(f"{name} {label.label}{sure}{' (unsure)' if label.abstained else ''}")
    yield f"Understood: {', '.join(parts)}; language {decision.language.code}; risk tier {decision.risk_tier}."
    if decision.risks:
        yield "Risks: " + ", ".join(f"{r.name} {r.probability:.2f} by {r.source}" for r in decision.risks) + "."


def _guardrails(decision: RouteDecision) -> Iterator[str]:
    if decision.guard_state == "unknown":
        yield "The request could not be scanned completely, so it is treated as a hit."
    if decision.findings:
        kinds = [finding.type if finding.hard else f"{finding.type} alone" for finding in decision.findings]
        yield "Found: " + ", ".join(f"{kinds.count(kind)} x {kind}" for kind in sorted(set(kinds))) + "."
    if decision.overridden_by:
        by = ", ".join(decision.overridden_by)
        yield f"Learning alone would have taken {decision.learned_lane}; overridden by {by}."
    for fired in decision.policies:
        yield f"Policy {fired.id} (version {fired.version}): {fired.effect}."


def _terms(decision: RouteDecision) -> Iterator[str]:
    """What else the choice depended on: the arm of a release, the day's money, a lane that may stay, lanes that are
    being learned about."""
    state, selection = decision.state, decision.state.selection
    if state.arm == "shadow":
        yield "Decided by the shadow, beside the champion: nobody acted on it."
    elif state.rollout is not None:
        yield f"Decided by the {state.arm}, which its session was given with p {state.arm_share:.3f}."
    if state.budget_left is not None:
        left = f"${state.budget_left:.4f} of the day's budget was left"
        yield (
            f"Money: {'the budget was spent' if selection.capped else left}; a dollar had to buy "
            f"{decision.quality_per_usd:.4g} quality."
        )
    if selection.incumbent is not None:
        yield f"Incumbent: {selection.incumbent}, unless another lane gains more than {selection.margin:g} in utility."
    if selection.probes:
        yield "Probed: " + ", ".join(f"{lane} with p {share:.3f}" for lane, share in selection.probes.items()) + "."


def _lanes(decision: RouteDecision) -> Iterator[str]:
    for lane, estimate in decision.estimates.items():
        share = decision.propensities.get(lane, 0.0)
        known = f"{estimate.evidence:.0f} outcomes" if estimate.evidence >= 1 else "no evidence"
        mark = "->" if lane == decision.lane else "  "
        yield (
            f"{mark} {lane}: quality {estimate.quality:.2f} [{estimate.quality_low:.2f}, {estimate.quality_high:.2f}] "
            f"({known}), ${estimate.cost_usd:.6f}, {estimate.latency_ms:.0f} ms, drawn with p {share:.3f}"
        )
    for lane, reasons in decision.excluded.items():
        yield f" x {lane}: {'; '.join(reasons)}"


def _missing(decision: RouteDecision) -> Iterator[str]:
    """Which lanes are not known to reach the floor, and what evidence each lacks."""
    cell = f"({decision.intent.label}, {decision.domain.label})"
    for lane in decision.eligible:
        estimate = decision.estimates.get(lane)
        if estimate is None:
            continue
        lacks = missing(estimate.quality_low, estimate.quality_high, decision.floor)
        if lacks is None and estimate.evidence > 0:
            continue
        bound = f"lower bound {estimate.quality_low:.2f} against floor {decision.floor:.2f} of {decision.traffic_class}"
        known = f"{estimate.evidence:.0f} answers" if estimate.evidence >= 1 else "no evidence"
        wants = "any answer" if lacks is None else lacks.words
        yield f"Not known to reach the floor: {lane}: {bound} in {cell}: {known}; missing: {wants}."


def _proof(decision: RouteDecision) -> Iterator[str]:
    """What an auditor checks: each step of the rules, what they looked at, where data may go, and what decided."""
    yield from _steps(decision)
    yield from _circumstances(decision)
    versions = decision.versions
    yield f"Seed {decision.seed}, propensity {decision.propensity}, explored {decision.explored}, state:"
    yield f"  {decision.state.model_dump_json()}"
    yield f"Contract {versions.contract}, bundle {versions.bundle}, registry {versions.registry or 'none'}"
    yield f"Encoder {versions.encoder}, classifier {versions.classifier}"
    yield f"Detectors {versions.detectors}, entities {versions.entities}"
    yield f"Policy {versions.policy_sha256}, config {versions.config_sha256}, prices {versions.prices}"
    for finding in decision.findings:
        soft = "" if finding.hard else ", no risk by itself"
        matched = f", digest {finding.digest}" if finding.digest else ""
        place = f"{finding.part} [{finding.start}:{finding.end}] ({finding.view} view{soft}{matched})"
        yield f"  {finding.type} in {place}"


def _steps(decision: RouteDecision) -> Iterator[str]:
    for step in decision.narrowing:
        gone = [lane for lane in step.before if lane not in step.after]
        took = f"took {', '.join(gone)}" if gone else "took nothing"
        yield f"Rule {step.rule}: {len(step.before)} lanes before, {took}; left {', '.join(step.after) or 'none'}."


def _circumstances(decision: RouteDecision) -> Iterator[str]:
    seen, allowed = decision.circumstances, decision.destinations
    asked = seen.constraints.model_dump(mode="json", exclude_defaults=True)
    yield (
        f"Seen: channel {seen.channel}, org {seen.org or 'none'}, region {seen.region or 'none'}, tools "
        f"{', '.join(seen.tools) or 'none'}, {seen.tokens_in} tokens in, language judged by {seen.language_chars} "
        f"characters, session {'pinned' if seen.pinned else 'not pinned'}, constraints {asked or 'none'}."
    )
    places = (
        f"{kind.replace('_', ' ')} {', '.join(names) or 'none'}" for kind, names in allowed if isinstance(names, tuple)
    )
    yield f"Data may also go to: {'; '.join(places)}."
    yield f"The log may keep: {decision.log_level}."
    for reason in decision.guard_reasons:
        yield f"Not scanned: {reason}."


def to_html(decision: RouteDecision) -> str:
    """A small table for notebooks."""
    rows = "".join(
        f"<tr><td>{f'<b>{escape(lane)}</b>' if lane == decision.lane else escape(lane)}</td><td>{e.quality:.3f} "
        f"[{e.quality_low:.2f}, {e.quality_high:.2f}]</td><td>{e.evidence:.0f}</td><td>{e.cost_usd:.6f}</td>"
        f"<td>{decision.propensities.get(lane, 0.0):.3f}</td></tr>"
        for lane, e in decision.estimates.items()
    )
    excluded = "".join(
        f"<tr><td>{escape(lane)}</td><td colspan=4>{escape('; '.join(reasons))}</td></tr>"
        for lane, reasons in decision.excluded.items()
    )
    head = escape(f"{decision.action}: {decision.lane or 'no lane'} - {decision.reason}")
    return (
        f"<div><b>{head}</b><br>{escape(decision.route)}; tier {decision.risk_tier}<table><tr><th>lane</th>"
        f"<th>quality (90%)</th><th>evidence</th><th>USD</th><th>propensity</th></tr>{rows}{excluded}</table></div>"
    )
