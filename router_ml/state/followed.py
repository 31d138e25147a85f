"""Overrides that other processes laid over the rules, as the log tells of them, and how one is laid over here.

Each process of a log follows all that were begun there until they are ended, also after a restart. One may not fit a
router that has other lanes or labels. It then holds in the strictest way that can be meant: lanes that are not here
need no rule, a condition that cannot be judged counts as met, and what cannot be carried out refuses.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from router_ml.config import Policy, RouterConfig
from router_ml.config.changes import added_policies, with_policies
from router_ml.config.rules import LaneSet, Then, When
from router_ml.contract import AuditEvent
from router_ml.errors import ConfigError
from router_ml.guardrails.rules import references

logger = logging.getLogger(__name__)

FOLLOWED = "until_ended"
"""Key in the detail of an override that holds in every process of its log; one without it ended with its process."""

_PAST = timedelta(days=1)  # after it has expired, an override is told of for so long: clocks of decisions differ


class FollowedOverrides:
    """What the log of a process says of overrides; thread safe.

    ``stamp`` changes whenever there is news. ``refresh``: has the log looked into now.
    """

    def __init__(self, refresh: Callable[[], None] = lambda: None) -> None:
        self.refresh = refresh
        self.stamp = 0
        self._active: tuple[AuditEvent, ...] = ()
        self._ended: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def now(self) -> tuple[int, tuple[AuditEvent, ...], frozenset[str]]:
        """The stamp, the overrides that hold or have not expired for long, oldest first, and the ids of those ended."""
        with self._lock:
            return self.stamp, self._active, self._ended

    def take(self, events: Sequence[AuditEvent]) -> None:
        """Take in what the log holds of overrides."""
        over = datetime.now(UTC) - _PAST
        ended = {str(event.detail.get("override")) for event in events if event.kind == "override_ended"}
        with self._lock:
            self._ended = self._ended | ended
            self._active = tuple(
                event
                for event in sorted(events, key=lambda event: (event.at, event.event_id))
                if event.kind == "override"
                and event.detail.get(FOLLOWED) is True
                and event.event_id not in self._ended
                and (event.expires_at is None or event.expires_at > over)
            )
            self.stamp += 1

    def end(self, event_id: str) -> None:
        """One was ended by this process, whatever is still read of it."""
        with self._lock:
            self._ended = self._ended | {event_id}
            self._active = tuple(event for event in self._active if event.event_id != event_id)
            self.stamp += 1


def fitted(config: RouterConfig, event: AuditEvent) -> tuple[Policy, ...]:
    """The policies of an override as they can be laid over a configuration: never fewer limits than they mean."""
    found: list[Policy] = []
    for policy in written(event):
        if policy is not None and (policy in config.policies or _only_elsewhere(config, policy)):
            continue  # it was put into router.yaml since, or is about lanes that are not here
        laid = with_policies(config, found)
        fits = next((one for one in _readings(laid, policy, event) if _valid(laid, one)), None)
        if fits is None:
            logger.error("Override %s cannot be applied here at all: everything is refused.", event.event_id)
            fits = _refusing(event, len(found))
        elif fits != policy:
            logger.error("Override %s does not fit the rules here and holds as narrowly as it can.", event.event_id)
        found.append(fits)
    return tuple(found)


def written(event: AuditEvent) -> tuple[Policy | None, ...]:
    """The policies of an override as whoever laid it said; None for one that cannot be read."""
    said = event.detail.get("policies")
    return tuple(_readable(each) for each in said) if isinstance(said, list) else (None,)


def _only_elsewhere(config: RouterConfig, policy: Policy) -> bool:
    """Whether it does nothing but deny lanes, none of which is here."""
    lanes = policy.then.lanes
    if lanes is None or lanes.allow is not None or policy.then.model_copy(update={"lanes": None}) != Then():
        return False
    return not any(lane in config.lanes for lane in lanes.deny)


def _readings(config: RouterConfig, policy: Policy | None, event: AuditEvent) -> Iterable[Policy]:
    """A policy as it is, then narrower and narrower."""
    if policy is None:
        return
    yield policy
    taken = any(policy.id == one.id for one in config.policies)
    named = policy.model_copy(update={"id": f"{policy.id}-{event.event_id[-6:]}"}) if taken else policy
    yield named
    known = named.model_copy(update={"then": named.then.model_copy(update={"lanes": _lanes(config, named.then.lanes)})})
    yield known
    yield known.model_copy(update={"when": When()})


def _lanes(config: RouterConfig, lanes: LaneSet | None) -> LaneSet | None:
    """The same for the lanes that are here."""
    if lanes is None:
        return None
    allow = tuple(config.lanes) if lanes.allow is None else lanes.allow
    deny = tuple(lane for lane in config.lanes if lane in lanes.deny or lane not in allow)
    return LaneSet(deny=deny)


def _valid(config: RouterConfig, policy: Policy) -> bool:
    try:
        added_policies(config, policy, also=references.issues)
    except ConfigError:
        return False
    return True


def _readable(said: object) -> Policy | None:
    try:
        return Policy.model_validate(said) if isinstance(said, Mapping) else None
    except ValidationError:
        return None


def _refusing(event: AuditEvent, number: int) -> Policy:
    said: dict[str, Any] = {"owner": event.who, "rationale": event.why, "version": "1"}
    then = Then(refuse="A rule that was laid over the others cannot be applied here.")
    return Policy(id=f"override-{event.event_id[-6:]}-{number}", when=When(), then=then, **said)
