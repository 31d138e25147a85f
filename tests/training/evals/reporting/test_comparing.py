"""Two runs are compared case by case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from training.evals.reporting.comparing import compare
from training.evals.result import Result

MakeResult = Callable[..., Result]
Make = Callable[..., Any]


def test_what_broke_and_what_was_fixed_is_named(make_result: MakeResult) -> None:
    """By case, with the difference of the shares."""
    before = [make_result(number, failure="x" if number < 2 else None) for number in range(10)]
    after = [make_result(number, failure="x" if number in (1, 7, 8, 9) else None) for number in range(10)]
    (found,) = compare(before, after)
    assert (found.broke, found.fixed) == (("case-7", "case-8", "case-9"), ("case-0",))
    assert found.difference == pytest.approx(-0.2)
    assert found.low < -0.2 < found.high


def test_the_p_value_is_that_of_mcnemar(make_result: MakeResult) -> None:
    """Exact, on the cases that changed alone, as scipy's binomial test says."""
    stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
    before = [make_result(number) for number in range(50)]
    after = [make_result(number, failure="x" if number < 9 else None) for number in range(50)]
    (found,) = compare(before, after)
    assert found.p_value == pytest.approx(stats.binomtest(9, 9, 0.5).pvalue)


def test_a_case_that_asks_something_else_now_is_no_pair(make_result: MakeResult, make_case: Make) -> None:
    """Only cases in the same words are compared; the others are counted."""
    before = [make_result(number) for number in range(4)]
    after = [make_result(number) for number in range(3)] + [make_result(case=make_case(3, ask="Another?"))]
    (found,) = compare(before, after)
    assert (found.pairs, found.unmatched) == (3, 2)


def test_a_lane_can_stand_against_another(make_result: MakeResult) -> None:
    """As a challenger against the lane that it is to replace."""
    before = [make_result(number, lane="old") for number in range(5)]
    after = [make_result(number, lane="new", failure="x") for number in range(5)]
    assert compare(before, after) == []
    (found,) = compare(before, after, lanes={"old": "new"})
    assert (found.lane, found.difference) == ("new", -1.0)


def test_where_nothing_changed_a_change_is_rarely_claimed(make_result: MakeResult) -> None:
    """Two runs of a lane with the same luck: intervals without 0 in at most 5% of 300, give or take chance."""
    rng, claimed = np.random.default_rng(11), 0
    for _ in range(300):
        one, two = (
            [make_result(number, failure="x" if failed else None) for number, failed in enumerate(rng.random(40) < 0.2)]
            for _ in range(2)
        )
        (found,) = compare(one, two)
        claimed += not found.low <= 0 <= found.high
    assert claimed <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5
