"""What stands around the whole application: who may reach it at all, how large and slow a body may be, and the headers
that every answer carries, also one that nobody planned.

Pure ASGI, so that streams and context variables pass through untouched.
"""

from __future__ import annotations

import asyncio
import re

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router_ml.serve.access.caller import AccessError
from router_ml.serve.access.loopback import host_of, is_loopback
from router_ml.serve.observing.watching import Watching
from router_ml.serve.problems import refusal
from router_ml.serve.settings import Settings

EXTRA = "router_ml.headers"
"""In a scope: headers that the answer is to carry, whoever makes it."""
PAGES = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:"
)
ANSWERS = "default-src 'none'; frame-ancestors 'none'"
ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # "no-referrer" would hide the origin of a page's own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
HSTS = "max-age=31536000; includeSubDomains"
FORWARDED = re.compile(
    r"x-forwarded.*|x-original-.*|x-envoy-.*|x-amzn?-.*|cf-.*|fly-.*|(x-)?forwarded(-for)?|via|x-real-ip"
    r"|x-proxyuser-ip|x-rewrite-url|x-(cluster-)?client-ip|true-client-ip|fastly-client-ip|x-appengine-.*"
)
"""Headers that proxies set. A client that sends one by itself is refused as well, as long as there is no key."""
LOGIN, LOGIN_BYTES, LOGIN_SECONDS = "/console/login", 8_192, 5.0
FORM_BYTES = 262_144


class Application(FastAPI):
    """An application with a ``Guard`` around all of it, the answer to an unforeseen error included; and whatever it
    answers is counted and logged."""

    def build_middleware_stack(self) -> ASGIApp:
        """See FastAPI."""
        settings: Settings = self.state.settings
        stack = super().build_middleware_stack()
        if settings.origins:
            star = ["*"]  # of methods and headers: what is asked is decided by the key, which such a page has to have
            stack = CORSMiddleware(stack, settings.origins, allow_methods=star, allow_headers=star, expose_headers=star)
        return Watching(Guard(stack, settings))


class Guard:
    """See above."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[EXTRA] = {}
        headers, guarded = Headers(scope=scope), _with_headers(scope, send)
        most, seconds = self._bounds(scope["path"])
        try:
            _check_length(headers, most)
            await self._admit(scope, headers)
        except AccessError as error:
            await refusal(error)(scope, receive, guarded)
            return
        await self._app(scope, _Bounded(receive, most=most, seconds=seconds), guarded)

    def _bounds(self, path: str) -> tuple[int, float]:
        """Bytes and seconds of a body: whoever logs in is a stranger, and a form is read byte by byte."""
        most, seconds = self._settings.max_body_bytes, self._settings.body_seconds
        if path == LOGIN:
            return min(most, LOGIN_BYTES), min(seconds, LOGIN_SECONDS)
        return (min(most, FORM_BYTES), seconds) if path.startswith("/console") else (most, seconds)

    async def _admit(self, scope: Scope, headers: Headers) -> None:
        known = scope["app"].state.gateway.keys.known
        if not known.open:
            return
        try:
            check_local(scope, headers, self._settings.origins)
        except AccessError:
            await known.sooner()  # perhaps the first key was made a moment ago
            if known.open:
                raise


def _check_length(headers: Headers, most: int) -> None:
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise AccessError(400, "invalid_request_error", "The Content-Length is no number of bytes.")
    if len(length) > 18 or int(length) > most:
        raise _too_large(most)


def check_local(scope: Scope, headers: Headers, origins: tuple[str, ...] = ()) -> None:
    """See to it that a request comes from this machine, and meant it: not by way of a name that somebody else has
    pointed here, a page from elsewhere, or a proxy.

    Raises:
        AccessError: it does not.
    """
    hosts, origins_of = headers.getlist("host"), headers.getlist("origin")
    ends = [end[0] for end in (scope.get("client"), scope.get("server")) if end and end[1] is not None]
    here = all(map(is_loopback, ends)) and len(hosts) == 1 and is_loopback(host_of(hosts[0]))
    ours = not origins_of or (len(origins_of) == 1 and _ours(origins_of[0], origins))
    if not here or not ours or any(FORWARDED.fullmatch(name) for name in headers):
        raise AccessError(
            403,
            "local_only",
            "While no key has been made, only this machine is served, under the name localhost or its address. Make "
            "a key with router-ml keys create.",
        )


def _ours(origin: str, origins: tuple[str, ...]) -> bool:
    scheme, _, netloc = origin.partition("://")
    return origin in origins or (scheme in ("http", "https") and is_loopback(host_of(netloc)))


class _Bounded:
    """A body of a bounded size, which has to come within a time that begins when it is first asked for."""

    def __init__(self, receive: Receive, *, most: int, seconds: float) -> None:
        self._receive = receive
        self._most, self._seconds = most, seconds
        self._size, self._until, self._whole = 0, 0.0, False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # only whether the client is still there
        loop = asyncio.get_running_loop()
        self._until = self._until or loop.time() + self._seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise AccessError(408, "too_slow", f"The body did not come within {self._seconds:g} s.") from None
        if message["type"] != "http.request":
            return message
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._size > self._most:
            raise _too_large(self._most)
        return message


def _too_large(most: int) -> AccessError:
    return AccessError(413, "too_large", f"The request has more than {most} bytes. Send less.")


def _with_headers(scope: Scope, send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in scope[EXTRA].items():
                headers.append(name, value)
            for name, value in ALWAYS.items():
                headers.setdefault(name, value)
            if "content-security-policy" not in headers:
                page = headers.get("content-type", "").startswith("text/html")
                headers["content-security-policy"] = PAGES if page else ANSWERS
                headers["x-frame-options"] = "DENY"
            if scope.get("scheme") == "https":
                headers["strict-transport-security"] = HSTS
        await send(message)

    return wrapped
