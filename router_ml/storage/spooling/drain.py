"""Carries what waits in a spool to the event log, in a thread of its own, until the process ends.

While the database is away, entries stay on disk and are tried again, less and less often. Nothing leaves the disk
before the database has committed it; a batch that is written twice changes nothing. What the database never takes, such
as another decision under an id that is taken, is set aside in a file, and said.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from router_ml.errors import LogError
from router_ml.storage.spooling.aside import deliver
from router_ml.storage.spooling.spool import Batch, Spool

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.readers.costs import Billed

logger = logging.getLogger(__name__)

ENTRIES, BYTES = 64, 1 << 20  # of one transaction; longer ones hold the interpreter, and decisions with it
GATHER_S = 0.05
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
EXIT_S = 2.0
ADOPT_S = 30.0


class Drain:
    """The way from a spool to an event log; it begins with the first ``wake``.

    Args:
        log: where entries go; None where it could not be opened yet, then ``reopen`` is tried until it can.
        reopen: opens the log; also used in a forked child, which must not share connections.
    """

    def __init__(
        self, spool: Spool, log: EventLog | None = None, *, reopen: Callable[[], EventLog] | None = None
    ) -> None:
        self.spool = spool
        self.log = log
        self.tell: Callable[[Sequence[Billed]], None] | None = None  # what deliveries changed of costs
        self._reopen = reopen
        self._closed = False
        self._prepare()
        drain = weakref.ref(self)
        atexit.register(lambda: _at_exit(drain()))

    def _prepare(self) -> None:
        self._process = os.getpid()
        self._thread: threading.Thread | None = None
        self._starting, self._opening = threading.Lock(), threading.Lock()
        self._stop, self._hurry = threading.Event(), threading.Event()
        self._moved = threading.Condition()
        self._failures, self._failing = 0, False
        self._aside: set[Path] = set()

    def wake(self) -> None:
        """See to it that somebody carries."""
        if self._process != os.getpid():  # forked: threads stay behind
            self._prepare()
            self.log = self.log if self._reopen is None else None
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._closed:
                    self._thread = threading.Thread(target=self._run, name="router_ml-spool", daemon=True)
                    with suppress(RuntimeError):  # the interpreter is on its way out; what is on disk is safe
                        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether the database did not take what it was given last."""
        return self._failing

    def flush(self, timeout: float, *, patient: bool = True) -> bool:
        """Wait until the database has all that was appended before, at most ``timeout`` seconds; whether it has.

        ``patient``: wait on when the database fails. What was set aside it does not have, until that was delivered.
        """
        until, waiting, failures = time.monotonic() + timeout, self.spool.waiting(), self._failures
        if waiting:
            self.wake()
        with self._moved:
            while any(segment.read < size for segment, size in waiting):
                left = until - time.monotonic()
                if left <= 0 or self._closed or (self._failures > failures and not patient):
                    return False
                self._hurry.set()
                self.spool.filled.set()
                self._moved.wait(min(left, FIRST_PAUSE_S))
        return not any(path.exists() for path in tuple(self._aside))

    def close(self, timeout: float = 5.0) -> bool:
        """Carry what waits, unless the database fails, and stop; whether all has been carried. The rest stays on disk
        for the next process that opens the folder. The log stays open."""
        done = self.flush(timeout, patient=False)
        self._closed = True
        self._stop.set()
        self._hurry.set()
        self.spool.filled.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout)
        self.spool.close()
        return done

    def _run(self) -> None:
        pause, adopted = FIRST_PAUSE_S, time.monotonic()
        while not self._stop.is_set():
            try:
                if time.monotonic() - adopted > ADOPT_S:
                    adopted = time.monotonic()
                    self.spool.adopt()
                self.spool.filled.clear()
                while not self._stop.is_set() and (batch := self.spool.take(entries=ENTRIES, size=BYTES)):
                    self._deliver(batch)
                    self._report(failing=False)
                    pause = FIRST_PAUSE_S
                self._report(failing=False)
            except Exception as error:  # noqa: BLE001 - a thread that died would let the disk fill without a word
                if not self._failing:
                    logger.error("Entries wait in %s, since the event log fails: %s", self.spool.folder, _told(error))
                self._report(failing=True)
                self._hurry.wait(pause)
                self._hurry.clear()
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            if self.spool.filled.wait(ADOPT_S) and not self._hurry.is_set():
                self._hurry.wait(GATHER_S)  # one transaction for what comes together
            self._hurry.clear()

    def _report(self, *, failing: bool) -> None:
        if self._failing and not failing:
            logger.warning("The event log can be written again; what waited in %s is delivered.", self.spool.folder)
        with self._moved:
            self._failing = failing
            self._failures += failing
            self._moved.notify_all()

    def _deliver(self, batch: Batch) -> None:
        for payload, error in deliver(self.opened(), batch.payloads, tell=self.tell):
            path = self.spool.set_aside(payload)
            self._aside.add(path)
            logger.error("The event log refuses an entry, which is kept in %s: %s", path, _told(error))
        self.spool.done(batch)

    def opened(self) -> EventLog:
        """The log, opened now where it could not be before.

        Raises:
            LogError: it cannot be opened.
        """
        with self._opening:
            if self.log is None:
                if self._reopen is None:
                    raise LogError("No event log was given. Open the spool with one.")
                self.log = self._reopen()
            return self.log


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, LogError) else type(error).__name__


def _at_exit(drain: Drain | None) -> None:
    if drain is not None:
        drain.close(EXIT_S)
