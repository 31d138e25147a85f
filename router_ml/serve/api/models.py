"""``GET /v1/models``: what may stand as ``model`` in a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter

from router_ml.config import RouterConfig
from router_ml.integrations.asking import ANY
from router_ml.serve.access.caller import AccessError
from router_ml.serve.asked import MayExecute, Served

router = APIRouter(prefix="/v1/models", tags=["chat"])


@router.get("")
async def models(caller: MayExecute, gateway: Served) -> dict[str, Any]:
    """What a call may name: ``auto``, the traffic classes, the lanes and their models."""
    return {"object": "list", "data": list(_named(gateway.router.config).values())}


@router.get("/{model:path}")
async def model(model: str, caller: MayExecute, gateway: Served) -> dict[str, Any]:
    """One of them."""
    found = _named(gateway.router.config).get(model)
    if found is None:
        raise AccessError(404, "model_not_found", "There is no such model here. GET /v1/models lists them.")
    return found


def _named(config: RouterConfig) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in reversed(list(_all(config)))}


def _all(config: RouterConfig) -> Iterator[dict[str, Any]]:
    """In the order in which ``asking`` looks a name up."""
    for name in ANY:
        yield _model(name, "router_ml", "any")
    for name, lane in config.lanes.items():
        yield _model(name, lane.provider, "lane")
    for name in config.traffic_classes:
        yield _model(name, "router_ml", "traffic_class")
    for lane in config.lanes.values():
        yield _model(lane.model, lane.provider, "model")


def _model(name: str, owner: str, kind: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner, "router": {"kind": kind}}
