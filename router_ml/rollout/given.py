"""Who was given which arm: a session keeps its own, for as long as the arms are the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from router_ml.contract import RouteDecision, RouteRequest
from router_ml.rollout.releases import Arrangement
from router_ml.ruling.case import organisation_of
from router_ml.state.draws import CHAMPION, Draw, Shares, session_name
from router_ml.state.sessions import Lookups

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

_SIZE = 10_000


class Given:
    """The draws of the last decisions; forgets the oldest."""

    def __init__(self, size: int = _SIZE) -> None:
        self._size = size
        self._draws: OrderedDict[str, tuple[Draw, str | None]] = OrderedDict()
        self._lock = threading.Lock()

    def draw(self, arranged: Arrangement, request: RouteRequest, log: EventLog | None) -> Draw:
        """The arm of a request: that of its session; without a name of one, that of its previous turn; else a fresh
        draw. What a session is called is all that is looked at."""
        if arranged.shares is None:
            return CHAMPION
        session = session_name(request, subject=arranged.champion.router.config.logging.subject)
        if session is None and request.previous is not None:
            earlier = self._earlier(
                request, request.previous.decision_id, log, arranged.champion.router.memory.recent.lookups
            )
            if earlier is not None and _given_in(earlier, arranged.shares):
                return earlier
        return arranged.shares.draw(salt=arranged.salt, session=session)

    def remember(self, drawn: Iterable[tuple[RouteRequest, RouteDecision, Draw]]) -> None:
        """Keep what decisions were drawn with, and whose they are."""
        with self._lock:
            for request, decision, draw in drawn:
                self._draws[decision.decision_id] = draw, organisation_of(request)
            while len(self._draws) > self._size:
                self._draws.popitem(last=False)

    def arm(self, decision_id: str) -> str:
        """The arm of a decision, as far as it is remembered; else the champion."""
        return self._draws.get(decision_id, (CHAMPION, None))[0].arm

    def _earlier(self, request: RouteRequest, earlier: str, log: EventLog | None, lookups: Lookups) -> Draw | None:
        """What an earlier turn of the same organisation was given: by this process, else by the log. Else it is a new
        session."""
        draw, org = self._draws.get(earlier, (None, None))
        if draw is not None and org == organisation_of(request):
            return draw
        logged = None if log is None else lookups.decision(earlier, log)
        ours = logged is not None and logged.circumstances.org == organisation_of(request)
        return Draw.of(logged.state) if logged is not None and ours else None


def _given_in(earlier: Draw, shares: Shares) -> bool:
    """Whether a draw is one of this rollout, and of an arm that sessions are given."""
    return earlier.rollout == shares.rollout and shares.by_arm().get(earlier.arm, 0.0) > 0
