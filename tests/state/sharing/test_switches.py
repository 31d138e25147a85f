"""What is switched off is off in every router of the log until it is turned on, whatever anybody reports of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router_ml import RouteDecision, Router
from router_ml.contract import AuditEvent
from router_ml.contract.audit import AuditKind
from router_ml.errors import InvalidRequestError, LogError
from router_ml.offline.replay import replay
from router_ml.state.health import places_of
from router_ml.state.sharing.switches import switched_off, turn_off, turn_on
from router_ml.storage.eventlog import EventLog
from tests.state.sharing.conftest import CONFIG

WHO = {"who": "on-call", "why": "the vendor leaks"}
KNOWN = places_of(CONFIG.lanes)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


def decide(router: Router) -> RouteDecision:
    return router.predict_route("hello there", seed=1)


def test_a_router_that_runs_follows_and_its_record_says_why(log: EventLog) -> None:
    router = Router(CONFIG, log=log)
    router.memory.listener.poll_seconds = 0.0
    router.memory.listener.refresh()
    assert decide(router).lane == "best"
    switch = turn_off(log, ["acme"], known=KNOWN, **WHO)
    until = time.monotonic() + 30
    while decide(router).lane == "best":  # a decision never waits for the log, so one of the next knows
        assert time.monotonic() < until
    decision = decide(router)
    assert decision.state.lane_health == {"acme": f"down: switched off, {switch.id}"}
    assert decision.excluded["best"] == (f"health: provider acme counts as down, switched off, {switch.id}",)
    router.report_health("acme", "up")
    assert decide(router).lane == "other"
    assert router.recheck(decision.model_copy(update={"eligible": ("best", "other")})).lanes == ("other",)
    assert decide(Router(CONFIG, log=log)).lane == "other", "also after a restart"
    turn_on(log, switch.id, **WHO)
    router.memory.listener.refresh()
    assert decide(router).lane == "best"
    assert replay(log, CONFIG).differences == ()
    assert [event.kind for event in log.audit_events()] == ["place_off", "place_on"]


def test_several_hold_at_once_and_a_place_ends_in_all_of_them(log: EventLog) -> None:
    first = turn_off(log, ["acme", "other"], **WHO)
    second = turn_off(log, ["acme"], **WHO)
    assert [switch.places for switch in switched_off(log)] == [("acme", "other"), ("acme",)]
    turn_on(log, "acme", **WHO)
    assert [(switch.id, switch.places) for switch in switched_off(log)] == [(first.id, ("other",))]
    with pytest.raises(InvalidRequestError, match=rf"Off: {first.id} \(other\)"):
        turn_on(log, second.id, **WHO)
    turn_on(log, first.id, **WHO)
    assert switched_off(log) == ()


def test_it_ends_by_itself_without_anybody_looking(log: EventLog) -> None:
    now = datetime.now(UTC)
    turn_off(log, ["acme"], until=now + timedelta(hours=1), **WHO)
    router = Router(CONFIG, log=log)
    assert decide(router).lane == "other"
    assert len(router.switched_off()) == 1
    assert switched_off(log, now + timedelta(hours=1)) == ()
    clock = router.memory.health.clock
    router.memory.health.clock = lambda: clock() + 3600
    assert decide(router).lane == "best"


def test_what_makes_no_sense_is_refused(log: EventLog) -> None:
    router = Router(CONFIG, log=log)
    with pytest.raises(InvalidRequestError, match="Known: acme, acme-1, best"):
        router.switch_off(["acmee"], **WHO)
    with pytest.raises(InvalidRequestError, match="Known: acme"):
        turn_off(log, [], known=KNOWN, **WHO)
    with pytest.raises(InvalidRequestError, match="passed already"):
        turn_off(log, ["acme"], until=datetime.now(UTC), **WHO)
    with pytest.raises(InvalidRequestError):
        router.switch_off(["acme"], who=" ", why="x")
    with pytest.raises(InvalidRequestError, match="Off: nothing"):
        router.switch_on("acme", **WHO)
    assert log.audit_events() == []


def test_the_one_who_switches_is_obeyed_at_once(log: EventLog) -> None:
    router = Router(CONFIG, log=log)
    switch = router.switch_off(["acme", "acme-1"], **WHO)
    assert (switch.local, decide(router).lane) == (False, "other")
    router.switch_on("acme", **WHO)
    assert decide(router).lane == "other"
    router.switch_on(switch.id, **WHO)
    assert decide(router).lane == "best"
    router.memory.listener._seen = None
    router.memory.listener.refresh()
    assert decide(router).lane == "best"


def test_where_the_log_cannot_be_written_it_holds_here_and_says_so(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    router = Router(CONFIG, log=log)
    shared = router.switch_off(["zeta"], **WHO)
    log.close()
    switch = router.switch_off(["acme"], **WHO)
    assert switch.local
    assert "in this process alone" in caplog.text
    assert router.memory.health.snapshot.keys() == {"acme", "zeta"}
    router.switch_on(switch.id, **WHO)
    with pytest.raises(LogError):
        router.switch_on(shared.id, **WHO)
    assert router.memory.health.snapshot.keys() == {"zeta"}, "what cannot be audited does not widen"
    alone = Router(CONFIG)
    assert alone.switch_off(["acme"], **WHO).local
    assert decide(alone).lane == "other"


def test_a_database_that_stalls_keeps_nobody_from_turning_off(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes effect here at once, and everywhere when the database answers after all."""
    monkeypatch.setattr("router_ml.state.sharing.switched._WRITE_S", 0.05)
    router, stalled, write = Router(CONFIG, log=log), threading.Event(), log.log_audit_event

    def late(event: AuditEvent) -> None:
        assert decide(router).lane == "other", "it holds before it is written"
        stalled.wait(30)
        write(event)

    monkeypatch.setattr(log, "log_audit_event", late)
    switch = router.switch_off(["acme"], **WHO)
    assert switch.local
    assert "in this process alone" in caplog.text
    assert decide(router).lane == "other"
    stalled.set()
    until = time.monotonic() + 30
    while not switched_off(log):
        assert time.monotonic() < until
    router.memory.listener.refresh()
    assert [(one.id, one.local) for one in router.switched_off()] == [(switch.id, False)], "listed once"
    stalled.clear()
    with pytest.raises(LogError, match="stays so"):
        router.switch_on("acme", **WHO)
    assert decide(router).lane == "other"
    stalled.set()


def test_what_was_written_without_an_answer_is_one_switch_and_ends_for_all(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, write = Router(CONFIG, log=log), log.log_audit_event

    def lost(event: AuditEvent) -> None:
        write(event)
        raise LogError("The answer was lost.")

    with monkeypatch.context() as broken:
        broken.setattr(log, "log_audit_event", lost)
        switch = router.switch_off(["acme"], **WHO)
    assert switch.local
    router.memory.listener.refresh()
    assert [(one.id, one.local) for one in router.switched_off()] == [(switch.id, False)]
    router.switch_on(switch.id, **WHO)
    assert (router.switched_off(), switched_off(log)) == ((), ())


def test_a_router_that_was_idle_decides_by_what_was_switched_off_meanwhile(log: EventLog) -> None:
    router = Router(CONFIG, log=log)
    assert decide(router).lane == "best"
    turn_off(log, ["acme"], **WHO)
    router.memory.listener._look_at = router.memory.listener._looked_at = time.monotonic() - 60
    assert decide(router).lane == "other"


def test_an_idle_router_does_not_wait_for_a_database_that_is_away(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, answers, count = Router(CONFIG, log=log), threading.Event(), log.count_changes
    decide(router)

    def stalled(kinds: Sequence[AuditKind]) -> int:
        answers.wait(30)
        return count(kinds)

    monkeypatch.setattr(log, "count_changes", stalled)
    monkeypatch.setattr("router_ml.state.listening._AGAIN_SECONDS", 3600)
    listener = router.memory.listener
    listener._look_at = listener._looked_at = time.monotonic() - 60
    decide(router)
    waiting = listener._wait_at
    assert waiting > time.monotonic(), "it has waited once, in vain"
    decide(router)
    assert listener._wait_at == waiting
    answers.set()
