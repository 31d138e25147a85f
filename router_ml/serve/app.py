"""The application: endpoints, errors, and what is opened before the first request and closed after the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from router_ml.serve import problems
from router_ml.serve.access.guard import Application
from router_ml.serve.access.listening import may_listen
from router_ml.serve.api import approvals, chat, decisions, health, keys, models, outcomes, responses, route, switches
from router_ml.serve.console import site
from router_ml.serve.document import openapi
from router_ml.serve.gateway import Gateway
from router_ml.serve.observing.logs import quieten
from router_ml.serve.process.leaving import leaving_well
from router_ml.serve.settings import Settings
from router_ml.serve.shedding import SheddingMiddleware


def create_app(settings: Settings | None = None, *, gateway: Gateway | None = None) -> FastAPI:
    """The application of one worker.

    Args:
        settings: by default those of the environment.
        gateway: one that is open already, which the caller closes; for tests and for embedding.
    """
    settings = gateway.settings if gateway is not None else settings or Settings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        served = gateway if gateway is not None else await asyncio.to_thread(Gateway.open, settings)
        app.state.gateway = served
        await asyncio.to_thread(served.start)
        quieten()
        try:
            if served.keys.known.ready:  # else nobody is let in before they were read
                may_listen(settings.host, served.keys.known.all())
            with leaving_well(served):
                yield
        finally:
            await asyncio.to_thread(served.stop)
            if gateway is None:
                await asyncio.to_thread(served.close)

    app = Application(title="router_ml", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.settings = settings
    problems.install(app)
    openapi.install(app)
    app.add_middleware(SheddingMiddleware)
    for endpoints in (route, chat, responses, models, outcomes, decisions, approvals, keys, switches, health):
        app.include_router(endpoints.router)
    if settings.console:
        site.install(app)
    return app


def from_environment() -> FastAPI:
    """For an ASGI server: ``uvicorn --factory router_ml.serve.app:from_environment``."""
    return create_app()
