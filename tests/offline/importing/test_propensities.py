"""Probabilities of lanes are those of the columns or the claim, sum to one, and reach the lane that was chosen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.offline.importing.mapping import Propensity
from router_ml.offline.importing.propensities import propensities_of
from router_ml.offline.importing.values import UnreadableError

LANES = {"a": "a", "b": "b", "c": "c", "model-a": "a"}


def named(column: str, name: str) -> str:
    if name not in LANES:
        raise UnreadableError(column, "expected a lane")
    return LANES[name]


def found(row: dict[str, Any], lane: str = "a", **told: Any) -> dict[str, float] | None:
    return propensities_of(row, Propensity.model_validate(told), lane=lane, named=named)


def test_a_table_names_lanes_as_the_lane_column_does() -> None:
    assert found({"p": '{"model-a": 0.25, "b": 0.75, "c": 0}'}, table="p") == {"a": 0.25, "b": 0.75}
    assert found({"p": ""}, table="p") is None


def test_a_column_for_each_lane() -> None:
    assert found({"x": "0.5", "y": 0.5}, columns={"a": "x", "b": "y"}) == {"a": 0.5, "b": 0.5}
    assert found({}, columns={"a": "x", "b": "y"}) is None


def test_what_the_chosen_lane_leaves_is_spread_evenly() -> None:
    assert found({"p": 0.5}, column="p", over=["a", "b", "c"]) == {"a": 0.5, "b": 0.25, "c": 0.25}


def test_claims_hold_for_the_rows_that_they_name() -> None:
    only = {"column": "arm", "values": ["test"]}
    assert found({"arm": "test"}, uniform=["a", "b"], only=only) == {"a": 0.5, "b": 0.5}
    assert found({"arm": "all"}, uniform=["a", "b"], only=only) is None
    told: dict[str, Any] = {"epsilon": 0.2, "over": ["a", "b"], "around_column": "best"}
    assert found({"best": "b"}, **told) == pytest.approx({"a": 0.1, "b": 0.9})


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"p": '{"a": 0.5, "b": 0.2}'}, {"table": "p"}),  # no distribution
        ({"p": '{"b": 1.0}'}, {"table": "p"}),  # the chosen lane could not be drawn
        ({"p": '{"a": 1e-300, "b": 1.0}'}, {"table": "p"}),  # no number of rows carries such a weight
        ({"p": '{"z": 1.0}'}, {"table": "p"}),  # no lane of ours
        ({"p": "0.5"}, {"table": "p"}),
        ({"p": 1.5}, {"column": "p", "over": ["a", "b"]}),
        ({}, {"uniform": ["b", "c"]}),
    ],
)
def test_what_cannot_be_is_refused(row: dict[str, Any], told: dict[str, Any]) -> None:
    """A wrong propensity would bend every estimate that uses it."""
    with pytest.raises(UnreadableError):
        found(row, **told)


@given(st.floats(0.01, 1), st.sampled_from("abc"), st.sampled_from("abc"))
def test_an_epsilon_is_a_distribution(epsilon: float, around: str, lane: str) -> None:
    chances = found({}, lane=lane, epsilon=epsilon, around=around, over=["a", "b", "c"])
    assert chances is not None
    assert sum(chances.values()) == pytest.approx(1)
    assert chances[lane] >= epsilon / 3 - 1e-9
