"""The rules in force, and how they change while a router runs: overrides that only narrow, and newer sets of rules.

A decision reads one immutable state once, so it never sees half a change. Each change is written to the event log
before it takes effect, with who and why; what cannot be written does not happen. Every router of the log follows an
override within seconds and after a restart, until it expires or is ended. A newer set of rules is of one process, and
does not survive its restart: put it into ``router.yaml``. A new champion that takes over in a running process
``follow``s the one before.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from router_ml.config import Policy, RouterConfig, config_sha256, policy_sha256
from router_ml.config.changes import added_policies, compare_rules, newer_rules, rules_from, with_policies
from router_ml.contract import AuditEvent, Versions, describe
from router_ml.errors import InvalidRequestError, LogError
from router_ml.guardrails.rules import references
from router_ml.state.followed import FOLLOWED, FollowedOverrides, fitted, written

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


_NOT_YET = -1
"""No stamp of what the log says: it has to be taken in."""


@dataclass(frozen=True)
class InForce:
    """What one decision is made with: ``versions`` name the very rules of ``config``."""

    config: RouterConfig
    versions: Versions

    def changed(self, config: RouterConfig) -> InForce:
        """The same with other rules."""
        digests = {"policy_sha256": policy_sha256(config), "config_sha256": config_sha256(config)}
        return InForce(config, self.versions.model_copy(update=digests))


@dataclass(frozen=True)
class Override:
    """Policies laid over the others by one event (here without its digests), until ``event.expires_at``."""

    event: AuditEvent
    policies: tuple[Policy, ...]

    def holds(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.event.expires_at is None or now < self.event.expires_at

    @property
    def as_written(self) -> bool:
        """Whether it holds as whoever laid it said, and was not fitted to other lanes or labels."""
        return self.policies == written(self.event)


@dataclass(frozen=True)
class Rules:
    """Everything that may be in force, as of one moment. ``replaced``: the rules of the base are newer than those that
    the router was opened with."""

    base: InForce
    overrides: tuple[Override, ...] = ()
    replaced: bool = False
    _combined: dict[tuple[str, ...], InForce] = field(default_factory=dict, compare=False, repr=False)

    @property
    def everything(self) -> RouterConfig:
        """The base with every override, expired or not."""
        return with_policies(self.base.config, [policy for override in self.overrides for policy in override.policies])

    def at(self, now: datetime) -> InForce:
        """What is in force at a time: the base and every override that has not expired by then."""
        active = [override for override in self.overrides if override.holds(now)]
        if not active:
            return self.base
        key = tuple(override.event.event_id for override in active)
        if key not in self._combined:  # hashing takes a millisecond; threads that race here compute the same
            added = [policy for override in active for policy in override.policies]
            self._combined[key] = self.base.changed(with_policies(self.base.config, added))
        return self._combined[key]


class Governed:
    """What a router is besides a chooser: rules in force that can be changed, and never without a trace."""

    def __init__(self, base: InForce, log: EventLog | None) -> None:
        self._log = log
        self._rules = Rules(base)  # replaced as a whole, never changed
        self._followed, self._heeded = FollowedOverrides(), 0
        self._changing = threading.Lock()

    @property
    def log(self) -> EventLog | None:
        """Where changes of the rules are written."""
        return self._log

    @property
    def config(self) -> RouterConfig:
        """The configuration in force, without overrides."""
        return self._rules.base.config

    def override(
        self,
        policies: Policy | Mapping[str, Any] | str | Path,
        *,
        who: str,
        why: str,
        expires_at: datetime | None = None,
        now: datetime | None = None,
    ) -> AuditEvent:
        """Lay policies over those in force, for decisions from now on. They can only narrow what is allowed.

        Args:
            policies: a policy, a mapping of its fields or with the key ``policies``, or the path of such a YAML file.
            who, why: for the audit log.
            expires_at: until when, by the clock of each decision; None: until ``end_override``.
            now: clock of the event; by default the current time.

        Raises:
            ConfigError: a policy is wrong. InvalidRequestError: who or why is missing, or the time has passed.
            LogError: there is no event log, or the event could not be written; nothing has changed then.
        """
        now, expires_at = _zoned(now) or datetime.now(UTC), _zoned(expires_at)
        if expires_at is not None and expires_at <= now:
            raise InvalidRequestError("expires_at has passed already. Give a later time, or none.")
        self._followed.refresh()
        with self._changing:
            rules = self._heed()
            added = added_policies(rules.everything, policies, also=references.issues)
            said = [policy.model_dump(mode="json", exclude_none=True) for policy in added]
            detail = {"policies": said, FOLLOWED: True}
            event = audit_event("override", now, who, why, detail, expires_at)
            return self._take_effect(event, rules.base, (*rules.overrides, Override(event, added)))

    def end_override(self, event_id: str, *, who: str, why: str, now: datetime | None = None) -> AuditEvent:
        """End what ``override`` began, here or in another process of the log; errors as there, InvalidRequestError also
        for an id that is not known."""
        self._followed.refresh()
        with self._changing:
            rules = self._heed()
            left = tuple(override for override in rules.overrides if override.event.event_id != event_id)
            if len(left) == len(rules.overrides):
                known = ", ".join(override.event.event_id for override in rules.overrides) or "none"
                raise InvalidRequestError(f"No override of this router has this id. Known: {known}.")
            event = audit_event("override_ended", _zoned(now) or datetime.now(UTC), who, why, {"override": event_id})
            event = self._take_effect(event, rules.base, left)
            self._followed.end(event_id)
            return event

    def replace_policies(
        self, rules: RouterConfig | str | Path, *, who: str, why: str, now: datetime | None = None
    ) -> AuditEvent:
        """Put a newer set of rules in force: ``policies``, ``guardrails``, ``output_policies``, ``notices``.

        The only way to weaken a rule without a restart; the event lists the ids added, removed and changed. Overrides
        stay. A restart goes back to the ``router.yaml`` that the router is opened with.

        Args:
            rules: a configuration, or a YAML file; sections of rules that it leaves out stay as they are, and any other
                section has to be as it is in force.

        Raises:
            ConfigError, InvalidRequestError, LogError: as for ``override``; nothing has changed then.
        """
        with self._changing:
            before = self._heed()
            config = newer_rules(before.base.config, rules, also=references.issues)
            for override in _laid(before.overrides):
                added_policies(config, {"policies": [policy.model_dump(mode="json") for policy in override.policies]})
            detail = compare_rules(before.base.config, config)
            event = audit_event("policies_replaced", _zoned(now) or datetime.now(UTC), who, why, detail)
            return self._take_effect(event, before.base.changed(config), before.overrides, replaced=True)

    @property
    def rules(self) -> Rules:
        """What may be in force now: to understand a request and decide it under the same rules."""
        if self._heeded == self._followed.stamp:
            return self._rules
        with self._changing:
            return self._heed()

    def _heed(self) -> Rules:
        """Take in what the log says of overrides. Call while nothing else changes."""
        stamp, events, ended = self._followed.now()
        rules = self._rules
        if stamp == self._heeded:
            return rules
        kept = [override for override in rules.overrides if override.event.event_id not in ended]
        known = {override.event.event_id for override in kept}
        for event in events:
            if event.event_id not in known:
                laid = Rules(rules.base, tuple(kept)).everything
                kept.append(Override(undigested(event), fitted(laid, event)))
        self._rules, self._heeded = Rules(rules.base, in_order(kept), rules.replaced), stamp
        return self._rules

    def follow(self, other: Governed) -> None:
        """Put the overrides of another router in force here, and its rules where they have been replaced since it was
        opened. No event is written: that was done when they were changed.

        Raises:
            ConfigError: they do not fit the lanes or labels of this router; nothing has changed then.
        """
        theirs = other.rules
        with self._changing:
            base = self._rules.base
            if theirs.replaced:
                base = base.changed(rules_from(base.config, theirs.base.config, also=references.issues))
            kept: list[Override] = []
            for override in theirs.overrides:
                laid = Rules(base, tuple(kept)).everything
                if override.as_written:
                    policies = [policy.model_dump(mode="json") for policy in override.policies]
                    added_policies(base.config, {"policies": policies}, also=references.issues)
                    kept.append(override)
                else:  # it was narrowed to fit there, and may mean more here
                    kept.append(Override(override.event, fitted(laid, override.event)))
            self._rules, self._heeded = Rules(base, tuple(kept), theirs.replaced), _NOT_YET

    def _take_effect(
        self, event: AuditEvent, base: InForce, overrides: tuple[Override, ...], *, replaced: bool = False
    ) -> AuditEvent:
        """Write the event, then put in force what it is about."""
        if self.log is None:
            raise LogError(
                "Rules are changed only where the change can be audited, and this router has no event log. Open it "
                "with log=, or change router.yaml and restart."
            )
        after = Rules(base, in_order(overrides), replaced or self._rules.replaced)
        digests = {
            "policy_sha256_before": self._rules.at(event.at).versions.policy_sha256,
            "policy_sha256_after": after.at(event.at).versions.policy_sha256,
        }
        event = event.model_copy(update=digests)
        self.log.log_audit_event(event)
        self._rules = after
        return event


def _laid(overrides: Iterable[Override]) -> Iterable[Override]:
    """Those that add anything to the rules here."""
    return (override for override in overrides if override.policies)


def in_order(overrides: Iterable[Override]) -> tuple[Override, ...]:
    """As every process lays them over the rules, so that all of them come to the same digest."""
    return tuple(sorted(overrides, key=lambda override: (override.event.at, override.event.event_id)))


def undigested(event: AuditEvent) -> AuditEvent:
    """An event without its digests, which are those of the process that wrote it."""
    return event.model_copy(update={"policy_sha256_before": "", "policy_sha256_after": ""})


def audit_event(
    kind: str, at: datetime, who: str, why: str, detail: Mapping[str, Any], expires_at: datetime | None = None
) -> AuditEvent:
    """An event without its digests, checked."""
    fields = {"kind": kind, "at": at, "who": who, "why": why, "detail": detail, "expires_at": expires_at}
    digests = {"policy_sha256_before": "", "policy_sha256_after": ""}
    try:
        return AuditEvent.model_validate({"event_id": f"aud_{secrets.token_hex(12)}", **fields, **digests})
    except ValidationError as error:
        raise InvalidRequestError(describe(error, "change of rules")) from None


def _zoned(at: datetime | None) -> datetime | None:
    """A time without a zone counts as UTC."""
    return at.replace(tzinfo=UTC) if isinstance(at, datetime) and at.tzinfo is None else at
