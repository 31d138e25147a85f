"""Cells become qualities and times, or say which column was expected to hold what."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.offline.importing.mapping import Quality, Time
from router_ml.offline.importing.values import UnreadableError, absent, moment, number, quality_of


def quality(value: object, **told: Any) -> float | None:
    return quality_of(value, Quality.model_validate({"column": "c", **told}))


@pytest.mark.parametrize(
    ("value", "told", "expected"),
    [
        ("up", {"as": "thumbs"}, 1.0),
        ("👎", {"as": "thumbs"}, 0.0),
        (-1, {"as": "thumbs"}, 0.0),
        (True, {"as": "boolean"}, 1.0),
        ("No", {"as": "boolean"}, 0.0),
        ("1", {"as": "scale"}, 0.0),
        (4, {"as": "scale"}, 0.75),
        ("80", {"as": "scale", "lowest": 0, "highest": 100}, 0.8),
        ("0.25", {}, 0.25),
        ("so-so", {"as": "table", "table": {"so-so": 0.5}}, 0.5),
        ("", {"as": "thumbs"}, None),
        (None, {"as": "scale"}, None),
        (float("nan"), {}, None),
    ],
)
def test_a_rating_becomes_a_quality_and_nothing_stays_nothing(
    value: object, told: dict[str, Any], expected: float | None
) -> None:
    """What was not rated must never become a zero."""
    assert quality(value, **told) == expected


@given(st.one_of(st.text(max_size=8), st.floats(), st.integers(), st.booleans(), st.none()))
def test_a_quality_is_in_its_range_or_refused_without_the_value(value: object) -> None:
    for told in ({"as": "thumbs"}, {"as": "boolean"}, {"as": "scale"}, {"as": "unit"}):
        with suppress(UnreadableError):
            found = quality(value, **told)
            assert found is None or 0 <= found <= 1


def test_a_time_without_zone_is_of_the_zone_that_the_file_names() -> None:
    told = Time(column="at", format="%d.%m.%Y %H:%M", zone="Europe/Berlin")
    assert moment("01.07.2026 12:00", told) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert moment("2026-07-01T12:00:00+02:00", Time(column="at")) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert moment("1782900000000", Time(column="at", format="epoch_ms")) == datetime.fromtimestamp(1782900000, UTC)
    with pytest.raises(UnreadableError, match="format iso"):
        moment("yesterday", Time(column="at"))


def test_a_time_that_counts_in_another_unit_is_told() -> None:
    """Seconds that are read as milliseconds would be days of 1970."""
    for form, value, meant in (
        ("epoch_ms", "1782900000", "is it epoch_s?"),
        ("epoch_s", "1782900000000", "is it epoch_ms?"),
        ("iso", 1782900000, "is it epoch_s or epoch_ms?"),
    ):
        with pytest.raises(UnreadableError) as caught:
            moment(value, Time(column="at", format=form))
        assert caught.value.expected.endswith(meant)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("-1", "one below 0"),
        (7, "one above 5"),
        ("inf", "infinity"),
        ("1,5", "another text"),
        (True, "true or false"),
        ([1], "a list"),
        ({"a": 1}, "an object"),
    ],
)
def test_a_number_has_bounds_and_what_was_found_is_said_without_the_value(value: object, found: str) -> None:
    with pytest.raises(UnreadableError, match=f"found {found}$"):
        number(value, "cost", most=5.0)


def test_a_number_and_nothing() -> None:
    assert number("1e-3", "cost") == 0.001
    assert absent(" N/A ")
