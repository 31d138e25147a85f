"""A step of a release changes several aliases and tags, and MLflow changes one at a time. So the whole step is written
down first, then logged, then carried out; whoever comes next finishes what was interrupted.

    claim (a tag of the model with the plan) -> audit event -> tags of versions -> aliases, one by one -> claim removed

What serves follows the alias ``champion``, which moves in one call. A step whose event is in the log has happened and
is finished; one whose event is not has not, and is forgotten.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from router_ml.contract import AuditEvent
from router_ml.errors import LogError, ReleaseError
from router_ml.storage.registry.standing import SALT

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

CLAIM = "release.unfinished"


@dataclass(frozen=True)
class Plan:
    """One step: its event; then tags by version (None: removed); then aliases in the order in which they move."""

    event: AuditEvent
    tags: Mapping[str, Mapping[str, str | None]]
    aliases: tuple[tuple[str, str | None], ...]

    def to_json(self) -> str:
        """What ``from_json`` reads."""
        return json.dumps({"event": self.event.model_dump(mode="json"), "tags": self.tags, "aliases": self.aliases})

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """A plan as it was written down."""
        record = json.loads(text)
        moves = tuple((alias, version) for alias, version in record["aliases"])
        return cls(AuditEvent.model_validate(record["event"]), record["tags"], moves)


def perform(client: Any, name: str, plan: Plan, log: EventLog) -> None:
    """Take a step.

    Raises:
        ReleaseError: somebody else takes one at this moment. LogError: the event could not be written. Nothing has
            changed then.
    """
    client.set_registered_model_tag(name, CLAIM, plan.to_json())
    if _claimed(client, name) != plan.to_json():
        raise ReleaseError("Somebody else is taking a step of this release at this moment. Look at it, then repeat.")
    try:
        log.log_audit_event(plan.event)
    except LogError:
        client.delete_registered_model_tag(name, CLAIM)
        raise
    _carry_out(client, name, plan)


def recover(client: Any, name: str, log: EventLog) -> AuditEvent | None:
    """Finish the step that was interrupted, if its event is in the log; its event. None where there is nothing to
    finish."""
    text = _claimed(client, name)
    if text is None:
        return None
    plan = Plan.from_json(text)
    logged = any(event.event_id == plan.event.event_id for event in log.audit_events(plan.event.at))
    if not logged:
        client.delete_registered_model_tag(name, CLAIM)
        return None
    _carry_out(client, name, plan)
    return plan.event


def ensure_salt(client: Any, name: str) -> None:
    """Give the model the secret that sessions are drawn with, once."""
    if not client.get_registered_model(name).tags.get(SALT):
        client.set_registered_model_tag(name, SALT, secrets.token_hex(16))


def _claimed(client: Any, name: str) -> str | None:
    found = client.get_registered_model(name).tags.get(CLAIM)
    return None if found is None else str(found)


def _carry_out(client: Any, name: str, plan: Plan) -> None:
    """Every part of it may have been done before."""
    for version, tags in plan.tags.items():
        there = client.get_model_version(name, version).tags
        for key, value in tags.items():
            if value is not None:
                client.set_model_version_tag(name, version, key, value)
            elif key in there:
                client.delete_model_version_tag(name, version, key)
    for alias, moved in plan.aliases:
        if moved is not None:
            client.set_registered_model_alias(name, alias, moved)
        elif alias in client.get_registered_model(name).aliases:
            client.delete_registered_model_alias(name, alias)
    client.delete_registered_model_tag(name, CLAIM)
