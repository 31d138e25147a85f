"""A schema that a stranger wrote cannot hold up the process that validates against it."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml.errors import ConfigError
from router_ml.execution.tools.arguments import BadArguments, Checker
from tests.execution.tool_cases import configured

SLOW = "^(a|aa)+$"  # of each further a it doubles its work


def checker(schema: dict[str, Any], part: str = "parameters") -> Checker:
    return Checker(configured(note={part: schema}))


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"properties": {"a": {"type": "string", "pattern": SLOW}}}, '{"a": "%s"}'),
        ({"patternProperties": {SLOW: {"type": "null"}}}, '{"%s": 1}'),
        ({"propertyNames": {"pattern": SLOW}}, '{"%s": 1}'),
        ({"patternProperties": {SLOW: {}}, "additionalProperties": False}, '{"%s": 1}'),
    ],
    ids=["pattern", "patternProperties", "propertyNames", "additionalProperties"],
)
def test_a_pattern_that_takes_too_long_is_given_up(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(BadArguments, match="a pattern of the schema takes too long"):
        checker(schema).arguments("note", text % ("a" * 36 + "!"))
    found = checker({"type": "string", "pattern": SLOW}, "result").result_error("note", "a" * 36 + "!")
    assert found == "$: a pattern of the schema takes too long"


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "a" * 2_000}}},
        {"patternProperties": {"a": {}}, "unevaluatedProperties": False},
    ],
)
def test_a_pattern_that_cannot_be_bounded_is_refused_when_it_is_configured(schema: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="cannot be used"):
        checker(schema)


def test_a_schema_that_is_only_a_circle_is_an_error_and_no_end_of_it() -> None:
    with pytest.raises(BadArguments, match="nested too deeply"):
        checker({"$ref": "#"}).arguments("note", "{}")


def test_values_are_judged_as_json_schema_says() -> None:
    said = {"properties": {"at": {"format": "date"}, "of": {"enum": [1, True]}, "id": {"pattern": "^[0-9]{4}$"}}}
    good = {"at": "2026-01-02", "of": 1.0, "id": "8812"}
    assert checker(said).arguments("note", '{"at": "2026-01-02", "of": 1.0, "id": "8812"}') == good
    with pytest.raises(BadArguments) as wrong:
        checker(said).arguments("note", '{"at": "soon", "of": 0, "id": "x"}')
    parts = ('$.at: breaks format "date"', "$.of: breaks enum [1, true]", '$.id: breaks pattern "^[0-9]{4}$"')
    assert str(wrong.value) == "; ".join(parts)
