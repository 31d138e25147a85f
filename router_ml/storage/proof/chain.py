"""The hash chain of a writer: what it wrote can be erased, but not changed, removed, reordered or inserted unseen.

Each entry holds a keyed digest of its record, HMAC-SHA256 under a random key of the decision that it belongs to, and
the head: SHA-256 over the head before and all other fields. Each open log is a writer of its own, so that no writer
waits for another; two threads of one log take turns.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql

from router_ml.storage.database import tables

START = bytes(32)
KEY_BYTES = 32
OWN = "log"  # the writer of what the log says about itself: its secret, what an older schema held


@dataclass(frozen=True)
class Tail:
    """The last entry of a writer; ``seq`` 0 before the first."""

    writer: str
    seq: int = 0
    head: bytes = START


def new_writer() -> str:
    """An id that no other writer has."""
    return f"w_{secrets.token_hex(8)}"


def new_key() -> bytes:
    """The key of a decision."""
    return secrets.token_bytes(KEY_BYTES)


def joined(*parts: bytes | str | int | None) -> bytes:
    """Parts as one byte string that no other parts give."""
    out = []
    for part in parts:
        if part is None:
            out.append(b"-")
            continue
        raw = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        out.append(b"%d:%b" % (len(raw), raw))
    return b"".join(out)


def keyed_digest(key: bytes, payload: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) of a record under the key of its decision; audit events have the empty key."""
    return hmac.digest(key, payload, "sha256")


def next_head(tail: Tail, kind: str, record_id: str, decision_id: str | None, digest: bytes) -> bytes:
    """The head after one more entry."""
    return hashlib.sha256(tail.head + joined(tail.writer, tail.seq + 1, kind, record_id, decision_id, digest)).digest()


def extend(
    tail: Tail, kind: str, record_id: str, decision_id: str | None, digest: bytes
) -> tuple[Tail, dict[str, Any]]:
    """The tail after one more entry, and the row of that entry."""
    head = next_head(tail, kind, record_id, decision_id, digest)
    after = Tail(tail.writer, tail.seq + 1, head)
    row = {
        "writer": tail.writer,
        "seq": after.seq,
        "kind": kind,
        "record_id": record_id,
        "decision_id": decision_id,
        "digest": digest,
        "head": head,
    }
    return after, row


def read_tail(connection: sql.Connection, writer: str) -> Tail:
    """Where the chain of a writer ends in the database."""
    query = sql.select(tables.chain.c.seq, tables.chain.c.head).where(tables.chain.c.writer == writer)
    row = connection.execute(query.order_by(tables.chain.c.seq.desc()).limit(1)).first()
    return Tail(writer) if row is None else Tail(writer, row.seq, bytes(row.head))


class Writer:
    """The chain that an open log writes, remembered between transactions.

    After a failure nobody knows whether the transaction was committed, so the tail is read again. A forked process is
    another writer.
    """

    def __init__(self, name: str | None = None) -> None:
        self._fixed = name
        self._tail: Tail | None = None
        self._rows: list[dict[str, Any]] = []
        self._process = 0
        self._name = ""

    def begin(self, connection: sql.Connection) -> None:
        """Start a transaction's entries."""
        if self._process != os.getpid():
            self._process, self._name, self._tail = os.getpid(), self._fixed or new_writer(), None
        self._rows = []
        self._at = self._tail or read_tail(connection, self._name)
        self._tail = None  # until the transaction is known to be committed

    def add(self, kind: str, record_id: str, decision_id: str | None, digest: bytes) -> None:
        """Add an entry to the transaction."""
        self._at, row = extend(self._at, kind, record_id, decision_id, digest)
        self._rows.append(row)

    def flush(self, connection: sql.Connection) -> None:
        """Write the entries that were added since the last flush."""
        if self._rows:
            connection.execute(sql.insert(tables.chain), self._rows)
        self._rows = []

    def committed(self) -> None:
        """The transaction is committed: its last entry is the tail."""
        self._tail = self._at
