"""What comes in over HTTP: bounded in size and depth before anything looks at it, and never repeated in an error."""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from router_ml.contract.base import unpaired
from router_ml.errors import InvalidRequestError
from router_ml.serve.access.caller import AccessError, Caller, Scope
from router_ml.serve.access.entering import caller_of, must_have
from router_ml.serve.gateway import Gateway


def gateway_of(request: Request) -> Gateway:
    """The gateway that a request came to."""
    found: Gateway = request.app.state.gateway
    return found


async def _served(request: Request) -> Gateway:
    """The same as a dependency: one that is no coroutine function would be called in a thread."""
    return gateway_of(request)


Served = Annotated[Gateway, Depends(_served)]


async def whoever_calls(request: Request, gateway: Served) -> Caller:
    """The caller, whatever it may do.

    Raises:
        AccessError: no such key, or it calls too often.
    """
    return await caller_of(request, gateway)


Called = Annotated[Caller, Depends(whoever_calls)]
MOST_DEPTH = 64
_ESCAPED = re.compile(rb"\\u[dD][89a-fA-F]")  # the only way in which UTF-8 can tell of half a pair
_JSON_NAMES: dict[type, str] = {str: "text", dict: "JSON object", list: "list"}


class Allowed:
    """Who calls, if they have a scope: ``caller: Annotated[Caller, Depends(Allowed("route"))]``."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, caller: Called, gateway: Served) -> Caller:
        """The caller.

        Raises:
            AccessError: the key lacks the scope, or has spent its budget.
        """
        if self.scope == "execute":
            gateway.limits.within_budget(caller)
        return must_have(caller, self.scope)


async def json_body(request: Request, _: Called) -> dict[str, Any]:
    """The body of a request, an object whose texts are whole; read once it is known who sends it.

    Raises:
        AccessError: it is too large or too slow. InvalidRequestError: it is not a JSON object, or holds no text.
    """
    found, body = await _object(request)
    halves = found.items() if _ESCAPED.search(body) is not None else ()
    if wrong := [value for key, value in halves if unpaired(key) or unpaired(value)]:
        kind = _JSON_NAMES.get(type(wrong[0]), "name")
        raise InvalidRequestError(
            f"A {kind} in the body holds half of a surrogate pair (\\ud800 to \\udfff), which is no character. "
            "Send whole characters."
        )
    return found


async def json_items(request: Request, _: Called) -> dict[str, Any]:
    """``json_body`` where each of several items is judged by itself: its texts may hold halves of surrogate pairs.

    Raises:
        AccessError: it is too large or too slow. InvalidRequestError: it is not a JSON object.
    """
    return (await _object(request))[0]


async def _object(request: Request) -> tuple[dict[str, Any], bytearray]:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
    except ClientDisconnect:
        raise AccessError(400, "disconnected", "The connection was closed before the body had come.") from None
    try:
        found = parsed(body)
    except (ValueError, RecursionError):
        raise InvalidRequestError("The body is not JSON. Send a JSON object, in UTF-8.") from None
    if not isinstance(found, dict):
        raise InvalidRequestError(f"The body is a {type(found).__name__}, expected a JSON object.")
    if not within_depth(found, body):
        raise InvalidRequestError(f"The body is nested more than {MOST_DEPTH} deep. Send it flatter.")
    return found, body


def parsed(body: bytes | bytearray) -> Any:
    """JSON as RFC 8259 has it: no NaN, no infinity, and no number that becomes one, as ``1e999`` does.

    Raises:
        ValueError, RecursionError: it is none.
    """
    return json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)


def within_depth(value: Any, body: bytes | bytearray) -> bool:
    """Whether a value is nested at most ``MOST_DEPTH`` deep; level by level, so that depth costs no stack."""
    if body.count(b"[") + body.count(b"{") <= MOST_DEPTH:
        return True
    level = [value]
    for _ in range(MOST_DEPTH):
        inside = (child for one in level for child in (one.values() if type(one) is dict else one))
        level = [child for child in inside if type(child) in (dict, list)]
        if not level:
            return True
    return False


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


Body = Annotated[dict[str, Any], Depends(json_body)]
Items = Annotated[dict[str, Any], Depends(json_items)]
MayRoute = Annotated[Caller, Depends(Allowed("route"))]
MayExecute = Annotated[Caller, Depends(Allowed("execute"))]
MayReport = Annotated[Caller, Depends(Allowed("outcomes"))]
MayAdmin = Annotated[Caller, Depends(Allowed("admin"))]
