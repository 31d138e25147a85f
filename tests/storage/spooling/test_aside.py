"""What a database refused is counted, and delivered once it is taken; no record is lost on the way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from router_ml.errors import LogError, LogRefusedError
from router_ml.storage.database.entries import Entry
from router_ml.storage.spooling.aside import Waiting, retry, set_aside, waiting_in
from router_ml.storage.spooling.frames import pack
from router_ml.storage.spooling.spool import Spool


class Log:
    """Takes what it does not refuse."""

    def __init__(self, *refuses: str) -> None:
        self.refuses, self.kept = set(refuses), dict[str, str | None]()
        self.down = False

    def write(self, entries: Iterable[Entry]) -> None:
        some = list(entries)
        if self.down:
            raise LogError("The event log failed: no connection.")
        if any(entry.record_id in self.refuses for entry in some):
            raise LogRefusedError("Another record is already logged.")
        self.kept.update((entry.record_id, entry.subject) for entry in some)

    def subject_of(self, user: str) -> str:
        return f"hash of {user}"


def payload(name: str, user: str | None = None) -> bytes:
    entry = Entry("outcome", name, "d", datetime(2026, 3, 1, tzinfo=UTC), "{}")
    return pack(entry, user=user)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three records that two processes have set aside, one of Nora."""
    set_aside(tmp_path / "one.refused", payload("a", user="nora"))
    set_aside(tmp_path / "one.refused", payload("b"))
    set_aside(tmp_path / "two.refused", payload("c"))
    return tmp_path


def again(folder: Path, log: Any) -> int:
    return retry(folder, log)


def test_what_is_taken_now_is_gone_and_the_rest_stays(folder: Path) -> None:
    assert waiting_in(folder).refused == 3
    log = Log("b")
    assert (again(folder, log), log.kept) == (2, {"a": "hash of nora", "c": None})
    assert (again(folder, log), waiting_in(folder)) == (0, Waiting(0, 1, 0))
    log.refuses.clear()
    assert again(folder, log) == 1
    assert list(folder.iterdir()) == []


def test_a_database_that_is_away_loses_nothing(folder: Path) -> None:
    log = Log()
    log.down = True
    with pytest.raises(LogError, match="no connection"):
        again(folder, log)
    assert waiting_in(folder).refused == 3


def test_a_file_that_is_damaged_is_kept_and_what_is_whole_is_delivered(folder: Path) -> None:
    path = folder / "one.refused"
    path.write_bytes(path.read_bytes()[:-1])
    log = Log()
    assert again(folder, log) == 2
    assert waiting_in(folder) == Waiting(0, 0, 1)


def test_what_waits_is_counted_without_being_touched(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([Entry("outcome", str(number), "d", datetime(2026, 3, 1, tzinfo=UTC), "{}") for number in range(3)])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert waiting_in(tmp_path) == Waiting(3, 0, 0)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    spool.close()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no spool"):
        waiting_in(tmp_path / "absent")
