"""What whoever looks after a gateway can see of it, and what nobody else can."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from benchmarks.servers import LACKING, Postgres, installed
from router_ml import Executor, Router
from router_ml.errors import LogError
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.observing.readiness import Database
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.opening import open_log
from router_ml.storage.service.access import AccessTable

SECRET = "My card is 4111 1111 1111 1111, and I live in Wuppertal."


@contextmanager
def opened(bundle: Bundle, *, log: str | None = None, spool: Path | None = None) -> Iterator[Gateway]:
    events, drain = open_log(log, spool=spool) if log else (None, None)
    with Executor(Router(bundle.config, bundle=bundle, log=events, drain=drain)) as executor:
        gateway = Gateway(Settings(), executor)
        yield gateway
        gateway.close()


@pytest.fixture
def gateway(bundle: Bundle, tmp_path: Path) -> Iterator[Gateway]:
    with opened(bundle, log=str(tmp_path / "log.sqlite"), spool=tmp_path / "spool") as found:
        yield found


@pytest.fixture
def client(gateway: Gateway) -> Iterator[TestClient]:
    with TestClient(create_app(gateway=gateway), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as found:
        yield found


def until(true: object, *, seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def series(client: TestClient) -> dict[tuple[str, ...], float]:
    said = client.get("/metrics").text
    return {
        (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "worker")): sample.value
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    }


def test_a_worker_is_alive_and_ready_until_it_leaves(client: TestClient, gateway: Gateway) -> None:
    assert client.get("/readyz").json() == {"ready": True, "reasons": [], "degraded": []}
    gateway.leaving = True
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["leaving"])
    assert client.get("/healthz").status_code == 200, "it lives, and must not be killed for leaving"
    answer = client.post("/v1/route", json={"text": "What is the capital of France?"})
    assert answer.status_code == 200, "who has not heard yet is served"
    assert answer.headers["connection"] == "close"


def test_status_says_what_serves(client: TestClient, bundle: Bundle) -> None:
    said = client.get("/v1/status").json()
    assert said["serving"]["bundle"] == bundle.manifest.id
    assert said["rules"]["policy_sha256"]
    assert said["log"]["spool"]["failing"] is False


def test_requests_are_counted_by_route_and_decisions_by_lane(client: TestClient) -> None:
    for _ in range(3):
        assert client.post("/v1/route", json={"text": "What is the capital of France?"}).status_code == 200
    assert client.post("/v1/route", json={"nothing": 1}).status_code == 400
    assert client.get(f"/{SECRET}").status_code == 404
    found = series(client)
    assert found["router_ml_gateway_requests_total", "POST", "/v1/route", "200"] == 3
    assert found["router_ml_gateway_requests_total", "POST", "/v1/route", "400"] == 1
    assert found["router_ml_gateway_request_seconds_count", "/v1/route"] == 4
    assert sum(value for name, value in found.items() if name[0] == "router_ml_decisions_total") == 3
    assert found["router_ml_gateway_in_flight",] == 1, "the scrape itself"
    assert not any("4111 1111" in part for name in found for part in name)


def test_what_is_refused_as_too_much_counts_against_its_route(client: TestClient, gateway: Gateway) -> None:
    gateway.shedding.max_in_flight = 0
    assert client.post("/v1/route", json={"text": "What is the capital of France?"}).status_code == 503
    assert client.post(f"/v1/{SECRET}").status_code == 503
    found = series(client)
    assert found["router_ml_gateway_requests_total", "POST", "/v1/route", "503"] == 1
    assert found["router_ml_gateway_requests_total", "POST", "unknown", "503"] == 1


def test_what_is_down_and_what_waits_can_be_alerted_on(client: TestClient, gateway: Gateway) -> None:
    gateway.router.report_health("openai", "down")
    found = series(client)
    assert found["router_ml_down", "openai"] == 1
    assert found["router_ml_down", "premium"] == 0
    assert found["router_ml_gateway_ready",] == 1
    assert found["router_ml_spool_writable",] == 1


def test_an_access_line_says_everything_but_what_was_said(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "router_ml.access"):
        client.post(f"/v1/route?card={SECRET}", json={"text": SECRET}, headers={"x-private": SECRET})
        client.get(f"/decisions/{SECRET}")
    lines = [vars(one) for one in caplog.records if one.name == "router_ml.access"]
    assert [(one["route"], one["status"]) for one in lines] == [("/v1/route", 200), ("unknown", 404)]
    assert lines[0]["ms"] > 0
    assert lines[0]["bytes"] > 0
    said = json.dumps(lines, default=str)
    assert "4111 1111" not in said
    assert "Wuppertal" not in said


def test_a_disk_that_is_full_is_said_and_costs_no_answer_while_the_database_takes_records(
    client: TestClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router_ml.serve.observing.readiness.ROOM_BYTES", 1 << 60)
    assert client.get("/readyz").json() == {"ready": True, "reasons": [], "degraded": ["spool"]}
    gateway.operations.database.failed = "gone"
    assert client.get("/readyz").json()["reasons"] == ["log"]


@pytest.mark.slow
@pytest.mark.parametrize("spooled", [True, False])
def test_a_database_that_is_away_makes_a_worker_unready_only_without_a_spool(
    bundle: Bundle, tmp_path: Path, spooled: bool
) -> None:
    if not installed():
        pytest.skip(LACKING)
    server = Postgres(tmp_path / "pg")
    try:
        with opened(bundle, log=server.url, spool=tmp_path / "spool" if spooled else None) as gateway:
            assert gateway.log is not None
            gateway.keys.known.look()
            gateway.operations.database.ask(gateway.log)
            assert gateway.operations.readiness().reasons == ()
            server.stop()

            def away() -> bool:
                assert gateway.log is not None
                gateway.operations.database.ask(gateway.log)
                return "database" in gateway.operations.readiness().degraded

            until(away)
            assert gateway.operations.readiness().reasons == (() if spooled else ("log",))
            server.start()
            until(lambda: not away())
            assert gateway.operations.readiness().reasons == ()
    finally:
        server.close()


def test_a_worker_that_knows_neither_keys_nor_switches_is_not_ready(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that started while the database is away: it would let nobody in, or use what somebody turned off."""

    def away(*_: object) -> None:
        raise LogError("The database is away.")

    with monkeypatch.context() as broken:
        broken.setattr(EventLog, "count_changes", away)
        broken.setattr(AccessTable, "keys", away)
        with opened(bundle, log=str(tmp_path / "log.sqlite"), spool=tmp_path / "spool") as gateway:
            gateway.start()
            assert gateway.operations.readiness().reasons == ("keys", "switches")
            broken.undo()
            until(lambda: gateway.operations.readiness().reasons == ())


def test_a_database_that_never_answers_counts_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that swallows packets says nothing for minutes."""

    class Silent:
        asked, over = threading.Event(), threading.Event()

        def ping(self) -> None:
            self.asked.set()
            self.over.wait(30)

    monkeypatch.setattr("router_ml.serve.observing.readiness.ANSWERS_S", 0.05)
    database, log = Database(), Silent()
    database.ask(log)  # type: ignore[arg-type]
    assert log.asked.wait(10)
    until(lambda: not database.answers)
    log.over.set()
    until(lambda: database.answers)
