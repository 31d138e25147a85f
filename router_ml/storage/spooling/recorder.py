"""Where the facts of a router go: into its spool where it has one, else into the database; and how far each got."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from router_ml.contract import Outcome, RouteDecision
from router_ml.contract.base import LogLevel
from router_ml.errors import LogError, LogRefusedError
from router_ml.storage.database.entries import Entry, of_outcome

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.readers.costs import Billed
    from router_ml.storage.spooling.drain import Drain
    from router_ml.storage.views.owners import Owned

logger = logging.getLogger(__name__)

Ack = Literal["database", "spool"]
"""How far a record had got when a call returned: committed, or on the local disk and on its way. Either survives the
death of the process."""

_REMEMBERED = 10_000
_LATE = 1_000  # records in memory, some 6 kB each, of decisions that the database may not have yet
_LOOK_AGAIN_S = 2.0


@dataclass(frozen=True)
class _Known:
    """What is remembered of a decision: ``record`` is a hash that only this process can compare; ``ack`` None: it is
    being written."""

    record: int
    level: LogLevel
    org: str | None
    dearest_usd: float
    ack: Ack | None = None


class Recorder:
    """Writes for one router; thread safe. Without ``log`` and ``drain`` nothing is kept.

    ``drain``: the way from a spool to the log; what cannot be spooled goes to the database itself.
    """

    def __init__(self, log: EventLog | None, drain: Drain | None = None) -> None:
        self._log, self._drain = log, drain
        self._unspooled = False
        self._tell: Callable[[Sequence[Billed]], None] = _nobody
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._late: OrderedDict[str, str] = OrderedDict()  # as JSON, a sixth of what a decision takes
        self._lock = threading.Lock()

    def tell(self, hear: Callable[[Sequence[Billed]], None]) -> None:
        """Have somebody hear what the records that come to the database by this way change of the costs of decisions,
        once it has them."""
        self._tell = hear
        if self._drain is not None:
            self._drain.tell = hear

    @property
    def log(self) -> EventLog | None:
        """The event log; None where there is none, or it could not be opened yet."""
        return self._drain.log if self._drain is not None and self._drain.log is not None else self._log

    @property
    def drain(self) -> Drain | None:
        """The way from a spool to the log, where there is a spool."""
        return self._drain

    @property
    def keeps(self) -> bool:
        """Whether anything is kept."""
        return self._drain is not None or self._log is not None

    def write(
        self, entries: Sequence[Entry], *, users: Iterable[str | None] | None = None, direct: bool = False
    ) -> Ack | None:
        """Keep entries, all or none; None where nothing is kept.

        Args:
            users: per entry whom it is about, where the log could not be asked for the keyed hash.
            direct: pass the spool by, which cannot tell what the database is going to refuse.

        Raises:
            LogError: neither spool nor database took them.
        """
        about = [None] * len(entries) if users is None else list(users)
        if self._drain is not None and not direct and self._spooled(self._drain, entries, about):
            return "spool"
        log = self.log
        if self._drain is not None:
            self._drain.wake()  # a forked process must not use the log of its parent
            log = self._drain.opened()
        if log is None:
            return None
        named = zip(entries, about, strict=True)
        kept = [entry if user is None else replace(entry, subject=log.subject_of(user)) for entry, user in named]
        self._tell(log.write(kept))
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

    def write_decisions(
        self,
        pairs: Sequence[tuple[RouteDecision, Entry]],
        *,
        users: Iterable[str | None] | None = None,
        direct: bool = False,
    ) -> Ack | None:
        """``write`` for decisions with their entries, and keep in mind how far they got.

        Raises:
            LogRefusedError: this process has kept another decision under one of the ids.
        """
        from router_ml.storage.views.owners import dearest

        claimed = self._claim(
            (entry.record_id, _Known(hash(entry.record), one.log_level, one.circumstances.org, dearest(one)))
            for one, entry in pairs
        )
        try:
            ack = self.write([entry for _, entry in pairs], users=users, direct=direct)
        except BaseException:
            with self._lock:
                for name in claimed:
                    self._known.pop(name, None)
            raise
        with self._lock:
            self._known.update((name, replace(known, ack=ack)) for name, known in claimed.items())
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            if ack == "spool":
                self._late.update((entry.record_id, entry.record) for _, entry in pairs)
                while len(self._late) > _LATE:
                    self._late.popitem(last=False)
        return ack

    def refuse_other(self, decision: RouteDecision) -> None:
        """See to it that an id is not used twice, as far as this process remembers; with a spool the database says so
        only after the answer.

        Raises:
            LogRefusedError: another decision has this id.
        """
        known = self._known.get(decision.decision_id)
        if known is not None and known.record != hash(decision.to_json()):
            error = _taken(decision.decision_id)
            error.decision = decision
            raise error

    def _claim(self, wanted: Iterable[tuple[str, _Known]]) -> dict[str, _Known]:
        """Those that are new; they are this call's from now on."""
        new: dict[str, _Known] = {}
        with self._lock:
            for name, one in wanted:
                known = self._known.get(name) or new.setdefault(name, one)
                if known.record != one.record:
                    raise _taken(name)
            self._known.update(new)
        return new

    def write_outcome(self, outcome: Outcome) -> Ack | None:
        """Keep an outcome.

        Raises:
            LogError: as for ``write``; without a spool also where the decision is not in the log.
        """
        if self._drain is None and self._log is not None:
            self._tell(self._log.log_outcome(outcome))
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

    def acknowledged(self, decision_id: str) -> Ack | None:
        """How far one of the last decisions got; None where it was not kept or is not remembered."""
        known = self._known.get(decision_id)
        return None if known is None else known.ack

    def level_of(self, decision_id: str) -> LogLevel | None:
        """What may be kept of a decision; None where that is not known here."""
        known = self._known.get(decision_id)
        if known is not None:
            return known.level
        log = self.log
        if log is None or (self._drain is not None and self._drain.failing):
            return None
        try:
            decision = log.decision(decision_id)
        except LogError:
            return None
        return None if decision is None else decision.log_level

    def look_up(self, decision_id: str) -> RouteDecision:
        """A decision in the log, also one that is on its way there.

        Raises:
            LogError: there is no log, it cannot be read, or it does not hold the decision.
        """
        if self.log is None:
            raise LogError("Without an event log a decision cannot be looked up by its id. Give the decision itself.")
        found = self.log.decision(decision_id)
        if found is None and self._drain is not None:
            self._drain.flush(_LOOK_AGAIN_S, patient=False)
            found = self.log.decision(decision_id)
        if found is None:
            raise LogError("The event log holds no decision with this id. Give the decision itself.")
        return found

    def find(self, decision_id: str) -> RouteDecision | None:
        """A decision in the log, or one of the latest that this process put into its spool and that may not have
        arrived; nobody is kept waiting. None: it is not known here, or not yet.

        Raises:
            LogError: the log cannot be read, and it is not remembered either.
        """
        late = None
        if self._drain is not None and self._late:
            if self._drain.flush(0.0, patient=False):
                with self._lock:
                    self._late.clear()  # from now on the log answers, also that a person was erased
            else:
                record = self._late.get(decision_id)
                late = None if record is None else RouteDecision.model_validate_json(record)
        try:
            found = None if self.log is None else self.log.decision(decision_id)
        except LogError:
            if late is None:
                raise
            return late
        return found or late

    def owners(self, decision_ids: Sequence[str]) -> dict[str, Owned]:
        """Whose decisions are, of those that are among the latest here or in the log.

        Raises:
            LogError: the log has to be asked, and cannot be read.
        """
        from router_ml.storage.views.owners import Owned, owners

        with self._lock:
            here = {name: known for name in decision_ids if (known := self._known.get(name)) is not None}
        left = [name for name in decision_ids if name not in here]
        asked = owners(self.log, left) if left and self.log is not None else {}
        return {**asked, **{name: Owned(known.org, dearest_usd=known.dearest_usd) for name, known in here.items()}}

    def flush(self, timeout: float) -> bool:
        """Wait until the database has all that was kept so far; whether it has after ``timeout`` seconds. It does not
        have what it refused and was set aside."""
        return self._drain is None or self._drain.flush(timeout)

    def close(self) -> None:
        """Deliver what waits, as far as that goes at once, and let go of spool and log."""
        if self._drain is not None:
            self._drain.close()
        if self.log is not None:
            self.log.close()


def _taken(decision_id: str) -> LogRefusedError:
    return LogRefusedError(f"Another decision is already logged as {decision_id}. Give each decision its own id.")


def _nobody(_: Sequence[Billed]) -> None:
    """Where no money is counted."""
