"""Charts over time add up, and name what happened without writing over it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from router_ml.offline.simulation.counting.results import Trouble
from router_ml.offline.simulation.page.charts.frame import Span, coarser, telling
from tests.offline.simulation.studies import a_result

START = datetime(2026, 3, 2, tzinfo=UTC)
TROUBLES = st.builds(
    lambda start, length, what: Trouble(start, start + length, what, ()),
    st.floats(0, 160),
    st.floats(0.1, 60),
    st.sampled_from(["dark", "price of a lane with a very long name halves", "error burst", "eu lost"]),
)


@given(st.integers(1, 250))
def test_fewer_stretches_hold_the_same(most: int) -> None:
    series = a_result("champion", requests=3000, buckets=168).series
    found = coarser(series, most)
    assert len(found.requests) <= most
    assert len(found.edges) == len(found.requests) + 1
    assert (found.edges[0], found.edges[-1]) == (series.edges[0], series.edges[-1])
    for name in ("requests", "due", "served", "by_lane", "classes_due", "classes_served"):
        assert (getattr(found, name).sum(axis=0) == getattr(series, name).sum(axis=0)).all()
    assert np.isclose(found.spend_usd.sum(), series.spend_usd.sum())
    assert np.nanmax(found.p95_ms) == np.nanmax(series.p95_ms)
    assert found.waiting[-1] == series.waiting[-1]
    worth = np.nansum(series.quality * series.served)
    assert np.isclose(np.nansum(found.quality * found.served), worth)


@given(st.integers(1, 400), st.lists(st.floats(0, 168), max_size=6))
def test_stretches_hold_enough_and_never_cross_an_edge(least: int, edges: list[float]) -> None:
    """Who answers before an outage must not be mixed with who answers in it."""
    series = a_result("champion", requests=3000, buckets=168).series
    found = telling(series, least, edges)
    assert found.due.sum() == series.due.sum()
    assert (found.by_lane.sum(axis=0) == series.by_lane.sum(axis=0)).all()
    on_grid = {float(np.ceil(edge - 1e-9)) for edge in edges if edge < 168}
    assert on_grid <= set(np.round(found.edges, 6).tolist())
    whole = [end for end in found.edges[1:-1] if end not in on_grid]
    assert all(found.due[list(found.edges[1:]).index(end)] >= least for end in whole)


@given(st.lists(TROUBLES, max_size=12))
def test_bars_in_a_row_leave_room_for_their_names(troubles: list[Trouble]) -> None:
    span = Span(START, 168.0, tuple(troubles))
    rows = span.rows()
    assert sorted(id(trouble) for row in rows for trouble in row) == sorted(map(id, troubles))
    for row in rows:
        extents = sorted(span._extent(trouble) for trouble in row)
        assert all(one[1] <= other[0] for one, other in pairwise(extents))


def test_days_are_named_in_a_week_and_hours_in_a_day() -> None:
    week = "".join(Span(START, 168.0, ()).days(0, 100))
    assert "Mon 2 Mar" in week
    assert "Sun 8 Mar" in week
    assert "Mon 9 Mar" not in week, "the run ends as this day begins"
    assert "06:00" in "".join(Span(START, 24.0, ()).days(0, 100))
    assert "".join(Span(START, 24.0 * 365, ()).days(0, 100)).count("<text") <= 13
