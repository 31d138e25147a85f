"""Earlier decisions that requests refer to: of this process, else of the log; and whether their session is private.

Which decision a request refers to is the caller's choice, so a slow database would be felt by whoever asks for what
this process does not remember. A look into the log therefore has little time; what is not found in it is unknown, which
counts as private. So is one of another organisation: what it holds is nothing for this one to learn.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from router_ml.contract import Previous, RouteDecision, RouteRequest
from router_ml.errors import LogError
from router_ml.guardrails.rules import pins
from router_ml.guardrails.rules.keeping import PRIVATE

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

_SIZE = 10_000
BUDGET_SECONDS = 0.25  # of a request, for one look into the log
PAUSE_SECONDS = 5.0  # without a look, after one that took longer
_OF_SEVERAL = "\0"  # no organisation
_AT_ONCE = 4  # so that looks that hang leave connections to those who write


class Lookups:
    """Decisions read from the log by a caller who does not wait for a slow one. Thread safe."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self._again_at = 0.0

    def decision(self, decision_id: str, log: EventLog) -> RouteDecision | None:
        """The decision; None where there is none, where the log fails, or where it has just been slow."""
        started = time.monotonic()
        if started < self._again_at:
            return None
        answer: queue.SimpleQueue[RouteDecision | None] = queue.SimpleQueue()
        asking = threading.Thread(target=self._ask, args=(decision_id, log, answer), name="router-ml-look", daemon=True)
        try:
            if not self._free.acquire(timeout=BUDGET_SECONDS):
                raise queue.Empty
            asking.start()
            return answer.get(timeout=max(0.0, started + BUDGET_SECONDS - time.monotonic()))
        except queue.Empty:
            self._again_at = time.monotonic() + PAUSE_SECONDS
            return None

    def _ask(self, decision_id: str, log: EventLog, answer: queue.SimpleQueue[RouteDecision | None]) -> None:
        found = None
        try:
            found = log.decision(decision_id)
        except LogError:  # what cannot be looked up is not known
            pass
        finally:
            self._free.release()
            answer.put(found)


class Recent:
    """A bounded memory of decision ids; forgets the oldest. ``organisations``: those that whoever runs this has named,
    as by giving them keys."""

    def __init__(self, size: int = _SIZE) -> None:
        self._size = size
        self.organisations: Callable[[], frozenset[str]] = frozenset
        self._risks: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._orgs: dict[str, str | None] = {}
        self._asked: dict[str, int] = {}
        self._lock = threading.Lock()
        self.lookups = Lookups()

    def remember(self, decision_id: str, risks: frozenset[str], request: RouteRequest, *, org: str | None) -> None:
        """Keep what a decision's session holds, whose it is, and a hash of what was asked that only this process can
        compare; an id that is used again keeps what it had, and is of neither request."""
        asked = hash(repr(request))
        with self._lock:
            again = decision_id in self._risks and self._asked.get(decision_id) != asked
            self._risks[decision_id] = risks | self._risks.get(decision_id, frozenset())
            self._orgs[decision_id] = org if self._orgs.get(decision_id, org) == org else _OF_SEVERAL
            self._asked.pop(decision_id, None)
            if not again:
                self._asked[decision_id] = asked
            while len(self._risks) > self._size:
                oldest = self._risks.popitem(last=False)[0]
                self._asked.pop(oldest, None)
                self._orgs.pop(oldest, None)

    def is_of(self, decision_id: str, request: RouteRequest) -> bool:
        """Whether a decision is one that was made here of this very request."""
        with self._lock:
            known = self._asked.get(decision_id)
        return known is not None and known == hash(repr(request))

    def risks(self, previous: Previous | None, log: EventLog | None, *, org: str | None) -> frozenset[str]:
        """The risks that an earlier turn of an organisation brings: by this process, the log, or a signed pin; else it
        counts as pii."""
        if previous is None:
            return frozenset()
        with self._lock:
            ours = self._orgs.get(previous.decision_id) == org
            known = self._risks.get(previous.decision_id) if ours else None
        if known is None and log is not None:
            logged = self.lookups.decision(previous.decision_id, log)
            ours = logged is not None and logged.circumstances.org == org
            known = private_risks(logged) if logged is not None and ours else None
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
