"""A schema is held to exactly, whoever wrote it, and what is said of an answer repeats nothing of it."""

from __future__ import annotations

import json
import socket
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.contract import OutputContract
from router_ml.errors import InvalidRequestError
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.validation.checking import check, prepare
from router_ml.execution.validation.formats import FORMATS
from router_ml.execution.validation.schema import compiled

NAMES = ["name", "total", "tags", "inner", "when"]


ORDER = {
    "type": "object",
    "properties": {"total": {"type": "integer", "minimum": 1}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["total"],
    "additionalProperties": False,
}


Pair = tuple[dict[str, Any], Any]


def _json(schema: dict[str, Any], text: str, **more: Any) -> Any:
    return check(OutputContract(type="json", schema=schema, **more), Reply(text=text))


def _leaf() -> st.SearchStrategy[Pair]:
    texts = st.text(st.characters(codec="utf-8"), max_size=8)
    return st.one_of(
        st.integers(-5, 5).map(lambda n: ({"type": "integer", "minimum": n}, n + 1)),
        texts.map(lambda t: ({"type": "string", "maxLength": len(t)}, t)),
        st.booleans().map(lambda b: ({"type": "boolean"}, b)),
        st.sampled_from(["red", "green"]).map(lambda t: ({"enum": ["red", "green"]}, t)),
    )


def _object(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def build(fields: dict[str, Pair]) -> Pair:
        schema = {"type": "object", "properties": {k: s for k, (s, _) in fields.items()}, "required": list(fields)}
        return {**schema, "additionalProperties": False}, {k: v for k, (_, v) in fields.items()}

    return st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=4).map(build)


def _array(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return st.tuples(inner, st.integers(1, 3)).map(
        lambda made: ({"type": "array", "items": made[0][0], "maxItems": 3}, [made[0][1]] * made[1])
    )


pairs = _object(st.recursive(_leaf(), lambda inner: st.one_of(_object(inner), _array(inner)), max_leaves=8))


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from(["red", "blue", ""]), st.just(1.0)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=25)
@given(
    pairs, st.sampled_from(["{}", "```json\n{}\n```", "<think>{{1}}</think>\n{}", "Here it is:\n{}\nAnything else?"])
)
def test_an_answer_built_from_a_schema_passes_however_it_is_dressed(pair: Pair, dress: str) -> None:
    schema, value = pair
    found = _json(schema, dress.format(json.dumps(value)))
    assert (found.kind, found.value) == (None, value)


@settings(max_examples=25)
@given(pairs, st.data())
def test_every_mutation_that_breaks_it_fails(pair: Pair, data: st.DataObject) -> None:
    schema, value = pair
    name = data.draw(st.sampled_from(sorted(value)))
    broken = [
        {k: v for k, v in value.items() if k != name},
        {**value, "not in the schema": 1},
        {**value, name: None},
        [value],
        None,
    ]
    for one in broken:
        assert _json(schema, json.dumps(one)).kind is not None
    cut = json.dumps(value)[: data.draw(st.integers(1, len(json.dumps(value)) - 1))]
    assert _json(schema, cut).kind in ("schema", "truncated")


@settings(max_examples=25)
@given(pairs, anything)
def test_it_agrees_with_the_reference_on_any_value(pair: Pair, value: Any) -> None:
    schema, _ = pair
    for wanted in (schema, {"type": "object", "patternProperties": {"^t": {"type": "integer"}}, "minProperties": 1}):
        closed = {**wanted, "additionalProperties": {"type": ["string", "null"]}}
        for one in (wanted, closed, {"anyOf": [wanted, {"type": "array", "uniqueItems": True}]}):
            expected = jsonschema.Draft202012Validator(one).is_valid(value)
            assert (compiled(one).errors(value) == ()) is expected


@settings(max_examples=25)
@given(st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=6, max_size=12))
def test_errors_repeat_nothing_of_the_answer(secret: str) -> None:
    secret = f"zq{secret}qz"
    schema = {**ORDER, "properties": {**ORDER["properties"], "mail": {"format": "email", "type": "string"}}}  # type: ignore[dict-item]
    for value in (
        {secret: secret},
        {"total": secret, "mail": secret},
        {"total": 1, "tags": [{secret: secret}]},
        secret,
    ):
        found = _json(schema, json.dumps(value), citations_required=True, forbidden=("salary",))
        assert found.kind is not None
        assert not any(secret in error for error in found.errors)


def test_errors_name_the_place_and_what_is_wrong() -> None:
    found = _json(ORDER, '{"tags": ["a", 3], "other": 1}')
    assert set(found.errors) == {
        "$: misses 'total'",
        "$: has properties that are not allowed",
        "$.tags[1]: is not of type string",
    }


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "no valid JSON Schema"),
        ({"$ref": "https://example.com/schema.json"}, "another document"),
        ({"$ref": "file:///etc/passwd"}, "another document"),
        ({"properties": {"a": {"$ref": "other.json#/$defs/x"}}}, "another document"),
        ({"$ref": "#/$defs/gone"}, "not in the schema"),
        ({"$ref": "#"}, "in place"),
        (
            {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
            "in place",
        ),
        ({"pattern": "(unclosed"}, "no regular expression"),
        ({"pattern": "a" * 2000}, "pattern of more than"),
        ({"$schema": "https://example.com/mine"}, "draft"),
        ({"properties": {"a": {"$id": "https://example.com/a"}}}, "$id"),
        ({"description": "x" * 300_000}, "larger than"),
        ({"properties": {f"p{at}": {} for at in range(3_000)}}, "more than 2000 schemas"),
    ],
)
def test_a_schema_that_cannot_be_used_is_an_error_before_any_call(
    schema: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("a schema was fetched")

    monkeypatch.setattr(socket, "socket", no_network)
    with pytest.raises(InvalidRequestError, match=said.replace("$", r"\$")):
        prepare(OutputContract(type="json", schema=schema))


def test_a_deep_schema_is_an_error_and_not_the_end_of_the_stack() -> None:
    schema: dict[str, Any] = {}
    for _ in range(150):
        schema = {"not": schema}
    with pytest.raises(InvalidRequestError):
        prepare(OutputContract(type="json", schema=schema))


def test_a_schema_that_blows_up_is_given_up_and_does_not_pass() -> None:
    twice = {"allOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]}
    schema = {"$defs": {"n": {"type": "object", "properties": {"a": twice}}}, "$ref": "#/$defs/n"}
    value: Any = {}
    for _ in range(40):
        value = {"a": value}
    assert "more steps" in _json(schema, json.dumps(value)).errors[0]


def test_long_enumerations_and_many_properties_are_no_way_to_hold_it_up() -> None:
    words = [f"w{at}" for at in range(10_000)]
    schema = {"type": "array", "items": {"enum": words}}
    assert _json(schema, json.dumps(words[::-1])).kind is None
    wide = {"type": "array", "items": {"properties": {word: {} for word in words[:500]}}}
    assert "more steps" in _json(wide, json.dumps([{}] * 15_000)).errors[0]


def test_a_regular_expression_is_stopped() -> None:
    """Left alone, this one would take years."""
    schema = {"type": "object", "properties": {"a": {"pattern": "^(a|aa)+$"}}}
    found = _json(schema, json.dumps({"a": "a" * 80 + "!"}))
    assert (found.kind, found.errors) == ("schema", ("$: a pattern of the schema takes too long",))
    named = {"type": "object", "patternProperties": {"^(a|aa)+$": {}}, "additionalProperties": False}
    assert "takes too long" in _json(named, json.dumps({"a" * 80 + "!": 1})).errors[0]


def test_references_inside_the_schema_and_recursion_down_the_value_work() -> None:
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}, "required": ["kids"]}
    assert _json(tree, '{"kids": [{"kids": []}]}').kind is None
    assert _json(tree, '{"kids": [{}]}').kind == "schema"


def test_compiled_schemas_are_kept_by_what_they_say() -> None:
    assert compiled({"type": "object", "minProperties": 1}) is compiled({"minProperties": 1, "type": "object"})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2024-02-29", "2023-02-29"),
        ("time", "23:59:60Z", "24:00:00Z"),
        ("date-time", "2024-01-31T10:00:00.5+02:00", "2024-01-31T10:00:00"),
        ("duration", "P1Y2M3DT4H", "P"),
        ("email", "ann.lee@example.com", "ann@@example.com"),
        ("hostname", "api.example.com", "-a.example.com"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("ipv6", "fe80::1", "fe80::1%eth0"),
        ("uri", "https://example.com/a?b=c#d", "example.com/a"),
        ("uri-reference", "/a/b?c", "/a b"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"),
        ("json-pointer", "/a~1b/0", "a/b"),
    ],
)
def test_formats_are_checked(name: str, good: str, bad: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": name}}}
    assert _json(schema, json.dumps({"a": good})).kind is None
    assert _json(schema, json.dumps({"a": bad})).errors == (f"$.a: breaks format {name}",)


def test_every_format_refuses_something() -> None:
    assert not any(check("\x00 not \n one") for check in FORMATS.values())
