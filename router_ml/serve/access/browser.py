"""Who looks at a page: by the cookie of their session; and whether what they send comes from a page of ours."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import FormData

from router_ml.errors import LogError
from router_ml.serve.access.caller import NOBODY, AccessError, Caller
from router_ml.serve.access.entering import CALLER, admit, check_still
from router_ml.serve.access.granting import caller_with
from router_ml.serve.access.guard import EXTRA, check_local
from router_ml.serve.access.sessions import HOURS
from router_ml.serve.gateway import Gateway

SAFE = ("GET", "HEAD")
FIELD, HEADER = "csrf", "x-csrf-token"
MOST_FIELDS = 200
_MADE = "router_ml.cookie"


async def console_caller(request: Request) -> Caller:
    """Who looks, or sends a form that came from a page of ours.

    Raises:
        AccessError: nobody has logged in (401), it comes from elsewhere (403), keys cannot be looked up (503).
    """
    gateway = await prepared(request)
    known = gateway.keys.known
    key = gateway.sessions.key_of(cookie_of(request))
    if key is not None:
        caller = caller_with(key)
    elif known.open:
        check_local(request.scope, request.headers, gateway.settings.origins)
        caller = NOBODY
    elif not known.ready:
        raise AccessError(503, "keys_unavailable", "The database of the event log is away. Try again.")
    else:
        raise AccessError(401, "not_logged_in", "Nobody has logged in here, or the session is over. Log in.")
    request.scope[CALLER] = caller  # logs read it as well
    admit(request, gateway, caller)
    if request.method not in SAFE:
        await check_form(request)
        check_still(request, gateway)
    return caller


async def prepared(request: Request) -> Gateway:
    """The gateway, able to sign and to check.

    Raises:
        AccessError: the database is away.
    """
    gateway: Gateway = request.app.state.gateway
    try:
        await asyncio.to_thread(gateway.sessions.prepare)
    except LogError:
        raise AccessError(503, "keys_unavailable", "The database of the event log is away. Try again.") from None
    return gateway


def csrf(request: Request) -> str:
    """The token that a form on this page has to send as ``csrf``, or a script as ``X-CSRF-Token``. A browser without a
    cookie gets one with the page."""
    gateway: Gateway = request.app.state.gateway
    return gateway.sessions.form_token(cookie_of(request) or _new_cookie(request))


async def check_form(request: Request) -> None:
    """See to it that a form comes from a page that this browser was shown here.

    Raises:
        AccessError: it does not.
    """
    gateway: Gateway = request.app.state.gateway
    cookie = cookie_of(request)
    form = await form_of(request)  # in any case, so that all of it has come once it counts
    given = request.headers.get(HEADER) or form.get(FIELD)
    fits = isinstance(given, str) and bool(cookie)
    same = hmac.compare_digest(str(given).encode("utf-8", "replace"), gateway.sessions.form_token(cookie).encode())
    if not (fits and same and _from_here(request)):
        raise AccessError(403, "not_from_here", "This form was not sent from a page of this console. Load it again.")


async def form_of(request: Request) -> FormData:
    """The fields of a form, bounded; without files."""
    most = request.app.state.gateway.settings.max_body_bytes
    return await request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=most)


def keep_session(request: Request, cookie: str | None) -> None:
    """Have the answer give the browser a cookie; None takes it away."""
    secure = "; Secure" if request.url.scheme == "https" else ""
    age = 0 if cookie is None else HOURS * 3600
    said = f"{_name(request)}={cookie or ''}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
    request.scope[EXTRA]["set-cookie"] = said


def _from_here(request: Request) -> bool:
    """What browsers say of where a request comes from; other programs say nothing, and have no cookie to abuse."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def cookie_of(request: Request) -> str:
    """The one that a browser sent, or that it is about to be given."""
    found: str = request.scope.get(_MADE) or request.cookies.get(_name(request), "")
    return found


def _new_cookie(request: Request) -> str:
    made = secrets.token_hex(16)
    request.scope[_MADE] = made
    keep_session(request, made)
    return made


def _name(request: Request) -> str:
    """With this prefix, browsers take the cookie over TLS alone, and from no other host."""
    return "__Host-router_ml" if request.url.scheme == "https" else "router_ml"
