"""Whoever is to be forgotten is, also while others erase and compact, and after they were killed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from router_ml.contract import Outcome, RouteDecision
from router_ml.contract.base import shadow_id
from router_ml.errors import LogError
from router_ml.storage.archives import archive as archives
from router_ml.storage.archives import erasure
from router_ml.storage.archives.archive import archived, compact, read_archive
from router_ml.storage.database.entries import Entry, of_decision, of_outcome
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.verify import verify

Told = Callable[..., list[Entry]]
Make = Callable[..., RouteDecision]
NOW, MAY = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
SAID: dict[str, Any] = {"who": "privacy desk", "why": "request 17", "now": NOW}


@pytest.fixture
def archive(tmp_path: Path) -> str:
    return str(tmp_path / "archive")


@pytest.fixture
def full(log: EventLog, told: Told) -> EventLog:
    """A decision of each of three persons."""
    log.write(entry for n, user in enumerate("abc") for entry in told(n, subject=log.subject_of(user)))
    return log


def once(patch: pytest.MonkeyPatch, owner: Any, name: str, do: Callable[[], object], *, after: bool) -> None:
    """Do something the first time that a function is called, before or after it."""
    real, called = getattr(owner, name), []

    def wrapped(*args: Any, **named: Any) -> Any:
        first = not called
        called.append(1)
        if first and not after:
            do()
        result = real(*args, **named)
        if first and after:
            do()
        return result

    patch.setattr(owner, name, wrapped)


def held(archive: str) -> list[str]:
    return sorted({str(entry.decision_id) for entry in archived(archive)})


@pytest.mark.parametrize("place", ["_next", "_without"])
@pytest.mark.parametrize("user", ["b", "a"])
def test_two_erasures_over_one_file_both_come_true(
    full: EventLog, archive: str, monkeypatch: pytest.MonkeyPatch, place: str, user: str
) -> None:
    """Also two of the same person: then the second finds nothing left to do."""
    compact(full, before=MAY, to=archive, **SAID)
    inner = lambda: full.erase(user=user, archive=archive, **SAID)  # noqa: E731
    once(monkeypatch, erasure, place, inner, after=True)
    found = full.erase(user="a", archive=archive, **SAID)
    assert found.decisions == (1 if user == "b" else 0)
    assert held(archive) == (["dec-2"] if user == "b" else ["dec-1", "dec-2"])
    assert verify(full, archive=archive).problems == ()
    assert [len(batch) for batch in read_archive(archive, log=full)] == [1 if user == "b" else 2]


def test_two_erasures_at_once_on_postgres(
    postgres: str, told: Told, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EventLog(postgres) as log, EventLog(postgres) as other:
        log.write(entry for n, user in enumerate("abc") for entry in told(n, subject=log.subject_of(user)))
        compact(log, before=MAY, to=archive, **SAID)
        inner = lambda: other.erase(user="b", archive=archive, **SAID)  # noqa: E731
        once(monkeypatch, erasure, "_without", inner, after=True)
        assert log.erase(user="a", archive=archive, **SAID).decisions == 1
        assert held(archive) == ["dec-2"]
        assert verify(log, archive=archive).problems == ()


def test_who_is_compacted_while_the_erasure_looks_is_erased_or_the_erasure_fails(
    full: EventLog, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        once(patch, erasure, "_next", lambda: compact(full, before=MAY, to=archive, **SAID), after=True)
        with pytest.raises(LogError, match="Name the archive as well"):
            full.erase(user="a", **SAID)
    assert full.erase(user="a", archive=archive, **SAID).decisions == 1
    assert held(archive) == ["dec-1", "dec-2"]


def test_a_compaction_that_an_erasure_overtakes_loses_nothing(
    full: EventLog, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure takes away the file that the compaction has written and not named yet; it writes another."""
    inner = lambda: full.erase(user="a", archive=archive, **SAID)  # noqa: E731
    once(monkeypatch, archives, "write_file", inner, after=True)
    assert compact(full, before=MAY, to=archive, **SAID).decisions == 2
    assert held(archive) == ["dec-1", "dec-2"]
    assert verify(full, archive=archive).problems == ()


def test_an_erasure_of_somebody_who_is_not_there_loses_no_file_of_a_compaction(
    full: EventLog, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = lambda: full.erase(user="nobody", archive=archive, **SAID)  # noqa: E731
    once(monkeypatch, archives, "write_file", inner, after=True)
    assert compact(full, before=MAY, to=archive, **SAID).decisions == 3
    assert held(archive) == ["dec-0", "dec-1", "dec-2"]
    assert verify(full, archive=archive).problems == ()


def test_two_compactions_at_once_write_one_file_and_keep_it(
    full: EventLog, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is made from the content, so the one that comes second must not clear away what the first has named."""
    inner = lambda: compact(full, before=MAY, to=archive, **SAID)  # noqa: E731
    once(monkeypatch, archives, "write_file", inner, after=True)
    assert compact(full, before=MAY, to=archive, **SAID).decisions == 0
    assert held(archive) == ["dec-0", "dec-1", "dec-2"]
    assert verify(full, archive=archive).problems == ()


def die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_what_a_killed_compaction_left_goes_with_the_erasure(
    full: EventLog, archive: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Killed before the file had its name, and then before the transaction."""
    for step in ("fsspec.implementations.local.LocalFileSystem.mv", "router_ml.storage.archives.archive.log_event"):
        with monkeypatch.context() as patch:
            patch.setattr(step, die)
            with pytest.raises(KeyboardInterrupt):
                compact(full, before=MAY, to=archive, **SAID)
    left = [path for path in Path(archive).rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in left) == [".parquet", ".part"]
    problems = verify(full, archive=archive).problems
    assert "is not named by the log: remove it" in problems[0]
    assert ".part is half an archive file, of an interrupted command: remove it" in problems[1]
    assert list(read_archive(archive, log=full)) == []
    full.erase(user="a", archive=archive, **SAID)
    assert [path for path in Path(archive).rglob("*") if path.is_file()] == []
    assert verify(full, archive=archive).ok


def test_files_of_somebody_else_stay(full: EventLog, archive: str, told: Told, tmp_path: Path) -> None:
    """A path that was mistyped, or that two logs were compacted to."""
    with EventLog(tmp_path / "other.db") as other:
        other.write(told(7))
        compact(other, before=MAY, to=archive, **SAID)
    (Path(archive) / "table.parquet").write_bytes(b"a table of another program")
    before = sorted(Path(archive).rglob("*"))
    full.erase(user="a", archive=archive, **SAID)
    assert sorted(Path(archive).rglob("*")) == before


def test_a_shadow_goes_with_its_decision_and_does_not_come_back(
    full: EventLog, archive: str, make_decision: Make
) -> None:
    """Whether it lies with it, in another file, or was still on its way; and whoever it says that it is about."""
    at = datetime(2026, 3, 1, 13, tzinfo=UTC)
    shadows = [make_decision(decision_id=shadow_id(f"dec-{number}"), created_at=at) for number in range(3)]
    full.write([of_decision(shadows[0])])
    compact(full, before=datetime(2026, 3, 1, 12, 30, tzinfo=UTC), to=archive, **SAID)  # dec-0, and not its shadow
    full.write([of_decision(shadows[1])])
    assert full.erase(user="a", archive=archive, **SAID).decisions == 2
    assert full.erase(user="b", archive=archive, **SAID).decisions == 2
    assert full.erase(user="c", archive=archive, **SAID).decisions == 1
    late = Outcome(decision_id=shadows[2].decision_id, quality=1.0, at=NOW)
    full.write([*map(of_decision, shadows), of_outcome(late)])
    assert list(full.decisions()) == []
    assert list(full.outcomes()) == []
    assert verify(full, archive=archive).problems == ()


def test_a_shadow_that_comes_while_its_decision_is_erased_goes_with_it(
    full: EventLog, make_decision: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow = of_decision(make_decision(decision_id="dec-0.shadow"))
    once(monkeypatch, erasure, "_next", lambda: full.write([shadow]), after=True)
    assert full.erase(user="a", **SAID).decisions == 2
    assert full.decision("dec-0.shadow") is None
