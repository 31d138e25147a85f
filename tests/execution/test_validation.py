"""An answer that breaks its contract is never passed as success, and what is said of it repeats nothing of it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from router_ml import Router
from router_ml.contract import OutputContract, RouteDecision
from router_ml.errors import InvalidRequestError
from router_ml.execution.reply import Reply
from router_ml.execution.validation import check, instructions, prepare, repair, to_scan
from router_ml.execution.validation_formats import FORMATS
from router_ml.execution.validation_json import NotJsonError, read_json
from router_ml.execution.validation_refusals import is_refusal
from router_ml.execution.validation_schema import compiled

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


@pytest.mark.parametrize(
    "text",
    [
        '{"total": 1, "total": 2}',
        '{"total": NaN}',
        '{"total": 1e999}',
        '{"total": 1,}',
        '{"tags": {"total": 1},}',
        '{"total": 1} {"total": 2}',
        '```json\n{"total": 1}\n```\n```json\n{"total": 2}\n```',
        'The {total} is {"total": 1}',
        '{"total": 1}}',
        '{"total": 1, "tags": ["\\ud800"]}',
        "{" * 50_000,
        "total: 1",
        '"total"',
    ],
)
def test_what_has_to_be_guessed_at_is_no_json(text: str) -> None:
    """Taking one of two values, or the inside of a broken one, would be an answer that nobody gave."""
    assert _json(ORDER, text).kind in ("schema", "truncated")


def test_json_that_ends_in_the_middle_was_cut() -> None:
    assert _json(ORDER, '{"total": 12, "tags": ["a').kind == "truncated"
    assert _json(ORDER, "<think>so, the total").kind == "truncated"


def test_brackets_in_prose_do_not_hide_the_object() -> None:
    assert _json(ORDER, 'As asked in [1]: {"total": 3}').value == {"total": 3}
    with pytest.raises(NotJsonError):
        read_json('As asked in [1]: {"total": 3}')


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


@pytest.mark.parametrize(
    "text",
    ["```" + " " * 300_000 + "x", "<think></think>" * 20_000 + "{}", "[" * 300_000, "```\n" * 50_000, "{" * 300_000],
)
def test_no_text_takes_long_to_read(text: str) -> None:
    """Each of these is quadratic for a pattern that is not careful, and would take minutes."""
    assert _json(ORDER, text).kind in ("schema", "truncated")


def test_long_enumerations_and_many_properties_are_no_way_to_hold_it_up() -> None:
    words = [f"w{at}" for at in range(10_000)]
    schema = {"type": "array", "items": {"enum": words}}
    assert _json(schema, json.dumps(words[::-1])).kind is None
    wide = {"type": "array", "items": {"properties": {word: {} for word in words[:500]}}}
    assert "more steps" in _json(wide, json.dumps([{}] * 15_000)).errors[0]


def test_a_regular_expression_is_stopped() -> None:
    schema = {"type": "object", "properties": {"a": {"pattern": r"^(\w+\s?)*\1$"}}}
    began = time.monotonic()
    found = _json(schema, json.dumps({"a": "word " * 40 + "!"}))
    assert found.kind == "schema"
    assert time.monotonic() - began < 30  # it would take years


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


class Order(BaseModel):
    total: int

    @field_validator("total")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd")
        return value


def test_validators_of_a_model_count_too_and_their_words_are_not_repeated() -> None:
    contract = OutputContract(type="json", schema=Order.model_json_schema())
    assert check(contract, Reply(text='{"total": 4}'), model=Order).value == {"total": 4}
    assert check(contract, Reply(text='{"total": 77}'), model=Order).errors == ("$.total: breaks value_error",)


@pytest.mark.parametrize(
    "text",
    ["billing", " Billing.", '"BILLING"', "**billing**", "Label: billing", '{"label": "billing"}', "```\nbilling\n```"],
)
def test_a_label_is_recognised_however_it_is_dressed(text: str) -> None:
    assert check(OutputContract(type="label", labels=("Tech", "billing")), Reply(text=text)).value == "billing"
    enum = {"type": "string", "enum": ["Tech", "billing"]}
    assert check(OutputContract(type="label", schema=enum), Reply(text=text)).value == "billing"


@pytest.mark.parametrize("text", ["billing or tech", "It is not billing", "billings", "billing, tech", "unknown", "{}"])
def test_what_is_not_exactly_one_label_fails(text: str) -> None:
    assert check(OutputContract(type="label", labels=("tech", "billing")), Reply(text=text)).kind == "schema"


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"Salary": 3}}',
        '{"a": "{\\"salary\\": 3}"}',
        '{"s\\u0061lary": 3}',
        'Here: {"x": [{"salary": 3}]} as asked',
        "{'salary': 3}",
    ],
)
def test_a_forbidden_field_is_found_at_any_depth_and_inside_text(text: str) -> None:
    found = check(OutputContract(forbidden=("salary",)), Reply(text=text))
    assert (found.kind, found.errors) == ("schema", ("has the field 'salary', which must not be in it",))


def test_the_word_alone_is_not_the_field() -> None:
    assert check(OutputContract(forbidden=("salary",)), Reply(text="Your salary: see {HR}.")).kind is None


@pytest.mark.parametrize("kind", ["text", "json", "label"])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(text="{}", refusal="No."), "refusal"),
        (Reply(text="{}", stop="refusal"), "refusal"),
        (Reply(text="{}", stop="filter"), "content_filter"),
        (Reply(text="{}", stop="length"), "truncated"),
        (Reply(text=" \u200b\n"), "empty"),
        (Reply(text="<think>hm</think>"), "empty"),
        (Reply(text="<think>hm"), "truncated"),
        (Reply(text="I'm sorry, but I can't help with that."), "refusal"),
    ],
)
def test_no_answer_is_never_an_answer_whatever_the_contract(kind: Any, reply: Reply, expected: str) -> None:
    assert check(OutputContract(type=kind), reply).kind == expected


def test_a_refusal_inside_json_is_a_refusal() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    assert _json(schema, '{"answer": "I cannot assist with that request."}').kind == "refusal"
    assert _json(schema, "I cannot assist with that request.").kind == "refusal"
    quoted = '{"from": "support", "said": "Sorry. I cannot assist with that request.", "closed": true}'
    assert _json(schema, quoted).kind is None  # what somebody else said


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_answers_that_look_like_refusals_are_answers(root: Path, part: str) -> None:
    """A false alarm takes an answer away from somebody; a refusal that is missed is at least plain to see."""
    texts = (root / "data" / "answers" / part / "answers.txt").read_text(encoding="utf-8").splitlines()
    assert len(texts) >= 30
    assert [text for text in texts if is_refusal(text)] == []


def test_refusals_are_recognised_in_many_languages(root: Path) -> None:
    texts = (root / "data" / "answers" / "tuning" / "refusals.txt").read_text(encoding="utf-8").splitlines()
    assert sum(map(is_refusal, texts)) >= 0.9 * len(texts)
    assert not is_refusal(texts[0] + " Here is what I can say." * 40)


def test_instructions_say_what_is_checked() -> None:
    assert instructions(OutputContract()) is None
    said = instructions(OutputContract(type="json", schema=ORDER, citations_required=True, forbidden=("salary",))) or ""
    assert json.dumps(ORDER) in said
    assert "square brackets" in said
    assert "salary" in said
    assert "a | b" in (instructions(OutputContract(type="label", labels=("a", "b"))) or "")


def test_a_repair_shows_the_answer_and_its_errors() -> None:
    contract, reply = OutputContract(type="json", schema=ORDER), Reply(text='{"tags": []}')
    said, asked = repair(reply, check(contract, reply), contract)
    assert (said["role"], said["content"], asked["role"]) == ("assistant", reply.text, "user")
    assert "misses 'total'" in str(asked["content"])
    assert [one["role"] for one in repair(Reply(), check(contract, Reply()), contract)] == ["user"]


def test_what_json_escapes_is_scanned_as_it_reads(router: Router, make_decision: Callable[..., RouteDecision]) -> None:
    """A mail address behind \\u escapes is one for whoever parses the answer."""
    address = "".join(f"\\u{ord(char):04x}" for char in "ann.lee@gmail.com")
    reply = Reply(text=f'{{"contact": "{address}"}}')
    checked = check(OutputContract(type="json", schema={"type": "object"}), reply)
    found = router.check_output(make_decision(), to_scan(reply, checked))
    assert ("email", "raw") in {(one.type, one.view) for one in found.findings if one.part.startswith("output.other")}
