"""Nothing that was acknowledged is lost or torn: under kill -9, under restarts of the database, by many processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.killing import Survived, kill_rounds, numbered
from benchmarks.servers import LACKING, Postgres, installed
from router_ml.contract import RouteDecision
from router_ml.errors import LogError
from router_ml.storage.eventlog import EventLog
from router_ml.storage.opening import open_log
from router_ml.storage.proof.verify import verify
from router_ml.storage.spooling.recorder import Recorder

Make = Callable[..., RouteDecision]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    if not installed():
        pytest.skip(LACKING)
    server = Postgres(tmp_path_factory.mktemp("pg"))
    yield server
    server.close()


def assert_whole(found: Survived, *, rounds: int) -> None:
    assert (found.rounds, found.lost, found.torn, found.verified) == (rounds, 0, 0, True)
    assert found.kept >= found.acknowledged >= rounds, "every round killed a process that logged"


@pytest.mark.parametrize("spooled", [True, False], ids=["spool", "direct"])
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, make_decision: Make, spooled: bool) -> None:
    url = str(tmp_path / "log.sqlite")
    found = kill_rounds(url, tmp_path, make_decision(), rounds=1, spooled=spooled, seconds=0.3)
    assert_whole(found, rounds=1)


@pytest.mark.slow
def test_fifty_rounds_of_kill_9(tmp_path: Path, make_decision: Make) -> None:
    assert_whole(kill_rounds(str(tmp_path / "log.sqlite"), tmp_path, make_decision(), rounds=50), rounds=50)


@pytest.mark.slow
def test_kill_9_while_the_database_restarts(tmp_path: Path, make_decision: Make, postgres: Postgres) -> None:
    found = kill_rounds(
        postgres.url, tmp_path, make_decision(), rounds=5, processes=3, between=lambda _: postgres.restart()
    )
    assert_whole(found, rounds=5)


def test_a_database_that_restarts_in_mid_traffic_costs_nothing(
    tmp_path: Path, make_decision: Make, postgres: Postgres
) -> None:
    """Every record is taken at once, also while there is no server, and all of them arrive."""
    log, drain = open_log(postgres.url, spool=tmp_path / "spool")
    assert log is not None
    assert drain is not None
    recorder, decision = Recorder(log, drain), make_decision()
    names = [f"restart-{number}" for number in range(300)]
    for number, name in enumerate(names):
        if number == 100:
            assert drain.flush(30)
            postgres.stop()
        if number == 200:
            postgres.start()
        assert recorder.write(numbered(decision, name)) == "spool"
    assert drain.close(30)
    assert {found.decision_id for found in log.decisions()} >= set(names)
    assert {found.decision_id for found in log.outcomes()} >= set(names)
    assert verify(log).ok
    log.close()


def test_without_a_spool_a_write_that_failed_says_so_and_may_be_repeated(
    make_decision: Make, postgres: Postgres
) -> None:
    decision = make_decision()
    with EventLog(postgres.url) as log:
        recorder = Recorder(log)
        assert recorder.write(numbered(decision, "direct-1")) == "database"
        postgres.stop()
        with pytest.raises(LogError, match="repeat the call"):
            recorder.write(numbered(decision, "direct-2"))
        postgres.start()
        for _ in range(2):
            assert recorder.write(numbered(decision, "direct-2")) == "database"
        assert {one.decision_id for one in log.outcomes()} >= {"direct-1", "direct-2"}


def test_what_the_database_has_no_room_for_stops_nobody(
    tmp_path: Path, make_decision: Make, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that is longer than its column is a mistake of one caller; the records behind it must not wait for it."""
    log, drain = open_log(postgres.url, spool=tmp_path / "spool")
    assert log is not None
    assert drain is not None
    decision = make_decision()
    (bad, _), (good, _) = (
        numbered(one, name)
        for one, name in ((decision.model_copy(update={"traffic_class": "x" * 500}), "bad"), (decision, "good"))
    )
    drain.spool.append([bad, good])
    assert not drain.close(30), "one of them is not in the database"
    assert (log.decision("bad"), log.decision("good") is not None) == (None, True)
    assert "refuses an entry" in caplog.text
    assert len(list((tmp_path / "spool").rglob("*.refused"))) == 1
    log.close()
