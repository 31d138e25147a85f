"""A look at a JSON Schema before it is used: what it may not do, and the names of properties in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pydantic import JsonValue

from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError
from router_ml.execution.validation.reading import DEEPEST, depth

LARGEST, MOST, LONGEST_PATTERN = 262_144, 2_000, 1_000  # bytes of a schema; schemas in it; characters
_OF_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_ONE = ("not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames")
_MORE = ("unevaluatedItems", "unevaluatedProperties", "additionalItems")
_IN_PLACE = frozenset(("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"))


@dataclass(frozen=True)
class Examined:
    """``names``: of every property that the schema speaks of."""

    names: frozenset[str]


def examine(schema: JsonObject, *, size: int) -> Examined:
    """What may be said of a value of this schema.

    Raises:
        InvalidRequestError: it is too large, refers to something outside itself or to itself in place, or has a regular
            expression that does not compile.
    """
    if size > LARGEST or depth(schema) > DEEPEST:
        raise _wrong("$", f"is larger than {LARGEST} bytes or nested more than {DEEPEST} levels deep")
    names: set[str] = set()
    nodes = list(islice(_walk(schema), MOST + 1))
    if len(nodes) > MOST:
        raise _wrong("$", f"holds more than {MOST} schemas")
    anchors = {str(node[key]): node for _, node in nodes for key in ("$anchor", "$dynamicAnchor") if key in node}
    edges: dict[int, list[JsonObject]] = {}
    patterned = any("patternProperties" in node for _, node in nodes)
    for path, node in nodes:
        names.update(_names(node))
        for searched in _patterns(node):
            _compiles(path, searched)
        if patterned and "unevaluatedProperties" in node:
            raise _wrong(path, "has unevaluatedProperties beside patternProperties, which is not supported")
        if node is not schema and "$id" in node:
            raise _wrong(path, "has an $id of its own, which is not supported; use $defs")
        edges[id(node)] = [inner for key, inner in _children(node) if key in _IN_PLACE]
        for key in ("$ref", "$dynamicRef"):
            if key in node:
                edges[id(node)].append(_target(schema, anchors, path, node[key]))
    _no_circle(nodes, edges)
    return Examined(frozenset(names))


def _children(node: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """The schemas right inside a schema, each with the keyword that it belongs to."""
    for key in (*_OF_SCHEMAS, *_LISTS, *_ONE, *_MORE):
        value = node.get(key)
        if key in _OF_SCHEMAS and isinstance(value, dict):
            inner: list[JsonValue] = list(value.values())
        else:
            inner = value if isinstance(value, list) else [value]
        yield from ((key, one) for one in inner if isinstance(one, dict))


def _walk(schema: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    stack = [("$", schema)]
    while stack:
        path, node = stack.pop()
        yield path, node
        stack.extend((f"{path}.{key}", inner) for key, inner in _children(node))


def _names(node: JsonObject) -> Iterator[str]:
    for key in ("properties", "dependentSchemas", "dependentRequired"):
        value = node.get(key)
        yield from value if isinstance(value, dict) else ()
    required = node.get("required")
    yield from (name for name in (required if isinstance(required, list) else ()) if isinstance(name, str))


def _patterns(node: JsonObject) -> Iterator[str]:
    if isinstance(node.get("pattern"), str):
        yield str(node["pattern"])
    keyed = node.get("patternProperties")
    yield from keyed if isinstance(keyed, dict) else ()


def unusable_pattern(schema: JsonObject) -> str | None:
    """Where a schema has a pattern that is too long, no regular expression, or out of reach of the clock that patterns
    run against (``unevaluatedProperties`` searches for itself); None where it has none.
    """
    nodes = list(_walk(schema))
    patterned = any("patternProperties" in node for _, node in nodes)
    for path, node in nodes:
        if patterned and "unevaluatedProperties" in node:
            return path
        try:
            for searched in _patterns(node):
                _compiles(path, searched)
        except InvalidRequestError:
            return path
    return None


def _compiles(path: str, pattern: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise _wrong(path, f"has a pattern of more than {LONGEST_PATTERN} characters")
    import regex  # type: ignore[import-untyped]

    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, MemoryError):
        raise _wrong(path, "has a pattern that is no regular expression") from None


def _target(root: JsonObject, anchors: dict[str, JsonObject], path: str, ref: JsonValue) -> JsonObject:
    """What a reference points to, inside this schema and nowhere else."""
    text = ref.removeprefix(str(root.get("$id", ""))) if isinstance(ref, str) else ""
    if not text.startswith("#"):
        raise _wrong(path, "refers to another document, and none is ever fetched; put it under $defs")
    if text[1:] in anchors:
        return anchors[text[1:]]
    found: JsonValue = root
    for part in text[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, bool):
        return {}
    if not isinstance(found, dict) or (text[1:] and not text.startswith("#/")):
        raise _wrong(path, "refers to something that is not in the schema")
    return found


def _no_circle(nodes: list[tuple[str, JsonObject]], edges: dict[int, list[JsonObject]]) -> None:
    """No schema may apply itself to the very same value, which would never end."""
    done: set[int] = set()
    for path, start in nodes:
        stack: list[tuple[JsonObject, bool]] = [(start, False)]
        open_: set[int] = set()
        while stack:
            node, leaving = stack.pop()
            if leaving:
                open_.discard(id(node))
                done.add(id(node))
            elif id(node) in open_:
                raise _wrong(path, "refers to itself in place, so that validating would never end")
            elif id(node) not in done:
                open_.add(id(node))
                stack.append((node, True))
                stack.extend((inner, False) for inner in edges.get(id(node), []))


def _wrong(path: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"The schema of the output contract cannot be used: {path} {what}.")
