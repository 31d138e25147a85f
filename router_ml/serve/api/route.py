"""``POST /v1/route``: a decision, and nothing carried out."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from router_ml.contract import RouteRequest
from router_ml.serve.asked import Body, MayRoute, Served

router = APIRouter(prefix="/v1", tags=["route"])


@router.post("/route")
async def route(body: Body, caller: MayRoute, gateway: Served) -> Response:
    """Decide where a request goes."""
    request = RouteRequest.parse(caller.stamped(body))
    decision = await asyncio.to_thread(gateway.router.predict_route, request)
    return Response(decision.to_json(), media_type="application/json")
