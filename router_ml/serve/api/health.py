"""``/healthz``, ``/readyz``, ``/metrics`` for whoever looks after the gateway, and ``/v1/status`` with all of it."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from router_ml.rollout import Rollout
from router_ml.serve.access.entering import must_be_of_all
from router_ml.serve.asked import Allowed, MayAdmin, Served, whoever_calls
from router_ml.serve.gateway import Gateway
from router_ml.serve.observing.readiness import waiting_bytes
from router_ml.serve.observing.scraping import CONTENT_TYPE

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> Response:
    """The process is alive. It says nothing else: restarting it mends no database."""
    return JSONResponse({"alive": True})


@router.get("/readyz")
async def readyz(gateway: Served) -> Response:
    """Whether requests should be sent here: 200, or 503 with the reasons. ``degraded``: what fails and costs nobody an
    answer yet."""
    found = gateway.operations.readiness()
    said = {"ready": not found.reasons, "reasons": found.reasons, "degraded": found.degraded}
    return JSONResponse(said, 503 if found.reasons else 200)


@router.get("/metrics")
async def metrics(request: Request, gateway: Served) -> Response:
    """All workers' series, as Prometheus reads them. Takes a key with the scope admin that is of no organisation,
    unless ``open_metrics``."""
    if not gateway.settings.open_metrics:
        must_be_of_all(await Allowed("admin")(await whoever_calls(request, gateway), gateway))
    return Response(await asyncio.to_thread(gateway.operations.shared.exposition), media_type=CONTENT_TYPE)


@router.get("/v1/status")
async def status(gateway: Served, caller: MayAdmin) -> Response:
    """What this worker serves, with which rules, and how its log stands; for administrators of all organisations."""
    must_be_of_all(caller)
    return JSONResponse(await asyncio.to_thread(_status, gateway))


def _status(gateway: Gateway) -> dict[str, Any]:
    found, router = gateway.operations.readiness(), gateway.router
    rules, recorder = gateway.operations.rules_in_force(), router.memory.recorder
    drain, following = recorder.drain, gateway.operations.following
    database, lag = gateway.operations.database, gateway.operations.lag.seconds
    said: dict[str, Any] = {
        "ready": not found.reasons,
        "reasons": found.reasons,
        "degraded": found.degraded,
        "leaving": gateway.leaving,
        "worker": gateway.operations.slot,
        "rules": {
            "policy_sha256": rules.policy_sha256,
            "config_sha256": rules.config_sha256,
            "file": None if following is None else str(following.path),
            "refused": None if following is None else following.refused,
        },
        "log": {
            "keeps": recorder.keeps,
            "database": database.failed or ("answers" if database.answers else "does not answer"),
            "spool": None
            if drain is None
            else {
                "bytes": waiting_bytes(drain),
                "lag_s": round(lag, 1),
                "failing": drain.failing,
            },
        },
        "down": sorted(router.memory.health.snapshot),
    }
    if isinstance(router, Rollout):
        told = router.status()
        said["serving"] = {
            "versions": dict(told.versions),
            "shares": dict(told.shares),
            "registry": told.registry or "answers",
            "broken": dict(told.broken),
            "bundle": router.bundle.manifest.id if router.bundle else "none",
        }
    else:
        said["serving"] = {"versions": {"champion": rules.registry}, "bundle": rules.bundle}
    return said
