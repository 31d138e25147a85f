"""An administrator of all organisations turns a vendor off over HTTP, for every process of a log; nobody else can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from starlette.testclient import TestClient

from router_ml import Router
from router_ml.execution.executor import Executor
from router_ml.serve.access.caller import NOBODY
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.eventlog import EventLog
from tests.sharing.conftest import CONFIG


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


@pytest.fixture
def gateway(log: EventLog) -> Iterator[Gateway]:
    executor = Executor(Router(CONFIG, log=log))
    yield Gateway(Settings(console=False), executor)
    executor.close()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[TestClient]:
    app = create_app(gateway=gateway)
    with TestClient(app, "http://localhost:8080", client=("127.0.0.1", 50000)) as client:
        yield client


def test_a_vendor_is_turned_off_and_on(client: TestClient, gateway: Gateway, log: EventLog) -> None:
    listed = client.get("/v1/switches").json()
    assert (listed["switches"], "acme" in listed["places"]) == ([], True)
    made = client.post("/v1/switches", json={"places": ["acme"], "why": "leak"})
    assert made.status_code == 201
    switch = made.json()
    assert (switch["places"], switch["local"], switch["who"]) == (["acme"], False, NOBODY.who)
    assert gateway.router.predict_route("hello there", seed=1).lane == "other"
    assert [one["id"] for one in client.get("/v1/switches").json()["switches"]] == [switch["id"]]
    ended = client.post(f"/v1/switches/{switch['id']}/end", json={"why": "fixed"})
    assert ended.json()["ended"] == {switch["id"]: ["acme"]}
    assert client.get("/v1/switches").json()["switches"] == []
    assert gateway.router.predict_route("hello there", seed=1).lane == "best"
    assert [(event.kind, event.why) for event in log.audit_events()] == [("place_off", "leak"), ("place_on", "fixed")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"places": [], "why": "x"},
        {"places": "acme", "why": "x"},
        {"places": ["nobody's"], "why": "x"},
        {"places": ["acme"]},
        {"places": ["acme"], "why": " "},
        {"places": ["acme"], "why": "x", "until": "2020-01-01T00:00:00Z"},
        {"places": ["acme"], "why": "x", "who": "somebody else"},
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, log: EventLog, body: dict[str, object]) -> None:
    assert client.post("/v1/switches", json=body).status_code == 400
    assert log.audit_events() == []


def test_what_is_not_off_is_not_found(client: TestClient) -> None:
    assert client.post("/v1/switches/aud_nothing/end", json={"why": "x"}).status_code == 404


def test_one_organisation_does_not_switch_for_the_others(client: TestClient, gateway: Gateway) -> None:
    everything = {"name": "all", "scopes": ["admin"]}
    ours = gateway.keys.create(NOBODY, everything, why="first")
    of_one = gateway.keys.create(NOBODY, {"name": "one", "scopes": ["admin"], "org": "acme"}, why="theirs")
    plain = gateway.keys.create(NOBODY, {"name": "app", "scopes": ["route"]}, why="app")
    asked = {"places": ["acme"], "why": "leak"}
    for key, status in ((of_one, 403), (plain, 403), (ours, 201)):
        headers = {"authorization": f"Bearer {key.token}"}
        assert client.post("/v1/switches", json=asked, headers=headers).status_code == status
    assert client.get("/v1/switches").status_code == 401
