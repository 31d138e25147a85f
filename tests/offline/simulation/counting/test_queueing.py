"""People look first come first served, in working hours, until what waits expires."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.offline.simulation.counting.queueing import queue, working_steps
from router_ml.offline.simulation.scenarios.scenario import Reviewers

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
ALWAYS = Reviewers(per_hour=12, start=0, end=24, days=(0, 1, 2, 3, 4, 5, 6), expires_hours=1.0, granted=1.0)


def test_what_waits_too_long_expires_and_the_rest_is_looked_at_in_order() -> None:
    """24 at once, one in five minutes: after an hour 13 have been looked at, the last of them after a whole hour."""
    asked = np.zeros(48, np.int64)
    asked[0] = 24
    found = queue(asked, ALWAYS, start=MONDAY)
    assert found.reviews.asked == 24
    assert (found.reviews.granted, found.reviews.expired, found.reviews.longest) == (13, 11, 23)
    assert found.waiting[:3].tolist() == [23, 22, 21]
    assert (found.reviews.p50_hours, found.reviews.p95_hours) == (0.5, 1.0)


def test_nobody_looks_at_night_or_at_weekends() -> None:
    office = Reviewers()
    steps = working_steps(7 * 288, office, start=MONDAY)
    hours = steps.reshape(7, 24, 12)
    assert hours[:5, 8:18].all()
    assert hours.sum() == 5 * 10 * 12
    evening = np.zeros(288, np.int64)
    evening[19 * 12] = 10
    assert queue(evening, office, start=MONDAY).waiting[-1] == 10
    night = working_steps(2 * 288, Reviewers(start=22, end=2, days=(0,)), start=MONDAY).reshape(2, 24, 12)
    assert sorted(set(np.flatnonzero(night.all(axis=2).ravel()).tolist())) == [22, 23, 24, 25]


def test_a_run_may_start_at_any_time_of_any_zone() -> None:
    other = datetime.fromisoformat("2026-03-02T09:00:00+02:00")
    assert working_steps(24, Reviewers(), start=other).tolist() == [False] * 12 + [True] * 12


@settings(max_examples=60, deadline=None)
@given(
    asked=st.lists(st.integers(0, 30), min_size=1, max_size=400),
    per_hour=st.floats(0, 500),
    expires=st.floats(0.1, 30),
)
def test_nothing_is_lost(asked: list[int], per_hour: float, expires: float) -> None:
    """What was asked was looked at, has expired, or still waits; and nobody works more than they can."""
    people = Reviewers(per_hour=per_hour, start=0, end=24, days=ALWAYS.days, expires_hours=expires, granted=1.0)
    found = queue(np.array(asked), people, start=MONDAY)
    reviews = found.reviews
    assert reviews.granted + reviews.expired + found.waiting[-1] == pytest.approx(reviews.asked, abs=1.01)
    assert reviews.granted <= per_hour * len(asked) / 12 + 1
    assert (found.waiting >= 0).all()
    assert np.isnan(reviews.p95_hours) or 0 <= reviews.p50_hours <= reviews.p95_hours <= expires
