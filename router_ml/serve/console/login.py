"""Logging in to the console with a key, and out."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from router_ml.serve.access.browser import check_form, cookie_of, csrf, form_of, keep_session, prepared
from router_ml.serve.asked import Served
from router_ml.serve.console.pages import page
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.viewer import Viewer

HOME = "/console"
router = console_router()


@router.get("/login")
async def login_page(request: Request, next: str = HOME) -> Response:
    """Ask for a key."""
    await prepared(request)
    return _asked(request, next)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Put a cookie in the place of a key."""
    gateway = await prepared(request)
    await check_form(request)
    form = await form_of(request)
    token, then = str(form.get("key", "")), str(form.get("next", HOME))
    cookie = gateway.sessions.log_in(token)
    if cookie is None:
        await gateway.keys.known.sooner()  # perhaps it was made a moment ago
        cookie = gateway.sessions.log_in(token)
    if cookie is None:
        return _asked(request, then, status=401, problem="There is no such key, or it is not in force.")
    keep_session(request, cookie)
    return RedirectResponse(local(then), 303)


@router.post("/logout")
async def log_out(request: Request, _: Viewer, gateway: Served) -> Response:
    """End the session, and take the cookie away."""
    gateway.sessions.log_out(cookie_of(request))
    keep_session(request, None)
    return RedirectResponse(f"{HOME}/login", 303)


def local(path: str) -> str:
    """Where to go after logging in: a page of the console, whatever was asked for.

    >>> local("/console/live"), local("//evil.example/console"), local("/console/../v1/keys")
    ('/console/live', '/console', '/console')
    """
    parts = urlsplit(path)
    inside = parts.path == HOME or parts.path.startswith(f"{HOME}/")
    plain = path.isascii() and path.isprintable() and not (parts.scheme or parts.netloc)
    return path if inside and plain and not any(one in path for one in ("\\", "..", "//")) else HOME


def _asked(request: Request, then: str, *, status: int = 200, problem: str = "") -> Response:
    return page(request, "login.html", status=status, problem=problem, next=local(then), csrf=csrf(request))
