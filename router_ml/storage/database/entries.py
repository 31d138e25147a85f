"""What goes into an event log, one entry per fact: a value that can wait in a file and be written twice.

An entry holds the stable JSON of its record beside what a database needs to find it again. Writing the same entry again
changes nothing, so whoever is not sure whether a write arrived repeats it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from router_ml.contract import Approval, AuditEvent, Execution, Outcome, OutputCheck, RouteDecision
from router_ml.storage.database.records import Features

Kind = Literal["decision", "execution", "outcome", "approval", "output_check", "audit_event"]


@dataclass(frozen=True)
class Entry:
    """One fact.

    ``record_id`` is unique within its ``kind``; ``decision_id`` is None for audit events; ``record`` is JSON. Of a
    decision only: ``features`` and ``text``, what it was made from, where that may be kept; ``subject``, a keyed hash
    of the person it is about; ``keep_until``, when all but its place in the chain expires.
    """

    kind: Kind
    record_id: str
    decision_id: str | None
    at: datetime
    record: str
    features: Features | None = None
    text: str | None = None
    subject: str | None = None
    keep_until: datetime | None = None


def of_decision(
    decision: RouteDecision,
    *,
    features: Features | None = None,
    text: str | None = None,
    subject: str | None = None,
    keep_until: datetime | None = None,
) -> Entry:
    """A decision, and what it was made from."""
    key = decision.decision_id
    return Entry("decision", key, key, decision.created_at, decision.to_json(), features, text, subject, keep_until)


def of_outcome(outcome: Outcome) -> Entry:
    """An outcome. Its id is made from its content: the same one again is the same entry, a later one is another."""
    record = outcome.model_dump_json()
    return Entry("outcome", f"out_{_digest(record)}", outcome.decision_id, outcome.at, record)


def of_execution(execution: Execution, at: datetime) -> Entry:
    """An execution, at the time it says or else at ``at``. Without an id of its own it gets one from what it says, to
    which ``at`` does not belong: reported again, it is the same one."""
    when = execution.at or at
    record = execution.model_copy(update={"at": when}).model_dump_json()
    key = execution.execution_id or f"exe_{_digest(execution.model_dump_json())}"
    return Entry("execution", key, execution.decision_id, when, record)


def of_approval(approval: Approval) -> Entry:
    """A step of an approval; each of its states is an entry of its own."""
    record = approval.model_dump_json()
    return Entry("approval", f"{approval.approval_id}/{approval.state}", approval.decision_id, approval.at, record)


def of_output_check(check: OutputCheck) -> Entry:
    """A check of an answer."""
    return Entry("output_check", check.check_id, check.decision_id, check.at, check.model_dump_json())


def of_audit_event(event: AuditEvent) -> Entry:
    """Who changed what, and why."""
    return Entry("audit_event", event.event_id, None, event.at, event.model_dump_json())


def _digest(record: str) -> str:
    return hashlib.sha256(record.encode()).hexdigest()[:32]
