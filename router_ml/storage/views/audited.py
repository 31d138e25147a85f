"""Audit events and approvals, looked through: newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sql

from router_ml.contract import Approval, AuditEvent
from router_ml.storage.database import records, tables
from router_ml.storage.views.cursors import from_cursor, to_cursor

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

EVENTS, APPROVALS = tables.audit_events.c, tables.approvals.c


def audit_page(
    log: EventLog, *, kinds: Sequence[str] = (), words: str = "", after: str | None = None, limit: int = 50
) -> tuple[tuple[AuditEvent, ...], str | None]:
    """Audit events, newest first, with the cursor of the next page; events of another release are left out.

    Args:
        kinds: of these alone, all where there are none. words: those that hold this, whatever its case.

    Raises:
        InvalidRequestError: the cursor is none of ours. LogError: the log cannot be read.
    """
    key = from_cursor(after)
    query = sql.select(EVENTS.event_id, EVENTS.at, EVENTS.record).order_by(EVENTS.at.desc(), EVENTS.event_id.desc())
    if kinds:
        query = query.where(EVENTS.kind.in_(kinds))
    if words:
        query = query.where(sql.func.lower(EVENTS.record).contains(words.lower(), autoescape=True))
    if key is not None:
        query = query.where((EVENTS.at < key[0]) | ((EVENTS.at == key[0]) & (EVENTS.event_id < key[1])))
    with log.session.read() as connection:
        rows = connection.execute(query.limit(limit + 1)).all()
    read = (records.readable(AuditEvent, row.record) for row in rows[:limit])
    end = to_cursor((rows[limit - 1].at, rows[limit - 1].event_id)) if len(rows) > limit else None
    return tuple(event for event in read if event is not None), end


def settled(
    log: EventLog, *, org: str | None = None, words: str = "", after: str | None = None, limit: int = 50
) -> tuple[tuple[Approval, ...], str | None]:
    """Approvals that were granted, denied or expired, newest first, with the cursor of the next page.

    Args:
        org: of decisions of this organisation alone. words: those that hold this, whatever its case.

    Raises:
        InvalidRequestError: the cursor is none of ours. LogError: the log cannot be read.
    """
    key = from_cursor(after)
    query = sql.select(APPROVALS.step_id, APPROVALS.at, APPROVALS.record).where(APPROVALS.state != "requested")
    if org is not None:
        decided = tables.decisions.c
        query = query.join(tables.decisions, decided.decision_id == APPROVALS.decision_id).where(decided.org == org)
    if words:
        query = query.where(sql.func.lower(APPROVALS.record).contains(words.lower(), autoescape=True))
    if key is not None:
        query = query.where((APPROVALS.at < key[0]) | ((APPROVALS.at == key[0]) & (APPROVALS.step_id < key[1])))
    with log.session.read() as connection:
        rows = connection.execute(query.order_by(APPROVALS.at.desc(), APPROVALS.step_id.desc()).limit(limit + 1)).all()
    read = (records.readable(Approval, row.record) for row in rows[:limit])
    end = to_cursor((rows[limit - 1].at, rows[limit - 1].step_id)) if len(rows) > limit else None
    return tuple(step for step in read if step is not None), end
