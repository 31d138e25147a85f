"""What changed between two JSON Schemas: whether values that were valid still are, and whether new ones are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from router_ml.contract.base import JsonObject
from router_ml.execution.tools.arguments import pointed_at

Kind = Literal["narrowed", "widened", "changed", "added", "said"]
"""Some values are not valid any more; some are that were not; perhaps both; a property with a new name; nothing but
words."""

_WORDS = frozenset("title description examples deprecated readOnly writeOnly $comment $schema $id".split())
_LEAST = {"minimum": None, "exclusiveMinimum": None, "minLength": 0, "minItems": 0, "minProperties": 0}
_MOST = frozenset("maximum exclusiveMaximum maxLength maxItems maxProperties".split())
_WITHIN = {"items": "[]", "additionalProperties": ".*", "propertyNames": " (names)"}
_ELSEWHERE = frozenset("type enum const properties required default anyOf $ref $defs definitions".split())
_ONLY_NARROW = frozenset("pattern format multipleOf uniqueItems contentEncoding contentMediaType allOf".split())


@dataclass(frozen=True)
class Difference:
    """One difference, and where: ``$.order.lines[]``."""

    path: str
    kind: Kind
    what: str


def differences(old: JsonObject, new: JsonObject) -> list[Difference]:
    """All that differs between two schemas, each with its own ``$defs``.

    What cannot be judged counts as ``changed``. A property that is added is taken for one that nobody used before.

    >>> differences({"maximum": 10}, {"maximum": 5})
    [Difference(path='$', kind='narrowed', what='maximum 10 -> 5')]
    """
    return list(dict.fromkeys(_Pair(old, new).compare(old, new, "$")))


class _Pair:
    """Two documents that are walked side by side."""

    def __init__(self, old: JsonObject, new: JsonObject) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Any, new: Any, path: str) -> Iterator[Difference]:
        both = (_key(old), _key(new))
        if "$ref" in both[0] + both[1]:
            if both in self._seen:
                return  # a schema that points at itself
            self._seen.add(both)
        was, now = _open(self._old, old), _open(self._new, new)
        if was is False or now is False:
            if was is not now:
                yield Difference(path, "narrowed" if now is False else "widened", f"{_say(was)} -> {_say(now)}")
            return
        yield from _types(was, now, path)
        yield from _values(was, now, path)
        yield from _default(was, now, path)
        yield from self._properties(was, now, path)
        yield from self._any_of(was, now, path)
        for key in sorted((was.keys() | now.keys()) - _ELSEWHERE):
            yield from self._keyword(key, was, now, path)

    def _properties(self, was: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[Difference]:
        before, after = was.get("properties", {}), now.get("properties", {})
        for name in before:
            if name in after:
                yield from self.compare(before[name], after[name], f"{path}.{name}")
            else:
                yield Difference(f"{path}.{name}", "changed", "removed")
        for name in after:
            if name not in before:
                yield Difference(f"{path}.{name}", "added", "added")
        needed, needs = set(was.get("required", ())), set(now.get("required", ()))
        for name in sorted(needs - needed):
            yield Difference(f"{path}.{name}", "narrowed", "now required")
        for name in sorted(needed - needs):
            yield Difference(f"{path}.{name}", "widened", "no longer required")

    def _any_of(self, was: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[Difference]:
        before, after = was.get("anyOf"), now.get("anyOf")
        if before is None or after is None:
            if before is not after:
                yield Difference(path, "narrowed" if before is None else "widened", "anyOf")
        elif len(before) == len(after):
            for number, (old, new) in enumerate(zip(before, after, strict=True)):
                yield from self.compare(old, new, f"{path}(anyOf {number})")
        else:
            left = [_whole(self._new, each) for each in after]
            known = [_whole(self._old, each) for each in before]
            if any(each not in left for each in known):
                yield Difference(path, "narrowed", "anyOf lost a branch")
            if any(each not in known for each in left):
                yield Difference(path, "widened", "anyOf has another branch")

    def _keyword(self, key: str, was: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[Difference]:
        old, new = was.get(key), now.get(key)
        if key in _WORDS:
            if old != new:
                yield Difference(path, "said", key)
        elif key in _WITHIN:
            yield from self.compare(was.get(key, True), now.get(key, True), path + _WITHIN[key])
        elif key in _LEAST or key in _MOST:
            yield from _bound(key, old, new, path)
        elif _whole(self._old, old) != _whole(self._new, new):
            absent = (None, False)
            kind: Kind = "changed"
            if key in _ONLY_NARROW and (old in absent or new in absent):
                kind = "narrowed" if old in absent else "widened"
            yield Difference(path, kind, f"{key} {_say(old)} -> {_say(new)}")


def _open(root: JsonObject, schema: Any) -> Any:
    """A schema without its reference: False, or a mapping."""
    seen = set()
    while isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and schema["$ref"] not in seen:
        seen.add(schema["$ref"])
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        target = pointed_at(root, schema["$ref"])
        rest = {key: value for key, value in beside.items() if key not in _WORDS}
        schema = (
            {**target, **beside}
            if isinstance(target, dict) and not rest
            else {**beside, "allOf": [target, *beside.get("allOf", ())]}
        )
    if schema is True or not isinstance(schema, dict):
        return False if schema is False else {}
    return schema


def _whole(root: JsonObject, value: Any, seen: tuple[str, ...] = ()) -> str:
    """A value in one canonical text, with what it points at in place."""
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target not in seen:
            inner = _whole(root, pointed_at(root, target), (*seen, target))
            return f"({inner})" + _whole(root, {key: each for key, each in value.items() if key != "$ref"}, seen)
        pairs = (f"{json.dumps(key)}:{_whole(root, each, seen)}" for key, each in sorted(value.items()))
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_whole(root, each, seen) for each in value) + "]"
    return json.dumps(value)


def _types(was: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[Difference]:
    before, after = _type_names(was), _type_names(now)
    said = f"type {_say(was.get('type'))} -> {_say(now.get('type'))}"
    if before - after:
        yield Difference(path, "narrowed", said)
    if after - before:
        yield Difference(path, "widened", said)


def _type_names(schema: Mapping[str, Any]) -> set[str]:
    """``integer`` is a part of ``number``."""
    said = schema.get("type", ["null", "boolean", "object", "array", "string", "number"])
    names = set(said if isinstance(said, list) else [said])
    return names | {"integer"} if "number" in names else names


def _values(was: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[Difference]:
    before, after = _listed(was), _listed(now)
    lost = after is not None and (before is None or bool(before - after))
    more = before is not None and (after is None or bool(after - before))
    if lost:
        yield Difference(path, "narrowed", "fewer values" if before is not None else "only some values")
    if more:
        yield Difference(path, "widened", "more values" if after is not None else "any value")


def _listed(schema: Mapping[str, Any]) -> set[str] | None:
    sets = []
    if "const" in schema:
        sets.append({_key(schema["const"])})
    if "enum" in schema:
        sets.append({_key(value) for value in schema["enum"]})
    return set.intersection(*sets) if sets else None


def _default(was: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[Difference]:
    if "default" not in was and "default" not in now:
        return
    if "default" not in was:
        yield Difference(path, "added", "a default")
    elif "default" not in now or _key(was["default"]) != _key(now["default"]):
        yield Difference(path, "changed", "another default")


def _bound(key: str, old: Any, new: Any, path: str) -> Iterator[Difference]:
    least = key in _LEAST
    none = _LEAST.get(key)
    before, after = none if old is None else old, none if new is None else new
    if before == after:
        return
    tighter = before is None or (after is not None and (after > before if least else after < before))
    yield Difference(path, "narrowed" if tighter else "widened", f"{key} {_say(old)} -> {_say(new)}")


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _say(value: Any) -> str:
    said = "none" if value is None else value if isinstance(value, str) else json.dumps(value)
    return said if len(said) <= 60 else f"{said[:57]}..."
