"""Every request is counted, timed and logged, once, at the outermost edge of the application."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router_ml.serve.observing.measures import PROBES

if TYPE_CHECKING:
    from router_ml.serve.gateway import Gateway

logger = logging.getLogger("router_ml.access")

_IDS = {b"x-router-ml-decision-id": "decision_id", b"x-router-ml-trace-id": "trace_id"}
_NO_ANSWER = 499  # the client left before there was one


class Watching:
    """Says of each request its route (never the path), how it ended, how long it took and whose key it was; nothing of
    what it held. A worker that is leaving has connections closed after their answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        gateway: Gateway = scope["app"].state.gateway
        answer = _Answer(send, gateway)
        gateway.operations.measures.began()
        try:
            await self.app(scope, receive, answer.send)
        finally:
            answer.ended(scope)


class _Answer:
    def __init__(self, send: Send, gateway: Gateway) -> None:
        self._send, self._gateway = send, gateway
        self._began = time.perf_counter()
        self._status, self._bytes, self._whole = _NO_ANSWER, 0, False
        self._ids: dict[str, str] = {}
        self._first: float | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._first = message["status"], time.perf_counter() - self._began
            headers = list(message.get("headers", ()))
            self._ids = {_IDS[name]: value.decode("latin-1") for name, value in headers if name in _IDS}
            if self._gateway.leaving:
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        await self._send(message)
        self._whole = message["type"] == "http.response.body" and not message.get("more_body", False)

    def ended(self, scope: Scope) -> None:
        seconds, route, method = time.perf_counter() - self._began, _route(scope), scope["method"]
        measures = self._gateway.operations.measures
        measures.ended(route, method, self._status, seconds=seconds, first=self._first, whole=self._whole)
        said: dict[str, Any] = {
            "method": method if len(method) < 10 else "other",
            "route": route,
            "status": self._status,
            "ms": round(1000 * seconds, 1),
            "bytes": self._bytes,
            **self._ids,
        }
        caller = scope.get("router_ml.caller")
        if caller is not None:
            said.update(key=caller.key_id, org=caller.org)
        if not self._whole:
            said["broken_off"] = True
        quiet = route in PROBES and (self._status < 400 or self._status == 503)
        level = logging.DEBUG if quiet else logging.INFO
        logger.log(level, "%s %s %d", said["method"], route, self._status, extra=said)


def _route(scope: Scope) -> str:
    """The template of the path, which holds no id; of what matched nothing, no name. What was refused before it came
    to its route, as too much, has the name of one that has no parameters."""
    path = getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None)
    if path:
        return str(path)
    asked = scope["path"]
    return asked if asked in _names(scope["app"]) else "unknown"


@lru_cache(maxsize=8)
def _names(app: FastAPI) -> frozenset[str]:
    return frozenset(one.path for one in iter_route_contexts(app.routes) if one.path)
