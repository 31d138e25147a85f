"""Colours tell lanes apart, also for the twelfth of men who see red and green alike."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from router_ml.offline.simulation.page.charts.colours import OTHERS, PALETTE, lane_colours
from tests.offline.simulation.studies import LANES, a_crowd, a_study

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "usual": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def lab(colour: str, sight: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a colour as somebody sees it."""
    rgb = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(sight @ linear, 0, 1) / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_no_two_lanes_look_alike(sight: str) -> None:
    """A difference of 2.3 can just be seen side by side; areas that are apart need much more."""
    seen = {colour: lab(colour, SIGHT[sight]) for colour in (*PALETTE, OTHERS)}
    nearest = min((float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in combinations(seen, 2))
    assert nearest[0] > 18, nearest


def test_lanes_keep_their_colour_whatever_is_compared() -> None:
    study = a_study()
    assert lane_colours(study.results) == lane_colours(study.results[:1])
    assert len(set(lane_colours(study.results).values())) == len(LANES)


def test_with_too_many_lanes_those_that_serve_most_have_a_colour() -> None:
    study = a_crowd()
    colours = lane_colours(study.results)
    coloured = [lane for lane, colour in colours.items() if colour != OTHERS]
    served = study.results[0].lane_requests
    assert len(coloured) == len(PALETTE)
    assert min(served[lane] for lane in coloured) >= max(served[lane] for lane in colours.keys() - coloured)
