"""``router-ml log``: verified by an exit code, and what has to go goes by one command."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router_ml.contract import RouteDecision
from router_ml.storage.database import entries
from router_ml.storage.eventlog import EventLog
from router_ml.storage.opening import open_log
from router_ml.storage.spooling.frames import pack

Run = Callable[..., tuple[int, str, str]]
SAID = ("--who", "privacy desk", "--why", "request 17")


@pytest.fixture
def path(tmp_path: Path, make_decision: Callable[..., RouteDecision]) -> Path:
    """Three decisions: of Ann, one whose term is over, one of nobody."""
    path = tmp_path / "log.db"
    march = datetime(2026, 3, 1, tzinfo=UTC)
    with EventLog(path) as log:
        more: tuple[dict[str, object], ...] = ({"subject": log.subject_of("ann")}, {"keep_until": march}, {})
        for number, extra in enumerate(more):
            decision = make_decision(decision_id=f"d{number}", created_at=march - timedelta(days=number))
            log.write([entries.of_decision(decision, **extra)])  # type: ignore[arg-type]
    return path


def test_a_log_is_verified_and_a_changed_one_is_exit_1(path: Path, run: Run) -> None:
    code, shown, _ = run("log", "verify", "--log", path)
    assert (code, shown.splitlines()[0]) == (0, "The log is what was written.")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE decisions SET lane = 'premium' WHERE decision_id = 'd2'")
    code, shown, _ = run("log", "verify", "--log", path, "--json")
    assert code == 1
    assert "Decision d2" in json.loads(shown)["problems"][0]
    assert "Decision d2" in run("log", "verify", "--log", path)[1]


def test_erasing_expiring_and_compacting_leave_a_green_log(path: Path, tmp_path: Path, run: Run) -> None:
    archive = tmp_path / "archive"
    assert json.loads(run("log", "erase", "--user", "ann", *SAID, "--log", path, "--json")[1])["decisions"] == 1
    assert run("log", "expire", "--log", path)[1].startswith("1 decisions are gone")
    shown = run("log", "compact", "--before", "2026-03-02", "--to", archive, "--log", path)[1]
    assert shown == "1 decisions (1 records) moved to 1 files.\n"
    code, shown, _ = run("log", "verify", "--archive", archive, "--log", path, "--json")
    assert code == 0
    assert {name: json.loads(shown)[name] for name in ("erased", "compacted")} == {"erased": 2, "compacted": 1}
    assert json.loads(run("log", "counts", "--log", path, "--json")[1])["audit_events"] == 3
    assert "audit events   3" in run("log", "counts", "--log", path)[1]
    assert "erased (1 decisions) by privacy desk: request 17" in run("audit", "--log", path)[1]


def test_a_checkpoint_shows_what_the_log_alone_does_not(
    path: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_ML_LOG_KEY", "kept where the log is not")
    kept = tmp_path / "checkpoint.json"
    assert "4 entries of 2 chains" in run("log", "checkpoint", "--out", kept, "--log", path)[1]
    assert run("log", "verify", "--checkpoint", kept, "--log", path)[0] == 0
    with sqlite3.connect(path) as db:  # the last decision was never logged
        for table in ("decisions", "decision_keys", "chain"):
            db.execute(f"DELETE FROM {table} WHERE decision_id = 'd2'")  # noqa: S608
    assert run("log", "verify", "--log", path)[0] == 0
    code, shown, _ = run("log", "verify", "--checkpoint", kept, "--log", path)
    assert code == 1
    assert "it was cut" in shown
    monkeypatch.setenv("ROUTER_ML_LOG_KEY", "short")
    code, _, errors = run("log", "verify", "--checkpoint", kept, "--log", path)
    assert code == 2
    assert "Found a key of 5 bytes in $ROUTER_ML_LOG_KEY, expected 16 or more" in errors


def test_what_was_set_aside_is_counted_and_delivered_when_told(
    path: Path, tmp_path: Path, run: Run, make_decision: Callable[..., RouteDecision]
) -> None:
    """One is another decision under an id that is taken, one has a cause that has passed; no value is shown."""
    _, drain = open_log(str(path), spool=tmp_path / "spool")
    assert drain is not None
    for name in ("d1", "d9"):
        drain.spool.set_aside(pack(entries.of_decision(make_decision(decision_id=name))))
    where = ("--log", path, "--spool", tmp_path / "spool")
    assert run("log", "spool", *where)[1] == "0 records wait at most, 2 are refused, 0 files are damaged.\n"
    code, shown, _ = run("log", "spool", "--retry", *where, "--json")
    told = json.loads(shown)
    assert (code, told["delivered"], told["refused"]) == (0, 1, 1)
    assert run("log", "spool", "--retry", *where)[1].startswith("0 records that had been refused are delivered.")
    with EventLog(path) as log:
        assert log.decision("d9") is not None
    drain.close()
    code, _, errors = run("log", "spool", "--log", path, "--spool", tmp_path / "none")
    assert (code, "no spool at" in errors) == (2, True)
    assert "$ROUTER_ML_SPOOL" in run("log", "spool", "--log", path)[2]
