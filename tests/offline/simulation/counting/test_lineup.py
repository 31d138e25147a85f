"""Which policies play, and under which lanes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router_ml.offline.simulation.counting.lineup import best_lane
from tests.offline.simulation.small_worlds import LANES, kinds


def test_the_best_lane_is_best_where_its_outcomes_are_known() -> None:
    """A mean over what is not known is not known, and no reason to be called the best."""
    some = kinds(np.random.default_rng(0), 6, len(LANES))
    quality = np.full((6, len(LANES)), 0.3)
    quality[:, 1], quality[:, 2] = 0.9, np.nan
    quality[0, 0] = quality[0, 1] = np.nan
    assert best_lane(replace(some, quality=quality)) == LANES[1]


@pytest.mark.parametrize("lane", range(len(LANES)))
def test_the_best_lane_is_so_by_weight(lane: int) -> None:
    some = kinds(np.random.default_rng(0), 6, len(LANES))
    quality = np.full((6, len(LANES)), 0.5)
    quality[0], quality[0, lane] = 0.0, 1.0
    weight = np.array([1.0, 0, 0, 0, 0, 0])
    quality[1:] = np.nan
    assert best_lane(replace(some, quality=quality, weight=weight)) == LANES[lane]
