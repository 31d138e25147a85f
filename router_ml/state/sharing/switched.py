"""What is switched off in one process, as the log tells of it and where the log cannot be written."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from router_ml.contract import AuditEvent
from router_ml.errors import LogError
from router_ml.state.health import Health, Word
from router_ml.state.listening import Listener
from router_ml.state.sharing.bounded import TooLongError, within
from router_ml.state.sharing.switches import KINDS, Switch, off_event, on_event, places_off, switches_of, without

logger = logging.getLogger(__name__)

_WRITE_S = 5.0
"""For so long whoever turns something off or on waits for the log."""


class Switches:
    """What is off in a process: by its log, and by itself where the log could not be written; thread safe.

    Args:
        health: of its lanes. listener: where it hears of switches.
    """

    def __init__(self, health: Health, listener: Listener) -> None:
        self._health, self._listener = health, listener
        self._of_log: tuple[Switch, ...] = ()
        self._local: tuple[Switch, ...] = ()
        self._written: tuple[AuditEvent, ...] = ()  # here: an older look must not undo them
        self._seen: tuple[AuditEvent, ...] = ()
        self._lock = threading.Lock()
        listener.tell(self._take, KINDS)

    def now(self) -> tuple[Switch, ...]:
        """What is off here, as of the last look."""
        now = datetime.now(UTC)
        return tuple(switch for switch in (*self._of_log, *self._local) if switch.holds(now))

    def off(self, places: Sequence[str], *, who: str, why: str, until: datetime | None = None) -> Switch:
        """``turn_off``, here at once, whether the database answers or not. Where the log cannot be written within
        seconds it holds in this process alone, and says so; what is written later after all holds in every process.

        Raises:
            InvalidRequestError: as for ``turn_off``.
        """
        event = off_event(places, who=who, why=why, until=until, known=self._health.places)
        log = self._listener.log
        switch = Switch(event, places_off(event), local=True)
        with self._lock:
            self._local = (*self._local, switch)
            self._tell()
        if log is None:
            return switch
        try:
            within(_WRITE_S, lambda: log.log_audit_event(event))
        except (LogError, TooLongError) as error:
            logger.error("%s is off in this process alone, and until it ends: %s", ", ".join(places), error)
            return switch
        with self._lock:
            self._known([event])
        return replace(switch, local=False)

    def on(self, name: str, *, who: str, why: str) -> AuditEvent:
        """``turn_on``, here at once; of what is off in this process alone no event is written.

        Raises:
            InvalidRequestError: as for ``turn_on``. LogError: the event could not be written within seconds; it may
                still be, and everything is off until then.
        """
        with suppress(TooLongError):
            within(_WRITE_S, self._listener.refresh)
        now = datetime.now(UTC)
        event = on_event(self.now(), name, who=who, why=why, now=now)
        said = event.detail["switches"]
        assert isinstance(said, dict)
        log = self._listener.log
        logged = any(switch.id in said for switch in self._of_log)
        if logged:
            if log is None:
                raise LogError("The event log is away, so nobody could tell who turned this on. Try again.")
            try:
                within(_WRITE_S, lambda: log.log_audit_event(event))
            except TooLongError as error:
                raise LogError(f"{error} What is off stays so until it does. Try again.") from None
        with self._lock:
            self._local = without(self._local, event)
            self._known([event] if logged else [])
        return event

    def _take(self, events: Sequence[AuditEvent]) -> None:
        with self._lock:
            self._seen = tuple(events)
            self._known()

    def _known(self, written: Sequence[AuditEvent] = ()) -> None:
        """Put together what the log holds, with what was ``written`` here. Call with the lock held."""
        self._written = (*self._written, *written)
        seen = {event.event_id for event in self._seen}
        self._of_log = switches_of([*self._seen, *(event for event in self._written if event.event_id not in seen)])
        seen |= {event.event_id for event in self._written}
        self._local = tuple(one for one in self._local if one.id not in seen)  # the others were written after all
        self._tell()

    def _tell(self) -> None:
        """Have it count. Call with the lock held."""
        now, clock = datetime.now(UTC), self._health.clock()
        off: dict[str, Word] = {}
        for switch in (*self._local, *self._of_log):
            left = None if switch.until is None else (switch.until - now).total_seconds()
            word = Word(f"switched off, {switch.id}", None if left is None else clock + left)
            for place in switch.places:
                off[place] = _longer(off.get(place), word)
        self._health.switch(off)


def _longer(one: Word | None, other: Word) -> Word:
    if one is None or (one.until is not None and (other.until is None or other.until > one.until)):
        return other
    return one
