"""Floors by group: a minority that is let down is named, and luck among many groups is not called a miss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from router_ml.offline.floors import discoveries, floors, wilson


def test_a_minority_below_the_floor_is_found_behind_a_good_mean() -> None:
    random = np.random.default_rng(0)
    group = np.array(["en"] * 900 + ["de"] * 90 + ["pl"] * 3)
    quality = (random.random(993) < np.where(group == "de", 0.5, 0.9)).astype(float)
    rows = {row.group: row for row in floors(quality, group, floor=0.8)}
    assert quality.mean() > 0.8
    assert {name: row.verdict for name, row in rows.items()} == {
        "en": "kept",
        "de": "missed",
        "pl": "not enough evidence",
    }
    assert rows["de"].low < 0.5 < rows["de"].high


def test_of_many_innocent_groups_hardly_one_is_called_missed() -> None:
    """At 100 groups on the floor, a test of each at 10% would call ten of them missed."""
    random = np.random.default_rng(1)
    group = np.repeat(np.arange(100).astype(str), 60)
    rows = floors((random.random(6000) < 0.8).astype(float), group, floor=0.8)
    assert sum(row.verdict == "missed" for row in rows) <= 1


def test_ratings_count_by_how_likely_they_were() -> None:
    """Complaints that are always rated must not drown the many that were rated one time in ten."""
    quality = np.array([0.0] * 10 + [1.0] * 9 + [np.nan] * 81)
    weight = np.array([1.0] * 10 + [10.0] * 9 + [0.0] * 81)
    row = floors(quality, np.full(100, "all"), floor=0.5, weight=weight)[0]
    assert row.quality == pytest.approx(0.9)
    assert (row.requests, row.rated) == (100, 19)


def test_unrated_groups_are_listed_without_a_verdict() -> None:
    rows = floors(np.array([1.0, np.nan]), np.array(["a", "b"]), floor=0.5)
    assert rows[1].verdict == "not enough evidence"
    assert rows[1].to_dict()["quality"] is None
    with pytest.raises(OfflineDataError, match="None of 2 decisions is rated"):
        floors(np.full(2, np.nan), np.array(["a", "b"]), floor=0.5)


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_an_interval_holds_its_mean_and_stays_inside(mean: float, count: float) -> None:
    low, high = wilson(mean, count)
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


@given(st.lists(st.floats(0, 1), max_size=20))
def test_discoveries_are_the_smallest_p_values(values: list[float]) -> None:
    found = discoveries(values, 0.1)
    kept = [value for value, each in zip(values, found, strict=True) if not each]
    assert all(value <= 0.1 for value, each in zip(values, found, strict=True) if each)
    assert all(value <= min(kept, default=1) for value, each in zip(values, found, strict=True) if each)
