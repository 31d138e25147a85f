"""How routes of the console are made: errors of theirs are pages, and whoever has not logged in is sent to do so."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from router_ml.errors import RouterError
from router_ml.serve.access.caller import AccessError
from router_ml.serve.console.pages import page
from router_ml.serve.problems import said_of

TITLES = {400: "That did not work", 403: "Not with this key", 404: "Not found", 429: "Too many requests"}


class ConsoleRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors of ours as pages."""
        inner = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await inner(request)
            except AccessError as error:
                if error.status == 401 and "x-fragment" not in request.headers:
                    path = request.url.path if request.method == "GET" else "/console"
                    return RedirectResponse(f"/console/login?next={quote(path)}", 303)
                return failed(request, error.status, str(error))
            except HTTPException as error:
                return failed(request, error.status_code, str(error.detail))
            except RequestValidationError as error:
                where = ", ".join(str(one["loc"][-1]) for one in error.errors())
                return failed(request, 400, f"Wrong or missing: {where}.")
            except RouterError as error:
                status, said = said_of(error)
                return failed(request, status, said["error"]["message"])

        return handled


def failed(request: Request, status: int, words: str) -> Response:
    """An error as a page, in words that hold nothing of a request."""
    title = TITLES.get(status, "Something went wrong" if status >= 500 else TITLES[400])
    return page(request, "error.html", status=status, title=title, words=words)


def console_router() -> APIRouter:
    """For the routes of a page."""
    return APIRouter(prefix="/console", include_in_schema=False, route_class=ConsoleRoute)
