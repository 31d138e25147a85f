"""Erasure of a person and expiry: the records go, their keys are destroyed, and the chain still holds.

What goes is everything that is about a decision: the record with its labels, estimates and propensities, embedding and
features, text, outcomes, executions, approvals, checks. None of it stays "anonymised": under an id that other systems
know too, an intent at a time is still about somebody, and a log that lost all of a person's decisions is still a fair
sample for learning as long as leaving does not depend on the lane. What stays is the place of each entry in the chain:
kind, ids, and a digest whose key no longer exists, so that nobody can tell by it whether a guess is right.

Whatever comes later for such a decision is not kept. Decisions that still wait in a spool are not in the log yet: let
it run empty first. Backups have their own term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sql

from router_ml.contract import AuditEvent
from router_ml.errors import LogError
from router_ml.storage import tables
from router_ml.storage.archive import delete_records, log_event
from router_ml.storage.archive_files import Folder, read_file, write_file
from router_ml.storage.audit_trail import ArchiveFile, audit_trail, order_digest
from router_ml.storage.chain import Writer
from router_ml.storage.entries import of_audit_event
from router_ml.storage.records import utc
from router_ml.storage.writing import chunks, distinct, key_rows, write_entries

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

AT_ONCE = 1000  # decisions in one transaction
KEYS = tables.decision_keys.c
Kind = Literal["erased", "expired"]


@dataclass(frozen=True)
class Erasure:
    """What is gone: ``decisions`` with all that came of them; ``files`` of the archive that were written anew."""

    decisions: int
    files: int


@dataclass(frozen=True)
class Order:
    """Who ordered an erasure, and why; the names of persons do not belong in ``why``."""

    kind: Kind
    who: str
    why: str
    now: datetime

    def event(self, decisions: int, *, old: ArchiveFile | None, new: ArchiveFile | None) -> AuditEvent:
        """The audit event of one transaction of it."""
        added, removed = [new] if new else [], [old.file] if old else []
        return log_event(
            self.kind, now=self.now, who=self.who, why=self.why, added=added, removed=removed, decisions=decisions
        )


def erase(log: EventLog, *, user: str, who: str, why: str, now: datetime, archive: str | None = None) -> Erasure:
    """Erase all that is about a person, by the id under which requests named them.

    Args:
        archive: where ``compact`` wrote to; the files that hold something of the person are written anew.

    Raises:
        LogError: some of it lies in an archive, and none is given; or log or archive fail. Repeating it goes on.
    """
    subject = log.subject_of(user)
    return _forget_all(log, KEYS.subject == subject, Order("erased", who, why, now), archive)


def expire(log: EventLog, *, who: str, why: str, now: datetime, archive: str | None = None) -> Erasure:
    """Erase all that was to be kept until a time that is over.

    Raises:
        LogError: as ``erase``.
    """
    return _forget_all(log, KEYS.keep_until <= utc(now), Order("expired", who, why, now), archive)


def _forget_all(log: EventLog, which: sql.ColumnElement[bool], order: Order, archive: str | None) -> Erasure:
    there = which & KEYS.key.is_not(None)
    with log.session.read() as connection:
        named = list(connection.execute(sql.select(KEYS.archive).distinct().where(there)).scalars())
        trail = audit_trail(connection)
    files = [trail.files[name] for name in sorted(filter(None, named)) if name in trail.files]
    if len(files) < sum(name is not None for name in named):
        raise LogError("The log names an archive file that no audit event does. Run router-ml log verify first.")
    if files and archive is None:
        raise LogError(
            f"Some of it lies in {len(files)} files of an archive, first {files[0].file}. Name the archive as well: "
            "erasing only what is in the database would leave the rest."
        )
    decisions = 0
    while True:
        with log.session.read() as connection:
            query = sql.select(KEYS.decision_id).where(there, KEYS.archive.is_(None)).limit(AT_ONCE)
            ids = list(connection.execute(query).scalars())
        if not ids:
            break
        decisions += _forget(log, ids, order, None, None)
    if archive is not None:
        folder = Folder(archive)
        for old in files:
            with log.session.read() as connection:
                query = sql.select(KEYS.decision_id).where(there, KEYS.archive == old.file)
                ids = list(connection.execute(query).scalars())
            decisions += _forget(log, ids, order, old, _without(folder, old, set(ids)))
        with log.session.read() as connection:
            folder.remove(audit_trail(connection).removed)  # also what an interrupted call left
    if decisions == 0 and order.kind == "erased":  # that it was asked for is worth keeping, too
        log.log_audit_event(order.event(0, old=None, new=None))
    log.session.scrub()
    return Erasure(decisions, len(files))


def _without(folder: Folder, old: ArchiveFile, ids: set[str]) -> ArchiveFile | None:
    """The rest of a file as a new one; None where nothing is left."""
    rest = [one for one in read_file(folder, old.file, sha256=old.sha256) if one.entry.decision_id not in ids]
    month = old.file.partition("/")[0].removeprefix("month=")
    return write_file(folder, month, rest, replaces=old.file) if rest else None


def _forget(log: EventLog, ids: Sequence[str], order: Order, old: ArchiveFile | None, new: ArchiveFile | None) -> int:
    """Destroy keys and records of decisions in one transaction; how many there were."""

    def do(connection: sql.Connection, own: Writer) -> int:
        where = None if old is None else old.file
        keys = key_rows(connection, ids, lock="update")
        there = [name for name in ids if keys[name].key is not None and keys[name].archive == where]
        delete_records(connection, there)
        table = tables.decision_keys
        nothing = {"key": None, "subject": None, "keep_until": None, "archive": None}
        for some in chunks(there):
            connection.execute(sql.update(table).where(KEYS.decision_id.in_(some)).values(nothing))
        if old is not None:
            moved = sql.update(table).where(KEYS.archive == old.file)
            connection.execute(moved.values(archive=None if new is None else new.file))
        event = of_audit_event(order.event(len(there), old=old, new=new))
        write_entries(connection, distinct([event]), own)
        for name in there:
            own.add(order.kind, name, name, order_digest(event.record))
        return len(there)

    return log.session.write(do)
