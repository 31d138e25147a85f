"""A JSON value is right as a whole, with freedom only where a case gives it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evals.judges.values import differences, fits

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("abc xyz", max_size=8),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inside, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_a_value_is_itself(value: Any) -> None:
    """No value differs from itself, also once it has been through JSON."""
    assert list(differences(json.loads(json.dumps(value)), value)) == []


@given(st.permutations([1, "a", None, {"b": 2}]))
def test_order_counts_only_where_it_does(order: list[Any]) -> None:
    """An array that is unordered may stand in any order, another may not."""
    wanted = {"all": [1, "a", None, {"b": 2}]}
    assert not list(differences({"all": order}, wanted, unordered=["all"]))
    assert bool(list(differences({"all": order}, wanted))) == (order != wanted["all"])


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ({"a": 1, "b": None}, []),
        ({"a": 1}, []),
        ({"a": 2, "b": None}, ["wrong_value"]),
        ({"a": True, "b": None}, ["wrong_value"]),
        ({"a": 1.0, "b": None}, []),
        ({"a": 1, "b": "made up"}, ["invented_value"]),
        ({"a": 1, "b": "N/A"}, ["wrong_value"]),
        ({"b": None}, ["missing_field"]),
        ([], ["wrong_value"]),
    ],
)
def test_kinds(value: Any, kinds: list[str]) -> None:
    """What was made up, what is missing and what is wrong are told apart."""
    assert [one.kind for one in differences(value, {"a": 1, "b": None})] == kinds


def test_items_too_many_and_too_few() -> None:
    """One item more is made up, one fewer is missing, and a wrong one in any order is wrong."""

    def kinds(said: list[int]) -> list[str]:
        return [one.kind for one in differences(said, [1, 2, 3], unordered=[""])]

    assert kinds([3, 2, 1]) == []
    assert kinds([3, 2, 1, 4]) == ["invented_value"]
    assert kinds([3, 2]) == ["missing_field"]
    assert kinds([3, 2, 2]) == ["wrong_value"]


def test_freedom() -> None:
    """Each way to say what a value may be."""
    assert fits("About  12 JUNE.", {"words": ["june", "12"]})
    assert not fits("July", {"words": ["june"]})
    assert fits(24.04, {"about": 24, "within": 0.05})
    assert not fits("24", {"about": 24})
    assert not fits(True, {"about": 1})
    assert fits(None, {"any_of": [None, {"pattern": "^x"}]})
    assert fits("a", {"exactly": "a"})
    assert not fits("A", {"exactly": "a"})
    assert not list(differences({"a": [{"b": "x1"}]}, {"a": [{"b": "y"}]}, free={"a[0].b": {"pattern": "^x"}}))
