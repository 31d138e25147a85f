"""``router-ml audit --never``: an answer that a script can act on, and that an auditor can read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.cli import proof
from router_ml.contract import Execution
from router_ml.storage.database.entries import of_execution
from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 7, 2, 12, tzinfo=UTC)
IBAN = "My IBAN is DE89 3704 0044 0532 0130 00, please check it."
ASK = ("audit", "--where", "finding=pii and region=eu", "--since", "2026-07-01")
WHERE = {"where": "finding=pii and region=eu", "never": "boundary=vendor"}


@pytest.fixture
def log(yaml: Path, tmp_path: Path) -> Path:
    """A private request that stayed on own machines, and a harmless one that did not."""
    path = tmp_path / "log.sqlite"
    router = Router.load(yaml, log=path)
    assert router.log is not None
    for text in (IBAN, "Who wrote Faust?"):
        decision = router.predict_route(text, metadata={"region": "eu"}, now=NOON, seed=3)
        ran(router.log, decision.decision_id, decision.lane or "", "private" if text == IBAN else "vendor")
    return path


def ran(log: EventLog, decision_id: str, lane: str, boundary: str) -> None:
    hop = {"lane": lane, "provider": "p", "region": "eu", "boundary": boundary}
    execution = Execution.model_validate({"decision_id": decision_id, "hops": [hop], "at": NOON})
    log.write([of_execution(execution, NOON)])


def test_what_never_happened_is_proven(log: Path, run: Run) -> None:
    code, shown, errors = run(*ASK, "--log", log, "--never", "boundary=vendor")
    assert (code, errors) == (0, "")
    lines = shown.splitlines()
    assert lines[0].startswith("Chain of 4 entries")
    assert "proven" in lines
    assert "1 of 2 decisions: 1 executed in 1 hops" in shown
    assert "Measured recall: personal data as it is" in shown
    assert "370400" not in shown.replace(" ", "")


def test_an_exception_is_named_and_the_exit_code_says_so(log: Path, run: Run) -> None:
    with EventLog(log) as events:
        decision = next(each for each in events.decisions() if each.findings)
        ran(events, decision.decision_id, "fast[red]", "vendor")
    code, shown, _ = run(*ASK, "--log", log, "--never", "boundary=vendor", "--json")
    record = json.loads(shown)
    assert (code, record["answer"], record["exceptions"]) == (1, "exceptions", 1)
    assert record["listed"][0]["decision_id"] == decision.decision_id
    assert record["versions"][0]["policy_sha256"] == decision.versions.policy_sha256
    assert "fast[red]" in run(*ASK, "--log", log, "--never", "boundary=vendor")[1]


def test_decisions_freeze_where_their_lanes_stood(log: Path) -> None:
    with EventLog(log) as events:
        decision = next(each for each in events.decisions() if each.findings)
    assert {lane: place.boundary for lane, place in decision.places.items()} == {"own": "private"}


def test_a_log_that_was_changed_proves_nothing(log: Path, run: Run) -> None:
    with sqlite3.connect(log) as database:
        database.execute("""UPDATE executions SET record = replace(record, '"vendor"', '"private"')""")
    code, shown, _ = run(*ASK, "--log", log, "--never", "boundary=vendor")
    assert code == 2
    assert shown.splitlines()[0].startswith("Chain of 4 entries by 1 writers is broken")


def test_an_execution_that_nobody_decided_leaves_the_answer_open(log: Path, run: Run) -> None:
    with EventLog(log) as events:
        ran(events, "dec_of_nobody", "own", "private")
    code, shown, _ = run(*ASK, "--log", log, "--never", "boundary=vendor")
    assert (code, "1 executions are of decisions that the log does not hold" in shown) == (2, True)
    before = run(*ASK, "--log", log, "--never", "boundary=vendor", "--until", "2026-07-02")
    assert (before[0], "does not hold" in before[1]) == (2, False)  # nothing was decided yet


def test_a_public_boundary_that_no_lane_has_is_a_good_question_and_a_misspelt_one_is_not(log: Path, run: Run) -> None:
    code, shown, _ = run(*ASK, "--log", log, "--never", "boundary=public")
    assert (code, "no lane that is configured has it" in shown) == (0, True)
    code, shown, _ = run(*ASK, "--log", log, "--never", "boundary=publik")
    assert (code, "not shown" in shown, "neither the log nor the configuration" in shown) == (2, True, True)


def test_what_was_executed_in_the_window_counts_whenever_it_was_decided(log: Path) -> None:
    with EventLog(log) as events:
        decision = next(each for each in events.decisions() if each.findings)
        hop = {"lane": "x", "provider": "p", "region": "us", "boundary": "vendor"}
        late = {"decision_id": decision.decision_id, "hops": [hop], "at": NOON + timedelta(days=2)}
        events.write([of_execution(Execution.model_validate(late), NOON)])
    found = proof(log=str(log), **WHERE, since=NOON + timedelta(days=1))
    assert (found.answer, found.decisions, found.hops, found.exceptions) == ("exceptions", 1, 1, 1)
    assert proof(log=str(log), **WHERE, since=NOON + timedelta(days=3)).answer == "not shown"


def test_a_checkpoint_shows_a_log_that_was_begun_anew(
    log: Path, yaml: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole chain proves nothing by itself: whoever holds the database can write another one."""
    monkeypatch.setenv("ROUTER_ML_LOG_KEY", "k" * 32)
    kept = tmp_path / "checkpoint.json"
    assert run("log", "checkpoint", "--log", log, "--out", kept)[0] == 0
    ask = ("audit", "--never", "boundary=vendor", "--where", "finding=pii")
    code, shown, _ = run(*ask, "--log", log, "--checkpoint", kept)
    assert (code, "No checkpoint" in shown, "No checkpoint" in run(*ask, "--log", log)[1]) == (0, False, True)
    other = tmp_path / "other.sqlite"
    Router.load(yaml, log=other).predict_route(IBAN)
    assert run(*ask, "--log", other)[0] == 0
    assert run(*ask, "--log", other, "--checkpoint", kept)[0] == 2


def test_changes_of_rules_in_the_window_are_listed(log: Path, yaml: Path) -> None:
    deny = {
        **{"id": "deny-fast", "version": "1", "owner": "ops", "rationale": "incident"},
        **{"when": {}, "then": {"lanes": {"deny": ["fast[red]"]}}},
    }
    begun = Router.load(yaml, log=log).override(deny, who="ops", why="incident", now=NOON)
    assert proof(log=str(log), **WHERE, since="2026-07-01").changes == (begun,)
    assert proof(log=str(log), **WHERE, until="2026-07-02").changes == ()
    assert proof(log=str(log), **WHERE, until="2026-07-02").decisions == 0


def test_mistakes_are_one_line_and_cannot_be_taken_for_an_answer(log: Path, run: Run, tmp_path: Path) -> None:
    for arguments in (
        ("--log", tmp_path / "absent", "--never", "boundary=public"),
        ("--log", log, "--never", "boundry=public"),
        ("--log", log, "--never", "boundary=public", "--where", "finding="),
        ("--log", log, "--where", "finding=pii"),
        ("--log", log, "--never", "boundary=public", "--until", "soon"),
    ):
        code, shown, errors = run("audit", *arguments)
        assert (code, shown, errors.count("\n")) == (2, "", 1), arguments
    assert "expected a field: finding, risk, tier" in run("audit", "--log", log, "--never", "boundry=public")[2]


def test_what_lies_in_an_archive_is_read_or_the_answer_is_open(log: Path, run: Run, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow writes archives")
    pytest.importorskip("fsspec", reason="fsspec opens archives")
    from router_ml.storage.archives.archive import compact

    archive = tmp_path / "archive"
    with EventLog(log) as events:
        later = NOON + timedelta(days=100)
        compact(events, before=NOON + timedelta(days=1), to=str(archive), now=later, who="ops", why="age")
    ask = (*ASK, "--log", log, "--never", "boundary=vendor")
    code, shown, _ = run(*ask)
    assert code == 2
    assert "2 decisions of these months were moved to an archive" in shown
    code, shown, _ = run(*ask, "--archive", archive)
    assert (code, "1 of 2 decisions: 1 executed in 1 hops" in shown) == (0, True)
    assert "moved to an archive" in run("spend", "--log", log)[1]
    assert "for 2 requests" in run("spend", "--log", log, "--archive", archive)[1]
    file = next(archive.rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-9])
    assert run(*ask, "--archive", archive)[0] == 2
