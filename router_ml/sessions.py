"""The last decisions of this process: whether a session that refers to one of them must stay private."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from router_ml.contract import Previous, RouteDecision
from router_ml.errors import LogError
from router_ml.guardrails import pins

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

_SIZE = 10_000


class Recent:
    """A bounded memory of decision ids; forgets the oldest."""

    def __init__(self, size: int = _SIZE) -> None:
        self._size = size
        self._private: OrderedDict[str, bool] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, decision_id: str, *, private: bool) -> None:
        """Keep one decision."""
        with self._lock:
            self._private[decision_id] = private or self._private.get(decision_id, False)  # an id may be used again
            while len(self._private) > self._size:
                self._private.popitem(last=False)

    def private(self, decision_id: str) -> bool | None:
        """Whether it was private; None if it is not remembered."""
        with self._lock:
            return self._private.get(decision_id)

    def is_pinned(self, previous: Previous | None, log: EventLog | None) -> bool:
        """Whether an earlier turn held private data: by this process, the log, or a signed pin; else it counts so."""
        if previous is None:
            return False
        known = self.private(previous.decision_id)
        if known is None and log is not None:
            try:
                logged = log.decision(previous.decision_id)
            except LogError:  # what cannot be looked up is not known to have been clean
                logged = None
            known = None if logged is None else is_private(logged)
        return pins.is_pinned(previous.decision_id, previous.pin) if known is None else known


def is_private(decision: RouteDecision) -> bool:
    """Whether the session must stay private after this decision."""
    risks = {risk.name for risk in decision.risks}
    found = any(finding.hard for finding in decision.findings)
    return bool(found or risks & {"pii", "secrets"} or decision.guard_state != "clean")
