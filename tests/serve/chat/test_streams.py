"""Streams as bytes: what stands in them, what keeps them alive, and who waits for whom."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.reply import Piece, Reply
from router_ml.faults import Fault, FaultServer
from router_ml.serve.app import create_app
from router_ml.serve.chat import answer
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from tests.execution.acting import HANGS, scene

ASKED = [{"role": "user", "content": "What is the capital of France?"}]
LONG = " ".join(f"Sentence number {n} says something of the weather in Paris." for n in range(20))


def raw(url: str, path: str = "/v1/chat/completions", **sent: object) -> tuple[http.client.HTTPResponse, str]:
    """A stream as it comes over the wire."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    body = {"model": "auto", "messages": ASKED, "stream": True, **sent}
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    return response, response.read().decode()


def test_the_bytes_are_events_and_the_last_is_done(url: str, server: FaultServer) -> None:
    server.script("*", [Fault("good", text=LONG)])
    response, said = raw(url)
    assert response.headers["content-type"].startswith("text/event-stream")
    *events, rest = said.split("\n\n")
    assert rest == ""
    assert events[-1] == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == LONG
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["router"]["decision_id"] == response.headers["x-router-ml-decision-id"]


def test_what_fails_before_the_first_piece_has_a_status(url: str, server: FaultServer) -> None:
    server.script("*", [Fault("rate_limit", retry_after=0.0)])
    response, said = raw(url)
    assert response.status == 429
    assert response.headers["content-type"] == "application/json"
    assert json.loads(said)["error"]["code"] == "rate_limit_exceeded"


def test_a_stream_without_a_word_is_kept_alive(url: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has begun by then, so that what fails afterwards is an event."""
    monkeypatch.setattr(answer, "KEEP_ALIVE_S", 0.04)
    server.script("*", [Fault("good", delay_ms=150)])
    response, said = raw(url)
    assert response.headers["x-router-ml-decision-id"]
    assert said.count(": still at it\n\n") >= 2
    assert said.endswith("data: [DONE]\n\n")
    server.script("*", [Fault("server_error", delay_ms=150)])
    response, said = raw(url)
    assert response.status == 200
    assert json.loads(said.rpartition("data: ")[2])["error"]["code"] == "server_error"
    response, said = raw(url, "/v1/responses", input="What is the capital of France?", messages=None)
    kinds = [line.removeprefix("event: ") for line in said.splitlines() if line.startswith("event: ")]
    assert kinds == ["response.created", "response.in_progress", "response.failed"]


def test_a_client_that_hangs_up_in_the_middle_ends_the_call(
    serve: Callable[..., str], until: Callable[[Callable[[], bool]], None]
) -> None:
    it = scene({"a": [HANGS]})
    where = urlsplit(serve(it.executor))
    body = json.dumps({"model": "a", "messages": ASKED}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        until(lambda: it.lanes.running == 1)
    until(lambda: bool(it.kept))
    assert it.kept[0].status == "cancelled"
    assert it.lanes.running == 0


class Endless:
    """A lane that talks on and on; ``said``: pieces that were taken from it."""

    def __init__(self) -> None:
        self.said, self.closed = 0, False

    async def call(self, call: LaneCall) -> Reply:
        return Reply(text="All is well.")

    async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        try:
            while self.said < 100_000:
                self.said += 1
                yield Piece(text="Here is one more sentence of a story without an end. " * 4)
                await asyncio.sleep(0)
        finally:
            self.closed = True


def test_a_lane_waits_for_its_reader_and_one_who_takes_nothing_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "STALLED_S", 0.3)
    it, lanes = scene(), Endless()
    it.executor._parts = replace(it.executor._parts, lanes=lanes)
    app = create_app(gateway=Gateway(Settings(), it.executor))
    app.state.gateway = Gateway(Settings(), it.executor)
    body = json.dumps({"model": "a", "messages": ASKED, "stream": True}).encode()
    taken: list[Any] = []

    async def talk() -> None:
        asked = asyncio.Queue[Any]()
        asked.put_nowait({"type": "http.request", "body": body, "more_body": False})

        async def send(message: Any) -> None:
            taken.append(message)
            if len(taken) > 3:
                await asyncio.Event().wait()

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "query_string": b"",
            "http_version": "1.1",
        }
        here = {"server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "headers": [(b"host", b"127.0.0.1")]}
        async with asyncio.timeout(20):
            await app({**scope, **here, "app": app}, asked.get, send)

    asyncio.run(talk())
    assert lanes.closed
    assert lanes.said < 100
    assert it.kept[0].status == "cancelled"


def test_who_hangs_up_before_a_decision_is_not_decided(
    serve: Callable[..., str], until: Callable[[Callable[[], bool]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    it, asked, ended = scene(), threading.Event(), threading.Event()
    where = urlsplit(serve(it.executor))

    async def never(*_: Any, **__: Any) -> Any:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr("router_ml.serve.deciding.Decider.decide", never)
    monkeypatch.setattr("router_ml.serve.deciding.Decider.decide_many", never)
    one = b'{"text": "What is new?"}'
    for path, body in (("/v1/route", one), ("/v1/route/batch", b'{"requests": [' + one + b"]}")):
        asked.clear()
        ended.clear()
        head = f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
            connection.sendall(head.encode() + body)
            until(asked.is_set)
        until(ended.is_set)


@pytest.mark.parametrize("path", ["chat/completions", "responses"])
def test_a_deadline_of_the_decision_comes_in_a_header(url: str, path: str) -> None:
    body = {"chat/completions": {"messages": ASKED}, "responses": {"input": ASKED[0]["content"]}}[path]
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    headers = {"content-type": "application/json", "x-router-ml-deadline-ms": "0"}
    connection.request("POST", f"/v1/{path}", json.dumps(body), headers)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    assert response.headers["x-router-ml-degraded"] == "deadline"
