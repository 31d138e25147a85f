"""Tools out of an OpenAPI document (3.0, 3.1): a contract for each operation, the server kept apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from router_ml.config.execution import Tool
from router_ml.config.tool_files import HttpCall, ToolContract
from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.arguments import pointed_at
from router_ml.execution.tools.schemas import Definitions

_READS, _IDEMPOTENT = ("get", "head"), ("get", "head", "put", "delete")
_METHODS = ("get", "head", "post", "put", "patch", "delete")
_FORM, _LONGEST = "application/x-www-form-urlencoded", 64
_OURS = frozenset(
    "accept authorization connection content-length content-type cookie host idempotency-key proxy-authorization "
    "transfer-encoding".split()
)
"""Headers that are never a lane's: OpenAPI says to ignore parameters of the first names, the others are HTTP's or set
by ``HttpTool``."""


def tools_from_openapi(document: Mapping[str, Any]) -> dict[str, Tool]:
    """The operations of a document as tools, but for those of ``left_out``.

    ``GET`` and ``HEAD`` read, all others write and need an approval; ``PUT`` and ``DELETE`` are idempotent by the
    standard of HTTP (RFC 9110).

    Raises:
        InvalidRequestError: it is not an OpenAPI document of version 3.
    """
    return {name: each.as_tool() for name, each in contracts_from_openapi(document).items()}


def contracts_from_openapi(document: Mapping[str, Any]) -> dict[str, ToolContract]:
    """As ``tools_from_openapi``, with how each is called over HTTP (``http_tools``)."""
    operations = list(_operations(document))
    about = str((document.get("info") or {}).get("version") or "1")
    return {name: each.contract(about) for name, each in operations if each.unsendable is None}


def left_out(document: Mapping[str, Any]) -> dict[str, str]:
    """Operations that are no tools, since their bodies cannot be sent, each with the kind of its body."""
    return {name: each.unsendable for name, each in _operations(document) if each.unsendable is not None}


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, _Operation]]:
    version = str(document.get("openapi", ""))
    if not version.startswith("3."):
        found = f"openapi {version!r}" if version else f"swagger {document.get('swagger', 'none')!r}"
        raise InvalidRequestError(f"Found {found}, expected an OpenAPI document of version 3.0 or 3.1.")
    root = dict(document)
    names: set[str] = set()
    for path, item in (root.get("paths") or {}).items():
        shared = _resolved(root, item)
        for method in _METHODS:
            if method in shared:
                operation = _Operation(
                    root, path, method, _resolved(root, shared[method]), shared.get("parameters") or []
                )
                name = _free(operation.name, names)
                names.add(name)
                yield name, operation


def servers_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The addresses that a document names. None of them is called unless it is given to ``HttpTool``."""
    return tuple(str(server.get("url", "")) for server in document.get("servers") or ())


@dataclass(frozen=True)
class _Operation:
    root: JsonObject
    path: str
    method: str
    said: Mapping[str, Any]
    shared: list[Any]

    @property
    def name(self) -> str:
        """The operationId, or method and path, in characters that every vendor takes for a function."""
        raw = str(self.said.get("operationId") or f"{self.method}_{self.path}")
        return re.sub(r"[^A-Za-z0-9-]+", "_", raw).strip("_")[:_LONGEST] or self.method

    @property
    def _body(self) -> Any:
        """What is said of the body; HTTP gives none to what reads."""
        return {} if self.method in _READS else _resolved(self.root, self.said.get("requestBody") or {})

    @property
    def _kind(self) -> str | None:
        """The kind in which the body is sent."""
        content: Any = self._body.get("content") or {}
        return next((each for each in content if "json" in each), _FORM if _FORM in content else None)

    @property
    def unsendable(self) -> str | None:
        """The kinds of a body that cannot be sent, as of files; None where it can, or there is none."""
        return None if self._kind is not None else ", ".join(self._body.get("content") or ()) or None

    def contract(self, version: str) -> ToolContract:
        """The tool: one schema of all arguments, and where each of them goes."""
        definitions = Definitions(self.root)
        properties: JsonObject = {}
        required: list[str] = []
        places: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
        for parameter in self._parameters():
            place, wire = parameter["in"], str(parameter["name"])
            name = wire if wire not in properties else f"{place}_{wire}"
            schema = definitions.take(_schema_of(parameter))
            properties[name] = {**schema, **_described(parameter)}
            places[place][wire] = name
            if parameter.get("required") or place == "path":
                required.append(name)
        whole, form = self._add_body(definitions, properties, required)
        path = re.sub(r"\{([^{}]+)\}", lambda part: f"{{{places['path'].get(part[1], part[1])}}}", self.path)
        http = HttpCall(
            method=self.method.upper(),
            path=path,
            query={name: wire for wire, name in places["query"].items()},
            headers={name: wire for wire, name in places["header"].items()},
            body="form" if form else "json",
            whole_body=whole,
        )
        parameters: JsonObject = {"type": "object", "properties": properties, "required": list(required)}
        return ToolContract(
            version=version,
            effect="read" if self.method in _READS else "write",
            description=str(self.said.get("summary") or self.said.get("description") or "").strip(),
            approval=self.method not in _READS,
            idempotent=self.method in _IDEMPOTENT,
            parameters={**parameters, "additionalProperties": False, **definitions.needed()},
            result=self._result(),
            http=http,
        )

    def _parameters(self) -> Iterator[Any]:
        """Of the operation, then those of its path that it does not replace; cookies are not for lanes."""
        seen = set()
        for raw in (*(self.said.get("parameters") or ()), *self.shared):
            found = _resolved(self.root, raw)
            identity = (found.get("in"), found.get("name"))
            if found.get("in") == "header" and str(found.get("name")).lower() in _OURS:
                continue
            if found.get("in") in ("path", "query", "header") and identity not in seen:
                seen.add(identity)
                yield found

    def _add_body(
        self, definitions: Definitions, properties: JsonObject, required: list[str]
    ) -> tuple[str | None, bool]:
        """Put the body among the arguments: its properties, or itself where they have no names or taken ones."""
        body, kind = self._body, self._kind
        if kind is None:
            return None, False
        content: Any = body["content"]
        schema = definitions.take(content[kind].get("schema") or {})
        inner: Mapping[str, Any] = definitions.flat(schema)
        named = inner.get("properties")
        plain = set(inner) <= {"type", "properties", "required", "additionalProperties", "description", "title"}
        if (
            named
            and plain
            and inner.get("additionalProperties") in (None, False)
            and not named.keys() & properties.keys()
        ):
            properties.update(named)
            if body.get("required"):
                required.extend(str(each) for each in inner.get("required") or ())
            return None, kind == _FORM
        name = "body" if "body" not in properties else "request_body"
        properties[name] = schema
        if body.get("required"):
            required.append(name)
        return name, kind == _FORM

    def _result(self) -> JsonObject:
        """The schema of the first answer of success."""
        responses: Any = self.said.get("responses") or {}
        for status in sorted(responses, key=str):
            content: Any = _resolved(self.root, responses[status]).get("content") or {}
            kind = next((each for each in content if "json" in each), None)
            if str(status).startswith("2") and kind is not None:
                definitions = Definitions(self.root)
                schema = definitions.take(content[kind].get("schema") or {})
                return {**schema, **definitions.needed()}
        return {}


def _schema_of(parameter: Mapping[str, Any]) -> JsonObject:
    content: Mapping[str, Any] = next(iter((parameter.get("content") or {}).values()), {})
    return parameter.get("schema") or content.get("schema") or {}


def _described(parameter: Mapping[str, Any]) -> JsonObject:
    said = parameter.get("description")
    return {"description": said} if said else {}


def _resolved(root: JsonObject, value: Any) -> Any:
    """A value, or what it points at in the document."""
    for _ in range(8):  # a chain of references that long points at itself
        if not isinstance(value, dict) or "$ref" not in value:
            return value
        value = pointed_at(root, str(value["$ref"])) or {}
    return {}


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[: _LONGEST - 4]}_{number}"
    return free
