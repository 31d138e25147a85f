"""A step of a release changes several aliases and tags, and MLflow changes one at a time. So the whole step is written
down first, then logged, then carried out; whoever comes next finishes what was interrupted.

    claim (a tag of the model with the plan) -> audit event -> tags of versions -> aliases, one by one -> claim removed

What serves follows the alias ``champion``, which moves in one call. A step whose event is in the log has happened and
is finished; one whose event is not has not, and is forgotten once it is old. Only the log that it went to knows which.

MLflow has no lock, so a claim is taken as in Fischer's algorithm (Lamport, "A fast mutual exclusion algorithm", 1987):
written where none is, and read again after longer than it takes from reading to writing.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from router_ml.contract import AuditEvent
from router_ml.errors import LogError, ReleaseError
from router_ml.storage.registry.standing import SALT

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

CLAIM = "release.unfinished"
SETTLE_SECONDS = 0.2  # longer than from one call to the registry to the next
FRESH_SECONDS = 15.0  # from a claim to its event: opening files is before, and a log that is waited for gives up sooner


@dataclass(frozen=True)
class Plan:
    """One step: its event; then tags by version (None: removed); then aliases in the order in which they move. ``log``:
    the identity of the log that has the event; ``claimed_at``: when the step was begun."""

    event: AuditEvent
    tags: Mapping[str, Mapping[str, str | None]]
    aliases: tuple[tuple[str, str | None], ...]
    log: str
    claimed_at: datetime

    def to_json(self) -> str:
        """What ``from_json`` reads."""
        record = {"event": self.event.model_dump(mode="json"), "tags": self.tags, "aliases": self.aliases}
        return json.dumps({**record, "log": self.log, "claimed_at": self.claimed_at.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """A plan as it was written down."""
        record = json.loads(text)
        moves = tuple((alias, version) for alias, version in record["aliases"])
        event, at = AuditEvent.model_validate(record["event"]), datetime.fromisoformat(record["claimed_at"])
        return cls(event, record["tags"], moves, record["log"], at)

    @property
    def named(self) -> str:
        """For a message."""
        return f"A step ({self.event.kind}, version {self.event.detail.get('version')}, by {self.event.who})"


@dataclass(frozen=True)
class Seen:
    """What a step rests on: aliases, and the tags of one version, as they were read before files were fetched."""

    aliases: Mapping[str, str]
    version: str
    tags: Mapping[str, str]


def perform(client: Any, name: str, plan: Plan, log: EventLog, *, seen: Seen) -> None:
    """Take a step.

    Raises:
        ReleaseError: somebody else takes one at this moment, or has taken one since ``seen``. LogError: the event could
            not be written. Nothing has changed then.
    """
    text, busy = plan.to_json(), "Somebody else is taking a step of this release at this moment. Look, then repeat."
    if _claimed(client, name) is not None:
        raise ReleaseError(busy)
    client.set_registered_model_tag(name, CLAIM, text)
    time.sleep(SETTLE_SECONDS)
    if _claimed(client, name) != text:
        raise ReleaseError(busy)
    try:
        _check_unmoved(client, name, seen)
        log.log_audit_event(plan.event)
    except (LogError, ReleaseError):
        client.delete_registered_model_tag(name, CLAIM)
        raise
    _carry_out(client, name, plan)


def recover(client: Any, name: str, log: EventLog) -> AuditEvent | None:
    """Finish the step that was interrupted, if its event is in the log; its event. None where there is nothing to
    finish.

    Raises:
        ReleaseError: it went to another log, or may still be on its way to this one.
    """
    text = _claimed(client, name)
    if text is None:
        return None
    plan = Plan.from_json(text)
    if plan.log != log.identity():
        raise ReleaseError(
            f"{plan.named} was begun with another event log, which alone knows whether it happened. Name that log; if "
            f"it is lost, take the tag {CLAIM} off the model {name} in MLflow, and look at what the aliases name."
        )
    if any(event.event_id == plan.event.event_id for event in log.audit_events(plan.event.at)):
        _carry_out(client, name, plan)
        return plan.event
    age = (datetime.now(UTC) - plan.claimed_at).total_seconds()
    if abs(age) < FRESH_SECONDS:
        raise ReleaseError(
            f"{plan.named} is on its way. Repeat in {FRESH_SECONDS:.0f} seconds: it is done or off then."
        )
    client.delete_registered_model_tag(name, CLAIM)
    return None


def ensure_salt(client: Any, name: str) -> None:
    """Give the model the secret that sessions are drawn with, once."""
    if not client.get_registered_model(name).tags.get(SALT):
        client.set_registered_model_tag(name, SALT, secrets.token_hex(16))


def _claimed(client: Any, name: str) -> str | None:
    found = client.get_registered_model(name).tags.get(CLAIM)
    return None if found is None else str(found)


def _check_unmoved(client: Any, name: str, seen: Seen) -> None:
    aliases = {alias: str(to) for alias, to in client.get_registered_model(name).aliases.items()}
    moved = sorted(alias for alias in {*aliases, *seen.aliases} if aliases.get(alias) != seen.aliases.get(alias))
    if moved:
        told = "; ".join(f"{one} {seen.aliases.get(one, 'none')} -> {aliases.get(one, 'none')}" for one in moved)
        raise ReleaseError(f"Somebody else has taken a step of this release meanwhile ({told}). Look, then repeat.")
    if dict(client.get_model_version(name, seen.version).tags) != dict(seen.tags):
        raise ReleaseError(f"Somebody else has judged or approved {name}/{seen.version} meanwhile. Look, then repeat.")


def _carry_out(client: Any, name: str, plan: Plan) -> None:
    """Every part of it may have been done before; whoever finds the claim gone leaves the rest to who finished it."""
    text = plan.to_json()
    for version, tags in plan.tags.items():
        there = client.get_model_version(name, version).tags
        for key, value in tags.items():
            if value is not None:
                client.set_model_version_tag(name, version, key, value)
            elif key in there:
                client.delete_model_version_tag(name, version, key)
    for alias, moved in plan.aliases:
        model = client.get_registered_model(name)
        if model.tags.get(CLAIM) != text:
            return
        if moved is not None:
            client.set_registered_model_alias(name, alias, moved)
        elif alias in model.aliases:
            client.delete_registered_model_alias(name, alias)
    if _claimed(client, name) == text:
        client.delete_registered_model_tag(name, CLAIM)
