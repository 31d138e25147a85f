"""Keys: who may call, made and ended; a new one is shown once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from router_ml.errors import InvalidRequestError, RouterError
from router_ml.serve.access.caller import AccessError, Caller, Scope
from router_ml.serve.asked import Served
from router_ml.serve.console.forms import Form, why_of
from router_ml.serve.console.pages import page
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.viewer import Operates
from router_ml.serve.gateway import Gateway
from router_ml.serve.problems import said_of

router = console_router()
SCOPES = {
    "route": "have requests decided, and see those",
    "execute": "have them carried out",
    "outcomes": "say how answers were",
    "admin": "use this console, make and end keys",
}
LIFETIMES = {"30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}


@router.get("/access")
def keys(request: Request, who: Operates, gateway: Served, done: str = "") -> Response:
    """All keys that the viewer may see, the newest first."""
    notice = "The key is revoked. Every process refuses it within seconds." if done else None
    return _page(request, who, gateway, notice=notice, notice_kind="good")


@router.post("/access")
def create(request: Request, who: Operates, gateway: Served, fields: Form) -> Response:
    """Make a key, and show it this once."""
    try:
        made = gateway.keys.create(who, _wanted(fields), why=why_of(fields))
    except (AccessError, RouterError) as error:
        status, said = said_of(error)
        words = said["error"]["message"]
        return _page(request, who, gateway, status=status, typed=fields, notice=words, notice_kind="bad")
    return _page(request, who, gateway, made=made)


@router.post("/access/revoke")
def revoke(request: Request, who: Operates, gateway: Served, fields: Form) -> Response:
    """End a key for good."""
    gateway.keys.revoke(who, fields.get("key_id", ""), why=why_of(fields))
    return RedirectResponse("/console/access?done=1", 303)


def _page(request: Request, who: Caller, gateway: Gateway, *, status: int = 200, **values: Any) -> Response:
    now = datetime.now(UTC)
    found = sorted(gateway.keys.listed(who), key=lambda key: key.created_at, reverse=True) if gateway.log else []
    ended = {key.key_id: key.revoked_at or key.expires_at for key in found if not key.active(now)}
    shown: dict[str, Any] = {
        "keys": found,
        "ended": ended,
        "made": None,
        "typed": {},
        "has_log": gateway.log is not None,
    }
    may = [(scope, SCOPES[scope]) for scope in get_args(Scope) if who.may(scope)]
    shown |= {"scopes": may, "lifetimes": list(LIFETIMES.items()), **values}
    return page(request, "access.html", status=status, **shown)


def _wanted(fields: Mapping[str, str]) -> dict[str, Any]:
    """The key that a form asks for; what is left empty is left out.

    Raises:
        InvalidRequestError: a number is none.
    """
    days = fields.get("days", "")
    if days not in LIFETIMES:
        raise InvalidRequestError("Choose for how long the key holds.")
    wanted: dict[str, Any] = {
        "name": fields.get("name", ""),
        "scopes": [scope for scope in SCOPES if fields.get(f"scope_{scope}")],
        "org": fields.get("org", "").strip() or None,
        "requests_per_minute": _number(fields, "requests_per_minute", int),
        "usd_per_day": _number(fields, "usd_per_day", float),
        "expires_at": datetime.now(UTC) + timedelta(days=int(days)) if days else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _number(fields: Mapping[str, str], name: str, kind: type[int] | type[float]) -> float | None:
    word = fields.get(name, "").strip()
    if not word:
        return None
    try:
        return kind(word)
    except ValueError:
        raise InvalidRequestError(f"{name.replace('_', ' ')}: expected a number, or nothing.") from None
