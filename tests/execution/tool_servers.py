"""Servers on loopback that tools are called at for real: payments and tickets, with faults where a test wants them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body))


@dataclass
class Service:
    """A service that keeps what came of an Idempotency-Key, as payment services do.

    ``faults`` are taken one after another: a status; ``slow`` (does its work, answers too late), ``drop`` (does its
    work, ends the connection), ``redirect``, ``html``, ``huge``. ``honours_keys``: whether it looks at them at all.
    """

    faults: list[int | str] = field(default_factory=list)
    honours_keys: bool = True
    slow_s: float = 0.5
    seen: list[Seen] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    _kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def act(self, seen: Seen) -> dict[str, Any]:
        """Do what is asked, once for each key."""
        key = seen.headers.get("Idempotency-Key") if self.honours_keys else None
        with self._lock:
            if key is not None and key in self._kept:
                return self._kept[key]
            given = json.loads(seen.body) if seen.headers.get("Content-Type") == "application/json" else seen.form
            number = len(self.done) + 1
            answer = {
                "id": f"re_{number}",
                "amount": int(given.get("amount", 1000)),
                "currency": "eur",
                "status": "succeeded",
                "result": {"sys_id": f"{number:032x}", "number": f"INC{number:07d}", "state": "1"},
            }
            self.done.append({**given, "path": seen.path})
            if key is not None:
                self._kept[key] = answer
            return answer


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """The service on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            if len(sent) < length:  # the client gave up in the middle, as one does whose time is over
                self.close_connection = True
                return
            body = sent.decode()
            seen = Seen(self.command, parts.path, parse_qsl(parts.query), self.headers, body)
            with service._lock:
                service.seen.append(seen)
                fault = service.faults.pop(0) if service.faults else None
            if isinstance(fault, int):
                self._send(fault, b'{"error": "not now"}')
            elif fault == "redirect":
                self._send(302, b"", {"Location": "http://169.254.169.254/latest/meta-data"})
            elif fault == "html":
                self._send(200, b"<html>hello</html>", {"Content-Type": "application/json"})
            elif fault == "huge":
                self._send(200, b'"' + b"x" * 2_000_000 + b'"')
            else:
                answer = json.dumps(service.act(seen) if self.command != "GET" else {"path": self.path}).encode()
                if fault == "slow":
                    time.sleep(service.slow_s)
                elif fault == "drop":
                    self.close_connection = True
                    return
                self._send(200, answer)

        def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # who asked did not wait

        def log_message(self, *_: object) -> None:
            """Nothing."""

    for verb in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._any)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked did not wait
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
