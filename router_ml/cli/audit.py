"""``router-ml audit``: who changed the rules of running routers, when and why."""

from __future__ import annotations

from datetime import datetime

from router_ml.cli.inputs import event_log
from router_ml.contract import AuditEvent
from router_ml.errors import InvalidRequestError


def audit_events(*, log: str | None = None, since: str | datetime | None = None) -> list[AuditEvent]:
    """The audit events of an event log, oldest first.

    Args:
        log: path or URL; by default ``$ROUTER_ML_LOG``.
        since: from this time on, as ISO 8601 or datetime; without a zone it counts as UTC.

    Raises:
        InvalidRequestError: the time cannot be read. LogError: the log cannot.
    """
    if isinstance(since, str):
        try:
            since = datetime.fromisoformat(since)
        except ValueError:
            raise InvalidRequestError("--since cannot be read. Give a day or time, as 2026-03-01T12:00Z.") from None
    with event_log(log) as events:
        return events.audit_events(since)
