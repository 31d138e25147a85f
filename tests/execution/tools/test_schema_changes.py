"""Whatever breaks who calls a tool, or who reads what it returns, is found wherever in a schema it is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.execution.tools.changes import Level, tool_changes
from tests.execution.tool_cases import level, tool

jsonschema = pytest.importorskip("jsonschema")

Schema = dict[str, Any]
NAMES = ("order", "cents", "reason", "lines", "note")


def _scalars() -> st.SearchStrategy[Schema]:
    low, wide = st.integers(0, 5), st.integers(1, 9)
    return st.one_of(
        st.builds(lambda a, b: {"type": "integer", "minimum": a, "maximum": a + b}, low, wide),
        st.builds(lambda a, b: {"type": "string", "minLength": a, "maxLength": a + b}, low, wide),
        st.builds(lambda values: {"enum": sorted(values)}, st.sets(st.sampled_from("abcdef"), min_size=2)),
        st.just({"type": ["string", "null"]}),
        st.just({"type": "number"}),
        st.just({"anyOf": [{"type": "boolean"}, {"type": "integer", "maximum": 3}]}),
    )


def _objects(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    def build(properties: dict[str, Schema], data: tuple[bool, ...]) -> Schema:
        required = [name for name, needed in zip(properties, data, strict=False) if needed]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    named = st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=4)
    return st.builds(build, named, st.tuples(*(st.booleans() for _ in NAMES)))


def _arrays(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.builds(lambda items, most: {"type": "array", "items": items, "maxItems": most}, inner, st.integers(1, 3))


SCHEMAS = _objects(st.recursive(_scalars(), lambda inner: _objects(inner) | _arrays(inner), max_leaves=4))


EVERYTHING: Schema = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "text": {"type": "string", "minLength": 1, "maxLength": 9},
        "one": {"enum": ["a", "b"]},
        "ratio": {"type": "number"},
        "several": {"type": "array", "items": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "maxItems": 3},
    },
    "required": ["count"],
    "additionalProperties": False,
}


def beside_everything(schema: Schema) -> Schema:
    """A schema with one of each kind beside it, so that every mutation finds a place."""
    properties = {"drawn": schema, "all": copy.deepcopy(EVERYTHING)}
    return {"type": "object", "properties": properties, "required": [], "additionalProperties": False}


def instances(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that a schema of the kind above takes."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of(*(instances(each) for each in schema["anyOf"]))
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of(*(_of_kind(kind, schema) for kind in kinds))


def _of_kind(kind: str, schema: Schema) -> st.SearchStrategy[Any]:
    if kind == "object":
        inner = {name: instances(each) for name, each in schema["properties"].items()}
        needed = {name: inner.pop(name) for name in schema["required"]}
        return st.fixed_dictionaries(needed, optional=inner)
    if kind == "array":
        return st.lists(instances(schema["items"]), min_size=schema.get("minItems", 0), max_size=schema["maxItems"])
    return {
        "integer": st.integers(schema.get("minimum"), schema.get("maximum")),
        "number": st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
        "string": st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength")),
        "boolean": st.booleans(),
        "null": st.none(),
    }[kind]


def _places(schema: Schema) -> list[Schema]:
    """A schema and all inside it."""
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inner += [schema["items"]] if "items" in schema else []
    return [schema, *(place for each in inner for place in _places(each))]


def _remove_property(place: Schema) -> bool:
    if not place.get("properties"):
        return False
    name = next(iter(place["properties"]))
    del place["properties"][name]
    place["required"] = [each for each in place["required"] if each != name]
    return True


def _new_required(place: Schema) -> bool:
    if "properties" not in place:
        return False
    place["properties"]["new"] = {"type": "string"}
    place["required"] = [*place["required"], "new"]
    return True


def _now_required(place: Schema) -> bool:
    optional = [name for name in place.get("properties", ()) if name not in place["required"]]
    place["required"] = [*place.get("required", ()), *optional[:1]] if optional else place.get("required")
    return bool(optional)


def _edit(key: str, change: Callable[[Any], Any]) -> Callable[[Schema], bool]:
    def edit(place: Schema) -> bool:
        if key not in place:
            return False
        place[key] = change(place[key])
        return True

    return edit


def _put(key: str, value: Any, *, where: str) -> Callable[[Schema], bool]:
    def put(place: Schema) -> bool:
        fits = place.get("type") == where
        if fits:
            place[key] = value
        return fits

    return put


BREAKING: dict[str, Callable[[Schema], bool]] = {
    "a property is gone": _remove_property,
    "a new property is required": _new_required,
    "a property is required that was not": _now_required,
    "another type": _edit("type", lambda kind: "null" if kind != "null" else "string"),
    "fewer values": _edit("enum", lambda values: values[:-1]),
    "a higher minimum": _edit("minimum", lambda bound: bound + 1),
    "a lower maximum": _edit("maximum", lambda bound: bound - 1),
    "a longer least length": _edit("minLength", lambda bound: bound + 1),
    "a shorter length": _edit("maxLength", lambda bound: bound - 1),
    "fewer items": _edit("maxItems", lambda most: most - 1),
    "a branch is gone": _edit("anyOf", lambda branches: branches[:1]),
    "a pattern": _put("pattern", "^x", where="string"),
    "a format": _put("format", "uuid", where="string"),
    "only some values": _put("enum", [1], where="integer"),
    "a step": _put("multipleOf", 2, where="integer"),
    "least items": _put("minItems", 1, where="array"),
    "no two alike": _put("uniqueItems", True, where="array"),
    "least properties": _put("minProperties", 1, where="object"),
    "a further condition": _put("allOf", [{"maxProperties": 1}], where="object"),
    "what nobody knows": _put("x-unheard-of", 1, where="object"),
}

HARMLESS: dict[str, tuple[Callable[[Schema], bool], Level]] = {
    "a new property": (_edit("properties", lambda known: {**known, "new": {"type": "string"}}), "minor"),
    "nothing is required": (
        lambda place: bool(place.get("required")) and _edit("required", lambda _: [])(place),
        "minor",
    ),
    "more values": (_edit("enum", lambda values: [*values, "z"]), "minor"),
    "a higher maximum": (_edit("maximum", lambda bound: bound + 1), "minor"),
    "a longer length": (_edit("maxLength", lambda bound: bound + 1), "minor"),
    "another branch": (_edit("anyOf", lambda branches: [*branches, {"const": "new"}]), "minor"),
    "null as well": (
        lambda place: place.get("type") == "number" and _edit("type", lambda _: ["number", "null"])(place),
        "minor",
    ),
    "other words": (_put("description", "said otherwise", where="object"), "patch"),
}


@pytest.mark.parametrize("mutation", BREAKING)
@settings(max_examples=6)
@given(schema=SCHEMAS.map(beside_everything), data=st.data())
def test_every_breaking_change_is_found_wherever_it_is(mutation: str, schema: Schema, data: st.DataObject) -> None:
    changed = copy.deepcopy(schema)
    fitting = [place for place in _places(changed) if BREAKING[mutation](copy.deepcopy(place))]
    BREAKING[mutation](data.draw(st.sampled_from(fitting)))
    found = tool_changes({"pay": tool(schema)}, {"pay": tool(changed, version="1.5.0")})
    assert found.breaking
    assert not found.ok
    assert tool_changes({"pay": tool(schema)}, {"pay": tool(changed, version="2.0.0")}).ok


@pytest.mark.parametrize("mutation", HARMLESS)
@settings(max_examples=6)
@given(schema=SCHEMAS.map(beside_everything), data=st.data())
def test_what_breaks_nobody_asks_for_no_new_major_version(mutation: str, schema: Schema, data: st.DataObject) -> None:
    change, expected = HARMLESS[mutation]
    changed = copy.deepcopy(schema)
    fitting = [place for place in _places(changed) if change(copy.deepcopy(place))]
    change(data.draw(st.sampled_from(fitting)))
    assert level(tool(schema), tool(changed)) == expected


@settings(max_examples=60)
@given(SCHEMAS, SCHEMAS, st.data())
def test_without_a_major_change_arguments_that_were_valid_still_are(
    old: Schema, new: Schema, data: st.DataObject
) -> None:
    """The promise behind the level, on pairs that share most of what they say."""
    mixed = copy.deepcopy(old)
    for name in data.draw(st.sets(st.sampled_from(NAMES))):
        if name in new["properties"]:
            mixed["properties"][name] = new["properties"][name]
    mixed["required"] = data.draw(st.sampled_from([old["required"], [], old["required"][:1]]))
    mixed["required"] = [name for name in mixed["required"] if name in mixed["properties"]]
    if level(tool(old), tool(mixed)) == "major":
        return
    value = data.draw(instances(old))
    assert jsonschema.Draft202012Validator(mixed).is_valid(value)


@settings(max_examples=50)
@given(SCHEMAS)
def test_the_same_contract_needs_no_new_version(schema: Schema) -> None:
    shuffled = json.loads(json.dumps(schema, sort_keys=True))
    assert level(tool(schema), tool(shuffled)) is None


def test_what_a_reference_points_at_is_compared_and_a_circle_ends() -> None:
    def tree(name: str, **value: Any) -> Schema:
        node = {"type": "object", "properties": {"v": value, "next": {"$ref": f"#/$defs/{name}"}}}
        return {"properties": {"tree": {"$ref": f"#/$defs/{name}"}}, "$defs": {name: node}}

    assert level(tool(tree("a", type="string")), tool(tree("b", type="string"))) is None
    assert level(tool(tree("a", type="string")), tool(tree("b", type="integer"))) == "major"
    inside: Schema = {"not": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "string"}}}
    assert level(tool(inside), tool({**inside, "$defs": {"a": {"type": "null"}}})) == "major"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [(True, False, "major"), (False, True, "minor"), (False, {"type": "string"}, "minor"), (True, {}, None)],
)
def test_schemas_that_are_yes_or_no_are_compared(old: Any, new: Any, expected: Level | None) -> None:
    assert level(tool({"additionalProperties": old}), tool({"additionalProperties": new})) == expected
