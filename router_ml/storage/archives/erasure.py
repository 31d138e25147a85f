"""Erasure of a person and expiry: the records go, their keys are destroyed, and the chain still holds.

What goes is everything that is about a decision: the record with its labels, estimates and propensities, embedding and
features, text, outcomes, executions, approvals, checks, what waits for somebody to look at it. None of it stays
"anonymised": under an id that other systems know too, an intent at a time is still about somebody, and a log that lost
all of a person's decisions is still a fair sample for learning as long as leaving does not depend on the lane. What
stays is the place of each entry in the chain: kind, ids, and a digest whose key no longer exists, so that nobody can
tell by it whether a guess is right.

What a shadow decided beside such a decision goes with it, and whatever comes later for either is not kept. Others may
write, compact and erase at the same time: the transaction looks again, and starts anew where something has changed.
With an archive, files that the log does not name go as well. Decisions that still wait in a spool are not in the log
yet: let it run empty first. Backups have their own term.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sql

from router_ml.contract import AuditEvent
from router_ml.contract.base import shadow_id
from router_ml.errors import LogError
from router_ml.storage.archives.archive import delete_records, log_event
from router_ml.storage.archives.files import Folder, read_file, write_file
from router_ml.storage.archives.leftovers import discard, hold, tidy
from router_ml.storage.database import tables
from router_ml.storage.database.entries import of_audit_event
from router_ml.storage.database.records import utc
from router_ml.storage.database.writing import chunks, distinct, key_rows, keys_digest, keys_in, write_entries
from router_ml.storage.proof.audit_trail import ArchiveFile, audit_trail, order_digest
from router_ml.storage.proof.chain import Writer
from router_ml.storage.service.waiting import forget

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


@dataclass(frozen=True)
class _Part:
    """Decisions that go in one transaction, with those of their shadows; all in the database, or all in one file."""

    ids: tuple[str, ...]
    file: ArchiveFile | None


def _forget_all(log: EventLog, which: sql.ColumnElement[bool], order: Order, archive: str | None) -> Erasure:
    there = which & KEYS.key.is_not(None)
    folder = None if archive is None else Folder(archive)
    with log.session.read() as connection:
        files = (
            connection.execute(sql.select(KEYS.archive).distinct().where(there, KEYS.archive.is_not(None)))
            .scalars()
            .all()
        )
    if files and folder is None:
        raise _no_archive([str(name) for name in files])
    decisions = written = 0
    while (part := _next(log, there)) is not None:  # until a look finds nothing: others write, compact and erase, too
        if part.file is not None and folder is None:
            raise _no_archive([part.file.file])
        if _forget(log, part, order, folder):
            decisions += len(part.ids)
            written += part.file is not None
    if folder is not None:
        tidy(log, folder)
    if decisions == 0 and order.kind == "erased":  # that it was asked for is worth keeping, too
        log.log_audit_event(order.event(0, old=None, new=None))
    log.session.scrub()
    return Erasure(decisions, written)


def _no_archive(files: list[str]) -> LogError:
    return LogError(
        f"Some of it lies in {len(files)} files of an archive, first {min(files)}. Name the archive as well: erasing "
        "only what is in the database would leave the rest."
    )


def _next(log: EventLog, there: sql.ColumnElement[bool]) -> _Part | None:
    """Some of what has to go, as it lies at this moment; None where nothing is left.

    Shadows that lie elsewhere go before the decisions that they can be found by.
    """
    with log.session.read(snapshot=True) as connection:
        trail = audit_trail(connection)
        first = sql.select(KEYS.archive).where(there).order_by(KEYS.archive.is_not(None)).limit(1)
        found = connection.execute(first).first()
        if found is None:
            return None
        place: str | None = found.archive
        query = sql.select(KEYS.decision_id).where(there, KEYS.archive.is_not_distinct_from(place))
        query = query.order_by(KEYS.decision_id).limit(AT_ONCE if place is None else None)
        ids = dict.fromkeys(connection.execute(query).scalars(), place)
        kept = key_rows(connection, map(shadow_id, ids)).items()
        shadows = {name: row.archive for name, row in kept if row.key is not None and name not in ids}
    elsewhere = [where for where in shadows.values() if where != place]
    if elsewhere:
        place, ids = elsewhere[0], {}
    names = sorted(ids | {name: where for name, where in shadows.items() if where == place})
    if place is not None and place not in trail.files:
        raise LogError("The log names an archive file that no audit event does. Run router-ml log verify first.")
    return _Part(tuple(names), None if place is None else trail.files[place])


def _forget(log: EventLog, part: _Part, order: Order, folder: Folder | None) -> bool:
    """Destroy keys and records of decisions in one transaction; False where they no longer lie as they did."""
    old = part.file
    if old is None or folder is None:
        return log.session.write(partial(_destroy, part=part, order=order))
    try:
        new = _without(folder, old, set(part.ids))
    except LogError:
        with log.session.read() as connection:
            if old.file in audit_trail(connection).files:
                raise
        return False
    done = log.session.write(partial(_destroy, part=part, order=order, new=new, folder=folder))
    if not done and new is not None:
        discard(log, folder, [new.file])
    return done


def _without(folder: Folder, old: ArchiveFile, ids: set[str]) -> ArchiveFile | None:
    """The rest of a file as a new one; None where nothing is left."""
    rest = [one for one in read_file(folder, old.file, sha256=old.sha256) if one.entry.decision_id not in ids]
    month = old.file.partition("/")[0].removeprefix("month=")
    return write_file(folder, month, rest, replaces=old.file) if rest else None


def _destroy(
    connection: sql.Connection,
    own: Writer,
    *,
    part: _Part,
    order: Order,
    new: ArchiveFile | None = None,
    folder: Folder | None = None,
) -> bool:
    old, table = part.file, tables.decision_keys
    if old is not None:
        hold(connection)
    keys = key_rows(connection, part.ids, lock="update")
    keys |= key_rows(connection, map(shadow_id, part.ids), lock="update")  # after these: none can come any more
    there = {name: row.archive for name, row in keys.items() if row.key is not None}
    if there != dict.fromkeys(part.ids, None if old is None else old.file):
        return False
    if new is not None and folder is not None and not folder.holds(new.file):
        return False
    delete_records(connection, part.ids)
    nothing = {"key": None, "subject": None, "keep_until": None, "archive": None}
    for some in chunks(part.ids):
        forget(connection, some)
        connection.execute(sql.update(table).where(KEYS.decision_id.in_(some)).values(nothing))
    if old is not None and new is not None:
        connection.execute(sql.update(table).where(KEYS.archive == old.file).values(archive=new.file))
        new = replace(new, keys_sha256=keys_digest(keys_in(connection, new.file)))
    event = of_audit_event(order.event(len(part.ids), old=old, new=new))
    write_entries(connection, distinct([event]), own)
    for name in part.ids:
        own.add(order.kind, name, name, order_digest(event.record))
    return True
