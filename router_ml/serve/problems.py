"""Errors as answers: one shape for all of ``/v1``, the one that clients of the OpenAI API know."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from router_ml.errors import LogError, LogRefusedError, RouterError
from router_ml.integrations.answering import error_body
from router_ml.serve.access.caller import AccessError

logger = logging.getLogger(__name__)
_INSIDE = "It cannot be done here as things stand. The log of the gateway says why."
_LOG = "The event log does not answer, or is not open here. Try again; the log of the gateway says why."


def problem(status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error in the shape of the OpenAI API."""
    return JSONResponse(error_shape(code, message), status, headers=headers)


def said_of(error: RouterError | AccessError) -> tuple[int, dict[str, Any]]:
    """An error as a status and a body. What went wrong inside is named and not described: its message is for the log
    of the gateway, not for whoever calls."""
    if isinstance(error, AccessError):
        return error.status, error_shape(error.code, str(error))
    status, said = error_body(error)
    if status == 500:
        logger.error("A request failed: %s: %s", type(error).__name__, error)
        return status, error_shape(type(error).__name__, _INSIDE)
    if isinstance(error, LogError) and not isinstance(error, LogRefusedError):  # it may quote a driver, hosts included
        logger.error("The event log failed a request: %s", error)
        return status, error_shape(said["error"]["code"], _LOG)
    return status, said


def error_shape(code: str, message: str) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"message": message, "type": code, "code": code, "param": None}}


def refusal(error: AccessError) -> JSONResponse:
    """A call that is refused."""
    headers = dict(error.headers)
    if error.retry_after_s is not None:
        headers["retry-after"] = f"{math.ceil(max(error.retry_after_s, 1))}"
    if error.status == 401:
        headers["www-authenticate"] = 'Bearer realm="router_ml"'
    if error.status == 408:
        headers["connection"] = "close"  # what still comes is of no use
    return problem(error.status, error.code, str(error), headers=headers)


def install(app: FastAPI) -> None:
    """Have everything that is raised on purpose, and whatever else, answered in this shape; nothing of a request is
    ever repeated."""

    @app.exception_handler(RouterError)
    async def of_ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, RouterError)
        status, said = said_of(error)
        return JSONResponse(said, status)

    @app.exception_handler(AccessError)
    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, AccessError)
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        where = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        return problem(400, "invalid_request_error", f"Wrong or missing: {where}.")

    @app.exception_handler(HTTPException)
    async def of_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        return problem(error.status_code, code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def of_nobody(_: Request, __: Exception) -> Response:
        return problem(500, "internal_error", "Something went wrong here. The log of the gateway names it.")
