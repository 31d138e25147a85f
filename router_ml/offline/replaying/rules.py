"""Which rules a logged decision was made under: found again from configurations and the audit events of a log.

Several processes may have written one log. Overrides hold in all of them, those of earlier releases in one alone: such
an event belongs to those whose rules had the digest that it names as the one before it. A decision names the digest of
the very rules that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from pydantic import ValidationError

from router_ml.config import Policy
from router_ml.contract import AuditEvent, RouteDecision
from router_ml.state.followed import FOLLOWED, fitted
from router_ml.state.overrides import InForce, Override, Rules, undigested


class KnownRules:
    """Every state that routers can have been in, as far as ``roots`` and ``events`` tell.

    Args:
        roots: configurations that a router was opened with, or changed to. events: of the log, oldest first.
    """

    def __init__(self, roots: Sequence[InForce], events: Iterable[AuditEvent]) -> None:
        self._roots = list(roots)
        self._states: dict[tuple[str, ...], Rules] = {}
        self._found: dict[str, tuple[InForce, InForce]] = {}
        for root in self._roots:
            self._keep(Rules(root))
        told = list(events)
        self._follow(told)
        for _, group in groupby(told, key=lambda event: event.at):
            together = list(group)
            for event in together * len(together):  # at one moment, any may have been the first
                self._apply(event)

    def find(self, decision: RouteDecision) -> tuple[InForce, InForce] | None:
        """What was in force for a decision, and the root that it was laid over; None where no known state has the
        digest of its configuration."""
        digest = decision.versions.config_sha256
        if digest not in self._found:
            for rules in self._states.values():
                force = rules.at(decision.created_at)
                if force.versions.config_sha256 == digest:
                    self._found[digest] = force, rules.base
                    break
        return self._found.get(digest)

    def nearest(self, decision: RouteDecision) -> tuple[InForce, InForce]:
        """Where ``find`` finds nothing: a state with the same rules, if there is one, else the first root."""
        for rules in self._states.values():
            force = rules.at(decision.created_at)
            if force.versions.policy_sha256 == decision.versions.policy_sha256:
                return force, rules.base
        return self._roots[0], self._roots[0]

    def _keep(self, rules: Rules) -> None:
        key = (rules.base.versions.config_sha256, *(override.event.event_id for override in rules.overrides))
        self._states.setdefault(key, rules)

    def _follow(self, events: Sequence[AuditEvent]) -> None:
        """Add the states of a process that followed every override, on each root."""
        held: list[AuditEvent] = []
        for event in sorted(events, key=lambda event: (event.at, event.event_id)):
            if event.kind == "override" and event.detail.get(FOLLOWED) is True:
                held.append(event)
            elif event.kind == "override_ended":
                held = [one for one in held if one.event_id != event.detail.get("override")]
            else:
                continue
            for root in self._roots:
                self._keep(_with_all(root, held))

    def _apply(self, event: AuditEvent) -> None:
        """Add the states that an event led to; those before it stay, since other processes go on in them."""
        for rules in list(self._states.values()):
            if rules.at(event.at).versions.policy_sha256 != event.policy_sha256_before:
                continue
            for after in self._after(rules, event):
                if after.at(event.at).versions.policy_sha256 == event.policy_sha256_after:
                    self._keep(after)

    def _after(self, rules: Rules, event: AuditEvent) -> list[Rules]:
        active = tuple(override for override in rules.overrides if override.holds(event.at))
        if event.kind == "override":
            added = _policies(event)
            return [Rules(rules.base, (*active, Override(event, added)))] if added else []
        if event.kind == "override_ended":
            ended = event.detail.get("override")
            return [Rules(rules.base, tuple(each for each in active if each.event.event_id != ended))]
        if event.kind == "policies_replaced":  # the event has no more than ids, so the newer rules have to be known
            return [Rules(root, active) for root in self._roots]
        return []


def _with_all(root: InForce, events: Sequence[AuditEvent]) -> Rules:
    rules = Rules(root)
    for event in events:
        laid = Override(undigested(event), fitted(rules.everything, event))
        rules = Rules(root, (*rules.overrides, laid))
    return rules


def _policies(event: AuditEvent) -> tuple[Policy, ...]:
    """The policies of an override; none where another release wrote what this one cannot read."""
    found = event.detail.get("policies")
    try:
        return tuple(Policy.model_validate(each) for each in found) if isinstance(found, list) else ()
    except ValidationError:
        return ()
