"""Everything about a decision comes together, whatever order it arrived in and however long the log is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.storage.database.entries import of_decision, of_execution, of_outcome
from router_ml.storage.eventlog import EventLog
from router_ml.storage.views import stories as module
from router_ml.storage.views.stories import Story, archived_files, orphans, stories

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
Make = Callable[..., RouteDecision]


def told(log: EventLog, **window: Any) -> list[Story]:
    return list(stories(log, **window))


def test_a_story_has_all_executions_and_the_latest_outcome_of_each_source(make_decision: Make, tmp_path: Path) -> None:
    decision = make_decision(decision_id="d", created_at=NOON)
    late, early = (
        Execution(decision_id="d", execution_id=name, at=NOON + timedelta(hours=hour))
        for name, hour in (("b", 2), ("a", 1))
    )
    outcomes = [
        Outcome(decision_id="d", source=source, quality=quality, at=NOON + timedelta(hours=hour))
        for source, quality, hour in (("user", 0.1, 3), ("judge", 0.5, 2), ("user", 0.9, 1))
    ]
    with EventLog(tmp_path / "log.sqlite") as log:
        log.log_decision(decision)
        log.write(of_execution(execution, NOON) for execution in (late, early))
        log.write(map(of_outcome, outcomes))
        (story,) = told(log)
    assert story.decision == decision
    assert [execution.execution_id for execution in story.executions] == ["a", "b"]
    assert [(outcome.source, outcome.quality) for outcome in story.outcomes] == [("judge", 0.5), ("user", 0.1)]


def test_pages_lose_and_repeat_nothing(make_decision: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    with EventLog("sqlite://") as log:
        decisions = [make_decision(decision_id=f"d{n}", created_at=NOON + timedelta(hours=n)) for n in range(8)]
        log.log_decisions((decision, None) for decision in decisions)
        log.write(of_execution(Execution(decision_id=f"d{n}", final_lane=str(n)), NOON) for n in range(8))
        assert [(s.decision.decision_id, s.executions[0].final_lane) for s in told(log)] == [
            (f"d{n}", str(n)) for n in range(8)
        ]
        window = told(log, since=NOON + timedelta(hours=2), until=NOON + timedelta(hours=6))
        assert [story.decision.decision_id for story in window] == ["d2", "d3", "d4", "d5"]
        naive = told(log, until=NOON.replace(tzinfo=None) + timedelta(hours=1))
        assert [story.decision.decision_id for story in naive] == ["d0"]


def test_compacted_decisions_come_from_their_archive(make_decision: Make, tmp_path: Path) -> None:
    """With what came before they were moved, and without a second copy of anything."""
    pytest.importorskip("pyarrow", reason="pyarrow writes archives")
    pytest.importorskip("fsspec", reason="fsspec opens archives")
    from router_ml.storage.archives.archive import compact

    archive, months = str(tmp_path / "archive"), [NOON + timedelta(days=31 * n) for n in range(3)]
    with EventLog(tmp_path / "log.sqlite") as log:
        log.log_decisions((make_decision(decision_id=f"d{n}", created_at=at), None) for n, at in enumerate(months))
        log.write(of_execution(Execution(decision_id=f"d{n}", final_lane=str(n)), NOON) for n in range(3))
        log.log_outcome(Outcome(decision_id="d1", quality=0.5, at=months[1]))
        before = told(log)
        compact(log, before=months[2], to=archive, now=NOON + timedelta(days=365), who="ops", why="age")
        assert [story.decision.decision_id for story in told(log)] == ["d2"]
        assert told(log, archive=archive) == before
        assert told(log, archive=archive, since=months[1], until=months[2]) == before[1:2]
        assert sum(file.decisions for file in archived_files(log)) == 2
        assert archived_files(log, since=months[2]) == ()
        assert len(archived_files(log, until=NOON + timedelta(days=1))) == 1


def test_what_was_executed_in_a_window_is_told_whenever_it_was_decided(make_decision: Make, tmp_path: Path) -> None:
    """Also where the decision was compacted, with the execution or before it came."""
    pytest.importorskip("pyarrow", reason="pyarrow writes archives")
    pytest.importorskip("fsspec", reason="fsspec opens archives")
    from router_ml.storage.archives.archive import compact

    since, archive = NOON + timedelta(days=1), str(tmp_path / "archive")
    with EventLog(tmp_path / "log.sqlite") as log:
        log.log_decisions((make_decision(decision_id=name, created_at=NOON), None) for name in "abcd")
        for name, days in (("a", 2), ("a", 0), ("b", 0), ("c", 9)):
            done = Execution(decision_id=name, final_lane=f"{days}", at=NOON + timedelta(days=days))
            log.write([of_execution(done, NOON)])
        log.log_outcome(Outcome(decision_id="d", executed_lane="x", at=since))
        log.log_outcome(Outcome(decision_id="b", quality=1.0, at=since))
        window = {"since": since, "until": NOON + timedelta(days=5), "executed": True}
        found = told(log, **window)
        assert [(s.decision.decision_id, [e.final_lane for e in s.executions]) for s in found] == [
            *(("a", ["2"]), ("d", [])),
        ]
        assert found[1].outcomes[0].executed_lane == "x"
        assert told(log, since=since) == []
        later = NOON + timedelta(days=365)
        compact(log, before=since, to=archive, now=later, who="ops", why="age")
        assert told(log, **window, archive=archive) == found
        assert told(log, **window) == []
        assert len(archived_files(log, since=since, executed=True)) == 1
        log.write([of_execution(Execution(decision_id="c", final_lane="late"), later)])
        assert len(archived_files(log, since=later)) == 0
        (late,) = told(log, since=later, executed=True, archive=archive)
        assert [execution.final_lane for execution in late.executions] == ["late"]
        assert sum(file.decisions for file in archived_files(log, since=later, executed=True)) == 4


def test_postgresql_tells_the_same_stories(make_decision: Make, postgres: str, tmp_path: Path) -> None:
    entries = [
        *(of_decision(make_decision(decision_id=f"d{n}", created_at=NOON + timedelta(hours=n))) for n in range(3)),
        *(of_execution(Execution(decision_id=f"d{n}", final_lane=str(n)), NOON + timedelta(hours=n)) for n in range(4)),
        of_outcome(Outcome(decision_id="d1", quality=0.5, at=NOON)),
    ]
    found = []
    for url in (postgres, tmp_path / "log.sqlite"):
        with EventLog(url) as log:
            log.write(entries)
            late = NOON + timedelta(hours=3)
            counts = [orphans(log), orphans(log, since=late), orphans(log, until=late)]
            part = told(log, since=NOON + timedelta(minutes=90), until=late, executed=True)
            found.append((told(log), told(log, since=NOON + timedelta(hours=1)), counts, part))
    assert found[0] == found[1]
    assert found[0][2] == [1, 1, 0]
