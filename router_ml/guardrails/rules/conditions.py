"""When a rule fires: the facts of a request, and whether they meet a condition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from router_ml.config.rules import Then, When
from router_ml.contract import RiskTier
from router_ml.contract.base import Channel, GuardState, Mode

SCANNED_RISKS = frozenset({"pii", "secrets", "prompt_injection"})
"""Risks that only a complete scan can rule out."""

ELSEWHERE = "?"
"""The region of a request that names one which is not configured: every rule on regions counts as meant for it."""


@dataclass(frozen=True)
class Facts:
    """All that a rule may look at. ``findings`` are types, ``tools`` what the caller allows; ``region`` may be
    ``ELSEWHERE``, and so may ``org``. ``missed`` are the risks of detectors that gave no answer, ``worst_tier`` what an
    incomplete scan could bring."""

    intent: str
    domain: str
    mode: Mode
    channel: Channel
    org: str | None
    region: str | None
    risks: frozenset[str]
    tier: RiskTier
    findings: frozenset[str]
    guard_state: GuardState
    tools: tuple[str, ...]
    write_tool: bool
    language_validated: bool
    language: str = "und"
    missed: frozenset[str] = frozenset()
    worst_tier: RiskTier | None = None


def fires(when: When, facts: Facts) -> bool:
    """Whether a rule fires: every key of it that is given holds, and a list holds when any of its values does.

    An incomplete scan counts as one that found everything: personal data, secrets, and any type of finding.
    """
    if _holds(when, facts):
        return True
    if facts.guard_state != "unknown":
        return False
    state: GuardState = "hit" if when.guard_state is not None and "hit" in when.guard_state else "unknown"
    findings = facts.findings | frozenset(when.finding or ())
    risks = facts.risks | SCANNED_RISKS | facts.missed
    worst = replace(facts, guard_state=state, risks=risks, findings=findings)
    tiers = {facts.tier, facts.worst_tier or facts.tier}
    return any(_holds(when, replace(worst, tier=tier)) for tier in tiers)


def presumed(when: When, facts: Facts) -> bool:
    """Whether a rule that fires does so only because the scan is incomplete."""
    return not _holds(when, facts)


def _holds(when: When, facts: Facts) -> bool:
    singles = (
        (when.intent, facts.intent),
        (when.domain, facts.domain),
        (when.mode, facts.mode),
        (when.channel, facts.channel),
        (when.org and tuple(org.casefold() for org in when.org), _first(when.org, facts.org)),
        (when.region, when.region[0] if when.region and facts.region == ELSEWHERE else facts.region),
        (when.tier, facts.tier),
        (when.guard_state, facts.guard_state),
        (when.language, facts.language),
    )
    several = ((when.risk, facts.risks), (when.finding, facts.findings), (when.tool, facts.tools))
    flags = ((when.write_tool, facts.write_tool), (when.language_validated, facts.language_validated))
    return (
        all(wanted is None or found in wanted for wanted, found in singles)
        and all(wanted is None or not set(wanted).isdisjoint(found) for wanted, found in several)
        and all(wanted is None or wanted == found for wanted, found in flags)
    )


def _first(orgs: tuple[str, ...] | None, org: str | None) -> str | None:
    """What cannot be read as an organisation is meant by every rule on one."""
    return orgs[0].casefold() if orgs and org == ELSEWHERE else org


def effect(then: Then) -> str:
    """What a rule does, in a few words."""
    return ", ".join(_effects(then)) or "none"


def _effects(then: Then) -> Iterator[str]:
    if then.boundary is not None:
        yield f"boundary {then.boundary}"
    if then.regions is not None:
        yield f"regions {' '.join(then.regions) or 'none'}"
    if then.lanes is not None and then.lanes.allow is not None:
        yield f"lanes only {' '.join(then.lanes.allow) or 'none'}"
    if then.lanes is not None and then.lanes.deny:
        yield f"lanes not {' '.join(then.lanes.deny)}"
    if then.min_grade is not None:
        yield f"min_grade {then.min_grade}"
    if then.tools is not None:
        yield f"tools {then.tools}"
    if then.approval:
        yield "approval"
    if then.human_review is not None:
        yield f"human_review {then.human_review}"
    if then.refuse is not None:
        yield "refuse"
    if then.output_contract is not None:
        yield f"output_contract {then.output_contract}"
    if then.explore is False:
        yield "explore off"
    if then.log is not None:
        yield f"log {then.log}"
