"""The application: endpoints, errors, and what is opened before the first request and closed after the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from router_ml.serve import problems
from router_ml.serve.api import route
from router_ml.serve.gateway import Gateway
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
        served.executor.decide_by(served.decider.decide)
        try:
            yield
        finally:
            if gateway is None:
                await asyncio.to_thread(served.close)

    app = FastAPI(title="router_ml", docs_url=None, redoc_url=None, lifespan=lifespan)
    problems.install(app)
    app.add_middleware(SheddingMiddleware)
    for endpoints in (route,):
        app.include_router(endpoints.router)
    return app


def from_environment() -> FastAPI:
    """For an ASGI server: ``uvicorn --factory router_ml.serve.app:from_environment``."""
    return create_app()
