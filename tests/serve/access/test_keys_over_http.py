"""Administrators make and end keys; none gives more than they have, and each act is written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from router_ml.errors import InvalidRequestError
from router_ml.serve.access.caller import SCOPES, AccessError, Caller
from router_ml.serve.access.granting import Keys
from router_ml.serve.access.keys import WantedKey, create_key, digest_of, id_of
from router_ml.serve.access.known import KnownKeys
from router_ml.serve.access.listening import may_listen
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable
from tests.serve.access.conftest import Make

WANTED = {"name": "app", "scopes": ["route"], "why": "a new service"}


def by(key: str) -> dict[str, Any]:
    return {"headers": {"authorization": f"Bearer {key}"}}


def test_a_key_is_shown_once_and_kept_as_a_digest(client: TestClient, log: EventLog, make_key: Make) -> None:
    """Whoever reads the database, a backup or the audit log must not be able to call."""
    admin = make_key("admin", "route")
    made = client.post("/v1/keys", json={**WANTED, "requests_per_minute": 5}, **by(admin))
    assert made.status_code == 201
    key = made.json()["key"]
    assert client.post("/v1/route", json={"text": "hello"}, **by(key)).status_code == 200
    listed = client.get("/v1/keys", **by(admin))
    assert key not in listed.text
    assert [one["name"] for one in listed.json()["keys"]] == ["test", "app"]
    assert "digest" not in listed.text
    event = log.audit_events()[-1]
    assert (event.kind, event.who, event.why) == ("key_created", f"test (key {id_of(admin)})", "a new service")
    secret = key.split("_", 2)[2]  # which may hold such a line itself
    with log.session.engine.connect() as connection:
        for table in ("api_keys", "audit_events", "chain"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608
            assert secret not in repr(rows)
            assert secret.encode().hex() not in repr(rows)


def test_a_key_is_ended_at_once_and_for_good(client: TestClient, log: EventLog, make_key: Make) -> None:
    admin, other = make_key("admin"), make_key("route")
    for _ in range(2):
        ended = client.post(f"/v1/keys/{id_of(other)}/revoke", json={"why": "leaked"}, **by(admin))
        assert ended.status_code == 200
        assert ended.json()["revoked_at"] is not None
    assert client.post("/v1/route", json={"text": "hello"}, **by(other)).status_code == 401
    assert [event.kind for event in log.audit_events()].count("key_revoked") == 1
    assert client.post("/v1/keys/nothing/revoke", json={"why": "x"}, **by(admin)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**WANTED, "why": " "},
        {**WANTED, "why": 3},
        {**WANTED, "name": ""},
        {**WANTED, "name": "a\nb"},
        {**WANTED, "name": "a" * 201},
        {**WANTED, "name": "ops (key 0123456789abcdef)"},
        {**WANTED, "name": "ops \uff08key 0\uff09"},
        {**WANTED, "name": "a\u202eb"},
        {**WANTED, "name": "a\u2028b"},
        {**WANTED, "why": "launch\u202e"},
        {**WANTED, "why": "launch\nops (key 0): revoked"},
        {**WANTED, "scopes": []},
        {**WANTED, "scopes": ["root"]},
        {**WANTED, "scopes": "route"},
        {**WANTED, "org": ""},
        {**WANTED, "requests_per_minute": 0},
        {**WANTED, "usd_per_day": 0},
        {**WANTED, "usd_per_day": "1e999"},
        {**WANTED, "expires_at": "2020-01-01T00:00:00Z"},
        {**WANTED, "expires_at": "2099-01-01T00:00:00"},
        {**WANTED, "digest": "x"},
        {**WANTED, "key_id": "mine"},
    ],
    ids=range(23),
)
def test_a_key_that_makes_no_sense_is_not_made(client: TestClient, log: EventLog, make_key: Make, body: Any) -> None:
    admin = make_key("admin", "route")
    refused = client.post("/v1/keys", json=body, **by(admin))
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert len(AccessTable(log).keys()) == 1


def test_an_administrator_of_an_organisation_sees_and_makes_keys_of_it_alone(
    client: TestClient, make_key: Make
) -> None:
    mine, theirs, everywhere = make_key("admin", "route", org="a"), make_key("route", org="b"), make_key("admin")
    assert [one["org"] for one in client.get("/v1/keys", **by(mine)).json()["keys"]] == ["a"]
    assert len(client.get("/v1/keys", **by(everywhere)).json()["keys"]) == 3
    unknown = client.post("/v1/keys/0000000000000000/revoke", json={"why": "x"}, **by(mine))
    for key in (theirs, everywhere):
        refused = client.post(f"/v1/keys/{id_of(key)}/revoke", json={"why": "x"}, **by(mine))
        assert (refused.status_code, refused.content) == (404, unknown.content)
    assert client.post("/v1/keys", json=WANTED, **by(mine)).json()["org"] == "a"
    refused = client.post("/v1/keys", json={**WANTED, "org": "b"}, **by(mine))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "wrong_org")
    refused = client.post("/v1/keys", json={**WANTED, "scopes": ["execute"]}, **by(mine))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")


LIMITS = st.fixed_dictionaries(
    {
        "scopes": st.sets(st.sampled_from(sorted(SCOPES)), min_size=1),
        "org": st.none() | st.sampled_from(["a", "b"]),
        "requests_per_minute": st.none() | st.integers(1, 4),
        "usd_per_day": st.none() | st.sampled_from([1.0, 2.0, 3.0]),
        "expires_at": st.none() | st.integers(1, 4).map(lambda day: datetime(2099, 1, day, tzinfo=UTC)),
    }
)


@settings(max_examples=20)
@given(own=LIMITS, wanted=LIMITS)
def test_nobody_gives_more_than_they_have(own: dict[str, Any], wanted: dict[str, Any]) -> None:
    with EventLog("sqlite://") as log:
        table = AccessTable(log)
        mine = create_key(table, WantedKey.parse({"name": "x", **own}), who="ops", why="y").stored
        known = KnownKeys(table.keys)
        known.look()
        keys = Keys(lambda: log, known)
        caller = Caller(mine.key_id, mine.name, frozenset(own["scopes"]), mine.org)
        try:
            made = keys.create(caller, {"name": "z", **wanted}, why="y").stored
        except AccessError:
            assert len(table.keys()) == 1
            return
        assert made.scopes <= mine.scopes
        assert mine.org in (None, made.org)
        for name in ("requests_per_minute", "usd_per_day", "expires_at"):
            most, given_away = getattr(mine, name), getattr(made, name)
            assert most is None or (given_away is not None and given_away <= most)


def test_a_key_is_long_and_its_id_says_nothing_of_it(log: EventLog) -> None:
    made = [create_key(AccessTable(log), WantedKey.parse({"name": "x", "scopes": ["route"]}), who="a", why="b")]
    token = made[0].token
    assert len(token) == len("rml_") + 16 + 1 + 43  # 32 random bytes
    assert made[0].stored.key_id == id_of(token)
    assert made[0].stored.digest == digest_of(token)
    assert token not in repr(made[0])
    assert repr(made[0].stored.digest) not in repr(made[0])


@pytest.mark.parametrize("token", ["", "rml_", "rml_abc", "rml_abc_", "sk-abc_def_ghi", "RML_a_b"])
def test_what_is_no_key_has_no_id(token: str) -> None:
    assert id_of(token) == ""


def test_a_gateway_without_a_key_in_force_listens_on_loopback_alone(
    log: EventLog, make_key: Make, opened: Callable[..., Any]
) -> None:
    def keys() -> list[Any]:
        return list(AccessTable(log).keys().values())

    outside = ("0.0.0.0", "::", "", "10.0.0.1", "gateway.example.com", "localhost.example.com")
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        may_listen(host, keys())
    for host in outside:
        with pytest.raises(InvalidRequestError, match="router-ml keys create"):
            may_listen(host, keys())
    make_key(expires_at=datetime.now(UTC) + timedelta(hours=1))
    for host in outside:
        may_listen(host, keys())
        with pytest.raises(InvalidRequestError, match="no key is in force"):
            may_listen(host, keys(), now=datetime.now(UTC) + timedelta(hours=2))
