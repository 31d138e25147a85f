"""Whether a worker should be sent requests, and what is not as it should be."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from router_ml.errors import LogError
from router_ml.rollout import Rollout, Status

if TYPE_CHECKING:
    from router_ml.router import Router
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.spooling.drain import Drain
    from router_ml.storage.spooling.segments import Segment

ANSWERS_S = 10.0
ROOM_BYTES = 16 << 20
"""Below which a disk with a spool counts as full."""
_KEPT = 10_000


@dataclass(frozen=True)
class Readiness:
    """``reasons`` not to be sent anything, none: ready; ``keys`` and ``switches``: those of the log are not known.
    ``degraded``: what fails and costs nobody an answer now: ``database``, ``registry``, ``rules``."""

    reasons: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()


@dataclass
class Database:
    """Whether the event log answers, asked in a thread: a database may take minutes to say no."""

    failed: str | None = None
    _asked: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(self, log: EventLog) -> None:
        """Begin to ask, unless an answer is still waited for."""
        with self._lock:
            if self._asked is not None:
                return
            self._asked = time.monotonic()
        threading.Thread(target=self._ask, args=(log,), name="router-ml-ping", daemon=True).start()

    def _ask(self, log: EventLog) -> None:
        try:
            log.ping()
            self.failed = None
        except LogError as error:
            self.failed = str(error)
        finally:
            self._asked = None

    @property
    def answers(self) -> bool:
        """As far as is known."""
        asked = self._asked
        return self.failed is None and (asked is None or time.monotonic() - asked < ANSWERS_S)


@dataclass
class Lag:
    """How long what is spooled takes to the database: the age of the oldest record that had not arrived when it was
    last looked at."""

    _marks: deque[tuple[float, tuple[tuple[Segment, int], ...]]] = field(
        default_factory=lambda: deque(maxlen=_KEPT), repr=False
    )

    def look(self, drain: Drain) -> None:
        """Note what waits now."""
        waiting = drain.spool.waiting()
        if waiting:
            self._marks.append((time.monotonic(), waiting))
        while self._marks and all(segment.read >= size for segment, size in self._marks[0][1]):
            self._marks.popleft()

    @property
    def seconds(self) -> float:
        """0 where nothing waits."""
        return time.monotonic() - self._marks[0][0] if self._marks else 0.0


def waiting_bytes(drain: Drain) -> int:
    """Of this process's records that have not reached the database."""
    return sum(max(size - segment.read, 0) for segment, size in drain.spool.waiting())


def readiness(
    router: Router | Rollout, database: Database, *, leaving: bool, refused_rules: bool, knows_keys: bool
) -> Readiness:
    """As of now; asks nobody, so that it can be called as often as anybody likes. ``knows_keys``: without them nobody
    is let in."""
    reasons = ["leaving"] if leaving else []
    if not knows_keys:
        reasons.append("keys")
    if router.keeps and not router.memory.listener.heard:
        reasons.append("switches")
    degraded = ["rules"] if refused_rules else []
    recorder = router.memory.recorder
    drain = recorder.drain
    away = recorder.keeps and (recorder.log is None or not database.answers or (drain is not None and drain.failing))
    if away:
        degraded.append("database")
    if drain is not None and not _writable(drain):
        degraded.append("spool")
    if "database" in degraded and (drain is None or "spool" in degraded):
        reasons.append("log")
    status = router.status() if isinstance(router, Rollout) else None
    if status is not None and fails(status):
        degraded.append("registry")
    return Readiness(tuple(reasons), tuple(degraded))


def fails(status: Status) -> bool:
    """Whether what serves may not be what should."""
    return status.registry is not None or bool(status.broken)


def _writable(drain: Drain) -> bool:
    folder = drain.spool.folder
    try:
        return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free > ROOM_BYTES
    except OSError:
        return False
