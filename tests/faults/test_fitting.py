"""A good answer fits the schema that was asked for, and a wrong one does not."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.faults.fitting import fit, misfit


def _objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.text("abcdefgh_", min_size=1, max_size=8)
    properties = st.dictionaries(names, inner, max_size=4)
    return properties.flatmap(
        lambda known: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(known),
                "required": st.lists(st.sampled_from(sorted(known)), unique=True) if known else st.just([]),
                "additionalProperties": st.booleans(),
            }
        )
    )


def _arrays(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just("array"), "items": inner, "minItems": st.integers(0, 3)})


def _ranges() -> st.SearchStrategy[dict[str, Any]]:
    bounds = st.tuples(st.integers(-50, 50), st.integers(2, 50))
    exclusive = bounds.map(lambda b: {"type": "number", "exclusiveMinimum": b[0], "exclusiveMaximum": b[0] + b[1]})
    inclusive = bounds.map(lambda b: {"type": "integer", "minimum": b[0], "maximum": b[0] + b[1]})
    return exclusive | inclusive


_LEAVES = st.one_of(
    st.sampled_from(["string", "boolean", "null", "integer", "number"]).map(lambda kind: {"type": kind}),
    st.tuples(st.integers(0, 5), st.integers(5, 20)).map(
        lambda b: {"type": "string", "minLength": b[0], "maxLength": b[1]}
    ),
    st.lists(st.integers() | st.text(max_size=4), min_size=1, max_size=3).map(lambda options: {"enum": options}),
    st.sampled_from(["date", "date-time", "uuid", "email"]).map(lambda name: {"type": "string", "format": name}),
    _ranges(),
)
SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: (
        _objects(inner)
        | _arrays(inner)
        | st.lists(inner, min_size=1, max_size=2).map(lambda options: {"anyOf": options})
    ),
    max_leaves=6,
)


@given(SCHEMAS, st.sampled_from(["", "Refund order 8812"]))
def test_what_is_made_fits(schema: dict[str, Any], about: str) -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(fit(schema, about=about))


@pytest.mark.parametrize("kind", ["object", "array", "string", "integer", "boolean"])
def test_what_is_wrong_does_not(kind: str) -> None:
    assert not jsonschema.Draft202012Validator({"type": kind}).is_valid(misfit({"type": kind}))


def test_references_and_unions_are_followed() -> None:
    tree = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}]}}}},
        "allOf": [{"$ref": "#/$defs/node"}, {"type": "object", "required": ["name"]}],
    }
    made = fit(tree)
    jsonschema.Draft202012Validator(tree).validate(made)
    assert "name" in made
