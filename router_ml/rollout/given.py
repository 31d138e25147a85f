"""Who was given which arm: a session keeps its own, for as long as the arms are the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from router_ml.contract import Previous, RouteDecision, RouteRequest
from router_ml.draws import CHAMPION, Draw, Shares, session_name
from router_ml.rollout.releases import Arrangement
from router_ml.sessions import Lookups

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

_SIZE = 10_000


class Given:
    """The draws of the last decisions; forgets the oldest."""

    def __init__(self, size: int = _SIZE) -> None:
        self._size = size
        self._draws: OrderedDict[str, Draw] = OrderedDict()
        self._lock = threading.Lock()

    def draw(self, arranged: Arrangement, request: RouteRequest, log: EventLog | None) -> Draw:
        """The arm of a request: that of its session; without a name of one, that of its previous turn; else a fresh
        draw. What a session is called is all that is looked at."""
        if arranged.shares is None:
            return CHAMPION
        session = session_name(request, subject=arranged.champion.router.config.logging.subject)
        if session is None and request.previous is not None:
            earlier = self._earlier(request.previous, log, arranged.champion.router.memory.recent.lookups)
            if earlier is not None and _given_in(earlier, arranged.shares):
                return earlier
        return arranged.shares.draw(salt=arranged.salt, session=session)

    def remember(self, pairs: Iterable[tuple[RouteDecision, Draw]]) -> None:
        """Keep what decisions were drawn with."""
        with self._lock:
            self._draws.update({decision.decision_id: draw for decision, draw in pairs})
            while len(self._draws) > self._size:
                self._draws.popitem(last=False)

    def arm(self, decision_id: str) -> str:
        """The arm of a decision, as far as it is remembered; else the champion."""
        return self._draws.get(decision_id, CHAMPION).arm

    def _earlier(self, previous: Previous, log: EventLog | None, lookups: Lookups) -> Draw | None:
        """What an earlier turn was given: by this process, else by the log. Else it is a new session."""
        known = self._draws.get(previous.decision_id)
        if known is not None or log is None:
            return known
        logged = lookups.decision(previous.decision_id, log)
        return None if logged is None else Draw.of(logged.state)


def _given_in(earlier: Draw, shares: Shares) -> bool:
    """Whether a draw is one of this rollout, and of an arm that sessions are given."""
    return earlier.rollout == shares.rollout and shares.by_arm().get(earlier.arm, 0.0) > 0
