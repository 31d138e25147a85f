"""``verify`` finds and names any change of a log, and stays green over all that may rightly happen to one."""

from __future__ import annotations

import multiprocessing
import re
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from router_ml.contract import Approval, AuditEvent, Outcome
from router_ml.errors import LogError
from router_ml.storage.archives.archive import compact
from router_ml.storage.archives.erasure import erase, expire
from router_ml.storage.database import entries, tables
from router_ml.storage.database.entries import Entry
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.chain import Writer
from router_ml.storage.proof.checkpoint import Checkpoint, checkpoint
from router_ml.storage.proof.verify import Verification, verify

Told = Callable[..., list[Entry]]
NOW = datetime(2026, 7, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
SAID: dict[str, Any] = {"who": "privacy desk", "why": "request 17", "now": NOW}
KEY = b"a key that the database never sees"
KEYS = {  # of each table; schema_version is missing: another one is refused when the log is opened
    **dict.fromkeys(("decisions", "features", "texts", "decision_keys"), ("decision_id",)),
    "outcomes": ("outcome_id",),
    "executions": ("execution_id",),
    "approvals": ("step_id",),
    "audit_events": ("event_id",),
    "secrets": ("name",),
    "chain": ("writer", "seq"),
}


def happened(path: Path, told: Told) -> None:
    """A log that all of it has happened to: two writers, an erased person, a term that was over, an archived part."""
    with EventLog(path) as log:
        log.write(told(-9, days=1000) + told(-8, subject=log.subject_of("ann")) + told(-7))
        compact(log, before=MARCH, to=str(path.parent / "archive"), **SAID)
        log.write(told(0, subject=log.subject_of("ann")) + told(1, days=1))
        log.write([entries.of_outcome(Outcome(decision_id="dec-2", quality=1.0, at=NOW, source="early"))])
    with EventLog(path) as log:
        log.write([*told(2, days=1000), *told(3, subject=log.subject_of("bob"))])
        log.log_outcome(Outcome(decision_id="dec-2", quality=0.0, at=NOW))
        archive = str(path.parent / "archive")
        erase(log, user="ann", archive=archive, **SAID)
        expire(log, archive=archive, **SAID)


def checked(path: Path, **more: Any) -> Verification:
    with EventLog(path) as log:
        return verify(log, **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, told: Told) -> Path:
    path = tmp_path_factory.mktemp("whole") / "log.db"
    happened(path, told)
    return path


@pytest.fixture
def path(tmp_path: Path, whole: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path))


def tamper(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def test_a_log_that_all_of_it_has_happened_to_is_green(path: Path) -> None:
    found = checked(path)
    assert (found.ok, found.problems) == (True, ())
    assert (found.writers, found.entries, found.erased, found.compacted) == (2, 34, 12, 8)


def test_an_empty_log_is_green(tmp_path: Path) -> None:
    assert checked(tmp_path / "new.db") == Verification(True, 0, 0, (), 0, 0)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["UPDATE decisions SET record = replace(record, 'balanced', 'premium')"], "Decision dec-2 .* not what was"),
        (["UPDATE decisions SET lane = 'premium' WHERE decision_id = 'dec-2'"], "Decision dec-2 .* columns that say"),
        (["UPDATE outcomes SET quality = 1.0 WHERE decision_id = 'dec-3'"], "Outcome out_.* columns that say"),
        (["UPDATE features SET embedding = zeroblob(16)"], "Decision dec-2 .* not what was written"),
        (["DELETE FROM features WHERE decision_id = 'dec-2'"], "Decision dec-2 .* not what was written"),
        (["DELETE FROM executions WHERE decision_id = 'dec-2'"], "Execution exe_.* is missing, and no audit event"),
        (["DELETE FROM chain WHERE record_id = 'dec-2'"], "what stood between them is missing"),
        (["DELETE FROM chain WHERE record_id = 'dec-2'"], "Decision dec-2 stands in no chain"),
        (["UPDATE decision_keys SET key = NULL WHERE decision_id = 'dec-2'"], "Decision dec-2 .* was erased, and is"),
        (["DELETE FROM decision_keys WHERE decision_id = 'dec-2'"], "Decision dec-2 .* has no key"),
        (["UPDATE decision_keys SET subject = NULL"], "Decision dec-3 .* not what was written"),
        (["UPDATE audit_events SET record = replace(record, 'desk', 'disk')"], "names no audit event that ordered it"),
        (["UPDATE secrets SET value = zeroblob(32)"], "not the secret that it was at first"),
        (["UPDATE outcomes SET arrived = 99 WHERE decision_id = 'dec-3'"], "moved before an outcome that came earlier"),
        (
            ["INSERT INTO approvals SELECT 'new', decision_id, at, state, record FROM approvals LIMIT 1"],
            "new stands in",
        ),
        (["UPDATE decisions SET created_at = 'yesterday'"], "Decision dec-2 cannot be read"),
        (["UPDATE decisions SET record = CAST(x'ff' AS TEXT)"], "Decision dec-2 cannot be read"),
    ],
)
def test_a_change_is_found_and_named(path: Path, statements: list[str], said: str) -> None:
    tamper(path, *statements)
    found = checked(path)
    assert any(re.search(said, problem) for problem in found.problems), found.problems
    assert not found.ok


def test_erasing_without_an_order_is_found(path: Path) -> None:
    """Who removes a record and destroys its key, as an erasure does, lacks the audit event."""
    gone = ("features", "texts", "decisions")
    deleted = [f"DELETE FROM {table} WHERE decision_id = 'dec-2'" for table in gone]  # noqa: S608
    tamper(path, *deleted, "UPDATE decision_keys SET key = NULL, keep_until = NULL WHERE decision_id = 'dec-2'")
    assert any("Decision dec-2" in problem and "is missing" in problem for problem in checked(path).problems)


def test_an_order_covers_as_many_decisions_as_it_says(path: Path) -> None:
    """Who can write to the database could add one more under an order that was given."""
    with EventLog(path) as log:

        def add(connection: sql.Connection, writer: Writer) -> None:
            (order,) = connection.exec_driver_sql("SELECT digest FROM chain WHERE kind = 'expired'").scalars()
            for table in (tables.features, tables.texts, *(table for table, _ in tables.RECORDS.values())):
                if "decision_id" in table.c:
                    connection.execute(sql.delete(table).where(table.c.decision_id == "dec-3"))
            gone = sql.update(tables.decision_keys).where(tables.decision_keys.c.decision_id == "dec-3")
            connection.execute(gone.values(key=None, subject=None))
            writer.add("expired", "dec-3", "dec-3", order)

        log.session.write(add)
        assert verify(log).problems == (
            "More or fewer decisions were erased than the audit events that ordered it say.",
        )


def cells(path: Path) -> list[tuple[str, str, list[Any], Any]]:
    """Every value of every table, with the key of its row; ``arrived`` is an order: another number that keeps it says
    the same."""
    found = []
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        for table, keys in KEYS.items():
            for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608
                at = [row[key] for key in keys]
                found += [(table, name, at, row[name]) for name in row.keys() if name != "arrived"]  # noqa: SIM118
    db.close()
    return found


def changed(value: Any, place: int) -> Any:
    """A value with one byte of it changed."""
    if isinstance(value, bytes):
        at = place % len(value)
        return value[:at] + bytes([value[at] ^ (1 << place % 8)]) + value[at + 1 :]
    if isinstance(value, str) and value:
        at = place % len(value)
        new = next(letter for letter in ("0T,x"[place % 4], "1") if letter != value[at])
        return value[:at] + new + value[at + 1 :]
    if isinstance(value, int):
        return value + 1 + place % 2 if value in (0, 1) else value + 1000
    return "1" if value is None or value == "" else value + 1


def change_one(whole: Path, folder: Path, data: st.DataObject) -> None:
    path = Path(shutil.copy(whole, folder))
    table, column, at, value = data.draw(st.sampled_from(cells(whole)))
    new = changed(value, data.draw(st.integers(0, 10_000)))
    rule = " AND ".join(f"{key} = ?" for key in KEYS[table])
    with sqlite3.connect(path) as db:
        try:
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {rule}", [new, *at])  # noqa: S608
        except sqlite3.IntegrityError:
            reject()  # the database refuses it
    db.close()
    assert not checked(path, archive=str(whole.parent / "archive")).ok, (table, column)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_single_change_of_a_stored_value_is_found(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    change_one(whole, tmp_path_factory.mktemp("one"), data)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_of_many_changes_is_found(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    change_one(whole, tmp_path_factory.mktemp("one"), data)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("write", "again", "outcome", "erase", "expire", "compact", "reopen")), st.integers(0, 5)
    ),
    max_size=14,
)


def go_on(folder: Path, told: Told, steps: list[tuple[str, int]]) -> None:
    """Do what may rightly happen to a log, in some order, and verify it."""
    archive = str(folder / "archive")
    log = EventLog(folder / "log.db")
    written = 0
    for step, number in steps:
        user = f"user-{number % 2}"
        if step == "write":
            log.write(told(written, subject=log.subject_of(user), days=None if number < 3 else 5))
            written += 1
        elif step == "again" and written:
            log.write(told(number % written)[1:])
        elif step == "outcome":
            late = Outcome(decision_id=f"dec-{number}", quality=number / 5, at=NOW, source="late")
            log.write([entries.of_outcome(late)])
        elif step == "erase":
            erase(log, user=user, archive=archive, **SAID)
        elif step == "expire":
            expire(log, archive=archive, **SAID)
        elif step == "compact":
            compact(log, before=NOW - timedelta(days=60 + number), to=archive, part=2, **SAID)
        elif step == "reopen":
            log.close()
            log = EventLog(folder / "log.db")
    for more in (None, archive):
        assert verify(log, archive=more).problems == ()
    log.close()


@settings(max_examples=6, deadline=None)
@given(steps=STEPS)
def test_it_stays_green_over_whatever_may_rightly_happen(
    tmp_path_factory: pytest.TempPathFactory, told: Told, steps: list[tuple[str, int]]
) -> None:
    go_on(tmp_path_factory.mktemp("log"), told, steps)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_it_stays_green_over_a_lot_that_may_rightly_happen(
    tmp_path_factory: pytest.TempPathFactory, told: Told, steps: list[tuple[str, int]]
) -> None:
    go_on(tmp_path_factory.mktemp("log"), told, steps)


def test_a_cut_tail_and_a_chain_that_was_written_anew_show_against_a_checkpoint(tmp_path: Path, told: Told) -> None:
    """Both are green by themselves: who can write to the database can write a whole new log."""
    for name in ("first", "second"):
        happened(tmp_path / name, told)
    with EventLog(tmp_path / "first") as log:
        taken = checkpoint(log, now=NOW)
    kept = Checkpoint.parse(taken.to_json(KEY), KEY)
    assert checked(tmp_path / "first", checkpoint=kept).ok
    assert checked(tmp_path / "second").ok
    assert any("it was cut" in problem for problem in checked(tmp_path / "second", checkpoint=kept).problems)

    with sqlite3.connect(tmp_path / "first") as db:
        (event,) = db.execute("SELECT record_id FROM chain WHERE kind = 'expired'").fetchone()
        last = "SELECT max(seq) FROM chain AS c WHERE c.writer = chain.writer"
        db.execute(f"DELETE FROM chain WHERE kind = 'expired' AND seq = ({last})")  # noqa: S608
    db.close()
    assert event == "dec-1"
    problems = checked(tmp_path / "first", checkpoint=kept).problems
    assert any("it was cut" in problem for problem in problems)


def test_a_head_that_is_another_shows_against_a_checkpoint(tmp_path: Path, told: Told) -> None:
    with EventLog(tmp_path / "log.db") as log:
        log.write(told(0))
        heads = checkpoint(log, now=NOW).heads
        wrong = {writer: (seq, "00" * 32) for writer, (seq, _) in heads.items()}
        found = verify(log, checkpoint=Checkpoint(NOW, wrong))
    assert all("was written anew" in problem for problem in found.problems)
    assert len(found.problems) == 2


def test_a_checkpoint_that_was_changed_or_signed_otherwise_is_refused() -> None:
    signed = Checkpoint(NOW, {"w_1": (3, "ab")}).to_json(KEY)
    for text, key in ((signed.replace("ab", "ac"), KEY), (signed, b"another key"), (signed[:-9], KEY), ("{}", KEY)):
        with pytest.raises(LogError, match="checkpoint"):
            Checkpoint.parse(text, key)


def test_threads_of_one_log_write_one_chain(tmp_path: Path, told: Told) -> None:
    with EventLog(tmp_path / "log.db") as log:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: log.write(told(number)), range(20)))
        found = verify(log)
    assert (found.ok, found.writers, found.entries) == (True, 1, 80)


def _write(log: EventLog, written: list[list[Entry]]) -> None:
    for some in written:
        log.write(some)


def test_processes_that_write_the_same_entries_write_them_once(tmp_path: Path, told: Told) -> None:
    """Two workers that drain the same spool, forked with the log already open."""
    written = [told(number) for number in range(10)]
    log = EventLog(tmp_path / "log.db")
    log.write(told(99))
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(EventLog(tmp_path / "log.db"), written)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    found = verify(log)
    assert (found.problems, found.entries) == ((), 44)
    log.close()


def test_verifying_says_ids_and_no_other_value(path: Path) -> None:
    """Reports of it travel further than the log."""
    tamper(path, "UPDATE decisions SET record = replace(record, 'help_center', 'secret-index'), lane = 'secret-lane'")
    found = checked(path)
    assert not found.ok
    assert "secret" not in str(found.to_dict())


def test_an_event_is_in_the_chain_and_so_are_steps_of_an_approval(log: EventLog) -> None:
    step = {"decision_id": "d", "tool": "t", "version": "1", "arguments_sha256": "a", "approval_id": "p", "at": NOW}
    approvals = [Approval(state=state, **step) for state in ("requested", "granted")]
    log.write(map(entries.of_approval, approvals))
    log.log_audit_event(AuditEvent(event_id="e", at=NOW, kind="override", who="w", why="y"))
    assert list(log.approvals()) == sorted(approvals, key=lambda one: one.state)
    assert verify(log).entries == 3
