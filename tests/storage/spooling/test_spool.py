"""The queue on disk keeps what it took, in order, whatever happens to the process, and says when it cannot."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from router_ml.errors import LogError
from router_ml.storage.database.entries import Entry
from router_ml.storage.spooling import segments
from router_ml.storage.spooling.frames import unpack
from router_ml.storage.spooling.segments import Claim
from router_ml.storage.spooling.spool import Spool

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def entry(name: object, *, size: int = 10) -> Entry:
    return Entry("outcome", str(name), "d", NOON, "x" * size)


def names(spool: Spool, *, entries: int = 3, size: int = 1 << 20) -> list[str]:
    """Everything that waits, as a reader gets it."""
    found: list[str] = []
    while batch := spool.take(entries=entries, size=size):
        found += [unpack(payload)[0].record_id for payload in batch.payloads]
        spool.done(batch)
    return found


def killed(spool: Spool) -> None:
    """What the death of its process does to a spool: the lock is free, the files are as they are."""
    spool._claim.release(done=False)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "a new" / "folder", segment_bytes=1000)
    yield spool
    spool.close()


def test_entries_come_out_in_the_order_they_went_in(spool: Spool) -> None:
    for number in range(50):
        spool.append([entry(2 * number), entry(2 * number + 1)])
    assert names(spool) == [str(number) for number in range(100)]
    assert names(spool) == []


def test_what_is_not_done_is_taken_again(spool: Spool) -> None:
    """A batch that did not reach the database must not be skipped."""
    spool.append([entry("a"), entry("b")])
    first, second = (spool.take(entries=1, size=1) for _ in range(2))
    assert first is not None
    assert first == second
    assert names(spool) == ["a", "b"]


def test_an_entry_larger_than_any_batch_still_passes(spool: Spool) -> None:
    spool.append([entry("small"), entry("large", size=50_000), entry("last")])
    assert names(spool, size=100) == ["small", "large", "last"]


def test_drained_files_are_deleted(tmp_path: Path) -> None:
    """Memory and disk hold what waits, and no history."""
    with_lock = Spool(tmp_path, segment_bytes=1000)
    for number in range(100):
        with_lock.append([entry(number)])
    assert len(list(tmp_path.glob("*.segment"))) > 5
    names(with_lock)
    assert len(list(tmp_path.glob("*.segment"))) <= 1
    with_lock.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_taken_over_once(tmp_path: Path) -> None:
    dead = Spool(tmp_path)
    dead.append([entry("a"), entry("b")])
    assert names(Spool(tmp_path)) == [], "its process still lives"
    killed(dead)
    heir, other = Spool(tmp_path), Spool(tmp_path)
    assert (names(heir), names(other)) == (["a", "b"], [])
    heir.close()
    other.close()


def test_a_running_process_takes_over_too(tmp_path: Path) -> None:
    """A worker that is killed is not always restarted."""
    dead, alive = Spool(tmp_path), Spool(tmp_path)
    dead.append([entry("left")])
    alive.append([entry("own")])
    killed(dead)
    assert alive.adopt() == 1
    assert sorted(names(alive)) == ["left", "own"]
    assert alive.adopt() == 0


def test_what_was_closed_early_is_delivered_by_the_next(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    first.append([entry("a")])
    first.close()
    with pytest.raises(LogError, match="closed"):
        first.append([entry("b")])
    assert names(Spool(tmp_path)) == ["a"]


def test_a_torn_end_is_cut(tmp_path: Path) -> None:
    """A process may die in the middle of a write; nobody was told that that one arrived."""
    dead = Spool(tmp_path)
    dead.append([entry("a"), entry("b")])
    killed(dead)
    (path,) = tmp_path.glob("*.segment")
    path.write_bytes(path.read_bytes()[:-3])
    assert names(Spool(tmp_path)) == ["a"]
    assert list(tmp_path.glob("*.segment")) + list(tmp_path.glob("*.damaged")) == []


def test_a_damaged_file_yields_what_is_whole_and_is_kept(tmp_path: Path) -> None:
    """A disk error costs one record, and somebody can look at what is left of it."""
    dead = Spool(tmp_path)
    dead.append([entry(name) for name in "abc"])
    killed(dead)
    (path,) = tmp_path.glob("*.segment")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert names(Spool(tmp_path)) == ["a", "c"]
    (kept,) = tmp_path.glob("*.damaged")
    assert kept.read_bytes() == damaged


def test_a_full_spool_says_so_and_takes_more_once_it_was_drained(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=2000, segment_bytes=500)
    spool.append([entry(number) for number in range(10)])
    with pytest.raises(LogError, match="full"):
        spool.append([entry("too much", size=1000)])
    assert names(spool) == [str(number) for number in range(10)]
    spool.append([entry("again")])
    assert names(spool) == ["again"]


def test_a_disk_that_is_full_in_mid_write_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of the bytes fit, the rest do not: what was refused is not there, what comes later is."""
    spool = Spool(tmp_path)
    spool.append([entry("a")])
    write, calls = segments._write, iter([True, False])

    def full(handle: int, data: bytes) -> int:
        if next(calls):
            return write(handle, data[:7])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(segments, "_write", full)
        with pytest.raises(LogError, match="No space left"):
            spool.append([entry("b")])
    spool.append([entry("c")])
    assert names(spool) == ["a", "c"]


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LogError, match="local disk"):
        Spool(tmp_path / "file")
    gone = Spool(tmp_path / "gone")
    for path in (tmp_path / "gone").iterdir():
        path.unlink()
    (tmp_path / "gone").rmdir()
    with pytest.raises(LogError, match="local disk"):
        gone.append([entry("a")])


def test_a_file_that_somebody_deleted_does_not_stop_what_comes_after(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path)
    spool.append([entry("gone")])
    (path,) = tmp_path.glob("*.segment")
    path.unlink()
    assert names(spool) == []
    assert "was deleted with" in caplog.text
    spool.append([entry("after")])
    assert len(list(tmp_path.glob("*.segment"))) == 1, "not into the file that nobody can find"
    assert names(spool) == ["after"]


def test_what_waits_is_for_its_owner_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "private")
    spool.append([entry("a")])
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "private").iterdir())


def test_threads_that_append_together_lose_nothing(spool: Spool) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: spool.append([entry(number)]), range(400)))
    assert sorted(map(int, names(spool, entries=7))) == list(range(400))


def test_a_forked_child_writes_files_of_its_own(spool: Spool) -> None:
    """Servers fork their workers after loading; two processes on one file would mix their records."""
    spool.append([entry("parent")])
    child = os.fork()
    if child == 0:
        spool.append([entry("child")])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    spool.append([entry("parent again")])
    assert names(spool) == ["parent", "parent again"]
    assert spool.adopt() == 1
    assert names(spool) == ["child"]


def test_a_lock_that_is_held_cannot_be_had(tmp_path: Path) -> None:
    claim = Claim.make(tmp_path)
    assert list(Claim.of_dead(tmp_path)) == []
    claim.release(done=False)
    (taken,) = Claim.of_dead(tmp_path)
    assert taken.writer == claim.writer
    assert list(Claim.of_dead(tmp_path)) == []
    taken.release(done=True)
    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_syncs_also_syncs_the_names_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that was synced may still lose its name with the power, and all that it holds."""
    synced: list[bool] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(handle).st_mode))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    spool = Spool(tmp_path, fsync=True)
    spool.append([entry("a")])
    spool.append([entry("b")])
    spool.close()
    assert synced == [True, False, False]
