"""Marks lie where their values are, and labels neither overlap nor leave the drawing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.offline.simulation.page.charts.canvas import Scale, around, clip, path, spread, text, width_of

FINITE = st.floats(-1e6, 1e6)


@given(st.lists(st.floats(-50, 250), max_size=30), st.floats(1, 40))
def test_labels_keep_their_order_and_distance(wanted: list[float], gap: float) -> None:
    places = spread(wanted, gap=gap, low=0, high=200)
    assert len(places) == len(wanted)
    assert all(-1e-6 <= place <= 200 + 1e-6 for place in places)
    room = min(gap, 200 / max(len(wanted) - 1, 1))
    assert (np.diff(np.sort(places)) >= room - 1e-6).all()
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(np.array(places)[order]) >= -1e-6).all()


def test_labels_that_fit_stay_where_they_belong() -> None:
    assert spread([20.0, 80.0, 140.0], gap=15, low=0, high=200) == [20.0, 80.0, 140.0]


@settings(max_examples=50)
@given(st.text(max_size=60), st.floats(15, 200))
def test_a_clipped_name_fits(name: str, width: float) -> None:
    shown = clip(name, width)
    assert width_of(shown) <= width or shown == "…"
    assert shown == name or "…" in shown


def test_a_clipped_name_keeps_what_sets_it_apart() -> None:
    names = [f"models:/a-router-with-a-long-name@candidate-{index}" for index in range(10, 40)]
    assert len({clip(name, 120) for name in names}) == len(names)


def test_a_clipped_name_is_told_in_full() -> None:
    assert "<title>a &lt;very&gt; long name indeed</title>" in text(0, 0, "a <very> long name indeed", width=60)


@given(st.lists(FINITE, min_size=1, max_size=20), st.floats(0.01, 10))
def test_all_values_are_inside_their_axis(values: list[float], at_least: float) -> None:
    low, high = around(values, at_least=at_least)
    scale = Scale(low, high, 0, 500)
    assert high - low >= at_least * 0.999
    assert all(-1e-6 <= place <= 500 + 1e-6 for place in scale(values))
    assert all(low - 1e-6 * (high - low) <= tick <= high + 1e-6 * (high - low) for tick in scale.ticks())
    assert len(scale.ticks()) >= 2


@given(st.floats(1e-6, 1e6), st.floats(1.0, 1e4))
def test_ratios_have_ticks_too(low: float, ratio: float) -> None:
    low, high = around([low, low * ratio], at_least=10.0, log=True)
    ticks = Scale(low, high, 0, 500, log=True).ticks()
    assert 1 <= len(ticks) <= 7
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in ticks)


def test_an_axis_without_values_still_has_room() -> None:
    low, high = around([np.nan], at_least=0.05)
    assert low < 0 < high


def test_a_line_is_broken_where_nothing_is_known() -> None:
    """A line across a night without traffic would claim that there was some."""
    assert path([0, 1, 2, 3, 4], [0, 1, np.nan, 3, 4]).count("M") == 2


@pytest.mark.parametrize("value", [0.5, 3.0, 80.0])
def test_by_ratio_the_middle_is_the_geometric_mean(value: float) -> None:
    scale = Scale(value / 4, value * 4, 0, 100, log=True)
    assert scale.at(value) == pytest.approx(50)
