"""``router-ml audit``: who changed the rules, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.cli import audit_events
from router_ml.contract import AuditEvent
from router_ml.errors import InvalidRequestError
from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]

DENY = {
    **{"id": "deny-fast", "version": "1", "owner": "ops", "rationale": "incident"},
    **{"when": {}, "then": {"lanes": {"deny": ["fast[red]"]}}},
}


@pytest.fixture
def changed(yaml: Path, tmp_path: Path) -> tuple[Path, list[AuditEvent]]:
    """A log of a router whose rules were changed on three days."""
    log = tmp_path / "log.sqlite"
    router = Router.load(yaml, log=log)
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]
    until = datetime(2026, 4, 1, tzinfo=UTC)
    begun = router.override(DENY, who="ops [red]", why="vendor incident", expires_at=until, now=days[0])
    rules = tmp_path / "rules.yaml"
    rules.write_text("policies: []\n")
    events = [
        begun,
        router.end_override(begun.event_id, who="lead", why="over", now=days[1]),
        router.replace_policies(rules, who="lead", why="March rules", now=days[2]),
    ]
    return log, events


def test_a_line_says_when_what_who_and_why(changed: tuple[Path, list[AuditEvent]], run: Run) -> None:
    log, (begun, ended, replaced) = changed
    code, shown, errors = run("audit", "--log", log)
    assert (code, errors) == (0, "")
    assert [line.rstrip() for line in shown.splitlines()] == [
        f"2026-03-01T00:00:00+00:00 {begun.event_id} override (deny-fast) until 2026-04-01T00:00+00:00 "
        "by ops [red]: vendor incident",
        f"2026-03-02T00:00:00+00:00 {ended.event_id} override_ended ({begun.event_id}) by lead: over",
        f"2026-03-03T00:00:00+00:00 {replaced.event_id} policies_replaced (removed pii-private) by lead: March rules",
    ]


def test_json_is_the_events_from_a_time_on(changed: tuple[Path, list[AuditEvent]], run: Run) -> None:
    log, events = changed
    shown = json.loads(run("audit", "--log", log, "--since", "2026-03-02", "--json")[1])
    assert [AuditEvent.model_validate(event) for event in shown] == events[1:]
    assert audit_events(log=str(log), since="2026-03-02T00:00:01Z") == events[2:]
    assert audit_events(log=str(log)) == events


def test_mistakes_are_one_line(run: Run, tmp_path: Path, changed: tuple[Path, list[AuditEvent]]) -> None:
    for arguments in (("--log", tmp_path / "absent"), ("--log", changed[0], "--since", "yesterday"), ()):
        code, shown, errors = run("audit", *arguments)
        assert (code, shown, errors.count("\n")) == (2, "", 1)
    with pytest.raises(InvalidRequestError, match="--since"):
        audit_events(log=str(changed[0]), since="yesterday")


def test_a_log_without_changes_says_so(run: Run, yaml: Path, tmp_path: Path) -> None:
    Router.load(yaml, log=tmp_path / "log.sqlite")
    assert "No change of rules" in run("audit", "--log", tmp_path / "log.sqlite")[1]


def test_a_release_says_which_version_and_whether_it_was_forced(run: Run, tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    steps = [
        ("judged", {"model": "router", "version": "7", "verdict": "promote"}, "judged (router/7, promote) by ada"),
        ("promoted", {"model": "router", "version": "7", "forced": True}, "promoted (router/7, forced) by ada"),
        ("rolled_back", {"model": "router", "version": "6"}, "rolled_back (router/6) by ada"),
    ]
    with EventLog(tmp_path / "log.sqlite") as log:
        for number, (kind, detail, _) in enumerate(steps):
            event = AuditEvent(event_id=f"e{number}", at=at, kind=kind, who="ada", why="because", detail=detail)
            log.log_audit_event(event)
    shown = run("audit", "--log", tmp_path / "log.sqlite")[1]
    assert all(line in shown for _, _, line in steps)
