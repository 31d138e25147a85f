"""The OpenAPI document: what FastAPI knows of the routes, with the schemas of the contract, keys and errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from router_ml.contract import CONTRACT_VERSION
from router_ml.serve.document.answers import Problem
from router_ml.serve.document.described import ENDPOINTS, Described

_WHERE = "#/components/schemas/{model}"
_OURS = ("HTTPValidationError", "ValidationError")  # FastAPI's, whose errors have another shape here
_ABOUT = (
    "Decides which model lane, tools, retrieval and output contract a request gets, carries it out, and takes what "
    "became of it. Without keys it answers on this machine alone. Errors have one shape, and hold nothing of a request."
)
_TAGS = {
    "route": "Decide, and carry nothing out.",
    "chat": "Decide and carry out, in the shapes of the OpenAI API.",
    "outcomes": "What became of decisions.",
    "decisions": "What was decided, and why.",
    "approvals": "What waits for a person.",
    "keys": "Who may call.",
    "switches": "What nobody is to be served by.",
    "operations": "For whoever looks after it.",
}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key: `router-ml keys create`."},
    "header": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."},
}
_ERRORS = {
    "400": "The request is not what the contract says.",
    "401": "No such key.",
    "403": "The key may not do this.",
    "404": "Not known here, not known yet, or another's.",
    "413": "Too large.",
    "429": "Too many requests, or too much spent; `retry-after` says when to go on.",
    "503": "Overloaded, leaving, or the log cannot be reached.",
    "default": "Any other error.",
}


_STATUS = {207: "Some were not taken.", 503: "Not now, with the reasons."}
_OTHER: dict[str, dict[str, Any]] = {
    "text/plain": {"schema": {"type": "string"}},
    "text/event-stream": {"schema": {"description": "Events, as the OpenAI API sends them."}},
}


def install(app: FastAPI) -> None:
    """Have ``/openapi.json`` be this document."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application."""
    found = get_openapi(title="router_ml", version=CONTRACT_VERSION, description=_ABOUT, routes=app.routes)
    schemas, names = _schemas(ENDPOINTS.values())
    own = {name: schema for name, schema in found.pop("components", {}).get("schemas", {}).items() if name not in _OURS}
    used = set()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            used |= set(operation.get("tags", ()))
            known = ENDPOINTS.get(f"{method.upper()} {path}")
            _describe(operation, known, names, is_ours=path.startswith("/v1") or known is not None)
    found["components"] = {"schemas": dict(sorted({**own, **schemas}.items())), "securitySchemes": _KEYS}
    found["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items() if name in used]
    return found


Names = Mapping[Any, dict[str, Any]]
"""How a model is referred to, by model and ``validation`` or ``serialization``."""


def _schemas(endpoints: Iterable[Described]) -> tuple[dict[str, Any], Names]:
    """Components, and how each model is referred to."""
    endpoints = list(endpoints)
    taken = [(model, "validation") for one in endpoints for model in one.takes]
    given = [(model, "serialization") for one in endpoints for model in (*one.gives, Problem)]
    wanted: list[Any] = list(dict.fromkeys([*taken, *given]))
    names, found = models_json_schema(wanted, by_alias=True, ref_template=_WHERE)
    return found["$defs"], names


def _describe(operation: dict[str, Any], known: Described | None, names: Names, *, is_ours: bool) -> None:
    operation["operationId"] = re.sub(r"_v1_.*$", "", operation["operationId"])
    operation["responses"].pop("422", None)
    if not is_ours:
        return
    problem = {"application/json": {"schema": names[Problem, "serialization"]}}
    operation["responses"] |= {code: {"description": text, "content": problem} for code, text in _ERRORS.items()}
    if known is None or known.scopes:
        operation["security"] = [{name: []} for name in _KEYS]
    if known is None:
        return
    if known.scopes:
        operation["description"] = f"{operation.get('description', '')}\n\nScope: {' or '.join(known.scopes)}.".strip()
    if known.takes:
        body: dict[str, Any] = {"schema": _any_of([names[model, "validation"] for model in known.takes])}
        if known.example is not None:
            body["example"] = known.example
        operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    for status in known.status:
        said: dict[str, Any] = {"schema": _any_of([names[model, "serialization"] for model in known.gives])}
        if known.answer is not None and status != 207:
            said["example"] = known.answer
        content = {media: _OTHER.get(media, said) for media in known.media}
        what = _STATUS.get(status, "What was asked for.")
        operation["responses"][str(status)] = {"description": what, "content": content}


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
