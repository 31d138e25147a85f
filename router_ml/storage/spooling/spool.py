"""A durable local queue: what is on its way to the event log, as files that outlive the process.

``append`` returns once the operating system has the bytes, so what it took survives a killed process; with ``fsync`` a
power failure too, at the price of a disk write per call. Memory is bounded: the queue is the disk. A folder may be
shared by many processes of one machine; it has to be on a local disk, since locks of network file systems do not tell
reliably that a process has died. What a dead process left is taken over by the next one that looks.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from router_ml.errors import LogError
from router_ml.storage.database.entries import Entry
from router_ml.storage.spooling.aside import set_aside
from router_ml.storage.spooling.frames import frame, pack
from router_ml.storage.spooling.segments import REFUSED, Claim, Segment, Tail, bytes_in

logger = logging.getLogger(__name__)

MAX_BYTES = 1 << 30
SEGMENT_BYTES = 8 << 20
_START_ANEW = 64 << 10  # a drained segment of this size is deleted rather than appended to
_MEASURE_S = 0.1  # how often the folder is measured while it is full


@dataclass(frozen=True)
class Batch:
    """Some payloads of one segment, and the place behind them."""

    payloads: tuple[bytes, ...]
    segment: Segment = field(repr=False)
    end: int


class Spool:
    """An open spool; thread safe for appending, with one reader.

    ``max_bytes``: of the whole folder, beyond which ``append`` refuses; ``segment_bytes``: of one file.

    Raises:
        LogError: the folder cannot be made or written.
    """

    def __init__(
        self, folder: str | Path, *, max_bytes: int = MAX_BYTES, segment_bytes: int = SEGMENT_BYTES, fsync: bool = False
    ) -> None:
        self.folder = Path(folder)
        self._max_bytes, self._segment_bytes, self._fsync = max_bytes, segment_bytes, fsync
        self._closed = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._begin()
        except OSError as error:
            raise _unwritable(error) from None
        spool = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _in_child(spool()))

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self.filled = threading.Event()
        self._claim = Claim.make(self.folder)
        self._dead: list[Claim] = []
        self._segments: list[Segment] = []  # oldest first; the tail is the last
        self._tail: Tail | None = None
        self._count = 0
        self._bytes, self._measured = bytes_in(self.folder), time.monotonic()
        self.adopt()

    def append(self, entries: Iterable[Entry], *, users: Iterable[str | None] | None = None) -> None:
        """Keep entries, all or none.

        Args:
            users: per entry whom it is about, where only the log can tell the keyed hash; it waits here in plain.

        Raises:
            LogError: the spool is full, closed or cannot be written, or a vector is not one of finite numbers.
        """
        entries = list(entries)
        about = [None] * len(entries) if users is None else list(users)
        data = b"".join(frame(pack(entry, user=user)) for entry, user in zip(entries, about, strict=True))
        if not data:
            return
        with self._lock:
            self._refuse(len(data))
            try:
                self._open_tail(len(data)).append(data)
            except OSError as error:
                self._end_tail()  # whatever the failure left behind its last whole frame stays there alone
                raise _unwritable(error) from None
            self._bytes += len(data)
        self.filled.set()

    def take(self, *, entries: int, size: int) -> Batch | None:
        """The oldest entries that have not reached the database, at most so many and about so many bytes of them; None
        where there are none. The same again until ``done``.

        Raises:
            LogError: a file cannot be read.
        """
        while True:
            known = list(self._segments)  # without the lock, which whoever appends may need now
            segment = next((each for each in known if each.read < each.size or not self._is_tail(each)), None)
            if segment is None:
                return None
            try:
                found, end = segment.next_frames(entries=entries, size=size)
            except FileNotFoundError:
                self._lost(segment)
                continue
            except OSError as error:
                raise _unwritable(error) from None
            batch = Batch(tuple(each.payload for each in found), segment, end)
            if found:
                return batch
            self.done(batch)

    def done(self, batch: Batch) -> None:
        """A batch is in the database; files that hold nothing else are deleted."""
        segment = batch.segment
        with self._lock:
            segment.read = batch.end
            if self._is_tail(segment) and segment.read == segment.size >= min(_START_ANEW, self._segment_bytes):
                self._end_tail()
            over = segment.read >= segment.size and not self._is_tail(segment)
            if over:
                self._segments.remove(segment)
                self._bytes -= segment.size
            writers = {each.path.name.partition("-")[0] for each in self._segments}
        if over:
            segment.remove()
        for claim in [claim for claim in self._dead if claim.writer not in writers]:
            self._dead.remove(claim)
            claim.release(done=True)

    def _lost(self, segment: Segment) -> None:
        """Somebody deleted a file: what comes after it must not wait for it, nor more be written into it."""
        logger.error("%s was deleted with %d bytes that had not arrived.", segment.path, segment.size - segment.read)
        with self._lock:
            if self._is_tail(segment):
                self._end_tail()
            segment.read = segment.size
            self._segments.remove(segment)
            self._bytes -= segment.size

    def set_aside(self, payload: bytes) -> Path:
        """Keep a payload that the database will never take, where nothing reads it again by itself."""
        path = self.folder / f"{self._claim.writer}{REFUSED}"
        try:
            set_aside(path, payload)
        except OSError as error:
            raise _unwritable(error) from None
        return path

    def adopt(self) -> int:
        """Take over what processes that have died since have left; returns of how many."""
        claims = list(Claim.of_dead(self.folder))
        for claim in claims:
            left = claim.segments()
            if not left:
                claim.release(done=True)
                continue
            with self._lock:
                self._segments[:0] = left
                self._dead.append(claim)
        return len(claims)

    def waiting(self) -> tuple[tuple[Segment, int], ...]:
        """What this process is responsible for and has not reached the database: files, and up to where."""
        with self._lock:
            return tuple((segment, segment.size) for segment in self._segments if segment.read < segment.size)

    def close(self) -> None:
        """Append no more. What has not reached the database stays, for the next process that looks."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._end_tail()
            left = bool(self._segments) and any(each.read < each.size for each in self._segments)
            over = [each for each in self._segments if each.read >= each.size]
        for segment in over:
            segment.remove()
        for claim in self._dead:
            claim.release(done=False)
        self._claim.release(done=not left)

    def _is_tail(self, segment: Segment) -> bool:
        return self._tail is not None and segment is self._tail.segment

    def _open_tail(self, coming: int) -> Tail:
        if self._tail is not None and self._tail.segment.size + coming > self._segment_bytes:
            self._end_tail()
            self._bytes = bytes_in(self.folder)
        if self._tail is None:
            self._count += 1
            self._tail = Tail(self._claim.segment(self._count), fsync=self._fsync)
            self._segments.append(self._tail.segment)
        return self._tail

    def _end_tail(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def _refuse(self, coming: int) -> None:
        if self._closed:
            raise LogError("This spool is closed. Open it again with Spool(folder).")
        if self._bytes + coming <= self._max_bytes:
            return
        if time.monotonic() - self._measured > _MEASURE_S:  # others share the folder and may have drained theirs
            self._bytes, self._measured = bytes_in(self.folder), time.monotonic()
        if self._bytes + coming > self._max_bytes:
            raise LogError(
                f"The spool is full: {self._bytes} bytes wait in it, the most is {self._max_bytes}. Check that the "
                "database can be reached and written; what waits is delivered by itself then."
            )


def _in_child(spool: Spool | None) -> None:
    """After a fork: the files belong to the parent, the child starts its own; where it cannot, it has no spool."""
    if spool is None or spool._closed:
        return
    tail, claims = spool._tail, (spool._claim, *spool._dead)
    spool._tail, spool._segments, spool._dead = None, [], []
    spool._closed = True
    if tail is not None:
        tail.close()
    for claim in claims:
        os.close(claim.handle)
    with suppress(OSError):
        spool._begin()
        spool._closed = False


def _unwritable(error: OSError) -> LogError:
    return LogError(
        f"The spool failed: {error.strerror}. Check that its folder is on a local disk with room and can be written."
    )
