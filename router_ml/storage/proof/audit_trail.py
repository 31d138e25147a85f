"""What audit events say of the log itself: which files hold what was compacted, and which erasures were ordered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sql
from pydantic_core import from_json

from router_ml.contract.audit import LogKind
from router_ml.storage.database import tables
from router_ml.storage.proof.chain import joined

LOG_KINDS: tuple[LogKind, ...] = ("erased", "expired", "compacted")


@dataclass(frozen=True)
class ArchiveFile:
    """A file of an archive. ``file``: its path below the archive; ``positions_sha256``: over the places in the chain
    (writer and number, sorted) of the ``entries`` that it holds, of ``decisions``; ``keys_sha256``: over the keys,
    persons and terms of these (empty: not known)."""

    file: str
    sha256: str
    decisions: int
    entries: int
    positions_sha256: str
    keys_sha256: str = ""


@dataclass(frozen=True)
class AuditTrail:
    """``orders``: how many decisions each audit event erased or expired, by ``order_digest``; ``files``: those that
    make up the archive now, by name; ``removed``: those that no longer do."""

    orders: dict[bytes, int] = field(default_factory=dict)
    files: dict[str, ArchiveFile] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


def order_digest(event: str) -> bytes:
    """What the chain entry of an erased decision says of the audit event (JSON) that ordered it."""
    return hashlib.sha256(joined("order", event)).digest()


def positions_digest(positions: Iterable[tuple[str, int]]) -> str:
    """sha256 over places in the chain, given in order."""
    digest = hashlib.sha256()
    for writer, seq in positions:
        digest.update(joined(writer, seq))
    return digest.hexdigest()


def audit_trail(connection: sql.Connection) -> AuditTrail:
    """What the audit events of a log say of it; an event that cannot be read says nothing here."""
    events = tables.audit_events
    query = (
        sql.select(events.c.kind, events.c.record)
        .where(events.c.kind.in_(LOG_KINDS))
        .order_by(events.c.at, events.c.event_id)
    )
    orders: dict[bytes, int] = {}
    added: dict[str, ArchiveFile] = {}
    removed: set[str] = set()
    for kind, record in connection.execute(query):
        new, old, decisions = _said(record)
        if kind != "compacted":
            orders[order_digest(record)] = decisions
        added |= {file.file: file for file in new}
        removed |= set(old)
    files = {name: one for name, one in added.items() if name not in removed}
    return AuditTrail(orders, files, frozenset(removed))


def _said(record: str) -> tuple[list[ArchiveFile], list[str], int]:
    """Files that an event added and removed, and of how many decisions it was."""
    try:
        detail = from_json(record)["detail"]
        added, removed = detail["archive"]["added"], detail["archive"]["removed"]
        return [ArchiveFile(**one) for one in added], [str(name) for name in removed], int(detail["decisions"])
    except (ValueError, KeyError, TypeError):
        return [], [], 0
