"""Records that the database never takes: told from an outage, kept in a file beside the spool, tried again on demand.

Another decision under an id that is taken is such a record. What is set aside is not in the database, so it is counted
(``waiting_in``) and, once its cause is gone, delivered (``retry``).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from router_ml.errors import LogError, LogRefusedError
from router_ml.storage.database.entries import Entry
from router_ml.storage.spooling.frames import frame, frames, unpack
from router_ml.storage.spooling.segments import DAMAGED, REFUSED, SEGMENT

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.readers.costs import Billed

_FROM_THE_ENTRY = (LogRefusedError, TypeError, ValueError, OverflowError)  # all else, as memory that ran out, may pass
Refused = list[tuple[bytes, Exception]]


@dataclass(frozen=True)
class Waiting:
    """How much is on disk. ``waiting``: records on their way, at most, since a running router deletes its files some
    time after it has delivered them; ``refused``: records set aside; ``damaged``: files that a disk has damaged."""

    waiting: int
    refused: int
    damaged: int


def waiting_in(folder: Path) -> Waiting:
    """What one database's folder of a spool holds.

    Raises:
        LogError: there is no such folder, or a file cannot be read.
    """
    if not folder.is_dir():
        raise LogError(f"There is no spool at {folder}. Give the folder and the log that the router was given.")
    try:
        waiting, refused = (
            sum(1 for path in folder.glob(f"*{ending}") for _ in frames(_read(path))) for ending in (SEGMENT, REFUSED)
        )
    except OSError as error:
        raise LogError(f"The spool cannot be read: {error.strerror}. Ask as the user of the router.") from None
    return Waiting(waiting, refused, len(list(folder.glob(f"*{DAMAGED}"))))


def retry(folder: Path, log: EventLog) -> int:
    """Write what was set aside, and keep what is refused again; returns how many records the log took.

    Raises:
        LogError: the database fails, or a file cannot be written. What had been written by then may be tried again.
    """
    taken = 0
    try:
        for path in sorted(folder.glob(f"*{REFUSED}")):
            with _held(path):
                data = path.read_bytes()
                payloads = [each.payload for each in frames(data)]
                kept = [payload for payload, _ in deliver(log, payloads)]
                taken += len(payloads) - len(kept)
                if b"".join(map(frame, payloads)) != data:
                    path.rename(path.with_suffix(DAMAGED))  # for whoever wants to look into it
                    _replace(path, kept)
                elif len(kept) < len(payloads) or not payloads:
                    _replace(path, kept)
    except OSError as error:
        raise LogError(f"The spool cannot be written: {error.strerror}. Ask as the user of the router.") from None
    return taken


def deliver(
    log: EventLog, payloads: Sequence[bytes], *, tell: Callable[[Sequence[Billed]], None] | None = None
) -> Refused:
    """Write payloads of a spool; those that would be refused each time, each with what was said of it.

    Args:
        tell: is told what that changed of the costs of decisions.

    Raises:
        LogError: the database fails. Anything else that is no fault of one entry is raised as it is.
    """
    refused: Refused = []
    entries: list[tuple[bytes, Entry]] = []
    for payload in payloads:
        try:
            entry, user = unpack(payload)
        except LogRefusedError as error:
            refused.append((payload, error))
        else:
            entries.append((payload, entry if user is None else replace(entry, subject=log.subject_of(user))))
    if entries and _refusal(log, [entry for _, entry in entries], tell) is not None:
        for payload, entry in entries:
            if (refusal := _refusal(log, [entry], tell)) is not None:
                refused.append((payload, refusal))
    return refused


def set_aside(path: Path, payload: bytes) -> None:
    """Keep a payload where nothing reads it again by itself.

    Raises:
        OSError: it cannot be kept.
    """
    data = frame(payload)
    with _held(path) as handle:
        while data:
            data = data[os.write(handle, data) :]


def _refusal(
    log: EventLog, entries: Sequence[Entry], tell: Callable[[Sequence[Billed]], None] | None
) -> Exception | None:
    """Write entries; what is said of them where the database would say it again."""
    try:
        billed = log.write(entries)
    except _FROM_THE_ENTRY as error:
        return error
    if tell is not None:
        tell(billed)
    return None


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """The file, made if absent, for this process alone."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is(path, handle):  # else it was replaced while we waited
                yield handle
                return
        finally:
            os.close(handle)


def _is(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _replace(path: Path, payloads: Sequence[bytes]) -> None:
    """Write a file anew, whole or not at all."""
    if not payloads:
        path.unlink(missing_ok=True)
        return
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(b"".join(map(frame, payloads)))
    new.replace(path)


def _read(path: Path) -> bytes:
    """A file; one that its router has just delivered and deleted is empty."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
