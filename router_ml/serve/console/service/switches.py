"""What narrows the service now: places that were switched off, overrides of the rules, drills; and ending it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from router_ml.contract import AuditEvent
from router_ml.errors import InvalidRequestError, RouterError
from router_ml.serve.access.caller import AccessError, Caller
from router_ml.serve.asked import Served
from router_ml.serve.console.forms import Form, why_of
from router_ml.serve.console.own import log_of
from router_ml.serve.console.pages import page
from router_ml.serve.console.routes import console_router, refusal_of
from router_ml.serve.console.service.served import routers
from router_ml.serve.console.viewer import OperatesAll
from router_ml.serve.gateway import Gateway
from router_ml.state import drills

router = console_router()
DURATIONS = {"": "until it is turned on", "15": "15 minutes", "60": "1 hour", "240": "4 hours", "1440": "a day"}
DONE = {
    "off": "It is off. Every process of the log follows within seconds.",
    "on": "It is on again.",
    "override": "The override has ended.",
    "drill": "The drill has ended.",
}


@dataclass(frozen=True)
class Place:
    """Something that can be off: a lane, a provider or a failure domain, with the lanes that it takes along."""

    name: str
    kind: str
    lanes: tuple[str, ...]


@router.get("/switches")
def switches(request: Request, who: OperatesAll, gateway: Served, done: str = "") -> Response:
    """What is off, which overrides and drills hold, with who and why."""
    return _page(request, gateway, notice=DONE.get(done), notice_kind="good")


def _page(request: Request, gateway: Gateway, *, status: int = 200, **values: Any) -> Response:
    now = datetime.now(UTC)
    rules = routers(gateway)[0].rules
    running = None if gateway.log is None else drills.running_drill(gateway.log, now)
    shown: dict[str, Any] = {
        "off": gateway.router.switched_off(),
        "places": places(gateway),
        "overrides": [(one.event, _policies(one.event)) for one in rules.overrides if one.holds(now)],
        "drill": running,
        "durations": list(DURATIONS.items()),
        "has_log": gateway.log is not None,
        "typed": {},
    }
    return page(request, "switches.html", status=status, **{**shown, **values})


def _done(
    request: Request, gateway: Gateway, fields: Mapping[str, str], what: str, act: Callable[[], object]
) -> Response:
    """The page after an act, or with why it was refused and what was typed."""
    try:
        act()
    except (RouterError, AccessError, HTTPException) as error:
        return _page(request, gateway, typed=fields, **refusal_of(error))
    return RedirectResponse(f"/console/switches?done={what}", 303)


@router.post("/switches/off")
def turn_off(request: Request, who: OperatesAll, gateway: Served, fields: Form) -> Response:
    """Turn a place off in every process of the log."""
    return _done(request, gateway, fields, "off", lambda: _turned_off(gateway, who, fields))


@router.post("/switches/on")
def turn_on(request: Request, who: OperatesAll, gateway: Served, fields: Form) -> Response:
    """Turn on again what one switch turned off."""
    named, act = fields.get("switch", ""), gateway.router.switch_on
    return _done(request, gateway, fields, "on", lambda: act(named, who=who.who, why=why_of(fields)))


@router.post("/switches/end-override")
def end_override(request: Request, who: OperatesAll, gateway: Served, fields: Form) -> Response:
    """End an override of the rules."""
    named, act = fields.get("event", ""), gateway.router.end_override
    return _done(request, gateway, fields, "override", lambda: act(named, who=who.who, why=why_of(fields)))


@router.post("/switches/end-drill")
def end_drill(request: Request, who: OperatesAll, gateway: Served, fields: Form) -> Response:
    """End a drill before its time."""
    named = fields.get("drill", "")
    return _done(
        request,
        gateway,
        fields,
        "drill",
        lambda: drills.end(log_of(gateway), named, who=who.who, why=why_of(fields)),
    )


def _turned_off(gateway: Gateway, who: Caller, fields: Mapping[str, str]) -> None:
    minutes, place = fields.get("minutes", ""), fields.get("place", "")
    if minutes not in DURATIONS:
        raise InvalidRequestError("Choose for how long.")
    if place not in {one.name for one in places(gateway)}:
        raise InvalidRequestError("Choose what to turn off: a lane, a provider or a failure domain of the list.")
    until = datetime.now(UTC) + timedelta(minutes=int(minutes)) if minutes else None
    gateway.router.switch_off([place], who=who.who, why=why_of(fields), until=until)


def places(gateway: Gateway) -> list[Place]:
    """Everything that can be turned off: failure domains and providers first, then lanes."""
    lanes = gateway.router.config.lanes
    found: dict[str, Place] = {}
    for kind in ("failure_domain", "provider"):
        for name in sorted({str(getattr(lane, kind)) for lane in lanes.values()}):
            of = tuple(lane for lane, said in lanes.items() if getattr(said, kind) == name)
            found.setdefault(name, Place(name, kind.replace("_", " "), of))
    for lane in lanes:
        found.setdefault(lane, Place(lane, "lane", (lane,)))
    return list(found.values())


def _policies(event: AuditEvent) -> list[tuple[str, str]]:
    """Id of each policy of an override, and what it says."""
    said = event.detail.get("policies")
    listed = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
    return [(str(one.get("id")), f"{_said(one.get('when'), 'always')}: {_said(one.get('then'))}") for one in listed]


def _said(part: object, nothing: str = "nothing") -> str:
    """What a part of a policy asks for.

    >>> _said({"org": ["acme", "globex"], "approval": False, "boundary": "private"})
    'org acme, globex; boundary private'
    """
    if not isinstance(part, dict):
        return nothing
    words = (
        f"{name.replace('_', ' ')} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in part.items()
        if value not in (None, False, [], {})
    )
    return "; ".join(words) or nothing
