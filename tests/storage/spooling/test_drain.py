"""What was acknowledged reaches the database: after outages, restarts and refusals, in the background, once."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml.contract import Outcome
from router_ml.errors import LogError, LogRefusedError
from router_ml.storage.database.entries import Entry, of_decision, of_outcome
from router_ml.storage.eventlog import EventLog, Features
from router_ml.storage.opening import open_log, place_of
from router_ml.storage.spooling import drain as draining
from router_ml.storage.spooling.aside import waiting_in
from router_ml.storage.spooling.drain import Drain
from router_ml.storage.spooling.spool import Spool

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Fake:
    """A log that keeps ids, and fails where it is told to."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.calls = 0
        self.down = False
        self.refuses: set[str] = set()
        self.fails: list[Exception] = []

    def write(self, entries: Iterable[Entry]) -> None:
        self.calls += 1
        new = [entry.record_id for entry in entries]
        if self.down:
            raise LogError("The event log failed: no connection.")
        if self.fails:
            raise self.fails.pop()
        if bad := self.refuses.intersection(new):
            raise LogRefusedError(f"Another record is already logged as {bad}.")
        if "broken" in new:
            raise TypeError("text of a request")
        if "never" in new:
            raise OverflowError("date value out of range")
        self.kept += new

    def subject_of(self, user: str) -> str:
        return f"hash of {user}"


def entry(name: object) -> Entry:
    return Entry("outcome", str(name), "d", NOON, "{}")


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def drain(tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drain]:
    monkeypatch.setattr(draining, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(draining, "GATHER_S", 0.0)
    drain = Drain(Spool(tmp_path / "spool"), fake)  # type: ignore[arg-type]
    yield drain
    drain.close()


def test_everything_arrives_in_order(drain: Drain, fake: Fake) -> None:
    for number in range(300):
        drain.spool.append([entry(number)])
        drain.wake()
    assert drain.flush(10)
    assert fake.kept == [str(number) for number in range(300)]
    assert drain.spool.waiting() == ()


def test_while_the_database_is_away_all_waits_and_then_arrives(
    drain: Drain, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    fake.down = True
    drain.spool.append([entry("a")])
    assert not drain.flush(10, patient=False)
    drain.spool.append([entry("b")])
    assert not drain.flush(0.05)
    fake.down = False
    assert drain.flush(10)
    assert fake.kept == ["a", "b"]
    assert caplog.text.count("no connection") == 1, "an outage is reported once, not once per try"
    assert "can be written again" in caplog.text


def test_waiting_grows_longer_between_tries(drain: Drain, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that comes back must not be met by all its clients at every moment."""
    fake.down = True
    pauses: list[float | None] = []
    hurried = threading.Event.wait

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        if event is drain._hurry:
            pauses.append(timeout)
            timeout = 0.0
            fake.down = len(pauses) < 12
        return hurried(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", wait)
    drain.spool.append([entry("a")])
    assert drain.flush(10)
    assert pauses[:4] == pytest.approx([0.01, 0.02, 0.04, 0.08])
    assert max(pauses[:11]) == draining.LONGEST_PAUSE_S  # type: ignore[type-var]


@pytest.mark.parametrize("bad", ["taken", "broken", "never"])
def test_one_record_that_is_refused_does_not_stop_the_others(
    drain: Drain, fake: Fake, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    """It is kept in a file and said, without what is in it; else the disk would fill behind it."""
    fake.refuses = {"taken"}
    drain.spool.append([entry("a"), entry(bad), entry("b")])
    drain.wake()
    assert not drain.flush(10), "not all of it is in the database"
    assert fake.kept == ["a", "b"]
    assert drain.spool.waiting() == ()
    (aside,) = drain.spool.folder.glob("*.refused")
    assert bad.encode() in aside.read_bytes()
    assert str(aside) in caplog.text
    assert "text of a request" not in caplog.text


@pytest.mark.parametrize("error", [MemoryError("text of a request"), OSError("text of a request"), RuntimeError()])
def test_an_error_that_may_pass_sets_nothing_aside(
    drain: Drain, fake: Fake, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """What was acknowledged must not be given up because memory ran out for a moment."""
    fake.fails = [error] * 6
    drain.spool.append([entry(name) for name in "abcde"])
    drain.wake()
    assert drain.flush(10)
    assert fake.kept == list("abcde")
    assert list(drain.spool.folder.glob("*.refused")) == []
    assert "text of a request" not in caplog.text


def test_a_record_is_set_aside_once_however_often_its_batch_is_tried(drain: Drain, fake: Fake) -> None:
    """The database may go away after the refusal, before the rest of the batch is written."""
    fake.refuses = {"taken"}
    write, calls = fake.write, []

    def sometimes(entries: Iterable[Entry]) -> None:
        some = list(entries)
        calls.append(len(some))
        if len(calls) == 3:
            raise LogError("The event log failed: no connection.")
        write(some)

    fake.write = sometimes  # type: ignore[method-assign]
    drain.spool.append([entry("taken"), entry("b")])
    drain.wake()
    assert not drain.flush(10)
    assert waiting_in(drain.spool.folder).refused == 1
    assert fake.kept == ["b"]


def test_a_slow_database_delays_no_append(drain: Drain, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The appending thread never waits for a write that is under way."""
    inside, go_on = threading.Event(), threading.Event()

    def slow(entries: Iterable[Entry]) -> None:
        inside.set()
        assert go_on.wait(20)
        fake.kept += [each.record_id for each in entries]

    monkeypatch.setattr(fake, "write", slow)
    drain.spool.append([entry("first")])
    drain.wake()
    assert inside.wait(10)
    for number in range(100):
        drain.spool.append([entry(number)])
        drain.wake()
    assert fake.kept == [], "all were taken while the database held its first write"
    go_on.set()
    assert drain.flush(10)
    assert len(fake.kept) == 101


def test_closing_leaves_on_disk_what_the_database_did_not_take(tmp_path: Path, fake: Fake) -> None:
    fake.down = True
    first = Drain(Spool(tmp_path), fake)  # type: ignore[arg-type]
    first.spool.append([entry("a")])
    started = time.monotonic()
    assert not first.close(30)
    assert time.monotonic() - started < 20, "a database that is down is not waited for"
    fake.down = False
    second = Drain(Spool(tmp_path), fake)  # type: ignore[arg-type]
    assert second.close(10)
    assert (fake.kept, list(tmp_path.iterdir())) == (["a"], [])


def test_a_user_known_before_the_log_was_is_kept_as_a_hash(tmp_path: Path) -> None:
    seen: list[str | None] = []

    class Log(Fake):
        def write(self, entries: Iterable[Entry]) -> None:
            seen.extend(each.subject for each in entries)

    drain = Drain(Spool(tmp_path), reopen=Log)  # type: ignore[arg-type]
    drain.spool.append([entry("a"), entry("b")], users=["nora", None])
    assert drain.close(10)
    assert seen == ["hash of nora", None]


def test_a_forked_child_delivers_what_it_appends(tmp_path: Path) -> None:
    """Threads do not survive a fork: the child needs one of its own, and a connection of its own."""
    url = str(tmp_path / "log.sqlite")
    log, drain = open_log(url, spool=tmp_path / "spool")
    assert drain is not None
    assert log is not None
    drain.wake()
    child = os.fork()
    if child == 0:
        drain.spool.append([_outcome("child")])
        os._exit(0 if drain.flush(20) else 1)
    assert os.waitpid(child, 0)[1] == 0
    drain.spool.append([_outcome("parent")])
    assert drain.close(20)
    assert {outcome.decision_id for outcome in log.outcomes()} == {"child", "parent"}
    log.close()


def test_entries_arrive_in_a_real_log_as_they_were(tmp_path: Path, make_decision: Any) -> None:
    log, drain = open_log(str(tmp_path / "log.sqlite"), spool=tmp_path / "spool")
    assert log is not None
    assert drain is not None
    decision = make_decision()
    features = Features("e1", np.arange(4, dtype=np.float32), np.ones(3, dtype=np.float32))
    drain.spool.append([of_decision(decision, features=features, text="the text", subject="s"), _outcome("dec-1")])
    assert drain.close(20)
    assert log.decision("dec-1") == decision
    kept = log.logged()
    assert kept.embeddings.tolist() == [[0, 1, 2, 3]]
    assert kept.quality.tolist() == [1.0]
    log.close()


def test_a_log_that_cannot_be_opened_now_is_opened_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A router must start while its database is down."""
    folder = tmp_path / "not there yet"
    folder.write_text("in the way")
    log, drain = open_log(str(folder / "log.sqlite"), spool=tmp_path / "spool")
    assert log is None
    assert drain is not None
    assert "Records wait" in caplog.text
    drain.spool.append([_outcome("d")])
    assert not drain.flush(0.2)
    folder.unlink()
    assert drain.flush(20)
    assert drain.log is not None
    assert [outcome.decision_id for outcome in drain.log.outcomes()] == ["d"]
    drain.close()
    drain.log.close()


def test_a_url_that_cannot_be_read_is_said_at_once(tmp_path: Path) -> None:
    for wrong in ("nosuch://host/name", "://"):
        with pytest.raises(LogError):
            open_log(wrong, spool=tmp_path)


def test_what_goes_to_one_database_is_not_delivered_to_another(tmp_path: Path) -> None:
    """Two logs may share a spool; whoever comes later must not empty it into its own."""
    _, first = open_log(str(tmp_path / "one.sqlite"), spool=tmp_path / "spool")
    assert first is not None
    first.spool.append([_outcome("d")])
    first.spool.close()
    log, second = open_log(str(tmp_path / "two.sqlite"), spool=tmp_path / "spool")
    assert log is not None
    assert second is not None
    assert second.close(10)
    assert list(log.outcomes()) == []
    log.close()


def test_the_same_database_has_one_place_whoever_connects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of("log.sqlite") == place_of(f"sqlite:///{tmp_path / 'log.sqlite'}") != place_of("other.sqlite")
    one, other = "postgresql+psycopg://a:secret@host/db", "postgresql+psycopg://b:new@host/db"
    assert place_of(one) == place_of(other) != place_of("postgresql+psycopg://a:secret@host/db2")
    assert place_of("sqlite://") is None, "no other process could deliver to a log in memory"


def test_a_log_in_memory_has_no_spool(tmp_path: Path) -> None:
    log, drain = open_log("sqlite://", spool=tmp_path)
    assert (drain, list(tmp_path.iterdir())) == (None, [])
    assert isinstance(log, EventLog)
    log.close()


def test_an_open_spool_is_delivered_at_the_end_of_the_process(tmp_path: Path, root: Path) -> None:
    """A short script need not know that there is a spool."""
    import subprocess
    import sys

    code = (
        "import sys; from datetime import datetime, UTC\n"
        "from router_ml.contract import Outcome; from router_ml.storage.database.entries import of_outcome\n"
        "from router_ml.storage.opening import open_log\n"
        "log, drain = open_log(sys.argv[1], spool=sys.argv[2])\n"
        "drain.spool.append([of_outcome(Outcome(decision_id='d', at=datetime.now(UTC)))])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "log.sqlite"), str(tmp_path / "spool")]
    seen = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert (seen.returncode, seen.stderr) == (0, "")
    with EventLog(tmp_path / "log.sqlite") as log:
        assert [outcome.decision_id for outcome in log.outcomes()] == ["d"]


def _outcome(decision_id: str) -> Entry:
    return of_outcome(Outcome(decision_id=decision_id, quality=1.0, at=NOON))


@pytest.fixture(autouse=True)
def _said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def test_a_spool_that_holds_a_time_beyond_all_dates_heals(tmp_path: Path) -> None:
    """Else one record would keep all others from the log, also after a restart."""
    spool = Spool(tmp_path / "spool")
    never = datetime.fromisoformat("9999-12-31T23:59:59-23:00")
    spool.append([Entry("outcome", "a", "d", never, "{}"), of_outcome(Outcome(decision_id="d", at=NOON))])
    spool.close()
    with EventLog(tmp_path / "log.sqlite") as log:
        again = Drain(Spool(tmp_path / "spool"), log)
        again.spool.adopt()
        again.wake()
        assert not again.flush(10), "one is set aside"
        again.close()
        assert [outcome.at for outcome in log.outcomes()] == [NOON]
    assert waiting_in(tmp_path / "spool").refused == 1
