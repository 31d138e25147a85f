"""Who answers, and which classes go without: each strip is of the class whose name it bears."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from router_ml.offline.simulation.counting.results import Result, Study
from router_ml.offline.simulation.page.charts.colours import lane_colours
from router_ml.offline.simulation.page.charts.frame import Span
from router_ml.offline.simulation.page.charts.serving import class_strips, columns_of, lane_shares
from tests.offline.simulation.studies import DARK, a_result, a_study


def span_of(study: Study) -> Span:
    return Span(study.start, study.hours, study.troubles)


def without(result: Result, name: str) -> Result:
    """As if nobody had asked for this class: a series may still have its column."""
    series = result.series
    place = [part.name for part in result.classes].index(name)
    due, served = series.classes_due.copy(), series.classes_served.copy()
    due[:, place] = served[:, place] = 0
    series = replace(series, classes_due=due, classes_served=served)
    return replace(result, series=series, classes=tuple(part for part in result.classes if part.name != name))


def test_a_class_without_requests_moves_no_other() -> None:
    result = a_result("champion")
    assert columns_of(result) == [0, 1, 2]
    assert columns_of(without(result, "batch")) == [1, 2]
    drawn = "".join(class_strips(without(result, "batch"), span_of(a_study()), top=0))
    assert "batch" not in drawn
    assert all(re.search(f'class="(whole|slightly)"><title>{name}: ', drawn) for name in ("regulated", "default"))


def test_a_class_is_dark_exactly_while_its_lane_is() -> None:
    alone = a_result("always fast", (0, 0, 1, 0, 0, 0, 0, 0), falls_back=False)
    drawn = "".join(class_strips(alone, span_of(a_study()), top=0))
    told = re.findall(r'class="dark"><title>default: none answered, 0%, hour (\d+) to (\d+)<', drawn)
    assert told == [(f"{DARK[0]:g}", f"{DARK[1]:g}")]


def test_lanes_fill_what_was_due_and_no_more() -> None:
    """The areas are shares: together with what got no answer they reach the top everywhere."""
    study = a_study()
    drawn = "".join(lane_shares(study.results[0], span_of(study), lane_colours(study.results), top=0, height=100))
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ (-?[\d.]+)", drawn)]
    assert min(heights) >= -0.1
    assert max(heights) <= 100.1
    assert np.isclose(min(heights), 0, atol=0.11)
