"""What was compacted teaches as before, can be proved as before, and leaves the database only once it is elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from router_ml.contract import Outcome, RouteDecision
from router_ml.errors import EncoderMismatchError, LogError
from router_ml.storage.archives.archive import Compaction, archived, compact, read_archive
from router_ml.storage.archives.erasure import erase
from router_ml.storage.database.entries import Entry, of_decision
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.verify import verify

Told = Callable[..., list[Entry]]
NOW = datetime(2026, 7, 1, tzinfo=UTC)
SAID: dict[str, Any] = {"who": "schedule", "why": "compaction", "now": NOW}
MAY = datetime(2026, 5, 1, tzinfo=UTC)
FIELDS = ("decision_ids", "created_at", "action", "propensities", "quality", "embeddings", "features", "lane_version")


@pytest.fixture
def full(log: EventLog, told: Told) -> EventLog:
    """80 days, from March 1 on."""
    log.write(entry for number in range(80) for entry in told(number))
    return log


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_an_archive_reads_as_the_log_did(full: EventLog, tmp_path: Path, scheme: str) -> None:
    """By month, oldest first, on any path that fsspec knows."""
    archive = f"{scheme}{tmp_path}/archive"
    before = full.logged()
    moved = compact(full, before=MAY, to=archive, part=20, **SAID)
    assert (moved.decisions, moved.entries, len(moved.files)) == (61, 244, 4)
    assert {name.split("/")[0] for name in moved.files} == {"month=2026-03", "month=2026-04"}
    batches = [*read_archive(archive), full.logged()]
    for name in FIELDS:
        found = np.concatenate([getattr(batch, name) for batch in batches])
        np.testing.assert_array_equal(found, getattr(before, name))
    assert all(batch.lanes == before.lanes for batch in batches)
    assert verify(full, archive=archive).problems == ()
    assert verify(full).compacted == 244


def test_entries_come_back_from_an_archive_as_they_were_written(log: EventLog, told: Told, tmp_path: Path) -> None:
    """What a spend report or an audit needs of past months."""
    written = told(0, subject="s", days=400)
    log.write(written)
    compact(log, before=MAY, to=str(tmp_path / "archive"), **SAID)
    found = list(archived(str(tmp_path / "archive")))
    for before, after in zip(written, found, strict=True):
        assert replace(before, features=None) == replace(after, features=None)
    assert found[0].features is not None
    assert written[0].features is not None
    np.testing.assert_array_equal(found[0].features.embedding, written[0].features.embedding)  # type: ignore[arg-type]


def test_compacting_again_changes_nothing(full: EventLog, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    compact(full, before=MAY, to=str(archive), **SAID)
    files = sorted(archive.rglob("*"))
    assert compact(full, before=MAY, to=str(archive), **SAID) == Compaction(0, 0, ())
    assert sorted(archive.rglob("*")) == files
    assert not [path for path in files if path.suffix == ".part"]


def test_what_was_interrupted_is_done_again_with_the_same_file(
    full: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the file and the transaction: nothing is lost, and nothing is there twice."""
    archive = tmp_path / "archive"

    def fail(_: object) -> None:
        raise LogError("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr(full.session, "write", fail)
        with pytest.raises(LogError, match="went away"):
            compact(full, before=MAY, to=str(archive), **SAID)
    (left,) = archive.rglob("*.parquet")
    assert full.counts()["decisions"] == 80
    assert "is not named by the log" in verify(full, archive=str(archive)).problems[0]
    moved = compact(full, before=MAY, to=str(archive), **SAID)
    assert left.relative_to(archive).as_posix() in moved.files
    assert verify(full, archive=str(archive)).ok


def test_an_outcome_that_comes_while_a_file_is_written_is_not_lost(
    full: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = str(tmp_path / "archive")
    outcome = Outcome(decision_id="dec-3", quality=1.0, source="late", at=NOW)
    write, calls = full.session.write, []

    def meanwhile(do: Any) -> Any:
        if not calls:
            calls.append(1)
            full.log_outcome(outcome)
        return write(do)

    monkeypatch.setattr(full.session, "write", meanwhile)
    moved = compact(full, before=MAY, to=archive, **SAID)
    assert moved.entries == 245
    assert outcome not in list(full.outcomes())
    assert verify(full, archive=archive).problems == ()


def test_an_outcome_of_an_archived_decision_is_kept(full: EventLog, tmp_path: Path) -> None:
    """It teaches nothing any more, and is still a fact."""
    archive = str(tmp_path / "archive")
    compact(full, before=MAY, to=archive, **SAID)
    outcome = Outcome(decision_id="dec-3", quality=1.0, source="late", at=NOW)
    full.log_outcome(outcome)
    assert outcome in list(full.outcomes())
    assert verify(full, archive=archive).problems == ()


def test_what_is_written_again_after_compaction_stays_in_the_archive(
    full: EventLog, told: Told, tmp_path: Path
) -> None:
    compact(full, before=MAY, to=str(tmp_path / "archive"), **SAID)
    full.write(told(3))
    assert full.decision("dec-3") is None
    assert verify(full, archive=str(tmp_path / "archive")).ok


def test_what_outcomes_may_still_come_for_is_not_compacted(full: EventLog, tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"may still come for decisions of the last 30 days\. Give an earlier time"):
        compact(full, before=NOW - timedelta(days=29), to=str(tmp_path), **SAID)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_file_that_was_changed_or_lost_is_named(full: EventLog, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    compact(full, before=MAY, to=str(archive), part=20, **SAID)
    changed, lost, *_ = sorted(archive.rglob("*.parquet"))
    _flip(changed)
    lost.unlink()
    problems = verify(full, archive=str(archive)).problems
    assert problems == (
        f"The archive file {changed.relative_to(archive)} was changed. Restore it from a backup.",
        f"The archive file {lost.relative_to(archive)} is missing. Give the folder that router-ml log compact wrote "
        "to.",
    )


def test_a_record_that_only_claims_to_be_in_the_archive_is_found_without_reading_it(
    full: EventLog, tmp_path: Path
) -> None:
    """The log says how many entries each file holds, and which places in the chain are theirs."""
    compact(full, before=MAY, to=str(tmp_path / "archive"), **SAID)
    with sqlite3.connect(tmp_path / "log.db") as db:
        (file,) = db.execute("SELECT archive FROM decision_keys WHERE archive IS NOT NULL").fetchone()
        for table in ("features", "texts", "outcomes", "executions", "approvals", "decisions"):
            db.execute(f"DELETE FROM {table} WHERE decision_id = 'dec-70'")  # noqa: S608
        db.execute("UPDATE decision_keys SET archive = ? WHERE decision_id = 'dec-70'", [file])
    assert verify(full).problems == (f"Archive file {file} should hold other entries than the log says it does.",)


def test_embeddings_of_two_encoders_in_an_archive_are_never_mixed(log: EventLog, told: Told, tmp_path: Path) -> None:
    for number, encoder in enumerate(("cc33", "dd44")):
        first, *rest = told(number)
        assert first.features is not None
        log.write([replace(first, features=replace(first.features, encoder=encoder)), *rest])
    compact(log, before=MAY, to=str(tmp_path / "archive"), part=1, **SAID)
    with pytest.raises(EncoderMismatchError, match=r"2 encoders: cc33, dd44"):
        list(read_archive(str(tmp_path / "archive")))
    batches = list(read_archive(str(tmp_path / "archive"), encoder="dd44"))
    assert [np.isnan(batch.embeddings).all() for batch in batches] == [True, False]


@pytest.mark.parametrize("content", [b"notes", b"", None])
def test_a_file_that_is_none_of_an_archive_is_named(full: EventLog, tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "archive"
    compact(full, before=MAY, to=str(folder), **SAID)
    stray = folder / "notes.parquet"
    if content is None:
        parquet.write_table(pyarrow.table({"text": ["a"]}), stray)
    else:
        stray.write_bytes(content)
    with pytest.raises(LogError, match=r"notes\.parquet is no file of an archive, or was damaged"):
        list(read_archive(str(folder)))
    assert "notes.parquet is not named by the log" in verify(full, archive=str(folder)).problems[0]


@pytest.mark.parametrize(
    "change", ["key = x'00'", "subject = 'somebody else'", "keep_until = '2030-01-01 00:00:00.000000'"]
)
def test_a_key_a_person_or_a_term_that_was_changed_is_found_without_the_archive(
    full: EventLog, tmp_path: Path, change: str
) -> None:
    compact(full, before=MAY, to=str(tmp_path / "archive"), part=100, **SAID)
    erase(full, user="nobody", archive=str(tmp_path / "archive"), **SAID)
    assert verify(full).ok
    with sqlite3.connect(tmp_path / "log.db") as db:
        db.execute(f"UPDATE decision_keys SET {change} WHERE decision_id = 'dec-3'")  # noqa: S608
    (problem,) = verify(full).problems
    assert problem.startswith("A key, a person or a term of the decisions in archive file month=2026-03/")


def test_an_archive_teaches_nothing_of_a_shadow(
    log: EventLog, told: Told, make_decision: Callable[..., RouteDecision], tmp_path: Path
) -> None:
    """As the log does not: nobody acted on it."""
    shadow = make_decision(decision_id="dec-0.shadow", created_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    alike = make_decision(decision_id="dec-0.SHADOW", created_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    log.write([*told(0), of_decision(shadow), of_decision(alike)])
    before = sorted(log.logged().decision_ids.tolist())
    assert before == ["dec-0", "dec-0.SHADOW"]
    compact(log, before=MAY, to=str(tmp_path / "archive"), **SAID)
    (batch,) = read_archive(str(tmp_path / "archive"), log=log)
    assert sorted(batch.decision_ids.tolist()) == before
    assert "dec-0.shadow" in {entry.record_id for entry in archived(str(tmp_path / "archive"))}
