"""Compaction: decisions of past months, with all that came of them, as Parquet; the database keeps keys and chain.

A part of a month is written to a file first; then, in one transaction, it leaves the database and an audit event with
the digest of the file enters the chain. What is interrupted between the two leaves a file that the log does not name;
doing it again writes the same file.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sql

from router_ml.contract import AuditEvent
from router_ml.errors import LogError
from router_ml.storage import chain, tables
from router_ml.storage.archive_files import Folder, Placed, month_of, read_file, write_file
from router_ml.storage.arrays import Reading, to_arrays
from router_ml.storage.audit_trail import ArchiveFile, audit_trail, positions_digest
from router_ml.storage.entries import Entry, of_audit_event
from router_ml.storage.kept import read_stored
from router_ml.storage.reading import OLDEST_FIRST
from router_ml.storage.records import LoggedData, utc
from router_ml.storage.rows import as_entry, row_of
from router_ml.storage.vectors import one_encoder
from router_ml.storage.writing import chunks, distinct, key_rows, write_entries

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

PART = 10_000  # decisions of one file
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
        if not ids:
            break
        file = write_file(folder, month, placed)
        event = log_event("compacted", now=now, who=who, why=why, added=[file], decisions=file.decisions)
        if log.session.write(lambda connection, own: _move(connection, own, ids, file, event)):  # noqa: B023
            files.append(file)
        else:  # something came for one of them in between
            folder.remove([file.file])
    return Compaction(
        sum(file.decisions for file in files), sum(file.entries for file in files), tuple(file.file for file in files)
    )


def read_archive(
    path: str, *, encoder: str | None = None, source: str | None = None, attribution_days: float = 30.0
) -> Iterator[LoggedData]:
    """What ``EventLog.batches`` gives, of an archive: one batch per file, oldest first, the same lanes in each.

    Raises:
        EncoderMismatchError: embeddings of several encoders, and none was named.
        LogError: a file cannot be read. MissingExtraError: pyarrow or fsspec is not installed.
    """
    folder = Folder(path)
    notes = _in_order(folder)
    lanes = tuple(sorted({lane for note in notes.values() for lane in note["lanes"]}))
    found = {one for note in notes.values() for one in note["encoders"]}
    reading = Reading(lanes, one_encoder(found, encoder), timedelta(days=attribution_days))
    for name in notes:
        entries = [placed.entry for placed in read_file(folder, name)]
        decided = [
            SimpleNamespace(**row_of(entry), encoder=entry.encoder, embedding=entry.embedding, surface=entry.surface)
            for entry in entries
            if entry.kind == "decision"
        ]
        came = [SimpleNamespace(**row_of(entry)) for entry in entries if entry.kind == "outcome"]
        came = [one for one in came if source is None or one.source == source]
        done = [SimpleNamespace(**row_of(entry)) for entry in entries if entry.kind == "execution"]
        done.sort(key=lambda one: (one.at, one.execution_id))
        yield to_arrays(decided, sorted(came, key=lambda one: (one.at, one.source)), reading, done)


def archived(path: str) -> Iterator[Entry]:
    """All entries of an archive, as ``EventLog.write`` took them: decisions oldest first, each followed by what came of
    it. The model of each ``kind`` reads its ``record``.

    Raises:
        LogError: a file cannot be read. MissingExtraError: pyarrow or fsspec is not installed.
    """
    folder = Folder(path)
    for name in _in_order(folder):
        for placed in read_file(folder, name):
            yield as_entry(placed.entry)


def archive_problems(connection: sql.Connection, path: str) -> list[str]:
    """What is wrong with an archive by the log: files that are missing, changed or not part of it, and entries that are
    not what was written."""
    folder, trail = Folder(path), audit_trail(connection)
    problems = [
        f"Archive file {name} {'was replaced or erased' if name in trail.removed else 'is not named by the log'}: "
        "remove it."
        for name in folder.names()
        if name not in trail.files
    ]
    for name, file in sorted(trail.files.items()):
        try:
            placed = read_file(folder, name, sha256=file.sha256)
        except LogError as error:
            problems.append(str(error))
            continue
        positions = sorted((one.writer, one.seq) for one in placed)
        if positions_digest(positions) != file.positions_sha256:
            problems.append(f"Archive file {name} holds other entries than the log says.")
        problems += _changed(connection, placed)
    return problems


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


def _in_order(folder: Folder) -> dict[str, dict[str, Any]]:
    """Files with their footers, oldest first, without those that others replace."""
    notes = {name: folder.notes(name) for name in folder.names()}
    replaced = {note["replaces"] for note in notes.values()}
    return {name: notes[name] for name in sorted(notes, key=lambda name: notes[name]["oldest"]) if name not in replaced}


def _oldest(connection: sql.Connection, before: datetime, part: int) -> tuple[list[str], str]:
    query = sql.select(*OLDEST_FIRST).where(tables.decisions.c.created_at < before).order_by(*OLDEST_FIRST).limit(part)
    rows = connection.execute(query).all()
    month = month_of(rows[0].created_at) if rows else ""
    return [row.decision_id for row in rows if month_of(row.created_at) == month], month


def _move(
    connection: sql.Connection, own: chain.Writer, ids: Sequence[str], file: ArchiveFile, event: AuditEvent
) -> bool:
    keys = key_rows(connection, ids, lock="update")
    if any(keys[name].key is None or keys[name].archive is not None for name in ids):
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


def _changed(connection: sql.Connection, placed: Sequence[Placed]) -> Iterator[str]:
    digests: dict[tuple[str, str], bytes] = {}
    columns = tables.chain.c
    keys = key_rows(connection, [str(one.entry.decision_id) for one in placed])
    for some in chunks(list(keys)):
        query = sql.select(columns.kind, columns.record_id, columns.digest).where(columns.decision_id.in_(some))
        digests |= {(row.kind, row.record_id): bytes(row.digest) for row in connection.execute(query)}
    for one in placed:
        entry, key = one.entry, keys.get(str(one.entry.decision_id))
        digest = chain.keyed_digest((key.key if key is not None else None) or b"", entry.payload)
        if digests.get((entry.kind, entry.record_id)) != digest:
            yield f"Archived {entry.kind.replace('_', ' ')} {entry.record_id} is not what was written."
        elif entry.kind == "decision" and key and (key.subject, key.keep_until) != (entry.subject, entry.keep_until):
            yield f"The key of archived decision {entry.record_id} names another person or term than was written."
