"""Nobody comes in who does not belong, and nobody learns why."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from router_ml.errors import InvalidRequestError
from router_ml.serve.access.keys import id_of, revoke_key
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable
from tests.serve.access.conftest import Make
from tests.serve.clients import HERE, client_of

ASK = {"text": "What does the contract say?"}


def routed(client: TestClient, key: str = "", **headers: str) -> int:
    sent = {"authorization": f"Bearer {key}", **headers} if key else headers
    return client.post("/v1/route", json=ASK, headers=sent).status_code


def in_the_end(ask: Callable[[], int], enough: Callable[[int], bool], seconds: float = 10) -> int:
    """The last answer, once it is enough or time is up."""
    until = time.monotonic() + seconds
    while not enough(status := ask()) and time.monotonic() < until:
        time.sleep(0.03)
    return status


def test_a_key_opens_what_its_scopes_say_and_no_more(client: TestClient, make_key: Make) -> None:
    router, reporter = make_key("route"), make_key("outcomes", "admin")
    assert routed(client, router) == 200
    assert routed(client, **{"x-api-key": router}) == 200
    refused = client.post("/v1/route", json=ASK, headers={"authorization": f"Bearer {reporter}"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
    assert client.get("/v1/keys", headers={"authorization": f"Bearer {router}"}).status_code == 403
    assert client.get("/v1/keys", headers={"authorization": f"Bearer {reporter}"}).status_code == 200


def test_what_is_no_key_in_force_is_refused_in_the_same_words(
    client: TestClient, log: EventLog, make_key: Make
) -> None:
    """Whoever tries keys must not learn which of them were right once."""
    good, revoked, short = make_key(), make_key(), make_key(expires_at=datetime.now(UTC) + timedelta(seconds=0.2))
    revoke_key(AccessTable(log), id_of(revoked), who="ops", why="leaked")
    other = good[:-4] + ("aaaa" if good[-4:] != "aaaa" else "bbbb")
    time.sleep(0.25)
    tried = ("", "nonsense", other, f"rml_{'0' * 16}_x", revoked, short, good.upper(), f"{good} x", "Ä")
    answers = [client.post("/v1/route", json=ASK, headers={"authorization": f"Bearer {key}".encode()}) for key in tried]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Bearer realm="router_ml"'}
    assert client.post("/v1/route", json=ASK, headers={"authorization": f"Basic {good}"}).status_code == 401
    assert routed(client, good) == 200


def test_a_key_that_was_just_made_counts_at_once(client: TestClient, make_key: Make) -> None:
    first = make_key()
    assert routed(client, first) == 200
    time.sleep(0.3)  # between looks that requests ask for
    assert routed(client, make_key()) == 200


def test_a_revoked_key_is_refused_within_the_poll(
    opened: Callable[..., Gateway], log: EventLog, make_key: Make
) -> None:
    key, _ = make_key(), make_key()
    with client_of(create_app(gateway=opened(poll_seconds=0.2)), key) as client:
        assert routed(client) == 200
        revoke_key(AccessTable(log), id_of(key), who="ops", why="leaked")
        status = in_the_end(lambda: routed(client), lambda status: status != 200)
        assert status == 401


def test_the_first_key_closes_the_gateway_and_ending_it_opens_nothing(
    client: TestClient, log: EventLog, make_key: Make
) -> None:
    assert routed(client) == 200
    assert routed(client, "whatever-a-client-insists-on") == 200
    key = make_key()
    status = in_the_end(lambda: routed(client), lambda status: status != 200)
    assert status == 401
    revoke_key(AccessTable(log), id_of(key), who="ops", why="over")
    status = in_the_end(lambda: routed(client, key), lambda status: status != 200)
    assert (status, routed(client)) == (401, 401)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost:8080"}, 200),
        ({"host": "127.0.0.1"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "rebound.example.com"}, 403),
        ({"host": "127.0.0.1.nip.io"}, 403),
        ({"host": "localhost.evil.com:8080"}, 403),
        ({"host": "[::1].evil.com"}, 403),
        ({"host": "localhost:1@evil.com"}, 403),
        ({"host": "localhost:80:80"}, 403),
        ({"host": ""}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "https://evil.com"}, 403),
        ({"origin": "null"}, 403),
        ({"x-forwarded-for": "127.0.0.1"}, 403),
        ({"origin": "http://127.0.0.1:80@evil.com"}, 403),
        ({"origin": "http://[::1]evil.com"}, 403),
        ({"origin": "http://127.0.0.1:80/evil.com"}, 403),
        ({"via": "1.1 proxy"}, 403),
        ({"x-forwarded-proto": "https"}, 403),
        ({"x-forwarded-prefix": "/router"}, 403),
        ({"x-original-host": "router.example"}, 403),
        ({"cf-connecting-ip": "192.0.2.7"}, 403),
        ({"true-client-ip": "192.0.2.7"}, 403),
        ({"x-client-ip": "192.0.2.7"}, 403),
    ],
)
def test_without_a_key_only_this_machine_is_served(client: TestClient, headers: dict[str, str], status: int) -> None:
    """A page from elsewhere can send requests to loopback, under a name of its own choice."""
    assert routed(client, **headers) == status
    assert client.get("/console/login", headers=headers).status_code == status


def test_without_a_key_nobody_from_elsewhere_is_served(app: FastAPI, make_key: Make) -> None:
    """Also where somebody started the application on all addresses."""
    with TestClient(app, "http://localhost:8080", client=("192.0.2.7", 5)) as client:
        assert routed(client) == 403
        key = make_key()
        assert in_the_end(lambda: routed(client, key, host="router.example"), lambda status: status != 403) == 200


def test_a_key_may_come_by_any_name_and_proxy(client: TestClient, make_key: Make) -> None:
    sent = {"host": "gateway.example.com", "x-forwarded-for": "192.0.2.7", "origin": "https://elsewhere.com"}
    assert routed(client, make_key(), **sent) == 200


def test_without_a_log_there_are_no_keys_to_look_for(opened: Callable[..., Gateway]) -> None:
    with client_of(create_app(gateway=opened(log=None))) as client:
        assert routed(client, "anything") == 200
        made = client.post("/v1/keys", json={"name": "x", "scopes": ["admin"], "why": "y"})
        assert made.status_code == 503
        assert "event log" in made.json()["error"]["message"]


class Away:
    """A database that can be taken away."""

    def __init__(self, gateway: Gateway) -> None:
        self.read, self.gone = gateway.keys.known._read, False
        gateway.keys.known._read = self

    def __call__(self) -> Any:
        from router_ml.errors import LogError

        if self.gone:
            raise LogError("The database is away.")
        assert self.read is not None
        return self.read()


def test_known_keys_outlive_the_database_for_a_while(opened: Callable[..., Gateway], make_key: Make) -> None:
    """An outage of the database must not be one of the gateway, nor a way in."""
    key, gateway = make_key(), opened(poll_seconds=0.1, keep_keys_seconds=0.6)
    away = Away(gateway)
    with client_of(create_app(gateway=gateway)) as client:
        assert routed(client, key) == 200
        away.gone = True
        assert (routed(client, key), routed(client, make_key())) == (200, 401)
        status = in_the_end(lambda: routed(client, key), lambda status: status != 200)
        assert (status, routed(client)) == (503, 503)
        away.gone = False
        assert in_the_end(lambda: routed(client, key), lambda status: status == 200) == 200


def test_nobody_is_let_in_before_keys_were_read(opened: Callable[..., Gateway]) -> None:
    """Without them, nobody knows whether there are any."""
    gateway = opened()
    Away(gateway).gone = True
    with TestClient(create_app(gateway=gateway), "http://localhost", client=HERE) as client:
        answer = client.post("/v1/route", json=ASK)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "keys_unavailable")
        assert answer.headers["retry-after"] == "5"


def test_keys_that_vanish_from_the_database_open_nothing(
    opened: Callable[..., Gateway], log: EventLog, make_key: Make
) -> None:
    key, gateway = make_key(), opened(poll_seconds=0.1)
    with client_of(create_app(gateway=gateway)) as client:
        with log.session.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM api_keys")
        gateway.keys.known.look()
        assert routed(client) == 401
        assert routed(client, key) == 200  # as while the database is away


def test_others_are_not_served_where_all_keys_have_ended(
    opened: Callable[..., Gateway], log: EventLog, make_key: Make
) -> None:
    key = make_key()
    with client_of(create_app(gateway=opened(host="0.0.0.0"))):
        pass
    revoke_key(AccessTable(log), id_of(key), who="ops", why="over")
    with (
        pytest.raises(InvalidRequestError, match="no key is in force"),
        client_of(create_app(gateway=opened(host="0.0.0.0"))),
    ):
        pass


def test_how_the_service_stands_is_for_those_of_all_organisations(client: TestClient, make_key: Make) -> None:
    """Its series and its state name what others do."""
    for org, status in (("acme", 403), (None, 200)):
        headers = {"authorization": f"Bearer {make_key('admin', org=org)}"}
        time.sleep(0.3)  # between looks that requests ask for
        for path in ("/metrics", "/v1/status"):
            assert client.get(path, headers=headers).status_code == status
