"""What comes in over HTTP: bounded in size and depth before anything looks at it, and never repeated in an error."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Depends, Request

from router_ml.errors import InvalidRequestError
from router_ml.serve.access.caller import NOBODY, AccessError, Caller, Scope
from router_ml.serve.gateway import Gateway


def gateway_of(request: Request) -> Gateway:
    """The gateway that a request came to."""
    found: Gateway = request.app.state.gateway
    return found


async def _served(request: Request) -> Gateway:
    """The same, for ``Depends``: a function that is not async would be called in a thread of its own."""
    return gateway_of(request)


Served = Annotated[Gateway, Depends(_served)]


class Allowed:
    """Who calls, if they have a scope: ``caller: Annotated[Caller, Depends(Allowed("route"))]``."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request, gateway: Served) -> Caller:
        """The caller.

        Raises:
            AccessError: no such key, or one without the scope.
        """
        return NOBODY


async def json_body(request: Request) -> dict[str, Any]:
    """The body of a request, an object.

    Raises:
        AccessError: it is too large. InvalidRequestError: it is not a JSON object.
    """
    most = gateway_of(request).settings.max_body_bytes
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise AccessError(413, "too_large", f"The request has more than {most} bytes. Send less.")
    try:
        found = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise InvalidRequestError("The body is not JSON. Send a JSON object.") from None
    if not isinstance(found, dict):
        raise InvalidRequestError(f"The body is a {type(found).__name__}, expected a JSON object.")
    return found


Body = Annotated[dict[str, Any], Depends(json_body)]
MayRoute = Annotated[Caller, Depends(Allowed("route"))]
MayExecute = Annotated[Caller, Depends(Allowed("execute"))]
MayReport = Annotated[Caller, Depends(Allowed("outcomes"))]
MayAdmin = Annotated[Caller, Depends(Allowed("admin"))]
