"""How long whoever asked waits: until a deadline, or until they hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Header, Request
from starlette.types import Receive

from router_ml.serve.access.caller import AccessError

T = TypeVar("T")

Deadline = Annotated[float | None, Header(alias="x-router-ml-deadline-ms", ge=0, le=600_000)]
"""Milliseconds after which a request is decided by the rules alone."""


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What some work comes to; it is cancelled when the caller hangs up. The body has been read before.

    Raises:
        AccessError: nobody is there any more, so nobody reads this.
    """
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(gone(request.receive))
    try:
        await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not doing.done():
            doing.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)
    if doing.cancelled():
        raise AccessError(400, "disconnected", "The connection was closed before there was an answer.")
    return doing.result()


async def gone(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
