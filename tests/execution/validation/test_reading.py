"""The JSON of an answer is read as it stands, and never guessed at."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml.contract import OutputContract
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.validation.checking import check
from router_ml.execution.validation.reading import NotJsonError, read_json

ORDER = {
    "type": "object",
    "properties": {"total": {"type": "integer", "minimum": 1}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["total"],
    "additionalProperties": False,
}


def _json(schema: dict[str, Any], text: str, **more: Any) -> Any:
    return check(OutputContract(type="json", schema=schema, **more), Reply(text=text))


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
        'Old: {"total": 1}\n```json\n{"total": 2}\n```',
        '```json\n{"total": 2}\n```\nor {"total": 3}',
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


def test_a_closing_tag_inside_a_string_is_part_of_it() -> None:
    for text in ('{"a": "use </think> here"}', '```json\n{"a": "use </think> here"}\n```'):
        assert read_json(text) == {"a": "use </think> here"}
    assert read_json('I think {1}.</think>{"a": 1}') == {"a": 1}
    assert read_json('As {asked}:\n```json\n{"a": 1}\n```\nSee [1].', roots="{") == {"a": 1}


def test_brackets_in_prose_do_not_hide_the_object() -> None:
    assert _json(ORDER, 'As asked in [1]: {"total": 3}').value == {"total": 3}
    with pytest.raises(NotJsonError):
        read_json('As asked in [1]: {"total": 3}')


@pytest.mark.parametrize(
    "text",
    ["```" + " " * 300_000 + "x", "<think></think>" * 20_000 + "{}", "[" * 300_000, "```\n" * 50_000, "{" * 300_000],
)
def test_no_text_takes_long_to_read(text: str) -> None:
    """Each of these is quadratic for a pattern that is not careful, and would take minutes."""
    assert _json(ORDER, text).kind in ("schema", "truncated")
