"""All pages together."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from router_ml.serve.console import login, pages
from router_ml.serve.console.pages import NAVIGATION
from router_ml.serve.console.preview import trying
from router_ml.serve.console.records import approvals, audit, decisions
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.service import keys, releases, reports, switches
from router_ml.serve.console.traffic import live
from router_ml.serve.console.viewer import Viewer

home = console_router()


@home.get("")
async def first_page(who: Viewer) -> RedirectResponse:
    """The live page for operators, the one to try for whoever only routes."""
    name = "live" if who.may("admin") or not who.may("route") else "try"
    return RedirectResponse(next(one.path for one in NAVIGATION if one.name == name), 303)


elsewhere = console_router()


@elsewhere.get("/{rest:path}")
async def no_page(rest: str, _: Viewer) -> Response:
    """There is none of this name, or there is without the slash at its end."""
    if not rest or rest.endswith("/"):
        return RedirectResponse(f"/console/{rest}".rstrip("/"), 307)
    raise HTTPException(404, "There is no such page here.")


@elsewhere.api_route("/{rest:path}", methods=["POST", "PUT", "PATCH", "DELETE"])
async def no_act() -> Response:
    """Nothing can be done here in this way."""
    raise HTTPException(405, "There is no such page here, or it takes no such request.")


def install(app: FastAPI) -> None:
    """Have an application show the console."""
    live.install(app)
    of_pages = (login, trying, live, decisions, approvals, releases, reports, keys, switches, audit)
    for routes in (pages.router, home, *(one.router for one in of_pages), elsewhere):
        app.include_router(routes)
