"""Who asks to be forgotten is, everywhere, and the log can still be trusted afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router_ml.errors import LogError
from router_ml.storage.archives.archive import compact, read_archive
from router_ml.storage.archives.erasure import Erasure, erase, expire
from router_ml.storage.database.entries import Entry
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.verify import verify

Told = Callable[..., list[Entry]]
NOW = datetime(2026, 7, 1, tzinfo=UTC)
SAID = {"who": "privacy desk", "why": "request 17", "now": NOW}


def fill(log: EventLog, told: Told, count: int = 6) -> None:
    """Decisions of two persons by turns; nobody is named in every third."""
    subjects = (None, log.subject_of("ann"), log.subject_of("bob"))
    log.write(entry for number in range(count) for entry in told(number, subject=subjects[number % 3]))


def test_arrays_say_whose_decisions_belong_together(log: EventLog, told: Told) -> None:
    ann = log.subject_of("ann")
    log.write(entry for number in range(4) for entry in told(number, subject=ann if number % 2 else None))
    assert log.logged().subject.tolist() == ["", ann, "", ann]
    assert log.count() == 4
    assert log.count(NOW + timedelta(days=999)) == log.count(bundle="another") == 0


def test_a_person_is_erased_and_the_log_still_verifies(log: EventLog, told: Told) -> None:
    fill(log, told)
    assert erase(log, user="ann", **SAID) == Erasure(decisions=2, files=0)
    assert [decision.decision_id for decision in log.decisions()] == ["dec-0", "dec-2", "dec-3", "dec-5"]
    assert {one.decision_id for one in log.outcomes()} == {"dec-0", "dec-2", "dec-3", "dec-5"}
    assert list(log.executions("dec-1")) == []
    found = verify(log)
    assert (found.ok, found.problems, found.erased, found.entries) == (True, (), 8, 25)
    (event,) = log.audit_events()
    assert (event.kind, event.who, event.detail["decisions"]) == ("erased", "privacy desk", 2)


def test_nothing_of_an_erased_person_is_left_in_the_file(log: EventLog, told: Told, tmp_path: Path) -> None:
    """A deleted row stays readable in a database file until something else is written over it."""
    log.write(told(0, subject=log.subject_of("ann"), reason="XYZZY-1"))
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"XYZZY-1" in content
    erase(log, user="ann", **SAID)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"XYZZY-1" not in content
    assert log.subject_of("ann").encode() not in content


def test_what_comes_later_does_not_bring_an_erased_person_back(log: EventLog, told: Told) -> None:
    """A webhook, or a spool that writes again what it is not sure of."""
    entries = told(0, subject=log.subject_of("ann"))
    log.write(entries)
    erase(log, user="ann", **SAID)
    log.write([*entries, *told(1)])
    assert log.counts()["decisions"] == 1
    assert log.counts()["outcomes"] == 1
    assert verify(log).ok


def test_an_erasure_that_finds_nobody_is_kept_as_an_event(log: EventLog) -> None:
    """That somebody asked, and that nothing was there, may have to be shown."""
    assert erase(log, user="nobody", **SAID) == Erasure(0, 0)
    assert log.audit_events()[0].detail["decisions"] == 0
    assert verify(log).ok


def test_expiry_takes_what_is_over_and_nothing_else(log: EventLog, told: Told) -> None:
    for number, days in enumerate((10, 1000, None)):
        log.write(told(number, days=days))
    assert expire(log, **SAID).decisions == 1
    assert [decision.decision_id for decision in log.decisions()] == ["dec-1", "dec-2"]
    assert expire(log, **SAID).decisions == 0
    assert [event.kind for event in log.audit_events()] == ["expired"]
    assert verify(log).ok


def test_erasure_and_expiry_reach_the_archive(log: EventLog, told: Told, tmp_path: Path) -> None:
    """A person in a Parquet file is as much a person."""
    archive = str(tmp_path / "archive")
    fill(log, told, 30)
    log.write(told(30, days=10))
    compact(log, before=NOW - timedelta(days=31), to=archive, part=4, **SAID)
    with pytest.raises(LogError, match=r"lies in .* files of an archive, first month=2026-03/.*Name the archive"):
        erase(log, user="ann", **SAID)
    assert erase(log, user="ann", archive=archive, **SAID).decisions == 10
    assert expire(log, archive=archive, **SAID).decisions == 1
    left = [name for batch in read_archive(archive) for name in batch.decision_ids.tolist()]
    assert left == [f"dec-{number}" for number in range(30) if number % 3 != 1]
    found = verify(log, archive=archive)
    assert (found.ok, found.problems, found.compacted) == (True, (), 80)
    assert erase(log, user="bob", archive=archive, **SAID).decisions == 10
    assert verify(log, archive=archive).problems == ()


def test_a_file_that_an_interrupted_erasure_left_is_named_and_goes_with_the_next(
    log: EventLog, told: Told, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    fill(log, told)
    compact(log, before=NOW - timedelta(days=31), to=str(archive), **SAID)
    (old,) = archive.rglob("*.parquet")
    content = old.read_bytes()
    erase(log, user="ann", archive=str(archive), **SAID)
    old.write_bytes(content)
    assert "was replaced or erased: remove it" in verify(log, archive=str(archive)).problems[0]
    assert sum(len(batch) for batch in read_archive(str(archive))) == 4
    erase(log, user="ann", archive=str(archive), **SAID)
    assert verify(log, archive=str(archive)).ok
    assert not old.exists()
