"""The kill switch: a lane, a provider or a failure domain is off in every router of a log until it is turned on again.

A switch is an audit event, with who and why, that all routers of the log follow within seconds, also after a restart.
It only narrows: what is off is excluded as if it were down, whatever anybody reports of it. Several may be on at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

from router_ml.contract import AuditEvent
from router_ml.contract.audit import SwitchKind
from router_ml.errors import InvalidRequestError
from router_ml.state.overrides import audit_event

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

KINDS = get_args(SwitchKind)


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
    event = off_event(places, who=who, why=why, until=until, known=known, now=now)
    log.log_audit_event(event)
    return Switch(event, places_off(event))


def turn_on(log: EventLog, name: str, *, who: str, why: str, now: datetime | None = None) -> AuditEvent:
    """Turn on again all that one switch turned off, by its id, or one place, whoever turned it off.

    Raises:
        InvalidRequestError: nothing of this name is off, or who or why is missing. LogError: as for ``turn_off``.
    """
    now = now or datetime.now(UTC)
    event = on_event(switched_off(log, now), name, who=who, why=why, now=now)
    log.log_audit_event(event)
    return event


def switched_off(log: EventLog, now: datetime | None = None) -> tuple[Switch, ...]:
    """What is off, oldest first."""
    now = now or datetime.now(UTC)
    return tuple(switch for switch in switches_of(log.changes(KINDS)) if switch.holds(now))


def switches_of(events: Sequence[AuditEvent]) -> tuple[Switch, ...]:
    """The switches that audit events tell of, oldest first, without what was turned on again."""
    found = tuple(Switch(event, places_off(event)) for event in events if event.kind == "place_off")
    for event in events:
        if event.kind == "place_on":
            found = without(found, event)
    return found


def without(switches: Sequence[Switch], ended: AuditEvent) -> tuple[Switch, ...]:
    """Switches less the places that an event turned on."""
    said = ended.detail.get("switches")
    on = {name: _listed(places) for name, places in said.items()} if isinstance(said, dict) else {}
    left = [replace(one, places=tuple(p for p in one.places if p not in on.get(one.id, ()))) for one in switches]
    return tuple(one for one in left if one.places)


def off_event(
    places: Sequence[str],
    *,
    who: str,
    why: str,
    until: datetime | None,
    known: Collection[str] | None,
    now: datetime | None = None,
) -> AuditEvent:
    """The event that turns places off, checked as ``turn_off`` says."""
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


def on_event(off: Sequence[Switch], name: str, *, who: str, why: str, now: datetime) -> AuditEvent:
    """Names each switch and place that it ends, so that no clock has to tell what came first."""
    found = {switch.id: [*switch.places] for switch in off if switch.id == name}
    found = found or {switch.id: [name] for switch in off if name in switch.places}
    if not found:
        known = ", ".join(f"{switch.id} ({', '.join(switch.places)})" for switch in off) or "nothing"
        raise InvalidRequestError(f"No switch and no place of this name is off. Off: {known}.")
    return audit_event("place_on", now, who, why, {"switches": found})


def places_off(event: AuditEvent) -> tuple[str, ...]:
    """What an event turned off."""
    return _listed(event.detail.get("places"))


def _listed(said: object) -> tuple[str, ...]:
    return tuple(map(str, said)) if isinstance(said, list) else ()
