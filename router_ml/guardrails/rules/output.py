"""Hard rules on answers: pass, withhold, or have a person look first. Pure; which lane answered is not asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from router_ml.config.rules import Notice, OutputPolicy, OutputThen, OutputWhen
from router_ml.contract import PolicyFired, RiskTier
from router_ml.contract.base import Channel, GuardState
from router_ml.contract.output import OutputAction
from router_ml.guardrails.rules.conditions import SCANNED_RISKS
from router_ml.guardrails.views import normalize

UNSCANNED = "incomplete-scan"
"""The queue of answers that only an incomplete scan speaks against, where no rule names another."""


@dataclass(frozen=True)
class OutputFacts:
    """All that a rule on answers may look at: of the answer ``risks``, ``findings`` (types), ``guard_state`` and the
    ``notices`` it carries; the rest of the request."""

    risks: frozenset[str]
    findings: frozenset[str]
    guard_state: GuardState
    notices: frozenset[str]
    request_risks: frozenset[str]
    request_private: bool
    tier: RiskTier
    domain: str
    channel: Channel
    missed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OutputRuling:
    """What the rules say of an answer. ``notices``: names of those to add, in the order of the rules."""

    action: OutputAction
    reason: str
    queue: str | None
    notices: tuple[str, ...]
    fired: tuple[PolicyFired, ...]


def rule_output(policies: Sequence[OutputPolicy], facts: OutputFacts) -> OutputRuling:
    """Apply every rule to an answer.

    An incomplete scan counts as one that found everything, as it does for requests. A rule that would withhold for this
    alone asks for a person instead: the answer goes nowhere either way, and somebody can still say that it may. Of
    several rules the first counts, those first that do not fire by presumption; withholding outranks a person, and an
    answer that is withheld needs no notice.
    """
    fired = [(policy, not _holds(policy.when, facts)) for policy in policies if fires(policy.when, facts)]
    withheld = [policy for policy, presumed in fired if policy.then.withhold is not None and not presumed]
    by_finding_first = sorted(fired, key=lambda pair: pair[1])
    asked = [
        (policy, policy.then.human_review) for policy, _ in by_finding_first if policy.then.human_review is not None
    ]
    asked += [(policy, UNSCANNED) for policy, presumed in fired if policy.then.withhold is not None and presumed]
    notices = dict.fromkeys(p.then.add_notice for p, _ in fired if p.then.add_notice is not None)
    action: OutputAction = "withhold" if withheld else "human_review" if asked else "pass"
    queue, reason = None, "No rule speaks against this answer."
    if withheld:
        reason = f"Policy {withheld[0].id}: {withheld[0].then.withhold}"
    elif asked:
        policy, queue = asked[0]
        reason = f"Policy {policy.id} asks for a person ({queue})."
    return OutputRuling(
        action=action,
        reason=reason,
        queue=queue,
        notices=() if withheld else tuple(notices),
        fired=tuple(_fired(policy, presumed) for policy, presumed in fired),
    )


def fires(when: OutputWhen, facts: OutputFacts) -> bool:
    """Whether a rule fires; after an incomplete scan also if it would for anything that a scan may find."""
    if _holds(when, facts):
        return True
    if facts.guard_state != "unknown":
        return False
    state: GuardState = "hit" if when.guard_state is not None and "hit" in when.guard_state else "unknown"
    findings = facts.findings | frozenset(when.finding or ())
    return _holds(
        when, replace(facts, guard_state=state, risks=facts.risks | SCANNED_RISKS | facts.missed, findings=findings)
    )


def _holds(when: OutputWhen, facts: OutputFacts) -> bool:
    singles = (
        (when.guard_state, facts.guard_state),
        (when.tier, facts.tier),
        (when.domain, facts.domain),
        (when.channel, facts.channel),
    )
    several = ((when.risk, facts.risks), (when.finding, facts.findings), (when.request_risk, facts.request_risks))
    return (
        all(wanted is None or found in wanted for wanted, found in singles)
        and all(wanted is None or not set(wanted).isdisjoint(found) for wanted, found in several)
        and (when.request_private is None or when.request_private == facts.request_private)
        and (when.notice_missing is None or facts.notices.isdisjoint(when.notice_missing))
    )


def notices_in(text: str, notices: Mapping[str, Notice]) -> frozenset[str]:
    """Names of the notices that a text carries: any phrase of one counts, whatever its case, spacing and disguise."""
    said = _plain(text)
    return frozenset(
        name for name, notice in notices.items() if any(_plain(phrase) in said for phrase in notice.phrases)
    )


def _plain(text: str) -> str:
    return " ".join(normalize(text).replace("’", "'").casefold().split())


def _fired(policy: OutputPolicy, presumed: bool) -> PolicyFired:
    note = ", since an incomplete scan counts as a hit" if presumed else ""
    return PolicyFired(id=policy.id, version=policy.version, effect=(", ".join(_effects(policy.then)) or "none") + note)


def _effects(then: OutputThen) -> Iterator[str]:
    if then.withhold is not None:
        yield "withhold"
    if then.human_review is not None:
        yield f"human_review {then.human_review}"
    if then.add_notice is not None:
        yield f"add_notice {then.add_notice}"
