"""How a log comes to the schema of this release: made new, or brought there from an earlier one, step by step.

``STEPS`` holds one function for each version that a log may have; each brings it to the next. All of them run in one
transaction inside the creation lock, so that a log is either as it was or whole, also when several processes start.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sql

from router_ml.contract import Outcome
from router_ml.errors import LogError
from router_ml.storage.database import tables
from router_ml.storage.database.entries import of_outcome
from router_ml.storage.database.rows import Stored, row_of
from router_ml.storage.database.tables import SCHEMA_VERSION
from router_ml.storage.proof import chain

# Taken before tables are made, so that processes starting together do not collide.
CREATION_LOCK = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(615027)"}
SUBJECTS = "subjects"
PAGE = 1000


def prepare(connection: sql.Connection) -> None:
    """Make the tables of a new log, or bring one of an earlier release to this one.

    Raises:
        LogError: a release that this one does not know wrote the log; nothing is changed then.
    """
    if _version(connection) in (None, *STEPS):
        if lock := CREATION_LOCK.get(connection.dialect.name):
            connection.exec_driver_sql(lock)
        found = _version(connection)  # another process may have been first
        if found is None:
            _make(connection)
        while found in STEPS:
            STEPS[found](connection)
            found += 1
            connection.execute(sql.update(tables.schema).values(version=found))
    found = _version(connection)
    if found != SCHEMA_VERSION:
        raise LogError(
            f"The event log has schema version {found}, this release reads and writes {SCHEMA_VERSION}. Use the "
            "release that wrote it, or start a new log."
        )


def secret_of_subjects(connection: sql.Connection) -> bytes:
    """What user ids are hashed with in this log."""
    query = sql.select(tables.secrets.c.value).where(tables.secrets.c.name == SUBJECTS)
    found = connection.execute(query).scalar()
    if found is None:
        raise LogError("The event log has lost the secret that user ids are hashed with. Restore it from a backup.")
    return bytes(found)


def secret_digest(value: bytes) -> bytes:
    """What the chain says of a secret."""
    return hashlib.sha256(chain.joined("secret", value)).digest()


def _version(connection: sql.Connection) -> int | None:
    """The version of the log; None where nothing has been made yet."""
    if not sql.inspect(connection).has_table(tables.schema.name):
        return None
    return connection.execute(sql.select(tables.schema.c.version)).scalar()


def _make(connection: sql.Connection) -> None:
    tables.metadata.create_all(connection)
    connection.execute(sql.insert(tables.schema).values(version=SCHEMA_VERSION))
    _make_secret(connection)


def _make_secret(connection: sql.Connection) -> None:
    value = secrets.token_bytes(chain.KEY_BYTES)
    connection.execute(sql.insert(tables.secrets).values(name=SUBJECTS, value=value))
    writer = chain.Writer(chain.OWN)
    writer.begin(connection)
    writer.add("secret", SUBJECTS, None, secret_digest(value))
    writer.flush(connection)


def _add_checks_and_events(connection: sql.Connection) -> None:
    """1 to 2: checks of answers, and audit events."""
    tables.metadata.create_all(connection, tables=[tables.output_checks, tables.audit_events])


def _add_chain(connection: sql.Connection) -> None:
    """2 to 3: outcomes are added to and not replaced, and all that the log holds gets a place in a chain.

    The chain says of these records that they are as the migration found them, not as they were once written.
    """
    old = "outcomes_2"
    if connection.dialect.name == "postgresql":  # the name of its index is taken otherwise
        connection.exec_driver_sql("ALTER TABLE outcomes DROP CONSTRAINT outcomes_pkey")
    connection.exec_driver_sql(f"ALTER TABLE outcomes RENAME TO {old}")
    for column in (tables.decisions.c.org, tables.decisions.c.lanes):
        connection.exec_driver_sql(f"ALTER TABLE decisions ADD COLUMN {column.name} TEXT")
    tables.metadata.create_all(connection)
    _make_secret(connection)
    writer = chain.Writer(chain.OWN)
    writer.begin(connection)
    for page in _pages(connection, _decided(), tables.decisions.c.decision_id):
        _chain_page(connection, writer, [_stored_decision(row) for row in page])
    before = sql.table(old, sql.column("decision_id"), sql.column("source"), sql.column("record"))
    for page in _pages(connection, sql.select(before), before.c.decision_id, before.c.source):
        _chain_page(connection, writer, [_stored_outcome(row.record) for row in page])
    connection.exec_driver_sql(f"DROP TABLE {old}")
    for kind in ("output_check", "audit_event"):
        table, key = tables.RECORDS[kind]
        of = table.c.decision_id if kind == "output_check" else sql.null()
        for page in _pages(connection, sql.select(key, of.label("decision_id"), table.c.record), key):
            entries = [Stored(kind, row[0], row.decision_id, row.record) for row in page]
            _chain_page(connection, writer, entries)


def _add_waiting(connection: sql.Connection) -> None:
    """3 to 4: what waits for a person."""
    tables.metadata.create_all(connection, tables=[tables.waiting])


def _add_keys_and_counters(connection: sql.Connection) -> None:
    """4 to 5: who may call a gateway, what its processes tell each other, and what an organisation finds its own by."""
    tables.metadata.create_all(connection, tables=[tables.api_keys, tables.shared])
    connection.execute(sql.schema.CreateIndex(tables.decisions_of_org, if_not_exists=True))


def _decided() -> sql.Select[Any]:
    decisions, features = tables.decisions, tables.features
    columns = (decisions.c.decision_id, decisions.c.record, *features.c["encoder", "embedding", "surface"])
    return sql.select(*columns).select_from(decisions.outerjoin(features))


def _stored_decision(row: Any) -> Stored:
    embedding, surface = (None if value is None else bytes(value) for value in (row.embedding, row.surface))
    return Stored("decision", row.decision_id, row.decision_id, row.record, row.encoder, embedding, surface)


def _stored_outcome(record: str) -> Stored:
    try:
        entry = of_outcome(Outcome.model_validate_json(record))
    except ValueError:
        raise LogError("An outcome was written under another contract. Use the release that wrote it.") from None
    return Stored("outcome", entry.record_id, entry.decision_id, entry.record)


def _chain_page(connection: sql.Connection, writer: chain.Writer, entries: list[Stored]) -> None:
    from router_ml.storage.database.writing import key_rows

    of = [entry.decision_id for entry in entries if entry.decision_id is not None]
    keys = {name: row.key or b"" for name, row in key_rows(connection, of).items()}
    made = {name: chain.new_key() for name in of if name not in keys}
    if made:
        rows = [{"decision_id": name, "key": key} for name, key in made.items()]
        connection.execute(sql.insert(tables.decision_keys), rows)
    keys |= made
    if entries[0].kind == "outcome":
        connection.execute(sql.insert(tables.outcomes), [row_of(entry) for entry in entries])
    if entries[0].kind == "decision":
        decisions = tables.decisions
        told = [{"of": entry.record_id, **{k: row_of(entry)[k] for k in ("org", "lanes")}} for entry in entries]
        connection.execute(sql.update(decisions).where(decisions.c.decision_id == sql.bindparam("of")), told)
    for entry in entries:
        key = keys[entry.decision_id] if entry.decision_id is not None else b""
        writer.add(entry.kind, entry.record_id, entry.decision_id, chain.keyed_digest(key, entry.payload))
    writer.flush(connection)


def _pages(connection: sql.Connection, query: sql.Select[Any], *keys: Any) -> Iterator[list[Any]]:
    """Rows of a query by keys, page by page, each read whole: some drivers do not write while a result is open."""
    query = query.order_by(*keys).limit(PAGE)
    after: list[sql.ColumnElement[bool]] = []
    while page := list(connection.execute(query.where(*after)).all()):
        yield page
        after = [sql.tuple_(*keys) > tuple(getattr(page[-1], key.name) for key in keys)]


STEPS: dict[int, Callable[[sql.Connection], None]] = {
    1: _add_checks_and_events,
    2: _add_chain,
    3: _add_waiting,
    4: _add_keys_and_counters,
}
