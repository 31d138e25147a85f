"""Keys and secrets survive, in either database, and many processes agree on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from router_ml.contract import AuditEvent
from router_ml.errors import LogError, LogRefusedError
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.verify import verify
from router_ml.storage.service.access import AccessTable, StoredKey

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database, of each kind."""
    found: str = str(tmp_path / "log.db") if request.param == "sqlite" else request.getfixturevalue("postgres")
    return found


@pytest.fixture
def two(url: str) -> Iterator[list[AccessTable]]:
    """Two processes' view of one database."""
    with EventLog(url) as first, EventLog(url) as second:
        yield [AccessTable(first), AccessTable(second)]


def key(name: str = "aa", **changes: object) -> StoredKey:
    zoned = NOON.astimezone(timezone(timedelta(hours=5)))
    fields = {"key_id": name, "name": "n", "digest": b"\x00\xff" * 16, "scopes": frozenset({"route", "admin"})}
    made = {"created_at": zoned, "created_by": "ops", "org": "Ä", "requests_per_minute": 3, "usd_per_day": 0.5}
    return StoredKey(**{**fields, **made, "expires_at": zoned, **changes})  # type: ignore[arg-type]


def event(number: int, kind: str = "key_created", at: datetime = NOON) -> AuditEvent:
    return AuditEvent.model_validate({"event_id": f"aud_{number}", "at": at, "kind": kind, "who": "ops", "why": "x"})


def test_what_is_kept_of_a_key_comes_back_elsewhere(two: list[AccessTable]) -> None:
    here, there = two
    here.add(key("bb"), event(1))
    here.add(key("aa", org=None, usd_per_day=None, requests_per_minute=None, expires_at=None), event(2))
    assert there.keys() == {key.key_id: key for key in here.keys().values()}
    assert list(there.keys().values())[1] == key("bb")
    assert here.log.audit_events() == [event(1), event(2)]
    with pytest.raises(LogRefusedError, match="A key aa is there already"):
        there.add(key("aa"), event(3))
    assert there.log.audit_events() == [event(1), event(2)]
    assert verify(here.log).ok


def test_a_key_is_revoked_once_with_its_event_or_not_at_all(two: list[AccessTable]) -> None:
    here, there = two
    here.add(key(), event(1))
    assert there.revoke("aa", event(2, "key_revoked"))
    later = event(3, "key_revoked", NOON + timedelta(hours=1))
    assert not here.revoke("aa", later)
    assert not here.revoke("zz", later)
    assert here.keys()["aa"].revoked_at == NOON
    assert [one.kind for one in here.log.audit_events()] == ["key_created", "key_revoked"]


def test_an_event_that_cannot_be_written_changes_nothing(two: list[AccessTable]) -> None:
    """An act that nobody can audit does not happen."""
    here, _ = two
    here.add(key("aa"), event(1))
    with pytest.raises(LogError, match="already logged"):
        here.add(key("bb"), event(1, at=NOON + timedelta(hours=1)))
    with pytest.raises(LogError, match="already logged"):
        here.revoke("aa", event(1, "key_revoked"))
    assert [(one.key_id, one.revoked_at) for one in here.keys().values()] == [("aa", None)]


def test_processes_that_ask_together_share_one_secret(two: list[AccessTable]) -> None:
    """Otherwise a browser would be logged in at every other replica."""
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda one=one: found.append(one.secret("console"))) for one in two * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    assert len(found[0]) == 32
    assert two[0].secret("other") != found[0]
    assert verify(two[0].log).ok


def test_a_secret_that_somebody_replaced_is_found(tmp_path: Path) -> None:
    with EventLog(tmp_path / "log.db") as log:
        AccessTable(log).secret("console")
        with log.session.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE secrets SET value = x'00' WHERE name = 'console'")
        assert any("is not the secret that it was at first" in problem for problem in verify(log).problems)
