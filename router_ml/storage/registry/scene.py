"""One look at the registry for one step of a release, and how the step is taken from there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from router_ml.contract import AuditEvent, describe
from router_ml.errors import InvalidRequestError, ReleaseError
from router_ml.storage.registry import journal
from router_ml.storage.registry.consent import Opened, open_version
from router_ml.storage.registry.lookup import Version, find, known
from router_ml.storage.registry.standing import Standing, standing
from router_ml.storage.registry.store import opened

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

STAGE = "stage"
Moves = Mapping[str, str | None]
"""Versions by alias; None: the alias is taken away."""


@dataclass(frozen=True)
class Step:
    """What was done: its event, and the version by alias before and after. ``resumed``: this step, or one that had to
    be finished first, had been interrupted."""

    event: AuditEvent
    before: Mapping[str, str]
    after: Mapping[str, str]
    resumed: AuditEvent | None = None


@dataclass(frozen=True)
class Scene:
    """The registry as it is, after what was interrupted has been finished."""

    client: Any
    store: str
    now: Standing
    log: EventLog
    resumed: AuditEvent | None

    @property
    def name(self) -> str:
        """Of the model."""
        return self.now.name

    @property
    def aliases(self) -> Mapping[str, str]:
        """Version by alias."""
        return self.now.aliases

    def version(self, number: str | int | None = None, *, alias: str | None = None) -> Version:
        """A version by its number or by an alias. ``RegistryError`` where there is none."""
        return find(self.client, self.store, self.name, None if number is None else str(number), alias=alias)

    def versions(self) -> Mapping[str, Version]:
        """All of them, by number."""
        return {found.version: found for found in known(self.client, self.name)}

    def open(self, version: Version) -> Opened:
        """A version by its files."""
        return open_version(version, tracking_uri=self.store)

    def champion(self, why: str) -> Version:
        """What is champion. ``ReleaseError`` where nothing is, with ``why`` it is needed."""
        if "champion" not in self.aliases:
            raise ReleaseError(f"{why}, and {self.name} has none. Promote a version first.")
        return self.version(alias="champion")

    def finished(self, kind: str, version: Version | None = None) -> Step | None:
        """The step that was asked for, where it is the one that had been interrupted and is finished now."""
        done = self.resumed
        if done is None or done.kind != kind:
            return None
        if version is not None and done.detail.get("version") != version.version:
            return None
        return Step(done, self.aliases, self.aliases, done)

    def take(
        self,
        event: AuditEvent,
        version: Version,
        aliases: Moves,
        *,
        stage: str | None = None,
        tags: Mapping[str, Moves] | None = None,
    ) -> Step:
        """Take a step: ``aliases`` move in their order, after ``tags`` by version are written. ``version``: as it was
        when the step was allowed."""
        before = dict(self.aliases)
        after = {alias: to for alias, to in {**before, **aliases}.items() if to is not None}
        about = {"model": self.name, "version": version.version, "bundle": version.bundle, **event.detail}
        event = event.model_copy(update={"detail": {**about, "before": before, "after": after}})
        written: dict[str, dict[str, str | None]] = {version.version: {STAGE: stage}} if stage else {}
        for number, values in (tags or {}).items():
            written[number] = {**written.get(number, {}), **values}
        plan = journal.Plan(event, written, tuple(aliases.items()), self.log.identity(), datetime.now(UTC))
        seen = journal.Seen(before, version.version, version.tags)
        journal.perform(self.client, self.name, plan, self.log, seen=seen)
        return Step(event, before, after, self.resumed)


@contextmanager
def scene(log: EventLog, name: str, tracking_uri: str | None) -> Iterator[Scene]:
    """Look at the registry, and finish what was interrupted.

    Raises:
        RegistryError: it cannot be reached, there is no such model, or what was interrupted cannot be finished here.
        LogError: the log cannot be read.
    """
    with opened(tracking_uri) as (client, store):
        standing(client, store, name)  # says what there is instead, where there is no such model
        resumed = journal.recover(client, name, log)
        journal.ensure_salt(client, name)
        yield Scene(client, store, standing(client, store, name), log, resumed)


def release_event(
    kind: str,
    who: str,
    why: str,
    detail: Mapping[str, Any] | None = None,
    *,
    before: Opened | None = None,
    after: Opened | None = None,
) -> AuditEvent:
    """The event of a step; ``before`` and ``after``: what was in force and what comes into force.

    Raises:
        InvalidRequestError: who or why is missing.
    """
    digests = {
        "policy_sha256_before": before.policy_sha256 if before else "",
        "policy_sha256_after": after.policy_sha256 if after else "",
    }
    fields = {"event_id": f"rel_{secrets.token_hex(12)}", "at": datetime.now(UTC), "kind": kind, "who": who, "why": why}
    try:
        return AuditEvent.model_validate({**fields, "detail": dict(detail or {}), **digests})
    except ValidationError as error:
        raise InvalidRequestError(describe(error, "step of a release")) from None
