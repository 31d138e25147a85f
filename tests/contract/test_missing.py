"""What evidence is missing: the bound that selection uses, turned round."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router_ml.allocation.priors import STRENGTH_CAP
from router_ml.allocation.quality import EVIDENCE_CAP, believe
from router_ml.allocation.quality import Z_90 as THEIRS
from router_ml.contract import RouteDecision
from router_ml.contract.missing import MOST, Z_90, missing, of_bounds, weight_for

Make = Callable[..., RouteDecision]


def bounds(mean: float, weight: float) -> tuple[float, float]:
    """Of a belief that is a prior alone."""
    one = believe(np.array([[mean]]), np.zeros((1, 1)), prior=np.array([mean]), strength=np.array([weight]))
    return float(one.low[0, 0]), float(one.high[0, 0])


def test_the_constants_are_those_of_belief() -> None:
    """They are written twice, since explanations import nothing."""
    assert Z_90 == THEIRS
    assert MOST == EVIDENCE_CAP + STRENGTH_CAP


@given(st.floats(0.05, 0.95), st.floats(1, 200))
def test_mean_and_weight_come_back_from_the_bounds(mean: float, weight: float) -> None:
    """A record holds bounds alone; what is missing follows from them."""
    found = of_bounds(*bounds(mean, weight))
    assert found == pytest.approx((mean, weight), rel=1e-5)


@given(st.floats(0.3, 0.99), st.floats(0.5, 60), st.floats(0.2, 0.95))
def test_with_the_answers_that_are_missing_the_bound_reaches_the_floor_and_with_fewer_not(
    mean: float, weight: float, floor: float
) -> None:
    """An operator who buys as many answers as he was told gets the lane, if it goes on as it did."""
    lacks = missing(*bounds(mean, weight), floor)
    assume(lacks is not None and lacks.needed is not None and lacks.needed < 1e5)
    assert lacks is not None
    assert lacks.more is not None
    assert bounds(mean, weight + lacks.more)[0] >= floor - 1e-9
    if lacks.more > 1:
        assert bounds(mean, weight + lacks.more - 1.01)[0] < floor + 1e-9


@given(st.floats(0.01, 0.9), st.floats(1, 1000), st.floats(0, 0.09))
def test_no_amount_of_evidence_lifts_a_mean_below_the_floor(mean: float, weight: float, above: float) -> None:
    """A lane that is not good enough is said to be so, instead of asking for more of the same."""
    assert weight_for(mean, mean + above) is None
    lacks = missing(*bounds(mean, weight), mean + above + 1e-6)
    assert lacks is not None
    assert lacks.more is None
    assert "no amount" in lacks.words


def test_a_bound_at_the_floor_lacks_nothing() -> None:
    """The comparison is that of selection."""
    low, high = bounds(0.9, 40)
    assert missing(low, high, low) is None


@pytest.mark.parametrize("ends", [(0.0, 1.0), (0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_degenerate_bounds_are_answered(ends: tuple[float, float]) -> None:
    """A record may hold them; an explanation must not fail."""
    for floor in (0.0, 0.5, 1.0):
        found = missing(*ends, floor)
        assert found is None or found.words


def test_an_operator_reads_what_is_missing_and_a_user_does_not(make_decision: Make) -> None:
    """balanced has a bound below the floor, private no evidence at all; a user is not bothered with either."""
    decision = make_decision(floor=0.8, eligible=("balanced", "private"))
    told = decision.explain("operator")
    assert "Not known to reach the floor: balanced: lower bound" in told
    assert "Not known to reach the floor: private: lower bound" in told
    assert "no evidence; missing: " in told
    assert "missing" not in decision.explain("user")
