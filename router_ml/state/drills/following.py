"""How a running process follows the drills of its log, and whom they are of."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from router_ml.contract import AuditEvent, Drilled, RouteDecision, RouteRequest, State
from router_ml.contract.audit import DrillKind
from router_ml.errors import LogError
from router_ml.state.draws import session_name
from router_ml.state.drills.events import Drill, drills_of
from router_ml.state.listening import Listener
from router_ml.state.sessions import Lookups

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

logger = logging.getLogger(__name__)

_SIZE = 10_000


class Drills:
    """The drills that a process follows; thread safe.

    Args:
        listener: where it hears of them.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._lookups = Lookups()  # of their own: a slow look of a drill must not make sessions count as private
        self._known: tuple[Drill, ...] = ()
        self._draws: OrderedDict[str, Drilled | None] = OrderedDict()  # by decision; None: made without a drill
        self._lock = threading.Lock()
        listener.tell(self._take, get_args(DrillKind))

    def refresh(self) -> None:
        """Look into the log now; what cannot be read changes nothing."""
        self._listener.refresh()

    def under(
        self, health: Mapping[str, str], request: RouteRequest, *, now: datetime, subject: str
    ) -> tuple[Mapping[str, str], Drilled | None]:
        """What counts as down for a request, and the drill that it was drawn in, if one runs.

        Args:
            health: what is really down. subject: key of the metadata that names a person.
        """
        drill = self._running(now)
        log = None if drill is None else self._listener.log
        if drill is None or log is None:
            return health, None
        try:
            drilled = self._earlier(drill, request, subject, log) or drill.draw(
                log, session_name(request, subject=subject)
            )
        except LogError as error:
            logger.warning("A drill takes no part in a decision: %s", error)
            return health, None
        return _counting(drill, drilled, health)

    def again(
        self, health: Mapping[str, str], drawn: Drilled | None, *, now: datetime
    ) -> tuple[Mapping[str, str], Drilled | None]:
        """``under`` for a request that is decided once more: it stays what it was ``drawn``, if that drill still runs,
        and enters none."""
        drill = self._running(now)
        if drill is None or drawn is None or drawn.drill != drill.id:
            return health, None
        return _counting(drill, drawn, health)

    def remember(self, decision: RouteDecision) -> None:
        """Keep what a decision was drawn, or that no drill ran, for the next turn of its session."""
        self._keep(decision.decision_id, decision.state.drill)

    def _keep(self, decision_id: str, drilled: Drilled | None) -> None:
        with self._lock:
            self._draws[decision_id] = drilled
            while len(self._draws) > _SIZE:
                self._draws.popitem(last=False)

    def _running(self, now: datetime) -> Drill | None:
        return next((one for one in self._known if one.holds(now)), None)

    def _earlier(self, drill: Drill, request: RouteRequest, subject: str, log: EventLog) -> Drilled | None:
        """What the previous turn of a session without a name was drawn in this drill."""
        if request.previous is None or session_name(request, subject=subject) is not None:
            return None
        before = request.previous.decision_id
        with self._lock:
            known, drilled = before in self._draws, self._draws.get(before)
        if not known and (decision := self._lookups.decision(before, log)) is not None:
            drilled = decision.state.drill
            self._keep(before, drilled)
        return drilled if drilled is not None and drilled.drill == drill.id else None

    def _take(self, events: Sequence[AuditEvent]) -> None:
        self._known = drills_of(events)


def _counting(drill: Drill, drawn: Drilled, health: Mapping[str, str]) -> tuple[Mapping[str, str], Drilled]:
    """What counts as down for a request that was drawn in a drill, and whether the drill does so."""
    drilled = drawn.model_copy(update={"counts": drawn.inside and not health})
    down = dict.fromkeys(sorted(drill.places), f"down: drill {drill.id}")
    return (down if drilled.counts else health), drilled


def as_recorded(health: Mapping[str, str], state: State) -> tuple[Mapping[str, str], Drilled | None]:
    """What counts as down for whoever decides beside another decision, and its drill."""
    if state.drill is None or not state.drill.counts:
        return health, state.drill
    return {**{place: why for place, why in state.lane_health.items() if why != "down"}, **health}, state.drill
