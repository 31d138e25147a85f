"""Drills are audit events: one at a time, always to be ended, and no trouble to other releases on the same log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml import RouteDecision, Router
from router_ml.contract import AuditEvent
from router_ml.errors import InvalidRequestError, LogError
from router_ml.offline.replay import replay
from router_ml.state import drills
from router_ml.storage.database.entries import Entry
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.verify import verify
from tests.state.test_drills import CONFIG, WHO, decide, followed


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


def test_one_drill_at_a_time_and_only_with_who_why_and_sane_numbers(log: EventLog) -> None:
    for wrong in ({"share": 0.0}, {"share": 1.5}, {"minutes": 0.0}, {"minutes": 2000.0}, {"who": " "}, {"why": ""}):
        with pytest.raises(InvalidRequestError):
            drills.begin(log, ["acme"], **{"share": 0.5, "minutes": 5.0, **WHO, **wrong})  # type: ignore[arg-type]
    assert log.audit_events() == []
    drill = drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    with pytest.raises(InvalidRequestError, match=drill.id):
        drills.begin(log, ["zeta"], share=0.5, minutes=5, **WHO)
    with pytest.raises(InvalidRequestError, match="No drill aud_other runs"):
        drills.end(log, "aud_other", **WHO)
    drills.end(log, drill.id, **WHO)
    drills.begin(log, ["zeta"], share=0.5, minutes=5, **WHO)


def test_two_that_begin_at_once_do_not_both_run(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either may have looked before the other wrote."""
    write, begun = log.log_audit_event, list[drills.Drill]()

    def just_before(event: AuditEvent) -> None:
        monkeypatch.setattr(log, "log_audit_event", write)
        begun.append(drills.begin(log, ["zeta"], share=0.5, minutes=5, **WHO))
        write(event)

    monkeypatch.setattr(log, "log_audit_event", just_before)
    with pytest.raises(InvalidRequestError, match="at the same moment"):
        drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    now = datetime.now(UTC)
    running = drills.running_drill(log, now)
    assert running is not None
    assert running.id == begun[0].id
    assert [drill.holds(now) for drill in drills.drills_of(log.drill_events())].count(True) == 1


def test_whatever_is_not_over_can_be_ended(log: EventLog) -> None:
    """Also what a clock that is ahead began, and the later one of two."""
    now = datetime.now(UTC)
    first = drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO, now=now + timedelta(minutes=1))
    with pytest.raises(InvalidRequestError, match=first.id):
        drills.begin(log, ["zeta"], share=0.5, minutes=5, **WHO, now=now)
    drills.end(log, first.id, **WHO, now=now)
    assert not any(drill.holds(now + timedelta(minutes=2)) for drill in drills.drills_of(log.drill_events()))
    with pytest.raises(InvalidRequestError, match="Running: none"):
        drills.end(log, first.id, **WHO, now=now)


def of_a_later_release(log: EventLog, kind: str, **more: Any) -> None:
    """An audit event with a field, or of a kind, that this release does not know."""
    at, name = datetime.now(UTC), f"aud_{kind}"
    event = {"event_id": name, "at": at.isoformat(), "kind": kind, "who": "x", "why": "y", "colour": "red", **more}
    log.write([Entry("audit_event", name, None, at, json.dumps(event))])


def test_what_a_later_release_wrote_stops_nobody_from_ending_a_drill(log: EventLog) -> None:
    drill = drills.begin(log, ["acme"], share=1.0, minutes=5, **WHO)
    for kind in ("something_new", "drill"):
        of_a_later_release(log, kind)
    with pytest.raises(LogError, match="another contract"):
        log.audit_events()
    router = followed(log)
    assert decide(router, "a").lane == "other"
    drills.end(log, drill.id, **WHO)
    router.memory.drills.refresh()
    assert decide(router, "a").lane == "best"


def test_a_drill_that_a_later_release_ended_has_ended(log: EventLog) -> None:
    drill = drills.begin(log, ["acme"], share=1.0, minutes=5, **WHO)
    of_a_later_release(log, "drill_ended", detail={"drill": drill.id, "more": 1})
    assert decide(followed(log), "a").lane == "best"


def test_a_decision_without_a_drill_is_one_of_the_last_contract(log: EventLog) -> None:
    """A process that was not upgraded yet reads the same log, and refuses fields that it does not know."""
    one = decide(Router(CONFIG, log=log), "a")
    assert "drill" not in json.loads(one.to_json())["state"]
    assert RouteDecision.model_validate_json(one.to_json()) == one == log.decision(one.decision_id)
    assert one.model_dump()["state"]["drill"] is None
    drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    two = decide(followed(log), "a")
    assert json.loads(two.to_json())["state"]["drill"]["share"] == 0.5
    assert RouteDecision.model_validate_json(two.to_json()) == two == log.decision(two.decision_id)
    assert (replay(log, CONFIG).identical, verify(log).ok) == (2, True)
