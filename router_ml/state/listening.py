"""How a process hears of what others write into its log: audit events that are to hold in every router within seconds.

Once the last look is old, a thread looks again beside the decisions. Only where nobody has looked for long, as in a
program that was idle, a decision waits for that look, and then not for long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from router_ml.contract import AuditEvent
from router_ml.contract.audit import AuditKind
from router_ml.errors import LogError

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 0.1
_LONG = 3  # times ``poll_seconds``: then the last look is too old to decide by
_AGAIN_SECONDS = 30.0  # after waiting for nothing
Take = Callable[[Sequence[AuditEvent]], None]


class Listener:
    """Reads the audit events that somebody wants to hear of; thread safe.

    Args:
        log: the event log, None as long as there is none.
        poll_seconds: how old the last look may be when a decision is made.
    """

    def __init__(self, log: Callable[[], EventLog | None], *, poll_seconds: float = POLL_SECONDS) -> None:
        self.poll_seconds = poll_seconds
        self._log = log
        self._takers: list[tuple[tuple[AuditKind, ...], Take]] = []
        self._seen: tuple[int, int] | None = None  # which log, and how many events
        self._reading = threading.Lock()
        self._looking = threading.Lock()
        self._look_at, self._looked_at, self._wait_at = 0.0, time.monotonic(), 0.0
        self._looked = threading.Event()
        self._failing = False

    @property
    def log(self) -> EventLog | None:
        """Where it listens; None where there is no log, or not yet."""
        return self._log()

    @property
    def heard(self) -> bool:
        """Whether the log has been read, so that what holds is known."""
        return self._seen is not None

    def tell(self, take: Take, kinds: Sequence[AuditKind]) -> None:
        """Have ``take`` called with all events of some kinds, oldest first, whenever there are more of them."""
        self._takers.append((tuple(kinds), take))

    def refresh(self) -> None:
        """Look into the log now; what cannot be read changes nothing."""
        self._look_at = time.monotonic() + self.poll_seconds
        began = time.monotonic()
        with self._reading:  # an older look must not come after a newer one
            log = self._log()
            if log is None:
                return
            try:
                self._read(log)
            except LogError as error:
                if not self._failing:
                    logger.warning("Drills, overrides and switches of the log cannot be followed for now: %s", error)
                self._failing = True
            else:
                self._failing, self._looked_at = False, began

    def look(self) -> None:
        """Have a thread look, if the last look is old; wait for it ``PATIENCE_SECONDS`` where it is very old, unless
        that was just in vain."""
        now = time.monotonic()
        if now >= self._look_at and self._looking.acquire(blocking=False):
            self._look_at = now + self.poll_seconds
            self._looked = threading.Event()
            threading.Thread(target=self._look, args=(self._looked,), name="router-ml-listening", daemon=True).start()
        old = now - self._looked_at > _LONG * self.poll_seconds and self._log() is not None
        if old and now >= self._wait_at and not self._looked.wait(PATIENCE_SECONDS):
            self._wait_at = time.monotonic() + _AGAIN_SECONDS

    def _read(self, log: EventLog) -> None:
        kinds = [kind for some, _ in self._takers for kind in some]
        seen = id(log), log.count_changes(kinds)
        if seen == self._seen:
            return
        events = log.changes(kinds)
        for some, take in self._takers:
            take([event for event in events if event.kind in some])
        self._seen = seen

    def _look(self, looked: threading.Event) -> None:
        try:
            self.refresh()
        finally:
            self._looking.release()
            looked.set()
