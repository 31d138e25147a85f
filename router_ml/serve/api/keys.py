"""``/v1/keys``: keys are listed, made and ended by administrators."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from router_ml.errors import InvalidRequestError
from router_ml.serve.access.words import checked_why
from router_ml.serve.asked import Body, MayAdmin, Served

router = APIRouter(prefix="/v1", tags=["keys"])


@router.get("/keys")
async def list_keys(caller: MayAdmin, gateway: Served) -> JSONResponse:
    """All keys that the caller may see, also those that ended, oldest first; nothing that opens anything."""
    found = await asyncio.to_thread(gateway.keys.listed, caller)
    return JSONResponse({"keys": [key.to_dict() for key in found]})


@router.post("/keys", status_code=201)
async def create_key(body: Body, caller: MayAdmin, gateway: Served) -> JSONResponse:
    """Make a key. The answer holds it as ``key``, once; nobody can show it again."""
    why = _why(body)
    made = await asyncio.to_thread(gateway.keys.create, caller, body, why=why)
    return JSONResponse({"key": made.token, **made.stored.to_dict()}, 201)


@router.post("/keys/{key_id}/revoke")
async def revoke_key(key_id: str, body: Body, caller: MayAdmin, gateway: Served) -> JSONResponse:
    """End a key for good; all processes follow within seconds."""
    why = _why(body)
    if body:
        raise InvalidRequestError("Expected why, and nothing else.")
    ended = await asyncio.to_thread(gateway.keys.revoke, caller, key_id, why=why)
    return JSONResponse(ended.to_dict())


def _why(body: dict[str, Any]) -> str:
    """Taken out of the body."""
    return checked_why(body.pop("why", None))
