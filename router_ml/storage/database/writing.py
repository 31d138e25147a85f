"""Writing entries: what is new goes to the table of its kind and, with a keyed digest, into the writer's chain.

What is already there is compared and left alone. An entry about a decision that was erased or has expired is not kept,
nor what a shadow decided beside it: a late outcome must not bring somebody back. All runs inside one transaction of the
caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import sqlalchemy as sql

from router_ml.contract.base import SHADOW_SUFFIX
from router_ml.storage.database import tables
from router_ml.storage.database.entries import Entry
from router_ml.storage.database.rows import Stored, features_row, refuse_other, row_of, stored
from router_ml.storage.proof import chain

IDS_PER_QUERY = 500  # far below every database's limit on bound values
Value = TypeVar("Value")


@dataclass(frozen=True)
class KeyRow:
    """What is known of a decision's key; ``key`` None: destroyed."""

    key: bytes | None
    subject: str | None = None
    keep_until: datetime | None = None
    archive: str | None = None


def distinct(entries: Iterable[Entry]) -> list[Stored]:
    """Entries as bytes, each once.

    Raises:
        LogError: two different ones under one id.
    """
    found: dict[tuple[str, str], Stored] = {}
    for entry in entries:
        new = stored(entry)
        refuse_other(found.setdefault((new.kind, new.record_id), new).record, new)
    return list(found.values())


def write_entries(connection: sql.Connection, entries: Sequence[Stored], writer: chain.Writer) -> list[Stored]:
    """Write what is not there yet, and say what that was; ``writer`` has begun.

    Raises:
        LogError: another record is kept under an id, or one is not of this contract.
    """
    new = list(_not_yet_there(connection, entries))
    keys = key_rows(connection, [name for entry in new for name in _decisions(entry)], lock="share")
    gone = {name for name, row in keys.items() if row.key is None}
    archived = [key for key, row in keys.items() if row.archive is not None]
    if archived:
        there = _chained(connection, archived)
        new = [entry for entry in new if (entry.kind, entry.record_id) not in there]
    new = [entry for entry in new if gone.isdisjoint(_decisions(entry))]
    keys = _make_keys(connection, new, keys)
    _insert(connection, new)
    for entry in new:
        key = keys[entry.decision_id].key or b"" if entry.decision_id is not None else b""
        digest = chain.keyed_digest(key, entry.payload)
        writer.add(entry.kind, entry.record_id, entry.decision_id, digest)
    writer.flush(connection)
    return new


def key_rows(
    connection: sql.Connection, decision_ids: Iterable[str], *, lock: Literal["share", "update"] | None = None
) -> dict[str, KeyRow]:
    """The keys of decisions, by id; where the database has such locks, until the transaction is over nobody destroys
    them (``share``), or writes under them either (``update``)."""
    table = tables.decision_keys
    query = sql.select(table)
    if lock is not None:
        query = query.with_for_update(read=lock == "share")
    found: dict[str, KeyRow] = {}
    for some in chunks(list(dict.fromkeys(decision_ids))):
        found |= _keys(connection.execute(query.where(table.c.decision_id.in_(some))))
    return found


def chunks(values: Sequence[Value], size: int = IDS_PER_QUERY) -> Iterator[Sequence[Value]]:
    """Values in runs of at most ``size``."""
    return (values[start : start + size] for start in range(0, len(values), size))


def _decisions(entry: Stored) -> tuple[str, ...]:
    """The decision that an entry is about and, where a shadow made it, the one that was acted on."""
    name = entry.decision_id
    return () if name is None else (name, name.removesuffix(SHADOW_SUFFIX))


def keys_in(connection: sql.Connection, file: str) -> dict[str, KeyRow]:
    """The keys of the decisions that lie in an archive file."""
    table = tables.decision_keys
    return _keys(connection.execute(sql.select(table).where(table.c.archive == file)))


def keys_digest(keys: Mapping[str, KeyRow]) -> str:
    """sha256 over keys, persons and terms, of an archive file that must not change unseen."""
    digest = hashlib.sha256()
    for name in sorted(keys):
        row = keys[name]
        until = None if row.keep_until is None else row.keep_until.isoformat()
        digest.update(chain.joined(name, row.key, row.subject, until))
    return digest.hexdigest()


def _keys(rows: Iterable[Any]) -> dict[str, KeyRow]:
    return {
        row.decision_id: KeyRow(None if row.key is None else bytes(row.key), row.subject, row.keep_until, row.archive)
        for row in rows
    }


def _not_yet_there(connection: sql.Connection, entries: Sequence[Stored]) -> Iterator[Stored]:
    there: dict[tuple[str, str], str] = {}
    for kind in dict.fromkeys(entry.kind for entry in entries):
        table, key = tables.RECORDS[kind]
        for some in chunks([entry.record_id for entry in entries if entry.kind == kind]):
            for row in connection.execute(sql.select(key, table.c.record).where(key.in_(some))):
                there[kind, row[0]] = row[1]
    for entry in entries:
        record = there.get((entry.kind, entry.record_id))
        if record is None:
            yield entry
        else:
            refuse_other(record, entry)


def _chained(connection: sql.Connection, decision_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Kind and id of all that the chain holds of decisions."""
    columns = tables.chain.c
    return {
        (row.kind, row.record_id)
        for some in chunks(decision_ids)
        for row in connection.execute(sql.select(columns.kind, columns.record_id).where(columns.decision_id.in_(some)))
    }


def _make_keys(connection: sql.Connection, new: Sequence[Stored], keys: dict[str, KeyRow]) -> dict[str, KeyRow]:
    """Keys of decisions that have none yet; one that waited for its decision learns its subject and its term."""
    made: dict[str, KeyRow] = {}
    told: list[dict[str, Any]] = []
    for entry in new:
        if entry.decision_id is None:
            continue
        if entry.decision_id not in keys:
            about = made.setdefault(entry.decision_id, KeyRow(chain.new_key()))
            if entry.kind == "decision":
                made[entry.decision_id] = KeyRow(about.key, entry.subject, entry.keep_until)
        elif entry.kind == "decision" and (entry.subject or entry.keep_until):
            told.append({"of": entry.decision_id, "subject": entry.subject, "keep_until": entry.keep_until})
    table = tables.decision_keys
    if made:
        rows = [
            {"decision_id": name, "key": row.key, "subject": row.subject, "keep_until": row.keep_until}
            for name, row in made.items()
        ]
        connection.execute(sql.insert(table), rows)
    if told:
        connection.execute(sql.update(table).where(table.c.decision_id == sql.bindparam("of")), told)
    return {**keys, **made}


def _insert(connection: sql.Connection, new: Sequence[Stored]) -> None:
    for kind, (table, _) in tables.RECORDS.items():
        if rows := [row_of(entry) for entry in new if entry.kind == kind]:
            connection.execute(sql.insert(table), rows)
    decided = [entry for entry in new if entry.kind == "decision"]
    if kept := [row for row in map(features_row, decided) if row is not None]:
        connection.execute(sql.insert(tables.features), kept)
    if texts := [{"decision_id": e.decision_id, "text": e.text} for e in decided if e.text is not None]:
        connection.execute(sql.insert(tables.texts), texts)
