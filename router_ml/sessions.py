"""The last decisions of this process: whether a session that refers to one of them must stay private."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from router_ml.contract import Previous, RouteDecision
from router_ml.errors import LogError
from router_ml.guardrails import pins
from router_ml.guardrails.keeping import PRIVATE

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

_SIZE = 10_000


class Recent:
    """A bounded memory of decision ids; forgets the oldest."""

    def __init__(self, size: int = _SIZE) -> None:
        self._size = size
        self._risks: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, decision_id: str, risks: frozenset[str]) -> None:
        """Keep what a decision's session holds; an id that is used again keeps what it had."""
        with self._lock:
            self._risks[decision_id] = risks | self._risks.get(decision_id, frozenset())
            while len(self._risks) > self._size:
                self._risks.popitem(last=False)

    def risks(self, previous: Previous | None, log: EventLog | None) -> frozenset[str]:
        """The risks that an earlier turn brings: by this process, the log, or a signed pin; else it counts as pii."""
        if previous is None:
            return frozenset()
        with self._lock:
            known = self._risks.get(previous.decision_id)
        if known is None and log is not None:
            try:
                logged = log.decision(previous.decision_id)
            except LogError:  # what cannot be looked up is not known to have been clean
                logged = None
            known = None if logged is None else private_risks(logged)
        return pins.risks_of(previous.decision_id, previous.pin) if known is None else known


def private_risks(decision: RouteDecision) -> frozenset[str]:
    """The risks that keep a session private after this decision; both, where it could not be scanned."""
    if decision.guard_state == "unknown":
        return PRIVATE
    risks = PRIVATE & {risk.name for risk in decision.risks}
    return risks or (pins.UNKNOWN if any(finding.hard for finding in decision.findings) else risks)


def is_private(decision: RouteDecision) -> bool:
    """Whether the session must stay private after this decision."""
    return bool(private_risks(decision)) or decision.guard_state != "clean"
