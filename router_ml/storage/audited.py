"""Audit events, looked through: newest first, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sql

from router_ml.contract import AuditEvent
from router_ml.storage import records, tables
from router_ml.storage.cursors import from_cursor, to_cursor

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

EVENTS = tables.audit_events.c


def audit_page(
    log: EventLog, *, kind: str | None = None, words: str = "", after: str | None = None, limit: int = 50
) -> tuple[tuple[AuditEvent, ...], str | None]:
    """Audit events, newest first, with the cursor of the next page; events of another release are left out.

    Args:
        kind: of this kind alone. words: those that hold this, whatever its case.

    Raises:
        InvalidRequestError: the cursor is none of ours. LogError: the log cannot be read.
    """
    key = from_cursor(after)
    query = sql.select(EVENTS.event_id, EVENTS.at, EVENTS.record).order_by(EVENTS.at.desc(), EVENTS.event_id.desc())
    if kind:
        query = query.where(EVENTS.kind == kind)
    if words:
        query = query.where(sql.func.lower(EVENTS.record).contains(words.lower(), autoescape=True))
    if key is not None:
        query = query.where((EVENTS.at < key[0]) | ((EVENTS.at == key[0]) & (EVENTS.event_id < key[1])))
    with log.session.read() as connection:
        rows = connection.execute(query.limit(limit + 1)).all()
    read = (records.readable(AuditEvent, row.record) for row in rows[:limit])
    end = to_cursor((rows[limit - 1].at, rows[limit - 1].event_id)) if len(rows) > limit else None
    return tuple(event for event in read if event is not None), end
