"""A JSON Schema in the form that strict modes of vendors take, where that does not change what it means."""

from __future__ import annotations

from pydantic import JsonValue

from router_ml.contract.base import JsonObject

_KEPT = frozenset(
    "type properties required additionalProperties items enum const anyOf $ref $defs description title".split()
)
_LIMITS = frozenset(
    "format pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems "
    "uniqueItems".split()
)
"""They only say more of a value: the answer is validated against them anyway, and a lane is told of them in words."""
_DROPPED = _LIMITS | frozenset("default examples $schema $id $comment deprecated readOnly writeOnly".split())


def strict_schema(schema: JsonObject) -> JsonObject | None:
    """The schema for a strict mode: each object closed, each property required; None where it has none.

    A property that may be missing has no strict form: a lane would have to make something up for it.

    >>> strict_schema({"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]})
    {'type': 'object', 'properties': {'a': {'type': 'string'}}, 'required': ['a'], 'additionalProperties': False}
    >>> strict_schema({"type": "object", "properties": {"a": {"type": "string"}}}) is None
    True
    """
    if schema.get("type") != "object":
        return None
    try:
        return _strict(schema)
    except _NoStrictFormError:
        return None


def says_less(schema: JsonValue) -> bool:
    """Whether the strict form of a schema leaves out limits of values, so that a lane has to be told of them.

    >>> says_less({"type": "object", "properties": {"age": {"type": "integer", "minimum": 18}}})
    True
    >>> says_less({"type": "object", "properties": {"minimum": {"type": "integer"}}})
    False
    """
    if not isinstance(schema, dict):
        return False
    either = schema.get("anyOf")
    inner = [*_mapping(schema.get("properties")).values(), *_mapping(schema.get("$defs")).values(), schema.get("items")]
    inner += either if isinstance(either, list) else []
    return bool(_LIMITS & set(schema)) or any(map(says_less, inner))


class _NoStrictFormError(Exception):
    pass


def _strict(schema: JsonValue) -> JsonObject:
    if not isinstance(schema, dict) or not set(schema) <= _KEPT | _DROPPED:
        raise _NoStrictFormError
    kept: JsonObject = {}
    for key, value in schema.items():
        if key in _DROPPED:
            continue
        if key in ("properties", "$defs"):
            kept[key] = {name: _strict(inner) for name, inner in _mapping(value).items()}
        elif key == "anyOf":
            kept[key] = [_strict(inner) for inner in value] if isinstance(value, list) else []
        elif key == "items":
            kept[key] = _strict(value)
        else:
            kept[key] = value
    if schema.get("type") == "object" or "properties" in schema:
        _close(schema, kept)
    if not {"type", "$ref", "anyOf", "enum", "const"} & set(kept):
        raise _NoStrictFormError
    return kept


def _close(schema: JsonObject, kept: JsonObject) -> None:
    """An object whose properties are all named and all there; one that is meant to be open has no strict form."""
    named, required = _mapping(schema.get("properties")), schema.get("required")
    if not named or set(required if isinstance(required, list) else ()) != set(named):
        raise _NoStrictFormError
    if schema.get("additionalProperties", False) is not False:
        raise _NoStrictFormError
    kept["required"] = list(named)
    kept["additionalProperties"] = False


def _mapping(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
