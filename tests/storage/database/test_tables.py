"""Audit events and checks are only added."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from router_ml.contract import AuditEvent, OutputCheck, RouteDecision
from router_ml.errors import LogError
from router_ml.storage.eventlog import EventLog

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


def made(number: int = 0, **changes: Any) -> AuditEvent:
    return AuditEvent.model_validate(
        {
            "event_id": f"aud_{number}",
            "at": NOON + timedelta(hours=number),
            "kind": "override",
            "who": "on-call",
            "why": "vendor incident",
            "policy_sha256_before": "a",
            "policy_sha256_after": "b",
            **changes,
        }
    )


def checked(decision: RouteDecision, number: int = 0) -> OutputCheck:
    return OutputCheck(
        check_id=f"chk_{number}",
        decision_id=decision.decision_id,
        at=NOON + timedelta(hours=number),
        action="withhold",
        reason="It holds a credential.",
        guard_state="hit",
        versions=decision.versions,
    )


def test_audit_events_come_oldest_first_from_a_time_on(log: EventLog) -> None:
    events = [made(number) for number in range(3)]
    for event in reversed(events):
        log.log_audit_event(event)
    assert log.audit_events() == events
    assert log.audit_events(since=(NOON + timedelta(hours=1)).astimezone(timezone(timedelta(hours=5)))) == events[1:]


def test_an_audit_event_is_never_replaced(log: EventLog) -> None:
    """Whoever could write over an event could change who did it."""
    log.log_audit_event(made())
    log.log_audit_event(made())
    with pytest.raises(LogError, match="already logged as aud_0"):
        log.log_audit_event(made(who="somebody else"))
    assert log.audit_events() == [made()]


def test_checks_of_several_answers_to_one_decision_are_all_kept(
    log: EventLog, make_decision: Callable[..., RouteDecision]
) -> None:
    """A fallback answers again; the decision itself may have gone unlogged when the disk was full."""
    checks = [checked(make_decision(), number) for number in range(2)]
    for check in checks:
        log.log_output_check(check)
    assert log.output_checks("dec-1") == checks
    assert log.output_checks("dec-2") == []


def test_an_event_of_another_contract_is_named_not_guessed(log: EventLog, tmp_path: Path) -> None:
    log.log_audit_event(made())
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("UPDATE audit_events SET record = '{}'")
    with pytest.raises(LogError, match="Audit event aud_0 was written under another contract"):
        log.audit_events()


@pytest.mark.parametrize("field", ["who", "why"])
def test_an_event_names_who_and_why(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        made(**{field: "  "})
