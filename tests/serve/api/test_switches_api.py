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
from router_ml.state.health import Word
from router_ml.storage.eventlog import EventLog
from tests.state.sharing.conftest import CONFIG


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


def test_who_uses_the_service_reads_that_a_place_is_off_and_not_by_which_switch_or_host(
    client: TestClient, gateway: Gateway, log: EventLog
) -> None:
    """The log and an administrator have the whole."""
    admin = gateway.keys.create(NOBODY, {"name": "all", "scopes": ["admin", "route"]}, why="first")
    of_one = gateway.keys.create(NOBODY, {"name": "one", "scopes": ["route"], "org": "acme"}, why="theirs")
    theirs, all_ = ({"authorization": f"Bearer {key.token}"} for key in (of_one, admin))
    switch = gateway.router.switch_off(["acme"], who="ada", why="leak")
    gateway.router.memory.health.hear({"zeta": Word("heard from host-7-1234-abc")})
    texts = []
    for path in ("/v1/route", "/v1/route?explain=operator", "/v1/route/batch"):
        body = {"text": "hello there"}
        answer = client.post(path, json={"requests": [body]} if "batch" in path else body, headers=theirs)
        assert answer.status_code == 200
        texts.append(answer.text)
    made = client.post("/v1/route", json={"text": "hello there"}, headers=theirs).json()
    assert made["state"]["lane_health"] == {"acme": "down: switched off", "zeta": "down"}
    assert made["excluded"]["best"] == ["health: provider acme counts as down, switched off"]
    assert made["excluded"]["other"] == ["health: provider zeta counts as down"]
    one = f"/v1/decisions/{made['decision_id']}"
    texts += [client.get(f"{one}?view={view}", headers=theirs).text for view in ("record", "story", "explain")]
    assert not any(switch.id in text or "host-7" in text for text in texts)
    whole = client.get(one, headers=all_).json()
    assert whole["state"]["lane_health"] == {
        "acme": f"down: switched off, {switch.id}",
        "zeta": "down: heard from host-7-1234-abc",
    }
