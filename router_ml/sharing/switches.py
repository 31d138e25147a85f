"""The kill switch: a lane, a provider or a failure domain is off in every router of a log until it is turned on again.

A switch is an audit event, with who and why, that all routers of the log follow within seconds, also after a restart.
It only narrows: what is off is excluded as if it were down, whatever anybody reports of it. Several may be on at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

from router_ml.contract import AuditEvent
from router_ml.contract.audit import SwitchKind
from router_ml.errors import InvalidRequestError, LogError
from router_ml.health import Health, Word
from router_ml.listening import Listener
from router_ml.overrides import audit_event

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

logger = logging.getLogger(__name__)

_KINDS = get_args(SwitchKind)


@dataclass(frozen=True)
class Switch:
    """Places that are off, by one event. ``local``: in this process alone, since the log could not be written."""

    event: AuditEvent
    places: tuple[str, ...]
    local: bool = False

    @property
    def id(self) -> str:
        """That of the event."""
        return self.event.event_id

    @property
    def until(self) -> datetime | None:
        """When the places are on again by themselves."""
        return self.event.expires_at

    def holds(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.until is None or now < self.until

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        said = self.event.model_dump(mode="json", include={"who", "why", "at"})
        until = None if self.until is None else self.until.isoformat()
        return {"id": self.id, "places": list(self.places), "until": until, "local": self.local, **said}


def turn_off(
    log: EventLog,
    places: Sequence[str],
    *,
    who: str,
    why: str,
    until: datetime | None = None,
    known: Collection[str] | None = None,
    now: datetime | None = None,
) -> Switch:
    """Turn places off in every router that follows ``log``.

    Args:
        who, why: for the audit log. until: when they are on again by themselves; None: when they are turned on.
        known: the lanes, providers and failure domains that there are; None: not looked at.

    Raises:
        InvalidRequestError: no place, one that is not known, a time that has passed, or who or why is missing.
        LogError: the event could not be written; nothing is off then.
    """
    event = _off_event(places, who=who, why=why, until=until, known=known, now=now)
    log.log_audit_event(event)
    return Switch(event, _places(event))


def turn_on(log: EventLog, name: str, *, who: str, why: str, now: datetime | None = None) -> AuditEvent:
    """Turn on again all that one switch turned off, by its id, or one place, whoever turned it off.

    Raises:
        InvalidRequestError: nothing of this name is off, or who or why is missing. LogError: as for ``turn_off``.
    """
    now = now or datetime.now(UTC)
    event = _on_event(switched_off(log, now), name, who=who, why=why, now=now)
    log.log_audit_event(event)
    return event


def switched_off(log: EventLog, now: datetime | None = None) -> tuple[Switch, ...]:
    """What is off, oldest first."""
    now = now or datetime.now(UTC)
    return tuple(switch for switch in switches_of(log.changes(_KINDS)) if switch.holds(now))


def switches_of(events: Sequence[AuditEvent]) -> tuple[Switch, ...]:
    """The switches that audit events tell of, oldest first, without what was turned on again."""
    found = tuple(Switch(event, _places(event)) for event in events if event.kind == "place_off")
    for event in events:
        if event.kind == "place_on":
            found = _without(found, event)
    return found


def _without(switches: Sequence[Switch], ended: AuditEvent) -> tuple[Switch, ...]:
    """Switches less the places that an event turned on."""
    said = ended.detail.get("switches")
    on = {name: _listed(places) for name, places in said.items()} if isinstance(said, dict) else {}
    left = [replace(one, places=tuple(p for p in one.places if p not in on.get(one.id, ()))) for one in switches]
    return tuple(one for one in left if one.places)


class Switches:
    """What is off in a process: by its log, and by itself where the log could not be written; thread safe.

    Args:
        health: of its lanes. listener: where it hears of switches.
    """

    def __init__(self, health: Health, listener: Listener) -> None:
        self._health, self._listener = health, listener
        self._of_log: tuple[Switch, ...] = ()
        self._local: tuple[Switch, ...] = ()
        self._ended: tuple[AuditEvent, ...] = ()  # written here: an older look must not turn them off again
        self._lock = threading.Lock()
        listener.tell(self._take, _KINDS)

    def now(self) -> tuple[Switch, ...]:
        """What is off here, as of the last look."""
        now = datetime.now(UTC)
        return tuple(switch for switch in (*self._of_log, *self._local) if switch.holds(now))

    def off(self, places: Sequence[str], *, who: str, why: str, until: datetime | None = None) -> Switch:
        """``turn_off``, here at once. Where the log cannot be written it holds in this process alone, and says so.

        Raises:
            InvalidRequestError: as for ``turn_off``.
        """
        event = _off_event(places, who=who, why=why, until=until, known=self._health.places)
        log = self._listener.log
        switch = Switch(event, _places(event), local=log is None)
        if log is not None:
            try:
                log.log_audit_event(event)
            except LogError as error:
                logger.error("%s is off in this process alone, and until it ends: %s", ", ".join(places), error)
                switch = replace(switch, local=True)
            self._listener.refresh()
        with self._lock:
            if switch.local:
                self._local = (*self._local, switch)
            elif all(switch.id != one.id for one in self._of_log):
                self._of_log = (*self._of_log, switch)
            self._tell()
        return switch

    def on(self, name: str, *, who: str, why: str) -> AuditEvent:
        """``turn_on``, here at once; of what is off in this process alone no event is written.

        Raises:
            InvalidRequestError, LogError: as for ``turn_on``.
        """
        self._listener.refresh()
        now = datetime.now(UTC)
        event = _on_event(self.now(), name, who=who, why=why, now=now)
        said = event.detail["switches"]
        assert isinstance(said, dict)
        log = self._listener.log
        if any(switch.id in said for switch in self._of_log):
            if log is None:
                raise LogError("The event log is away, so nobody could tell who turned this on. Try again.")
            log.log_audit_event(event)
        with self._lock:
            self._of_log = _without(self._of_log, event)
            self._ended = (*self._ended, event)
            self._local = _without(self._local, event)
            self._tell()
        return event

    def _take(self, events: Sequence[AuditEvent]) -> None:
        with self._lock:
            self._of_log = switches_of([*events, *self._ended])
            self._tell()

    def _tell(self) -> None:
        """Have it count. Call with the lock held."""
        now, clock = datetime.now(UTC), self._health.clock()
        off: dict[str, Word] = {}
        for switch in (*self._local, *self._of_log):
            left = None if switch.until is None else (switch.until - now).total_seconds()
            word = Word(f"switched off, {switch.id}", None if left is None else clock + left)
            for place in switch.places:
                off[place] = _longer(off.get(place), word)
        self._health.switch(off)


def _longer(one: Word | None, other: Word) -> Word:
    if one is None or (one.until is not None and (other.until is None or other.until > one.until)):
        return other
    return one


def _off_event(
    places: Sequence[str],
    *,
    who: str,
    why: str,
    until: datetime | None,
    known: Collection[str] | None,
    now: datetime | None = None,
) -> AuditEvent:
    now = now or datetime.now(UTC)
    until = until.replace(tzinfo=UTC) if until is not None and until.tzinfo is None else until
    expected = f" Known: {', '.join(sorted(known))}." if known is not None else ""
    if isinstance(places, str) or not places or not all(isinstance(place, str) and place for place in places):
        raise InvalidRequestError(f"Expected a list of lanes, providers or failure domains to turn off.{expected}")
    if known is not None and (strange := [place for place in places if place not in known]):
        raise InvalidRequestError(
            f"{len(strange)} of {len(places)} places to turn off are no lane, provider or failure domain.{expected}"
        )
    if until is not None and until <= now:
        raise InvalidRequestError("The time until which they are off has passed already. Give a later one, or none.")
    return audit_event("place_off", now, who, why, {"places": list(dict.fromkeys(places))}, until)


def _on_event(off: Sequence[Switch], name: str, *, who: str, why: str, now: datetime) -> AuditEvent:
    """Names each switch and place that it ends, so that no clock has to tell what came first."""
    found = {switch.id: [*switch.places] for switch in off if switch.id == name}
    found = found or {switch.id: [name] for switch in off if name in switch.places}
    if not found:
        known = ", ".join(f"{switch.id} ({', '.join(switch.places)})" for switch in off) or "nothing"
        raise InvalidRequestError(f"No switch and no place of this name is off. Off: {known}.")
    return audit_event("place_on", now, who, why, {"switches": found})


def _places(event: AuditEvent) -> tuple[str, ...]:
    return _listed(event.detail.get("places"))


def _listed(said: object) -> tuple[str, ...]:
    return tuple(map(str, said)) if isinstance(said, list) else ()
