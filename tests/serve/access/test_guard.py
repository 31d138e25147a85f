"""Every answer carries the same protection, and no request costs more than it may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from router_ml.serve.access.keys import id_of, revoke_key
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable
from tests.serve.access.conftest import Make
from tests.serve.clients import HERE, client_of

NEEDED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "x-frame-options": "DENY",
}


@pytest.fixture
def failing(app: FastAPI) -> Iterator[TestClient]:
    """With an endpoint that nobody meant to fail."""

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret")

    with TestClient(app, "http://localhost", client=HERE, raise_server_exceptions=False) as client:
        yield client


def test_every_answer_is_protected_also_one_that_nobody_planned(failing: TestClient) -> None:
    answers = [
        failing.post("/v1/route", json={"text": "hello"}),
        failing.post("/v1/route", content=b"{"),
        failing.get("/nowhere"),
        failing.get("/broken"),
        failing.get("/console/login"),
        failing.get("/v1/route", headers={"host": "evil.com"}),
        failing.post("/v1/route", headers={"content-length": "99999999999"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 404, 500, 200, 403, 413]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in NEEDED} == NEEDED
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers
        assert "a secret" not in answer.text


def test_pages_may_load_from_here_alone_and_run_nothing_inline(client: TestClient) -> None:
    policy = client.get("/console/login").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_behind_tls_browsers_are_told_to_stay_there(app: FastAPI) -> None:
    with TestClient(app, "https://localhost", client=HERE) as client:
        answer = client.get("/console/login")
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert answer.headers["set-cookie"].startswith("__Host-router_ml=")
        assert "; Secure" in answer.headers["set-cookie"]


def test_no_page_from_elsewhere_may_read_unless_it_is_named(opened: Callable[..., Gateway], make_key: Make) -> None:
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    key = make_key()
    with client_of(create_app(gateway=opened()), key) as client:
        assert "access-control-allow-origin" not in client.options("/v1/route", headers=asked).headers
    with client_of(create_app(gateway=opened(origins=("https://app.example",))), key) as client:
        allowed = client.options("/v1/route", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        other = client.options("/v1/route", headers={**asked, "origin": "https://evil.com"})
        assert "access-control-allow-origin" not in other.headers
        for sent in (allowed, other, client.post("/v1/route", json={"text": "x"}, headers=asked)):
            assert "access-control-allow-credentials" not in sent.headers
            assert sent.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"text": "hello"}', 200),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400),
        (b'{"metadata": {"a": ' + b"[" * 70 + b"]" * 70 + b'}, "text": "x"}', 400),
        (b'{"text": "' + b"[" * 200 + b'"}', 200),
        (b'{"text": "x", "metadata": {"n": ' + b"9" * 5000 + b"}}", 400),
        (b'{"text": "x", "metadata": {"n": NaN}}', 400),
        (b'{"text": "x", "metadata": {"n": -Infinity}}', 400),
        ('{"text": "x"}'.encode("utf-16"), 400),
        (b'{"text": "\xff"}', 400),
        (b'"text"', 400),
        (b"", 400),
    ],
    ids=range(12),
)
def test_a_body_is_an_object_in_json_of_bounded_depth(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("/v1/route", content=body)
    assert answer.status_code == status
    if status == 400:
        assert "\xff" not in answer.text
        assert "999" not in answer.text


def asgi(
    app: FastAPI, method: str, path: str, *, body: AsyncIterator[bytes], headers: dict[str, str] | None = None
) -> Any:
    """A request whose body comes in parts."""

    async def sent() -> httpx.Response:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, client=HERE)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(sent())


def test_a_body_without_a_length_is_bounded_as_well(opened: Callable[..., Gateway]) -> None:
    read = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            read.append(1)
            yield b" " * 1000

    for path in ("/v1/route", "/console/login"):
        answer = asgi(create_app(gateway=opened(max_body_bytes=5000)), "POST", path, body=endless())
        assert answer.status_code in (413, 403)  # a form without a cookie is not even read
        assert len(read) < 30


def test_a_body_that_trickles_in_is_given_up(opened: Callable[..., Gateway]) -> None:
    """One connection a second would otherwise hold all that a worker has."""

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.1)

    answer = asgi(create_app(gateway=opened(body_seconds=0.3)), "POST", "/v1/route", body=slow())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert answer.json()["error"]["code"] == "too_slow"


def test_a_stranger_is_refused_before_the_body_is_read(app: FastAPI, make_key: Make) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            read.append(1)
            yield b" " * 1000

    make_key()
    assert asgi(app, "POST", "/v1/route", body=body()).status_code == 401
    assert read == []


def test_an_answer_may_take_longer_than_a_body_may(opened: Callable[..., Gateway]) -> None:
    """Streams of a slow lane are no slow clients."""
    app = create_app(gateway=opened(body_seconds=0.2))

    @app.post("/stream")
    async def stream(request: Request) -> StreamingResponse:
        await request.body()

        async def parts() -> AsyncIterator[str]:
            for number in range(5):
                await asyncio.sleep(0.1)
                yield json.dumps(number)

        return StreamingResponse(parts())

    with client_of(app) as client:
        assert client.post("/stream", content=b"x").text == "01234"


def revoking(gateway: Gateway, log: EventLog, key: str, *parts: bytes) -> AsyncIterator[bytes]:
    """A body during which its key is revoked."""

    async def sent() -> AsyncIterator[bytes]:
        yield parts[0]
        revoke_key(AccessTable(log), id_of(key), who="ops", why="leaked")
        gateway.keys.known.look()
        yield parts[1]

    return sent()


def test_a_key_that_ends_while_its_body_comes_does_nothing(
    app: FastAPI, gateway: Gateway, log: EventLog, make_key: Make
) -> None:
    """Whoever is revoked would else have the time of a body to make another key."""
    key, _ = make_key(), make_key()
    body = revoking(gateway, log, key, b'{"name": "mine", ', b'"scopes": ["admin"], "why": "x"}')
    answer = asgi(app, "POST", "/v1/keys", body=body, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert len(AccessTable(log).keys()) == 2


@pytest.mark.parametrize("in_header", [True, False])
def test_a_form_whose_key_ends_while_it_comes_does_nothing(
    app: FastAPI, gateway: Gateway, log: EventLog, make_key: Make, in_header: bool
) -> None:
    key, _ = make_key(), make_key()
    gateway.keys.known.look()
    gateway.sessions.prepare()
    cookie = gateway.sessions.log_in(key)
    assert cookie is not None
    csrf = gateway.sessions.form_token(cookie)
    headers = {"cookie": f"router_ml={cookie}", "content-type": "application/x-www-form-urlencoded"}
    headers |= {"x-csrf-token": csrf} if in_header else {}
    body = revoking(gateway, log, key, f"csrf={csrf}&name=mine".encode(), b"&scope_admin=1&why=x&days=")
    answer = asgi(app, "POST", "/console/access", body=body, headers=headers)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login")
    assert len(AccessTable(log).keys()) == 2


def test_a_form_is_small_and_that_of_a_login_tiny(client: TestClient, make_key: Make) -> None:
    """Forms are read byte by byte, and whoever logs in is a stranger."""
    make_key()
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/console/login", content=b"&" * 10_000, headers=form).status_code == 413
    assert client.post("/console/try", content=b"&" * 300_000, headers=form).status_code == 413


@pytest.mark.parametrize(
    "held",
    [
        {"text": "x", "metadata": {"a": [[[]] * 1000] * 100}},
        {"text": "x", "metadata": {f"k{number}": 1 for number in range(5000)}},
        {"messages": [{"role": "user", "content": "x"}] * 501},
        {"text": "x", "metadata": {"a": ["x"] * 300}},
    ],
    ids=["nodes", "fields", "messages", "metadata"],
)
def test_a_body_of_many_parts_is_refused_before_work_on_it(client: TestClient, held: dict[str, Any]) -> None:
    """Work on a request grows with its parts: one of 2 MB once held a worker for 13 seconds."""
    answer = client.post("/v1/route", json=held)
    assert answer.status_code == 400
    assert "more than" in answer.json()["error"]["message"]


def test_a_chat_of_many_messages_is_refused_before_work_on_it(client: TestClient) -> None:
    said = [{"role": "user", "content": "x"}] * 501
    for path, name in (("/v1/chat/completions", "messages"), ("/v1/responses", "input")):
        answer = client.post(path, json={"model": "auto", name: said})
        assert (answer.status_code, "500 messages" in answer.text) == (400, True)


def test_a_body_of_as_many_parts_as_it_may_have_is_read(client: TestClient) -> None:
    messages = [{"role": "user", "content": f"What of it, {number}?"} for number in range(100)]
    assert client.post("/v1/route", json={"messages": messages}).status_code == 200
