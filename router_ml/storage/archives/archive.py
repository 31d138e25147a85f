"""Compaction: decisions of past months, with all that came of them, as Parquet; the database keeps keys and chain.

A part of a month is written to a file first; then, in one transaction, it leaves the database and an audit event with
the digest of the file enters the chain. What is interrupted between the two leaves a file that the log does not name;
doing it again writes the same file. Readers who have the log read what it names and nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sql

from router_ml.contract import AuditEvent
from router_ml.contract.base import is_unacted
from router_ml.errors import LogError
from router_ml.storage.archives.files import Folder, Placed, month_of, read_file, write_file
from router_ml.storage.archives.leftovers import discard, hold
from router_ml.storage.database import tables
from router_ml.storage.database.entries import Entry, of_audit_event
from router_ml.storage.database.records import LoggedData, utc
from router_ml.storage.database.rows import as_entry, row_of
from router_ml.storage.database.writing import chunks, distinct, key_rows, keys_digest, write_entries
from router_ml.storage.proof import chain
from router_ml.storage.proof.audit_trail import ArchiveFile, audit_trail
from router_ml.storage.proof.kept import read_stored
from router_ml.storage.readers.arrays import Reading, to_arrays
from router_ml.storage.readers.reading import OLDEST_FIRST
from router_ml.storage.readers.vectors import one_encoder

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

PART = 10_000  # decisions of one file
BESIDE = ("encoder", "embedding", "surface", "subject")  # of a decision, not in its row
OF_DECISIONS = tuple(kind for kind in tables.RECORDS if kind != "audit_event")


@dataclass(frozen=True)
class Compaction:
    """What left the database: ``decisions``, in all ``entries``, into ``files`` below the archive."""

    decisions: int
    entries: int
    files: tuple[str, ...]


def compact(
    log: EventLog, *, before: datetime, to: str, now: datetime, who: str, why: str, part: int = PART
) -> Compaction:
    """Move decisions from before a time to an archive, with all that came of them.

    Args:
        to: a folder, or any URL that fsspec knows.
        part: how many decisions go to one file; so many are in memory.

    Raises:
        LogError: outcomes may still come for some of the decisions, the log or the archive fails, or a record stands
            in no chain.
        MissingExtraError: pyarrow or fsspec is not installed.
    """
    if utc(before) > utc(now) - log.attribution:
        raise LogError(
            f"Outcomes may still come for decisions of the last {log.attribution.days} days. Give an earlier time."
        )
    folder, files = Folder(to), []
    while True:
        with log.session.read() as connection:
            ids, month = _oldest(connection, utc(before), part)
            placed = read_placed(connection, ids)
            keys = key_rows(connection, ids)
        if not ids:
            break
        file = replace(write_file(folder, month, placed), keys_sha256=keys_digest(keys))
        event = log_event("compacted", now=now, who=who, why=why, added=[file], decisions=file.decisions)
        if log.session.write(lambda connection, own: _move(connection, own, ids, file, event, folder)):  # noqa: B023
            files.append(file)
        else:  # something came for one of them in between, or somebody else was faster
            discard(log, folder, [file.file])
    return Compaction(
        sum(file.decisions for file in files), sum(file.entries for file in files), tuple(file.file for file in files)
    )


def read_archive(
    path: str,
    *,
    log: EventLog | None = None,
    encoder: str | None = None,
    source: str | None = None,
    attribution_days: float = 30.0,
) -> Iterator[LoggedData]:
    """What ``EventLog.batches`` gives, of an archive: one batch per file, oldest first, the same lanes in each; nothing
    that a shadow or an evaluation decided.

    Args:
        log: the log that was compacted. With it, the files that it names are read, each with its digest. Without it,
            whatever lies there is, also what an interrupted command left: a decision may then come twice, or be one
            that was erased.

    Raises:
        EncoderMismatchError: embeddings of several encoders, and none was named.
        LogError: a file cannot be read. MissingExtraError: pyarrow or fsspec is not installed.
    """
    folder, digests = Folder(path), _named(log)
    notes = _in_order(folder, digests)
    lanes = tuple(sorted({lane for note in notes.values() for lane in note["lanes"]}))
    found = {one for note in notes.values() for one in note["encoders"]}
    reading = Reading(lanes, one_encoder(found, encoder), timedelta(days=attribution_days))
    for name in notes:
        entries = [
            placed.entry for placed in read_file(folder, name, sha256=None if digests is None else digests[name])
        ]
        decided = [
            SimpleNamespace(**row_of(entry), **{name: getattr(entry, name) for name in BESIDE})
            for entry in entries
            if entry.kind == "decision" and not is_unacted(entry.record_id)
        ]
        came = [SimpleNamespace(**row_of(entry)) for entry in entries if entry.kind == "outcome"]
        came = [one for one in came if source is None or one.source == source]
        done = [SimpleNamespace(**row_of(entry)) for entry in entries if entry.kind == "execution"]
        done.sort(key=lambda one: (one.at, one.execution_id))
        yield to_arrays(decided, sorted(came, key=lambda one: (one.at, one.source)), reading, done)


def archived(path: str, *, log: EventLog | None = None) -> Iterator[Entry]:
    """All entries of an archive, as ``EventLog.write`` took them: decisions oldest first, each followed by what came of
    it. The model of each ``kind`` reads its ``record``. ``log``: as of ``read_archive``.

    Raises:
        LogError: a file cannot be read. MissingExtraError: pyarrow or fsspec is not installed.
    """
    folder, digests = Folder(path), _named(log)
    for name in _in_order(folder, digests):
        for placed in read_file(folder, name, sha256=None if digests is None else digests[name]):
            yield as_entry(placed.entry)


def read_placed(connection: sql.Connection, decision_ids: Sequence[str]) -> list[Placed]:
    """Decisions, each followed by all that came of it, with their places in the chain.

    Raises:
        LogError: a record stands in no chain.
    """
    columns = tables.chain.c
    query = sql.select(columns.writer, columns.seq, columns.kind, columns.record_id)
    places = {
        (row.kind, row.record_id): (row.writer, row.seq)
        for some in chunks(decision_ids)
        for row in connection.execute(query.where(columns.decision_id.in_(some)))
    }
    found: dict[str, list[Placed]] = {name: [] for name in decision_ids}
    for kind in OF_DECISIONS:
        for entry, _ in read_stored(connection, kind, decision_ids, by_decision=True):
            place = places.get((kind, entry.record_id))
            if place is None:
                raise LogError(f"{kind} {entry.record_id} stands in no chain. Run router-ml log verify first.")
            found[str(entry.decision_id)].append(Placed(*place, entry))
    return [one for name in decision_ids for one in found[name]]


def log_event(
    kind: Any,
    *,
    now: datetime,
    who: str,
    why: str,
    added: Sequence[ArchiveFile] = (),
    removed: Sequence[str] = (),
    **detail: int,
) -> AuditEvent:
    """An audit event about the log itself."""
    files: dict[str, Any] = {"added": [asdict(file) for file in added], "removed": list(removed)}
    name = f"log_{uuid.uuid4().hex}"
    return AuditEvent(event_id=name, at=now, kind=kind, who=who, why=why, detail={**detail, "archive": files})


def delete_records(connection: sql.Connection, decision_ids: Sequence[str]) -> int:
    """Delete what the database holds of decisions and all that came of them; how many rows that were."""
    deleted = 0
    for some in chunks(decision_ids):
        for table in tables.OF_DECISION:
            count = connection.execute(sql.delete(table).where(table.c.decision_id.in_(some))).rowcount
            deleted += count if table not in (tables.features, tables.texts) else 0
    return deleted


def _named(log: EventLog | None) -> dict[str, str] | None:
    """The files that make up an archive by its log, with their digests; None without a log."""
    if log is None:
        return None
    with log.session.read() as connection:
        return {name: file.sha256 for name, file in audit_trail(connection).files.items()}


def _in_order(folder: Folder, names: Iterable[str] | None) -> dict[str, dict[str, Any]]:
    """Files with their footers, oldest first, without those that others replace; None: all that are there."""
    notes = {name: folder.notes(name) for name in (folder.names() if names is None else names)}
    replaced = {note["replaces"] for note in notes.values()}
    return {name: notes[name] for name in sorted(notes, key=lambda name: notes[name]["oldest"]) if name not in replaced}


def _oldest(connection: sql.Connection, before: datetime, part: int) -> tuple[list[str], str]:
    waits = tables.decisions.c.decision_id.in_(
        sql.select(tables.waiting.c.decision_id)
    )  # a person may still let it go on
    old = (tables.decisions.c.created_at < before) & ~waits
    query = sql.select(*OLDEST_FIRST).where(old).order_by(*OLDEST_FIRST).limit(part)
    rows = connection.execute(query).all()
    month = month_of(rows[0].created_at) if rows else ""
    return [row.decision_id for row in rows if month_of(row.created_at) == month], month


def _move(
    connection: sql.Connection,
    own: chain.Writer,
    ids: Sequence[str],
    file: ArchiveFile,
    event: AuditEvent,
    folder: Folder,
) -> bool:
    hold(connection)
    keys = key_rows(connection, ids, lock="update")
    if any(keys[name].key is None or keys[name].archive is not None for name in ids):
        return False
    if keys_digest(keys) != file.keys_sha256 or not folder.holds(file.file):
        return False
    with connection.begin_nested() as savepoint:
        if delete_records(connection, ids) != file.entries:
            savepoint.rollback()
            return False
    table = tables.decision_keys
    for some in chunks(ids):
        connection.execute(sql.update(table).where(table.c.decision_id.in_(some)).values(archive=file.file))
    write_entries(connection, distinct([of_audit_event(event)]), own)
    return True
