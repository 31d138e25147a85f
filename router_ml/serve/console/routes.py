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
from router_ml.serve.console.pages import BY_NAME, page
from router_ml.serve.problems import said_of

TITLES = {
    400: "That did not work",
    403: "Not with this key",
    404: "Not found",
    405: "That cannot be done here",
    429: "Too many requests",
}
FROM_ELSEWHERE = "not_from_here"


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
                    path = _asked(request) if request.method == "GET" else "/console"
                    return RedirectResponse(f"/console/login?next={quote(path)}", 303)
                title = "This form is not from here, or too old" if error.code == FROM_ELSEWHERE else None
                return failed(request, error.status, str(error), title=title)
            except HTTPException as error:
                return failed(request, error.status_code, str(error.detail))
            except RequestValidationError as error:
                where = ", ".join(str(one["loc"][-1]) for one in error.errors())
                return failed(request, 400, f"Wrong or missing: {where}.")
            except RouterError as error:
                status, said = said_of(error)
                return failed(request, status, said["error"]["message"])

        return handled


def _asked(request: Request) -> str:
    """What a browser asked for, with its search."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def failed(request: Request, status: int, words: str, *, title: str | None = None) -> Response:
    """An error as a page, in words that hold nothing of a request, with a way back to where it was asked for."""
    title = title or TITLES.get(status, "Something went wrong" if status >= 500 else TITLES[400])
    name, _, rest = request.url.path.removeprefix("/console/").partition("/")
    back = BY_NAME.get(name) if rest or request.method != "GET" else None
    return page(request, "error.html", status=status, title=title, words=words, back=back)


def refusal_of(error: RouterError | AccessError | HTTPException) -> dict[str, Any]:
    """An act that was refused, as ``page`` tells of it: ``status``, ``notice`` and its kind."""
    if isinstance(error, HTTPException):
        status, words = error.status_code, str(error.detail)
    else:
        status, said = said_of(error)
        words = said["error"]["message"]
    return {"status": status, "notice": words, "notice_kind": "bad"}


def console_router() -> APIRouter:
    """For the routes of a page."""
    return APIRouter(prefix="/console", include_in_schema=False, route_class=ConsoleRoute)
