"""A log of an earlier release keeps working with all its rows, gains what it lacks, and is chained from then on."""

from __future__ import annotations

import multiprocessing
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sql

from router_ml.contract import AuditEvent, Outcome, OutputCheck, RouteDecision
from router_ml.errors import LogError
from router_ml.storage.database import migrations
from router_ml.storage.eventlog import EventLog, Features
from router_ml.storage.proof.verify import verify
from router_ml.storage.service.waiting import Waiting

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
FIRST = """
CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE decisions (decision_id VARCHAR(128) NOT NULL, created_at DATETIME NOT NULL,
 traffic_class VARCHAR(200) NOT NULL, intent VARCHAR(200) NOT NULL, domain VARCHAR(200) NOT NULL,
 risk_tier VARCHAR(200) NOT NULL, guard_state VARCHAR(200) NOT NULL, bundle VARCHAR(200) NOT NULL, lane VARCHAR(200),
 propensity DOUBLE, explored BOOLEAN NOT NULL, randomised BOOLEAN NOT NULL, record TEXT NOT NULL,
 PRIMARY KEY (decision_id));
CREATE INDEX ix_decisions_created_at ON decisions (created_at);
CREATE TABLE features (decision_id VARCHAR(128) NOT NULL, encoder VARCHAR(200) NOT NULL, embedding BLOB,
 surface BLOB NOT NULL, PRIMARY KEY (decision_id), FOREIGN KEY(decision_id) REFERENCES decisions (decision_id));
CREATE TABLE outcomes (decision_id VARCHAR(128) NOT NULL, source VARCHAR(100) NOT NULL, executed_lane VARCHAR(200),
 rated_probability DOUBLE NOT NULL, quality DOUBLE, cost_usd DOUBLE, latency_ms DOUBLE, at DATETIME NOT NULL,
 record TEXT NOT NULL, PRIMARY KEY (decision_id, source),
 FOREIGN KEY(decision_id) REFERENCES decisions (decision_id));
"""
SECOND = """
CREATE TABLE audit_events (event_id VARCHAR(128) NOT NULL, at DATETIME NOT NULL, kind VARCHAR(64) NOT NULL,
 record TEXT NOT NULL, PRIMARY KEY (event_id));
CREATE INDEX ix_audit_events_at ON audit_events (at);
CREATE TABLE output_checks (check_id VARCHAR(128) NOT NULL, decision_id VARCHAR(128) NOT NULL, at DATETIME NOT NULL,
 action VARCHAR(32) NOT NULL, record TEXT NOT NULL, PRIMARY KEY (check_id));
CREATE INDEX ix_output_checks_at ON output_checks (at);
CREATE INDEX ix_output_checks_decision_id ON output_checks (decision_id);
"""
EVENT = AuditEvent(event_id="aud_1", at=NOON, kind="override", who="on-call", why="vendor incident")
OUTCOME = Outcome(decision_id="dec-1", quality=0.5, cost_usd=0.01, at=NOON)


def checked(decision: RouteDecision) -> OutputCheck:
    return OutputCheck(
        check_id="chk_1",
        decision_id=decision.decision_id,
        at=NOON,
        action="withhold",
        reason="It holds a credential.",
        guard_state="hit",
        versions=decision.versions,
    )


@pytest.fixture(params=[1, 2])
def old_log(request: pytest.FixtureRequest, tmp_path: Path, make_decision: Callable[..., RouteDecision]) -> Path:
    """A log as the first or the second release left it: a decision with features and an outcome; checks and events."""
    path = tmp_path / "old.db"
    decision, when = make_decision(), "2026-03-01 12:00:00.000000"
    vector = np.array([0.5, 0.25], dtype="<f4").tobytes()
    words = ("default", "action", "support", "medium", "clean", "default-0a1b2c")
    row: list[Any] = ["dec-1", when, *words, "balanced", 0.95, 0, 1, decision.to_json()]
    # an outcome as it was written before signals were part of it
    outcome = OUTCOME.model_dump_json(exclude={"signals"})
    with sqlite3.connect(path) as db:
        db.executescript(FIRST + (SECOND if request.param == 2 else ""))
        db.execute("INSERT INTO schema_version VALUES (?)", [request.param])
        db.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        db.execute("INSERT INTO features VALUES (?, ?, ?, ?)", ["dec-1", "cc33", vector, vector])
        db.execute(
            "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ["dec-1", "user", None, 1.0, 0.5, 0.01, None, "2026-07-01 12:00:00.000000", outcome],
        )
        if request.param == 2:
            check = checked(decision)
            event = [EVENT.event_id, "2026-07-01 12:00:00.000000", EVENT.kind, EVENT.model_dump_json()]
            db.execute("INSERT INTO audit_events VALUES (?, ?, ?, ?)", event)
            db.execute(
                "INSERT INTO output_checks VALUES (?, ?, ?, ?, ?)",
                [check.check_id, "dec-1", "2026-07-01 12:00:00.000000", check.action, check.model_dump_json()],
            )
    db.close()
    return path


def test_an_old_log_keeps_its_rows_and_gains_tables(old_log: Path, make_decision: Callable[..., RouteDecision]) -> None:
    """An update must not cost anybody the outcomes that the next bundle learns from."""
    for _ in range(2):  # the second opening finds it as the first one left it
        with EventLog(old_log, attribution_days=365) as log:
            assert log.decision("dec-1") == make_decision()
            assert list(log.outcomes()) == [OUTCOME]
            data = log.logged()
            assert (data.quality.tolist(), data.embeddings.tolist()) == ([0.5], [[0.5, 0.25]])
            log.log_audit_event(EVENT)
            log.log_output_check(checked(make_decision()))
            assert (log.audit_events(), log.output_checks("dec-1")) == ([EVENT], [checked(make_decision())])
            assert (verify(log).problems, verify(log).entries) == ((), 4)


def test_what_an_old_log_held_is_the_same_as_what_is_written_again(
    old_log: Path, make_decision: Callable[..., RouteDecision]
) -> None:
    """A webhook that comes again after the update is no second rating."""
    features = Features("cc33", np.array([0.5, 0.25], np.float32), np.array([0.5, 0.25], np.float32))
    with EventLog(old_log) as log:
        log.log_decision(make_decision(), features=features)
        log.log_outcome(OUTCOME)
        log.log_outcome(OUTCOME.model_copy(update={"quality": 1.0, "at": NOON + timedelta(days=1)}))
        assert log.counts()["decisions"] == 1
        assert log.counts()["outcomes"] == 2


def _open(path: Path) -> None:
    EventLog(path).close()


def test_processes_that_start_together_on_an_old_log_all_come_up(old_log: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_open, args=(old_log,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    with EventLog(old_log) as log:
        assert log.counts()["decisions"] == 1


def test_every_page_of_an_old_log_is_brought_on(old_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(old_log) as db:
        decided, learned = (db.execute(f"SELECT * FROM {name}").fetchone() for name in ("decisions", "outcomes"))  # noqa: S608
        for number in range(2, 9):
            for table, row in (("decisions", decided), ("outcomes", learned)):
                values = [str(x).replace("dec-1", f"dec-{number}") if isinstance(x, str) else x for x in row]
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", values)  # noqa: S608
    db.close()
    monkeypatch.setattr(migrations, "PAGE", 3)
    with EventLog(old_log, attribution_days=365) as log:
        assert log.logged().quality.tolist() == [0.5] * 8
        assert verify(log).ok


def test_a_log_that_cannot_be_brought_on_is_left_as_it_was(old_log: Path) -> None:
    """Half a migration would be neither the old nor the new log."""
    with sqlite3.connect(old_log) as db:
        db.execute("UPDATE outcomes SET record = '{}'")
        before = list(db.iterdump())
    with pytest.raises(LogError, match="written under another contract"):
        EventLog(old_log)
    assert list(sqlite3.connect(old_log).iterdump()) == before


def test_an_old_log_in_postgresql_is_brought_on(postgres: str, make_decision: Callable[..., RouteDecision]) -> None:
    """There, names of indexes are taken until their table is gone."""
    types = {"DATETIME": "TIMESTAMP", "DOUBLE": "DOUBLE PRECISION", "BLOB": "BYTEA"}
    script = FIRST + SECOND
    for name, other in types.items():
        script = re.sub(rf"\b{name}\b", other, script)
    decision = make_decision()
    words = ("default", "action", "support", "medium", "clean", "default-0a1b2c")
    row = ("dec-1", decision.created_at, *words, "balanced", 0.95, False, True, decision.to_json())
    outcome = ("dec-1", "user", None, 1.0, 0.5, 0.01, None, NOON, OUTCOME.model_dump_json())
    engine = sql.create_engine(postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql(script)
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (2)")
        for table, values in (("decisions", row), ("outcomes", outcome)):
            places = ", ".join(["%s"] * len(values))
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({places})", values)  # noqa: S608
    engine.dispose()
    with EventLog(postgres) as log:
        assert list(log.outcomes()) == [OUTCOME]
        assert verify(log).problems == ()


def test_a_log_of_the_third_release_gains_what_waits(
    tmp_path: Path, make_decision: Callable[..., RouteDecision]
) -> None:
    path = tmp_path / "third.db"
    with EventLog(path) as log:
        log.log_decision(make_decision())
    with sqlite3.connect(path) as db:
        db.executescript("DROP TABLE waiting; UPDATE schema_version SET version = 3;")
    db.close()
    with EventLog(path) as log:
        assert Waiting(log).held() == []
        assert log.decision("dec-1") == make_decision()
        assert verify(log).ok


def test_a_log_of_the_fourth_release_gains_keys_and_counters(
    tmp_path: Path, make_decision: Callable[..., RouteDecision]
) -> None:
    path = tmp_path / "fourth.db"
    with EventLog(path) as log:
        log.log_decision(make_decision())
    with sqlite3.connect(path) as db:
        db.executescript("DROP TABLE api_keys; DROP TABLE shared; DROP INDEX ix_decisions_org;")
        db.execute("UPDATE schema_version SET version = 4")
    db.close()
    with EventLog(path) as log:
        assert "ix_decisions_org" in {
            row[0] for row in log.session.engine.connect().exec_driver_sql("SELECT name FROM sqlite_master")
        }
        assert set(sql.inspect(log.session.engine).get_table_names()) >= {"api_keys", "shared"}
        assert log.decision("dec-1") == make_decision()
        assert verify(log).ok
