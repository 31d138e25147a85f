"""Drills: for a share of the sessions of running routers a vendor counts as down, so that one knows before it is.

A drill is an audit event, which every router that reads the same log follows within seconds. It narrows only: lanes are
taken away as if they had been reported down, and nothing else changes. It ends by itself. Sessions are drawn by the
same keyed hash as the arms of a rollout, so one stays in or out in every process and no caller can choose; each
decision records which it was. While anything is really down, nothing counts as down for a drill.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import JsonValue

from router_ml.contract import AuditEvent, Drilled, RouteDecision, RouteRequest, State
from router_ml.draws import Shares, session_name
from router_ml.errors import InvalidRequestError, LogError
from router_ml.overrides import audit_event
from router_ml.sessions import Lookups

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

logger = logging.getLogger(__name__)

LONGEST = timedelta(days=1)
POLL_SECONDS = 2.0
_SIZE = 10_000
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
        InvalidRequestError: a number is out of range, who or why is missing, or another drill runs.
        LogError: the event could not be written; nothing has begun then.
    """
    now = now or datetime.now(UTC)
    if not (0 < share <= 1 and 0 < minutes <= LONGEST / timedelta(minutes=1)) or not places:
        raise InvalidRequestError(
            f"Found a drill of share {share:g} for {minutes:g} minutes, expected a share above 0 and up to 1, and at "
            f"most {LONGEST / timedelta(minutes=1):g} minutes."
        )
    if (running := running_drill(log, now)) is not None:
        raise InvalidRequestError(f"Drill {running.id} runs until {running.end.isoformat()}. End it first.")
    what: dict[str, JsonValue] = {**(detail or {}), "places": list(places), "share": share}
    event = audit_event("drill", now, who, why, what, now + timedelta(minutes=minutes))
    log.log_audit_event(event)
    return Drill(event, tuple(places), share, now + timedelta(minutes=minutes))


def end(log: EventLog, drill_id: str, *, who: str, why: str, now: datetime | None = None) -> AuditEvent:
    """End a drill before its time.

    Raises:
        InvalidRequestError: no drill that runs has this id, or who or why is missing. LogError: as for ``begin``.
    """
    now = now or datetime.now(UTC)
    running = running_drill(log, now)
    if running is None or running.id != drill_id:
        raise InvalidRequestError(f"No drill {drill_id} runs. Running: {running.id if running else 'none'}.")
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
    found = drills_of(log.audit_events(now - LONGEST))
    return next((drill for drill in found if drill.holds(now)), None)


class Drills:
    """The drills that a process follows; thread safe. A decision never waits for the log: once the last look is
    ``poll_seconds`` old, a thread looks again beside it.

    Args:
        log: the event log, None as long as there is none. lookups: how earlier decisions are found.
    """

    def __init__(
        self, log: Callable[[], EventLog | None], lookups: Lookups, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._log, self._lookups, self._poll = log, lookups, poll_seconds
        self._known: tuple[Drill, ...] = ()
        self._draws: OrderedDict[str, Drilled] = OrderedDict()
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._look_at = 0.0
        self.refresh()

    def refresh(self) -> None:
        """Look into the log now; what cannot be read changes nothing."""
        self._look_at = time.monotonic() + self._poll
        log = self._log()
        if log is None:
            return
        try:
            self._known = drills_of(log.audit_events(datetime.now(UTC) - LONGEST))
        except LogError as error:
            logger.warning("Drills cannot be followed; it is tried again: %s", error)

    def under(
        self, health: Mapping[str, str], request: RouteRequest, *, now: datetime, subject: str
    ) -> tuple[Mapping[str, str], Drilled | None]:
        """What counts as down for a request, and the drill that it was drawn in, if one runs.

        Args:
            health: what is really down. subject: key of the metadata that names a person.
        """
        if time.monotonic() >= self._look_at:
            self._look_beside()
        drill = next((one for one in self._known if one.holds(now)), None)
        log = None if drill is None else self._log()
        if drill is None or log is None:
            return health, None
        try:
            drilled = self._earlier(drill, request, subject, log) or drill.draw(
                log, session_name(request, subject=subject)
            )
        except LogError as error:
            logger.warning("A drill takes no part in a decision: %s", error)
            return health, None
        drilled = drilled.model_copy(update={"counts": drilled.inside and not health})
        return (_down(drill) if drilled.counts else health), drilled

    def remember(self, decision: RouteDecision) -> None:
        """Keep what a decision was drawn, for the next turn of its session."""
        if decision.state.drill is None:
            return
        with self._lock:
            self._draws[decision.decision_id] = decision.state.drill
            while len(self._draws) > _SIZE:
                self._draws.popitem(last=False)

    def _earlier(self, drill: Drill, request: RouteRequest, subject: str, log: EventLog) -> Drilled | None:
        """What the previous turn of a session without a name was drawn in this drill."""
        if request.previous is None or session_name(request, subject=subject) is not None:
            return None
        before = request.previous.decision_id
        drilled = self._draws.get(before)
        if drilled is None:
            decision = self._lookups.decision(before, log)
            drilled = None if decision is None else decision.state.drill
        return drilled if drilled is not None and drilled.drill == drill.id else None

    def _look_beside(self) -> None:
        if not self._looking.acquire(blocking=False):
            return
        self._look_at = time.monotonic() + self._poll
        threading.Thread(target=self._look, name="router-ml-drills", daemon=True).start()

    def _look(self) -> None:
        try:
            self.refresh()
        finally:
            self._looking.release()


def _down(drill: Drill) -> dict[str, str]:
    return dict.fromkeys(sorted(drill.places), f"down: drill {drill.id}")


def as_recorded(health: Mapping[str, str], state: State) -> tuple[Mapping[str, str], Drilled | None]:
    """What counts as down for whoever decides beside another decision, and its drill."""
    if state.drill is None or not state.drill.counts:
        return health, state.drill
    return {**{place: why for place, why in state.lane_health.items() if why != "down"}, **health}, state.drill
