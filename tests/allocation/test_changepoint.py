"""The filter of one lane: what is a change, and what is only luck."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.allocation.changepoint import HYPOTHESES, LaneDrift

CELL = np.ones(1)


def rated(qualities: list[float], *, predicted: float, dispersion: float = 1.0) -> LaneDrift:
    lane = LaneDrift.start(1, unchanged=1.0)
    for quality in qualities:
        lane = lane.learn(CELL, predicted=predicted, quality=quality, dispersion=dispersion)
    return lane


def test_one_failure_of_a_lane_that_rarely_fails_is_no_change() -> None:
    """Sixty successes make a failure surprising, but lanes that fail in 6% of the cases do fail."""
    lane = rated([1.0] * 60 + [0.0], predicted=0.94)
    assert lane.weight[0] > 0.5
    assert abs(lane.shift) < 0.06


def test_failures_in_a_row_are_one() -> None:
    lane = rated([1.0] * 60 + [0.0] * 8, predicted=0.94)
    assert lane.weight[0] < 0.1
    assert lane.shift < -0.3


@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_lane_of_zeros_and_ones_stays_where_it_is(seed: int) -> None:
    """The noise of quiet times must not cost: the shift after 300 ratings is within what their mean may be off."""
    rng = np.random.default_rng(seed)
    lane = rated((rng.random(300) < 0.8).astype(float).tolist(), predicted=0.8)
    assert abs(lane.shift) < 0.06
    assert lane.weight[0] > 0.8


def test_scores_that_scatter_little_say_more() -> None:
    """Ten scores of .7 where .9 was predicted are a change when scores scatter by .05, and may be luck otherwise."""
    tight = rated([0.7] * 10, predicted=0.9, dispersion=0.05)
    loose = rated([0.7] * 10, predicted=0.9, dispersion=1.0)
    assert tight.shift < -0.16
    assert loose.shift > tight.shift
    assert loose.weight[0] > tight.weight[0]


def test_it_stays_small_and_its_weights_a_distribution() -> None:
    rng = np.random.default_rng(0)
    lane = rated(rng.random(200).tolist(), predicted=0.5)
    assert len(lane.weight) == HYPOTHESES
    assert lane.weight.sum() == pytest.approx(1)
    assert LaneDrift.of(lane.state()).state() == lane.state()
