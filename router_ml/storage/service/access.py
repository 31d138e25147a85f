"""Keys of a gateway in the database of a log, and the secrets that its processes sign with.

Of a key only a digest is kept. A key is never deleted: one that ends is revoked, so that a database in which keys were
once made never counts as one without. Each change is written in the transaction of its audit event.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sql

from router_ml.contract import AuditEvent
from router_ml.errors import LogRefusedError
from router_ml.storage.database import records, tables
from router_ml.storage.database.entries import of_audit_event
from router_ml.storage.database.migrations import secret_digest
from router_ml.storage.database.writing import distinct, write_entries
from router_ml.storage.proof.chain import KEY_BYTES, Writer

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

KEYS = tables.api_keys.c
_TIMES = ("created_at", "expires_at", "revoked_at")


@dataclass(frozen=True)
class StoredKey:
    """What is kept of a key. ``digest``: SHA-256 of the whole key; ``org`` None: of all; a limit of None: none."""

    key_id: str
    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[str]
    created_at: datetime
    created_by: str
    org: str | None = None
    requests_per_minute: int | None = None
    usd_per_day: float | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def active(self, now: datetime) -> bool:
        """Whether it opens anything at a time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, without the digest."""
        times = {name: at.isoformat() if (at := getattr(self, name)) is not None else None for name in _TIMES}
        names = ("key_id", "name", "org", "requests_per_minute", "usd_per_day", "created_by")
        return {**{name: getattr(self, name) for name in names}, "scopes": sorted(self.scopes), **times}


@dataclass(frozen=True)
class AccessTable:
    """The keys in the database of a log. Every method raises ``LogError`` when the database fails."""

    log: EventLog

    def keys(self) -> dict[str, StoredKey]:
        """All that were ever made, by id, oldest first."""
        query = sql.select(tables.api_keys).order_by(KEYS.created_at, KEYS.key_id)
        with self.log.session.read() as connection:
            return {row["key_id"]: _key(row) for row in connection.execute(query).mappings()}

    def add(self, key: StoredKey, event: AuditEvent) -> None:
        """Keep a new key, and who made it."""
        row = {column.name: getattr(key, column.name) for column in tables.api_keys.columns}
        row |= {name: None if row[name] is None else records.utc(row[name]) for name in _TIMES}
        row["scopes"] = ",".join(sorted(key.scopes))

        def do(connection: sql.Connection, chain: Writer) -> None:
            if connection.execute(sql.select(KEYS.key_id).where(KEYS.key_id == key.key_id)).first() is not None:
                raise LogRefusedError(f"A key {key.key_id} is there already. Give each key its own id.")
            connection.execute(sql.insert(tables.api_keys).values(**row))
            write_entries(connection, distinct([of_audit_event(event)]), chain)

        self.log.session.write(do)

    def revoke(self, key_id: str, event: AuditEvent) -> bool:
        """End a key for good at the time of the event; False, and no event, where none with this id was in force."""
        wanted = (KEYS.key_id == key_id) & KEYS.revoked_at.is_(None)
        ended = sql.update(tables.api_keys).where(wanted).values(revoked_at=records.utc(event.at))

        def do(connection: sql.Connection, chain: Writer) -> bool:
            done = connection.execute(ended).rowcount == 1
            if done:
                write_entries(connection, distinct([of_audit_event(event)]), chain)
            return done

        return self.log.session.write(do)

    def secret(self, name: str) -> bytes:
        """A secret that all processes of this log share; made when it is first asked for."""
        table = tables.secrets
        query = sql.select(table.c.value).where(table.c.name == name)

        def do(connection: sql.Connection, chain: Writer) -> bytes:
            found = connection.execute(query).scalar()
            if found is None:
                found = secrets.token_bytes(KEY_BYTES)
                connection.execute(sql.insert(table).values(name=name, value=found))
                chain.add("secret", name, None, secret_digest(found))
            return bytes(found)

        with self.log.session.read() as connection:
            found = connection.execute(query).scalar()
        return bytes(found) if found is not None else self.log.session.write(do)


def _key(row: sql.RowMapping) -> StoredKey:
    values: dict[str, Any] = {**row}
    values |= {name: None if values[name] is None else values[name].replace(tzinfo=UTC) for name in _TIMES}
    scopes = frozenset(filter(None, values["scopes"].split(",")))
    return StoredKey(**{**values, "digest": bytes(values["digest"]), "scopes": scopes})
