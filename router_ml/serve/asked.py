"""What comes in over HTTP: bounded in size before anything looks at it, and never repeated in an error."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from router_ml.contract.base import unpaired
from router_ml.errors import InvalidRequestError
from router_ml.serve.access.caller import AccessError, Caller, Scope
from router_ml.serve.access.entering import caller_of, check_still, must_have
from router_ml.serve.bodies import LARGE_BYTES, read_object
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


async def json_body(request: Request, caller: Called, gateway: Served) -> dict[str, Any]:
    """The body of a request, an object whose texts are whole; read once it is known who sends it.

    Raises:
        AccessError: as for ``json_items``. InvalidRequestError: that too, or it holds no text.
    """
    found = await json_items(request, caller, gateway)
    if wrong := [value for key, value in found.items() if unpaired(key) or unpaired(value)]:
        kind = _JSON_NAMES.get(type(wrong[0]), "name")
        raise InvalidRequestError(
            f"A {kind} in the body holds half of a surrogate pair (\\ud800 to \\udfff), which is no character. "
            "Send whole characters."
        )
    return found


async def json_items(request: Request, _: Called, gateway: Served) -> dict[str, Any]:
    """``json_body`` where each of several items is judged by itself: its texts may hold halves of surrogate pairs.

    Raises:
        AccessError: it is too large or too slow, or the key has ended meanwhile. InvalidRequestError: it is not a JSON
            object of a bounded size.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
    except ClientDisconnect:
        raise AccessError(400, "disconnected", "The connection was closed before the body had come.") from None
    check_still(request, gateway)
    return await asyncio.to_thread(read_object, body) if len(body) > LARGE_BYTES else read_object(body)


Body = Annotated[dict[str, Any], Depends(json_body)]
Items = Annotated[dict[str, Any], Depends(json_items)]
MayRoute = Annotated[Caller, Depends(Allowed("route"))]
MayExecute = Annotated[Caller, Depends(Allowed("execute"))]
MayReport = Annotated[Caller, Depends(Allowed("outcomes"))]
MayAdmin = Annotated[Caller, Depends(Allowed("admin"))]
