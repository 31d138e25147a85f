"""Whether arguments are as expected, for whatever JSON lanes write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from router_ml.errors import OfflineDataError
from router_ml.execution.tools.arguments import canonical, read
from training.evals.tooling.values import fits, holds, same, wrong

_KEYS = some.sampled_from(["id", "amount", "to", "city"])
_SCALARS = some.none() | some.booleans() | some.integers(-1000, 1000) | some.floats(-1e6, 1e6) | some.text(max_size=5)
JSON: some.SearchStrategy[Any] = some.recursive(
    _SCALARS, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(_KEYS, inner, max_size=3), max_leaves=8
)
OBJECTS = some.dictionaries(_KEYS, JSON, max_size=4)


@settings(max_examples=40)
@given(JSON)
def test_a_value_fits_itself_however_it_is_written(value: Any) -> None:
    """The order of names and the form of numbers do not matter."""
    again = read(json.dumps(value, sort_keys=True, indent=1))
    assert same(value, again)
    assert fits(value, again)


@settings(max_examples=40)
@given(JSON, JSON)
def test_values_are_the_same_exactly_where_their_canonical_texts_are(one: Any, other: Any) -> None:
    """What counts as the same call in executions counts as the same here."""
    texts = [canonical({"value": value}) for value in (one, other)]
    assert same(one, other) == (texts[0] == texts[1])


@settings(max_examples=40)
@given(some.lists(_SCALARS, max_size=4), some.randoms())
def test_items_in_any_order_fit_in_each_order_and_no_other_number(items: list[Any], random: Any) -> None:
    """A list of the same items fits whatever its order; one more or one less does not."""
    shuffled = list(items)
    random.shuffle(shuffled)
    assert fits({"any_order": items}, shuffled)
    assert not fits({"any_order": items}, [*shuffled, "one more"])


@settings(max_examples=40)
@given(OBJECTS, OBJECTS)
def test_wrong_names_exactly_the_arguments_that_differ(expected: dict[str, Any], found: dict[str, Any]) -> None:
    """Arguments that nothing is wrong with hold all that is expected, and each name is one of theirs."""
    names = wrong(expected, found, defaults={})
    assert set(names) <= {*expected, *found}
    assert len(set(names)) == len(names)
    if not names:
        assert all(fits(value, found.get(key)) for key, value in expected.items())
        assert set(found) <= set(expected)
    assert wrong(expected, expected, defaults={}) == ()


@settings(max_examples=40)
@given(OBJECTS, OBJECTS)
def test_defaults_make_no_difference(found: dict[str, Any], defaults: dict[str, Any]) -> None:
    """To say a default is as good as to leave it out."""
    without = {key: value for key, value in found.items() if key not in defaults}
    assert wrong(without, {**without, **defaults}, defaults=defaults) == ()
    assert wrong({**without, **defaults}, without, defaults=defaults) == ()


def test_what_may_be_left_out_and_what_may_not() -> None:
    """Null among ``any_of`` lets an argument be left out; a pattern has to fit all of the text."""
    may = {"date": {"any_of": ["2026-11-12", None]}}
    assert wrong(may, {}, defaults={}) == ()
    assert wrong(may, {"date": "2026-11-13"}, defaults={}) == ("date",)
    assert wrong({"id": {"pattern": "A[0-9]"}}, {"id": "A1 "}, defaults={}) == ("id",)
    assert holds({"id": {"pattern": "A[0-9]", "example": "A1"}}, {"id": "A7", "more": 1})


def test_a_pattern_that_is_none_says_so() -> None:
    """A case with a broken pattern is an error of the suite, not a failure of the lane."""
    with pytest.raises(OfflineDataError, match="no regular expression"):
        fits({"pattern": "(("}, "x")
