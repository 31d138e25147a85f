"""A connection that sends its head slowly, or without end, is closed; others do not notice."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from router_ml.serve.access import protocol
from router_ml.serve.access.protocol import BoundedProtocol


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once on ``/early``, else once the body is there."""
    assert scope["type"] == "http"
    while scope["path"] != "/early" and (await receive()).get("more_body"):
        pass
    if scope["path"] == "/late":
        await asyncio.sleep(0.8)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server with short times."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.5)
    config = uvicorn.Config(
        answering, port=0, http=protocol.BoundedProtocol, lifespan="off", log_config=None, timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


Talk = Callable[..., tuple[bytes, float]]


@pytest.fixture
def talk(port: int) -> Talk:
    """Sends parts, with pauses between; what came back, and after how many seconds the connection was closed."""

    def talk(*parts: bytes, pause: float = 0.1) -> tuple[bytes, float]:
        began, heard = time.monotonic(), b""
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.settimeout(pause)
            for part in [*parts, *[b""] * int(8 / pause)]:
                try:
                    connection.sendall(part)
                    while found := connection.recv(65536):
                        heard += found
                    break
                except TimeoutError:
                    continue
                except OSError:
                    break
        return heard, time.monotonic() - began

    return talk


def test_a_head_that_trickles_in_is_not_waited_for(talk: Talk) -> None:
    """What comes in between must not start the time anew."""
    heard, seconds = talk(b"GET / HTTP/1.1\r\nhost: x\r\n", *[b"x-a: b\r\n"] * 60)
    assert heard == b""
    assert 0.4 < seconds < 5


def test_a_connection_that_says_nothing_is_not_kept(talk: Talk) -> None:
    heard, seconds = talk()
    assert heard == b""
    assert seconds < 5


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * 300_000, b"GET /" + b"a" * 300_000],
    ids=["field", "address"],
)
def test_a_head_without_end_is_refused(talk: Talk, head: bytes) -> None:
    heard, seconds = talk(head)
    assert heard.split(b"\r\n")[0] in (b"HTTP/1.1 431 Request Header Fields Too Large", b"")  # or the reset came first
    assert seconds < 5


@pytest.mark.parametrize("path", [b"/", b"/early"])
def test_many_fields_are_refused_wherever_they_stand(talk: Talk, path: bytes) -> None:
    """Also behind a body in chunks, where no head is waited for any more."""
    fields = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 90) for number in range(1000))
    heard, _ = talk(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n" + fields + b"\r\n")
    assert b"200 OK" not in heard
    chunked = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
    heard, _ = talk(chunked + fields + b"\r\n")
    assert b"200 OK" not in heard


def test_a_body_that_nobody_waits_for_does_not_hold_the_connection(talk: Talk) -> None:
    head = b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
    heard, seconds = talk(head, *[b"a" * 10] * 60)
    assert heard.startswith(b"HTTP/1.1 200 OK")
    assert heard.endswith(b"ok")
    assert 0.4 < seconds < 5


@pytest.mark.slow
def test_whoever_keeps_to_it_is_served_on_one_connection(port: int) -> None:
    """Slow answers, pauses between requests and large bodies are nobody's fault."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for path in ("/", "/late", "/", "/early"):
            assert client.post(path, content=b"a" * 200_000).text == "ok"
        time.sleep(0.7)
        assert client.get("/").text == "ok"


@pytest.mark.slow
def test_requests_in_a_row_are_answered_in_a_row(talk: Talk) -> None:
    one = b"POST /late HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na"
    heard, _ = talk(one + one)
    assert heard.count(b"200 OK") == 2


@pytest.mark.parametrize(
    "end", [BoundedProtocol.eof_received, lambda one: one.send_400_response("no"), BoundedProtocol._refuse]
)
def test_nothing_is_written_to_a_connection_that_was_closed(end: Callable[[BoundedProtocol], None]) -> None:
    """Between the close and the loss of the connection, a write would raise in the application."""
    connection = BoundedProtocol.__new__(BoundedProtocol)
    first, second = (
        SimpleNamespace(response_complete=False, disconnected=False, message_event=asyncio.Event()) for _ in range(2)
    )
    connection._asked = [first, second]  # type: ignore[list-item]
    connection.transport = SimpleNamespace(write=lambda _: None, close=lambda: None)  # type: ignore[assignment]
    connection.server_state = SimpleNamespace(default_headers=[])  # type: ignore[assignment]
    end(connection)
    for under_way in (first, second):  # also the one that was asked first, which is the one that is answered now
        assert under_way.disconnected
        assert under_way.message_event.is_set()
