"""Overlap is reported lane by lane, also where no estimate is possible."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.support import support
from router_ml.offline.feedback import Feedback

LOG = Feedback(
    action=[0, 0, 1, 1],
    propensity=[0.5, 0.5, 0.5, 1.0],
    reward=[1, np.nan, 0, 1],
    rated_probability=[0.75] * 4,
    logging=[[0.5, 0.5, 0], [0.5, 0.5, 0], [0.5, 0.5, 0], [0, 1, 0]],
)


def test_by_hand() -> None:
    """Lane 0 has one rated row of weight .2 / .5 / .75; lane 2 could never be drawn."""
    first, second, third = support([[0.2, 0.5, 0.3]] * 4, LOG, lanes=["a", "b", "c"])
    assert (first.lane, first.logged_share, first.rated, first.unsupported) == ("a", 0.5, 1, 0.25)
    assert first.weights == pytest.approx([0.2 / 0.5 / 0.75] * 4)
    assert first.effective_sample_size == pytest.approx(1)
    assert second.rated == 2
    assert second.unsupported == 0
    assert second.weights[-1] == pytest.approx(0.5 / 0.5 / 0.75)
    assert third.unsupported == 1
    assert third.target_share == pytest.approx(0.3)
    assert np.isnan(third.weights).all()


def test_without_full_propensities_what_was_drawn_counts_as_possible() -> None:
    bare = Feedback(action=[0, 1], propensity=[0.5, 0.5], reward=[1, 0])
    assert [each.unsupported for each in support([[0.4, 0.4, 0.2]] * 2, bare)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("target", "lanes", "said"),
    [
        ([[1.0]] * 4, None, "column for each logged lane"),
        ([[0.5, 0.5]] * 4, None, "the logged one"),
        ([[0.5, 0.6, 0]] * 4, None, "sums to"),
        ([[0.5, 0.5, 0]] * 4, ["a"], "1 names for 3 lanes"),
    ],
)
def test_what_is_no_policy_is_refused(target: list[list[float]], lanes: list[str] | None, said: str) -> None:
    with pytest.raises(OfflineDataError, match=said):
        support(target, LOG, lanes=lanes)
