"""Drills as a log has them: begun and ended by audit events, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import JsonValue

from router_ml.contract import AuditEvent, Drilled
from router_ml.errors import InvalidRequestError
from router_ml.state.draws import Shares
from router_ml.state.overrides import audit_event

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

LONGEST = timedelta(days=1)
_INSIDE = "canary"  # the arm of ``draws.Shares`` that sessions of a drill are in


@dataclass(frozen=True)
class Drill:
    """A drill as the log has it. ``places``: lanes, providers or failure domains that count as down; ``end``: when it
    ends, or was ended."""

    event: AuditEvent
    places: tuple[str, ...]
    share: float
    end: datetime

    @property
    def id(self) -> str:
        """That of the event which began it."""
        return self.event.event_id

    def holds(self, at: datetime) -> bool:
        """Whether it runs, by the clock of a decision."""
        return self.event.at <= at < self.end

    def draw(self, log: EventLog, session: str | None) -> Drilled:
        """Whether a session is in, always the same; without a session, by a fresh draw. The key is the log's own, so
        that all who read it agree and nobody else can tell."""
        shares = Shares(self.id, canary=self.share, canary_draw=self.id)
        draw = shares.draw(salt=log.subject_of(f"drill\0{self.id}"), session=session)
        inside = draw.arm == _INSIDE
        return Drilled(drill=self.id, share=self.share, inside=inside, counts=inside, session=draw.session or "")


def begin(
    log: EventLog,
    places: Sequence[str],
    *,
    share: float,
    minutes: float,
    who: str,
    why: str,
    detail: Mapping[str, JsonValue] | None = None,
    now: datetime | None = None,
) -> Drill:
    """Begin a drill in every router that follows ``log``.

    Args:
        places: lanes, providers or failure domains that are to count as down; who starts it has seen to it that they
            exist, and that no request is left without a lane.
        share: of sessions, above 0 and up to 1. minutes: after which it ends by itself, a day at most.
        who, why: for the audit log. detail: what else the event is to hold.

    Raises:
        InvalidRequestError: a number is out of range, who or why is missing, or another drill runs or was begun at the
            same moment; then this one is ended before it held for anybody.
        LogError: the event could not be written; nothing has begun then.
    """
    now = now or datetime.now(UTC)
    if not (0 < share <= 1 and 0 < minutes <= LONGEST / timedelta(minutes=1)) or not places:
        raise InvalidRequestError(
            f"Found a drill of share {share:g} for {minutes:g} minutes, expected a share above 0 and up to 1, and at "
            f"most {LONGEST / timedelta(minutes=1):g} minutes."
        )
    if others := _not_over(log, now):
        raise InvalidRequestError(f"Drill {others[0].id} runs until {others[0].end.isoformat()}. End it first.")
    what: dict[str, JsonValue] = {**(detail or {}), "places": list(places), "share": share}
    event = audit_event("drill", now, who, why, what, now + timedelta(minutes=minutes))
    log.log_audit_event(event)
    # Two may have looked before either wrote. Each of them looks again after it wrote, so at least one sees the other,
    # and whoever does gives way: clocks may differ, so which was first cannot be told.
    if others := tuple(drill for drill in _not_over(log, now) if drill.id != event.event_id):
        log.log_audit_event(audit_event("drill_ended", now, who, "Another was begun too.", {"drill": event.event_id}))
        raise InvalidRequestError(f"Drill {others[0].id} was begun at the same moment. See to it, then try again.")
    return Drill(event, tuple(places), share, now + timedelta(minutes=minutes))


def end(log: EventLog, drill_id: str, *, who: str, why: str, now: datetime | None = None) -> AuditEvent:
    """End a drill before its time.

    Raises:
        InvalidRequestError: no drill of this id is still to end, or who or why is missing. LogError: as for ``begin``.
    """
    now = now or datetime.now(UTC)
    running = [drill.id for drill in _not_over(log, now)]
    if drill_id not in running:
        raise InvalidRequestError(f"No drill {drill_id} runs. Running: {', '.join(running) or 'none'}.")
    event = audit_event("drill_ended", now, who, why, {"drill": drill_id})
    log.log_audit_event(event)
    return event


def drills_of(events: Sequence[AuditEvent]) -> tuple[Drill, ...]:
    """The drills that audit events tell of, oldest first; one that another release wrote and this one cannot read is
    none."""
    ended: dict[str, datetime] = {}
    for event in events:
        if event.kind == "drill_ended":
            ended.setdefault(str(event.detail.get("drill")), event.at)
    found = []
    for event in events:
        places, share = event.detail.get("places"), event.detail.get("share")
        if event.kind != "drill" or not isinstance(places, list) or not isinstance(share, int | float):
            continue
        until = event.expires_at or event.at
        until = min(until, ended.get(event.event_id, until))
        found.append(Drill(event, tuple(map(str, places)), float(share), until))
    return tuple(found)


def running_drill(log: EventLog, now: datetime) -> Drill | None:
    """The drill that runs; of several, the one that began first."""
    found = drills_of(log.drill_events(now - LONGEST))
    return next((drill for drill in found if drill.holds(now)), None)


def _not_over(log: EventLog, now: datetime) -> tuple[Drill, ...]:
    """Drills that run or, by the clock of who began them, are about to."""
    return tuple(drill for drill in drills_of(log.drill_events(now - LONGEST)) if now < drill.end)
