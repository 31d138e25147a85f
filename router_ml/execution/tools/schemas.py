"""Schemas of other documents as schemas that stand alone: what they point at comes along, in JSON Schema's words."""

from __future__ import annotations

import re
from typing import Any

from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.arguments import pointed_at

_OF_OPENAPI = frozenset(("nullable", "example", "externalDocs", "xml", "discriminator"))
_MAPS = frozenset(("properties", "patternProperties", "$defs", "dependentSchemas"))
_VALUES = frozenset(("enum", "const", "default", "examples", "required", "type"))
_BOUNDS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))


class Definitions:
    """What schemas of one document point at, gathered while they are taken over."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._names: dict[str, str] = {}
        self._taken: JsonObject = {}

    def take(self, schema: Any) -> Any:
        """A schema with its references rewritten to ``#/$defs/...``.

        Raises:
            InvalidRequestError: one points at another document, or at nothing.
        """
        if isinstance(schema, list):
            return [self.take(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        if isinstance(schema.get("$ref"), str):
            return {"$ref": f"#/$defs/{self._define(schema['$ref'])}"}
        return _as_json_schema({key: self._inner(key, value) for key, value in schema.items()})

    def _inner(self, key: str, value: Any) -> Any:
        if key in _VALUES:
            return value
        if key in _MAPS and isinstance(value, dict):
            return {name: self.take(each) for name, each in value.items()}
        return self.take(value)

    def flat(self, schema: JsonObject) -> JsonObject:
        """A schema itself where it is only a reference to it."""
        seen = 0
        while set(schema) == {"$ref"} and seen < len(self._taken) + 1:
            found = self._taken[str(schema["$ref"]).removeprefix("#/$defs/")]
            schema, seen = found if isinstance(found, dict) else {}, seen + 1
        return schema

    def needed(self) -> JsonObject:
        """``$defs`` with all that was pointed at; nothing where nothing was."""
        return {"$defs": dict(self._taken)} if self._taken else {}

    def _define(self, reference: str) -> str:
        if reference in self._names:
            return self._names[reference]
        target = pointed_at(self._root, reference)
        if target is None:
            raise InvalidRequestError(
                f"Found $ref {reference!r}, expected a place in the document. Bundle it into one."
            )
        base = re.sub(r"\W+", "_", reference.rsplit("/", 1)[-1]) or "schema"
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._names[reference] = name
        self._taken[name] = {}  # known before it is looked into: it may point at itself
        self._taken[name] = self.take(target)
        return name


def _as_json_schema(schema: JsonObject) -> JsonObject:
    """What OpenAPI 3.0 says in its own words."""
    found = {key: value for key, value in schema.items() if key not in _OF_OPENAPI and not key.startswith("x-")}
    for strict, bound in _BOUNDS:
        if isinstance(found.get(strict), bool) and found.pop(strict) and bound in found:
            found[strict] = found.pop(bound)
    if schema.get("nullable") is True:
        kind, listed = found.get("type"), found.get("enum")
        if isinstance(kind, str):
            found["type"] = [kind, "null"]
        if isinstance(listed, list) and None not in listed:
            found["enum"] = [*listed, None]
    return found
