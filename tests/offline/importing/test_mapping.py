"""A mapping file says where it is wrong, and what is only claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_ml.config import RouterConfig
from router_ml.errors import ConfigError
from router_ml.offline.importing.mapping import load_mapping, parse_mapping
from router_ml.offline.importing.rows import RowReader
from tests.offline.importing.conftest import TABLE, row_of


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text)
    return str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("version: 1", "version: 1\nrated_probability: 1.5"), "a column, or a probability above 0 and at most 1"),
        (("thumb, as: thumbs", "thumb, as: stars"), "mapping.yaml:6: quality.as"),
        (("lane: lane", "lan: lane"), "mapping.yaml:1: lane: a required key is missing"),
        (("time: at", "time: {column: at, zone: Mars/Base}"), "is no zone that is known here"),
        (("text: question\n", ""), "give text or messages"),
        (("source: desk", "source: desk\nuser_name: x"), "mapping.yaml:3: user_name: unknown key"),
        (("version: 1", "version: 1\npropensity: {epsilon: 0.1, around: a}"), "need over"),
    ],
)
def test_a_mistake_is_named_with_its_line(change: tuple[str, str], expected: str) -> None:
    assert expected in problem(TABLE.replace(*change))


def test_the_digest_is_of_what_is_said_and_not_of_comments() -> None:
    """Two imports by the same rules are seen to be by the same rules."""
    plain = parse_mapping(TABLE)
    assert parse_mapping("# why\n" + TABLE).sha256 == plain.sha256
    assert parse_mapping(TABLE.replace("desk", "floor")).sha256 != plain.sha256


def test_what_no_column_says_is_a_claim() -> None:
    told = parse_mapping(TABLE + "rated_probability: 0.5\npropensity: {uniform: [onsite, expert]}\n")
    assert told.claims == ("drawn evenly from onsite, expert", "P(rated) is 0.5")
    assert parse_mapping(TABLE).claims == ()


def test_the_example_can_be_read(example: Path) -> None:
    assert load_mapping(example / "mapping.yaml").source == "wheelhouse-2026"


def test_the_examples_of_the_documentation_can_be_read(root: Path) -> None:
    blocks = (root / "docs" / "importing.md").read_text(encoding="utf-8").split("```yaml\n")[1:]
    assert [parse_mapping(block.partition("```")[0]).format for block in blocks] == ["jsonl", "litellm"]


def test_where_nobody_is_named_a_session_stands_for_a_person(config: RouterConfig) -> None:
    """What is said in one session depends on each other, and can be erased together."""
    reader = RowReader(parse_mapping(TABLE + "user: who\nsession: talk\n"), config)
    rows = [reader.read(1, row_of(1, talk="t1"))[0], reader.read(2, row_of(2, who="ann", talk="t1"))[0]]
    assert [row and row.user for row in rows] == ["session:t1", "ann"]
    row, (trouble,) = reader.read(3, row_of(3, who={"id": "ann"}))
    assert row is not None
    assert row.user is None
    assert (trouble.column, trouble.fatal) == ("who", False)


@pytest.mark.parametrize(
    ("more", "cells", "expected"),
    [
        ("channel: how\n", {"how": "fax"}, "channel: expected one of web, app, api, batch, found another text"),
        ("traffic_class: how\n", {"how": "fax"}, "traffic_class: expected one of default, found another text"),
        ("", {"question": " "}, "question: expected a text, found nothing"),
        ("", {"question": ["a"]}, "question: expected a text, found a list"),
    ],
)
def test_what_makes_no_request_is_named_by_its_column(
    more: str, cells: dict[str, object], expected: str, config: RouterConfig
) -> None:
    row, (trouble,) = RowReader(parse_mapping(TABLE + more), config).read(7, row_of(1, **cells))
    assert row is None
    assert str(trouble) == f"line 7, {expected}"
