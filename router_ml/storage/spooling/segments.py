"""The files of a spool: one lock per writing process, and its segments, which are appended to and then deleted.

The lock is held as long as the process lives, however it ends. So a lock that can be had belongs to a dead process, and
whoever gets it owns the segments that it left. Ids are random, so that none is used twice.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from router_ml.storage.spooling.disk import sync_folder
from router_ml.storage.spooling.frames import MARK, Frame, frames

SEGMENT, LOCK, DAMAGED, REFUSED = ".segment", ".lock", ".damaged", ".refused"
_MODE = 0o600  # what waits here is not encrypted
_libc = ctypes.PyDLL(None, use_errno=True)  # a PyDLL keeps the interpreter lock, see ``_write``
_libc.write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_libc.write.restype = ctypes.c_ssize_t


@dataclass(frozen=True)
class Claim:
    """The right to the segments of one writer, dead or ourselves."""

    folder: Path
    writer: str
    handle: int

    @classmethod
    def make(cls, folder: Path) -> Claim:
        """A new writer. Its lock is held before it has a name that others look for."""
        writer = secrets.token_hex(8)
        hidden = folder / f".{writer}.new"
        handle = os.open(hidden, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _MODE)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(folder / f"{writer}{LOCK}")
        return cls(folder, writer, handle)

    @classmethod
    def of_dead(cls, folder: Path) -> Iterator[Claim]:
        """The writers that live no more and that nobody else has claimed."""
        for path in sorted(folder.glob(f"*{LOCK}")):
            try:
                handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:  # somebody else was faster
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                continue
            yield cls(folder, path.stem, handle)

    def segments(self) -> list[Segment]:
        """What its writer has left, oldest first."""
        paths = sorted(self.folder.glob(f"{self.writer}-*{SEGMENT}"))
        return [Segment(path, path.stat().st_size) for path in paths]

    def segment(self, number: int) -> Path:
        """Where its ``number``-th segment is."""
        return self.folder / f"{self.writer}-{number:08d}{SEGMENT}"

    def release(self, *, done: bool) -> None:
        """Give the claim back; ``done``: nothing is left, so that the lock may go as well."""
        if done:
            (self.folder / f"{self.writer}{LOCK}").unlink(missing_ok=True)
        os.close(self.handle)


@dataclass
class Segment:
    """A file of frames. ``size`` bytes of it are whole, up to ``read`` all has reached the database."""

    path: Path
    size: int
    read: int = 0
    damaged: bool = field(default=False, repr=False)

    def next_frames(self, *, entries: int, size: int) -> tuple[list[Frame], int]:
        """The next frames, and the place behind them; at least one frame, however long, and at most about ``size``
        bytes. What is left at the end of a dead writer's segment and is no frame counts as read."""
        limit = size
        while True:
            end = min(self.read + limit, self.size)
            with self.path.open("rb") as file:
                file.seek(self.read)
                data = file.read(end - self.read)
            found = [one for one, _ in zip(frames(data), range(entries), strict=False)]
            if found:
                self._judge(data, found)
                return found, self.read + found[-1].end
            if end >= self.size:
                self._judge(data, found)
                return [], self.size
            limit *= 4

    def _judge(self, data: bytes, found: list[Frame]) -> None:
        """A torn end is what a killed writer leaves; anything else that is missing between frames is damage."""
        whole = sum(len(one.payload) + len(MARK) + 8 for one in found)
        between = (found[-1].end if found else 0) - whole
        self.damaged |= between > 0

    def remove(self) -> None:
        """Delete the file; one that was damaged is kept under another name, for whoever wants to look into it."""
        if self.damaged:
            self.path.rename(self.path.with_suffix(DAMAGED))
        else:
            self.path.unlink(missing_ok=True)


class Tail:
    """The segment that this process appends to."""

    def __init__(self, path: Path, *, fsync: bool) -> None:
        self.segment = Segment(path, 0)
        self._fsync = fsync
        self._handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, _MODE)
        if fsync:
            sync_folder(path.parent)

    def append(self, data: bytes) -> None:
        """Add whole frames: all of them or, with an OSError, none."""
        before, size = self.segment.size, len(data)
        try:
            while data:
                data = data[_write(self._handle, data) :]
            if self._fsync:
                os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, before)
            raise
        self.segment.size = before + size

    def close(self) -> None:
        """Append no more."""
        os.close(self._handle)


def bytes_in(folder: Path) -> int:
    """Size of all segments in a folder, whoever writes them."""
    total = 0
    with os.scandir(folder) as found:
        for each in found:
            if each.name.endswith(SEGMENT):
                with suppress(FileNotFoundError):  # drained by its process while we looked
                    total += each.stat().st_size
    return total


def _write(handle: int, data: bytes) -> int:
    """``os.write`` that keeps the interpreter lock: the write takes microseconds, since it ends in the page cache, and
    to get the lock back from a thread that computes takes milliseconds."""
    while True:
        written = int(_libc.write(handle, data, len(data)))
        if written >= 0:
            return written
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
