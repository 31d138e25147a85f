"""A value that fits a JSON Schema, and one that does not."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_DEEP = 6
_NO_SCHEMA = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, re.error)
_FORMATS = {
    "date": "2026-03-01",
    "date-time": "2026-03-01T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_NUMBER = re.compile(r"\d+")
_NAMES_ONE = re.compile(r"(^|_)(id|number|no|order|key|ref|reference|amount|cents)$", re.IGNORECASE)


class NotASchemaError(ValueError):
    """A value that is no JSON Schema stands where one has to."""


def fit(schema: Mapping[str, Any] | bool, *, about: str = "", cited: tuple[str, ...] = ()) -> Any:
    """The simplest value that fits, for schemas as they are used for answers and tools; patterns are met where a few
    guesses meet them.

    Args:
        about: a text whose first number stands for ids and amounts. cited: what a field ``citations`` holds.

    Raises:
        NotASchemaError: it is no JSON Schema.

    >>> fit({"type": "object", "properties": {"order_id": {"type": "string"}}}, about="Refund order 8812")
    {'order_id': '8812'}
    """
    fitting = _Fitting(schema if isinstance(schema, Mapping) else {}, about, cited)
    try:
        return fitting.value(schema, "", 0)
    except _NO_SCHEMA as error:
        raise NotASchemaError(f"Expected a JSON Schema: {type(error).__name__}.") from error


def misfit(schema: Mapping[str, Any]) -> Any:
    """A value of another type than the schema asks for.

    >>> misfit({"type": "object"})
    ['unexpected']
    """
    return {"unexpected": True} if schema.get("type") == "array" else ["unexpected"]


class _Fitting:
    def __init__(self, root: Mapping[str, Any], about: str, cited: tuple[str, ...]) -> None:
        self._root, self._cited = root, cited
        found = _NUMBER.search(about)
        self._number = found.group() if found else ""

    def value(self, schema: Any, name: str, depth: int) -> Any:
        """One value under a name."""
        schema = self._whole(schema, depth)
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, depth)
        if kind == "array" or (kind is None and "items" in schema):
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._of_number(schema, name, whole=kind == "integer")
        return {"boolean": True, "null": None}.get(str(kind), self._string(schema, name))

    def _whole(self, schema: Any, depth: int) -> Json:
        """The schema with what it refers to, and with the first of its alternatives."""
        found: Json = dict(schema) if isinstance(schema, Mapping) else {}
        for _ in range(_DEEP):
            more: list[Any] = list(found.pop("allOf", []))
            more += [(found.pop(key) or [{}])[0] for key in ("anyOf", "oneOf") if key in found]
            if "$ref" in found:
                more.append(self._refer(str(found.pop("$ref"))))
            if not more:
                break
            for part in more:
                found = _merged(found, part if isinstance(part, Mapping) else {})
        return found

    def _refer(self, pointer: str) -> Any:
        at: Any = self._root
        for step in pointer.removeprefix("#").strip("/").split("/"):
            at = at.get(step.replace("~1", "/").replace("~0", "~"), {}) if step and isinstance(at, Mapping) else at
        return at

    def _object(self, schema: Json, depth: int) -> Json:
        known, required = schema.get("properties", {}), schema.get("required", [])
        names = required if depth >= _DEEP // 2 else [*known, *(one for one in required if one not in known)]
        found = {name: self.value(known.get(name, {}), name, depth + 1) for name in names}
        for extra in range(len(found), int(schema.get("minProperties", 0))):
            more = schema.get("additionalProperties", {})
            found[f"field_{extra + 1}"] = self.value(more, "", depth + 1)
        return found

    def _array(self, schema: Json, name: str, depth: int) -> list[Any]:
        if name in ("citations", "sources") and self._cited:
            return list(self._cited[:1])
        least = int(schema.get("minItems", 0))
        size = min(max(least, 1 if depth < _DEEP // 2 else 0), int(schema.get("maxItems", 1 + least)))
        first = [self.value(one, name, depth + 1) for one in schema.get("prefixItems", [])]
        item = schema.get("items", {})
        rest = [self.value(item, name, depth + 1) for _ in range(size - len(first))]
        if schema.get("uniqueItems"):
            options = self._whole(item, depth).get("enum", [])
            rest = options[: len(rest)] or [_numbered(one, at) for at, one in enumerate(rest)]
        return first + rest

    def _of_number(self, schema: Json, name: str, *, whole: bool) -> float:
        step = float(schema.get("multipleOf", 1 if whole else 0))
        above: float | None = schema.get("exclusiveMinimum")
        below: float | None = schema.get("exclusiveMaximum")
        low: float = schema.get("minimum", -math.inf if above is None else above)
        high: float = schema.get("maximum", math.inf if below is None else below)
        hinted = float(self._number) if self._number and _NAMES_ONE.search(name) else 1.0
        found = min(max(hinted, low), high)
        inch = step or (min(1.0, (high - low) / 2) if high > low else 0.0)
        if above is not None and found <= above:
            found = above + inch
        if below is not None and found >= below:
            found = below - inch
        if step:
            found = math.ceil(found / step) * step
            found = found - step if found > high else found
        return int(found) if float(found).is_integer() else found

    def _string(self, schema: Json, name: str) -> str:
        if self._number and _NAMES_ONE.search(name):
            guess = self._number
        else:
            cite = f" [{self._cited[0]}]" if self._cited else ""
            guess = _FORMATS.get(str(schema.get("format")), f"{name.replace('_', ' ') or 'text'}{cite}")
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", 10_000))
        guess = (guess + "." * (least - len(guess)))[:most]
        pattern = schema.get("pattern")
        guesses = (
            guess,
            self._number,
            "1",
            "a",
            "A",
            "A1",
            "abc",
            "AB12",
            "1234",
            "12345678",
            "2026-03-01",
            "EUR",
            "a-1",
        )
        return next((one for one in guesses if re.search(pattern, one)), guess) if pattern else guess


def _merged(left: Json, right: Mapping[str, Any]) -> Json:
    found = {**left, **right}
    if "properties" in left and "properties" in right:
        found["properties"] = {**left["properties"], **right["properties"]}
    if "required" in left and "required" in right:
        found["required"] = [*dict.fromkeys([*left["required"], *right["required"]])]
    return found


def _numbered(value: Any, at: int) -> Any:
    if isinstance(value, str):
        return f"{value} {at + 1}" if at else value
    return value + at if isinstance(value, int | float) and not isinstance(value, bool) else value
