"""Where the facts of a router go: into its spool where it has one, else into the database; and how far each got."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from router_ml.contract import Outcome, RouteDecision
from router_ml.errors import LogError, LogRefusedError
from router_ml.storage.entries import Entry, of_outcome

if TYPE_CHECKING:
    from router_ml.storage.drain import Drain
    from router_ml.storage.eventlog import EventLog

logger = logging.getLogger(__name__)

Ack = Literal["database", "spool"]
"""How far a record had got when a call returned: committed, or on the local disk and on its way. Either survives the
death of the process."""

_REMEMBERED = 10_000
_LOOK_AGAIN_S = 2.0


class Recorder:
    """Writes for one router; thread safe. Without ``log`` and ``drain`` nothing is kept.

    ``drain``: the way from a spool to the log; what cannot be spooled goes to the database itself.
    """

    def __init__(self, log: EventLog | None, drain: Drain | None = None) -> None:
        self._log, self._drain = log, drain
        self._unspooled = False
        self._acks: OrderedDict[str, Ack] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def log(self) -> EventLog | None:
        """The event log; None where there is none, or it could not be opened yet."""
        return self._drain.log if self._drain is not None and self._drain.log is not None else self._log

    @property
    def keeps(self) -> bool:
        """Whether anything is kept."""
        return self._drain is not None or self._log is not None

    def write(self, entries: Sequence[Entry], *, users: Iterable[str | None] | None = None) -> Ack | None:
        """Keep entries, all or none; None where nothing is kept.

        Args:
            users: per entry whom it is about, where the log could not be asked for the keyed hash.

        Raises:
            LogError: neither spool nor database took them.
        """
        about = [None] * len(entries) if users is None else list(users)
        if self._drain is not None and self._spooled(self._drain, entries, about):
            return "spool"
        log = self.log
        if log is None:
            return None
        named = zip(entries, about, strict=True)
        log.write([entry if user is None else replace(entry, subject=log.subject_of(user)) for entry, user in named])
        return "database"

    def _spooled(self, drain: Drain, entries: Sequence[Entry], users: Sequence[str | None]) -> bool:
        """Whether the spool took them; a database that is known to fail is not tried instead, since that takes time."""
        try:
            drain.spool.append(entries, users=users)
            drain.wake()
        except LogError as error:
            if isinstance(error, LogRefusedError) or drain.failing or self.log is None:
                raise
            if not self._unspooled:
                logger.warning("The database is written to directly: %s", error)
            self._unspooled = True
            return False
        self._unspooled = False
        return True

    def write_outcome(self, outcome: Outcome) -> Ack | None:
        """Keep an outcome.

        Raises:
            LogError: as for ``write``; without a spool also where the decision is not in the log.
        """
        if self._drain is None and self._log is not None:
            self._log.log_outcome(outcome)
            return "database"
        return self.write([of_outcome(outcome)])

    def subject_of(self, user: str) -> str | None:
        """The keyed hash of a person; None where there is no log to ask, or not yet.

        Raises:
            LogError: without a spool, in which the name could wait, the log cannot be asked.
        """
        try:
            return None if self.log is None else self.log.subject_of(user)
        except LogError:
            if self._drain is None:
                raise
            return None

    def remember(self, decision_ids: Iterable[str], ack: Ack) -> None:
        """Keep in mind how far decisions got."""
        with self._lock:
            self._acks.update((decision_id, ack) for decision_id in decision_ids)
            while len(self._acks) > _REMEMBERED:
                self._acks.popitem(last=False)

    def acknowledged(self, decision_id: str) -> Ack | None:
        """How far one of the last decisions got; None where it was not kept or is not remembered."""
        with self._lock:
            return self._acks.get(decision_id)

    def look_up(self, decision_id: str) -> RouteDecision:
        """A decision in the log, also one that is on its way there.

        Raises:
            LogError: there is no log, it cannot be read, or it does not hold the decision.
        """
        if self.log is None:
            raise LogError("Without an event log a decision cannot be looked up by its id. Give the decision itself.")
        found = self.log.decision(decision_id)
        if found is None and self._drain is not None and self._drain.flush(_LOOK_AGAIN_S, patient=False):
            found = self.log.decision(decision_id)
        if found is None:
            raise LogError("The event log holds no decision with this id. Give the decision itself.")
        return found

    def flush(self, timeout: float) -> bool:
        """Wait until the database has all that was kept so far; whether it has after ``timeout`` seconds."""
        return self._drain is None or self._drain.flush(timeout)

    def close(self) -> None:
        """Deliver what waits, as far as that goes at once, and let go of spool and log."""
        if self._drain is not None:
            self._drain.close()
        if self.log is not None:
            self.log.close()
