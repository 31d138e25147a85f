"""A browser is logged in by a key, for as long as the key is in force, and does nothing that its user did not send."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from router_ml.serve.access.keys import WantedKey, create_key, id_of, revoke_key
from router_ml.serve.access.known import KnownKeys
from router_ml.serve.access.sessions import HOURS, Sessions
from router_ml.serve.app import create_app
from router_ml.serve.console.login import local
from router_ml.serve.gateway import Gateway
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable
from tests.serve.access.conftest import Make
from tests.serve.clients import client_of

HERE = "http://localhost:8080"


@pytest.fixture
def key(make_key: Make) -> str:
    return make_key()


@pytest.fixture
def browser(app: FastAPI, key: str) -> Iterator[TestClient]:
    """Not logged in, where a key is needed."""
    with client_of(app) as client:
        yield client


def token_on(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def log_in(browser: TestClient, key: str, *, then: str = "/console/try") -> None:
    form = {"csrf": token_on(browser.get("/console/login").text), "key": key, "next": then}
    answer = browser.post("/console/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, then)


def test_a_person_logs_in_sees_pages_and_logs_out(browser: TestClient, key: str) -> None:
    sent = browser.get("/console/try")
    assert (sent.status_code, sent.headers["location"]) == (303, "/console/login?next=/console/try")
    log_in(browser, key)
    page = browser.get("/console/try")
    assert page.status_code == 200
    assert key.split("_", 2)[2] not in page.text + str(browser.cookies)
    assert browser.post("/console/logout", data={"csrf": token_on(page.text)}).status_code == 303
    assert browser.get("/console/try").status_code == 303


def test_the_cookie_is_for_this_host_and_no_script(browser: TestClient, key: str) -> None:
    form = {"csrf": token_on(browser.get("/console/login").text), "key": key}
    said = browser.post("/console/login", data=form).headers["set-cookie"]
    assert all(part in said for part in ("HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={HOURS * 3600}"))


def test_a_wrong_key_logs_nobody_in_and_is_not_repeated(browser: TestClient, key: str) -> None:
    for wrong in (f"{key}x", "", "<script>", "Ä" * 500):
        form = {"csrf": token_on(browser.get("/console/login").text), "key": wrong}
        answer = browser.post("/console/login", data=form)
        assert answer.status_code == 401
        assert "<script>" not in answer.text.replace("<script src", "")
        assert browser.get("/console/try").status_code == 303


def test_a_session_ends_with_its_key(opened: Callable[..., Gateway], log: EventLog, make_key: Make) -> None:
    key, gateway = make_key(), opened()
    with client_of(create_app(gateway=gateway)) as browser:
        log_in(browser, key)
        revoke_key(AccessTable(log), id_of(key), who="ops", why="left")
        gateway.keys.known.look()
        assert browser.get("/console/try").status_code == 303


@pytest.mark.parametrize(
    ("changes", "headers", "status"),
    [
        ({}, {}, 303),
        ({}, {"origin": HERE}, 303),
        ({}, {"sec-fetch-site": "same-origin"}, 303),
        ({"csrf": ""}, {}, 403),
        ({"csrf": "0" * 64}, {}, 403),
        ({"csrf": "Ä"}, {}, 403),
        ({}, {"origin": "https://evil.com"}, 403),
        ({}, {"origin": "http://localhost:3000"}, 403),
        ({}, {"origin": "null"}, 403),
        ({}, {"sec-fetch-site": "cross-site"}, 403),
        ({}, {"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_a_form_from_elsewhere_does_nothing(
    browser: TestClient, key: str, changes: dict[str, str], headers: dict[str, str], status: int
) -> None:
    log_in(browser, key)
    form = {"csrf": token_on(browser.get("/console/try").text), **changes}
    assert browser.post("/console/logout", data=form, headers=headers).status_code == status
    assert browser.get("/console/try").status_code == (303 if status == 303 else 200)


def test_the_token_of_one_browser_is_of_no_use_in_another(app: FastAPI, key: str) -> None:
    """Also not one that was shown before logging in."""
    with client_of(app) as mine:
        theirs = client_of(app)
        before = token_on(mine.get("/console/login").text)
        log_in(mine, key)
        log_in(theirs, key)
        for token in (before, token_on(theirs.get("/console/try").text)):
            assert mine.post("/console/logout", data={"csrf": token}).status_code == 403
        assert mine.post("/console/logout", headers={"x-csrf-token": before}).status_code == 403


def test_logging_in_is_a_form_of_ours_too(browser: TestClient, key: str) -> None:
    """Otherwise a page could log somebody in as somebody else, and watch what they do."""
    assert browser.post("/console/login", data={"key": key}).status_code == 403
    browser.get("/console/login")
    assert browser.post("/console/login", data={"key": key}).status_code == 403


def test_a_cookie_is_no_key_for_programs(browser: TestClient, key: str) -> None:
    """So no form can ever reach an endpoint that looks for no token."""
    log_in(browser, key)
    assert browser.get("/v1/keys").status_code == 401
    assert browser.post("/v1/route", json={"text": "hello"}).status_code == 401


def test_while_there_is_no_key_forms_are_checked_all_the_same(client: TestClient) -> None:
    """A page from elsewhere can reach loopback as well."""
    page = client.get("/console/try")
    assert page.status_code == 200
    assert client.post("/console/logout", data={}).status_code == 403
    assert client.post("/console/logout", data={"csrf": token_on(page.text)}).status_code == 303


def test_replicas_know_each_others_sessions(opened: Callable[..., Gateway], key: str) -> None:
    with client_of(create_app(gateway=opened())) as here, client_of(create_app(gateway=opened())) as there:
        log_in(here, key)
        there.cookies = here.cookies
        assert there.get("/console/try").status_code == 200


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Sessions, str, list[float]]]:
    """Sessions, a cookie of theirs, and their clock."""
    with EventLog("sqlite://") as log:
        table, now = AccessTable(log), [time.time()]
        token = create_key(table, WantedKey.parse({"name": "x", "scopes": ["admin"]}), who="a", why="b").token
        known = KnownKeys(table.keys)
        known.look()
        sessions = Sessions(lambda: b"s" * 32, known, clock=lambda: now[0])
        sessions.prepare()
        cookie = sessions.log_in(token)
        assert cookie is not None
        yield sessions, cookie, now


@given(at=st.integers(0, 200), by=st.characters(codec="utf-8"))
def test_no_character_of_a_cookie_can_be_changed(made: tuple[Sessions, str, list[float]], at: int, by: str) -> None:
    sessions, cookie, _ = made
    at %= len(cookie)
    changed = f"{cookie[:at]}{by}{cookie[at + 1 :]}"
    assert (sessions.key_of(changed) is None) == (changed != cookie)


@given(st.text() | st.lists(st.text(alphabet="0123456789abc"), min_size=4, max_size=4).map(".".join))
def test_no_text_is_a_cookie(made: tuple[Sessions, str, list[float]], text: str) -> None:
    assert made[0].key_of(text) is None


def test_a_cookie_ends_after_its_hours(made: tuple[Sessions, str, list[float]]) -> None:
    sessions, cookie, now = made
    now[0] += HOURS * 3600 - 2
    assert sessions.key_of(cookie) is not None
    now[0] += 3
    assert sessions.key_of(cookie) is None
    now[0] -= HOURS * 3600


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.com/console",
        "//evil.com/console",
        "/\\evil.com",
        "/console//evil.com",
        "/consolex",
        "/v1/keys",
        "javascript:alert(1)",
        "/console/../v1/keys",
        "/console\r\nset-cookie: x",
        "",
        "http:///console",
        "/console/ä",
    ],
)
def test_logging_in_leads_nowhere_else(path: str) -> None:
    assert local(path) == "/console"
    assert local("/console/decisions?q=lane:fast") == "/console/decisions?q=lane:fast"


def test_a_cookie_opens_nothing_once_its_user_has_logged_out(
    opened: Callable[..., Gateway], key: str, make_key: Make
) -> None:
    """Also in another process of the log, which hears of it as of what keys have called."""
    one, other = opened(), opened()
    with client_of(create_app(gateway=one)) as browser, client_of(create_app(gateway=other)) as elsewhere:
        log_in(browser, key)
        cookie = browser.cookies["router_ml"]
        elsewhere.cookies.set("router_ml", cookie)
        assert elsewhere.get("/console/try").status_code == 200
        browser.post("/console/logout", data={"csrf": token_on(browser.get("/console/try").text)})
        browser.cookies.set("router_ml", cookie)
        assert browser.get("/console/try").status_code == 303
        other.counts.hear(one.counts.own())
        assert elsewhere.get("/console/try").status_code == 303


def test_pages_count_as_calls_of_their_key(app: FastAPI, make_key: Make) -> None:
    """Else a limit would be one of programs alone."""
    with client_of(app) as browser:
        log_in(browser, make_key(requests_per_minute=3))
        assert [browser.get("/console/try").status_code for _ in range(4)] == [200, 200, 200, 429]
