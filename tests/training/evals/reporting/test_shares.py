"""Intervals of shares hold what they promise, also where rows depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evals.reporting.coverage import covered
from training.evals.reporting.shares import mean_quality, share


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60))
def test_an_interval_holds_its_own_share_and_stays_inside(rows: list[tuple[bool, int]]) -> None:
    """Whatever rows and clusters there are: 0 <= low <= share <= high <= 1."""
    found = share([passed for passed, _ in rows], [str(cluster) for _, cluster in rows])
    assert found.value is not None
    assert 0.0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1.0


def test_rows_that_stand_for_themselves_have_the_interval_of_wilson() -> None:
    """As scipy computes it, which is another implementation."""
    stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
    found = share([True] * 37 + [False] * 3, [str(number) for number in range(40)])
    oracle = stats.binomtest(37, 40).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))
    assert found.method == "wilson"


def test_ten_paraphrases_of_one_question_are_no_ten_questions() -> None:
    """Rows of a cluster that agree widen the interval: it is that of the clusters."""
    passed = [number % 5 != 0 for number in range(20) for _ in range(10)]
    grouped = share(passed, [str(number) for number in range(20) for _ in range(10)])
    alone = share(passed, [str(number) for number in range(200)])
    assert grouped.method == "clusters"
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_intervals_cover_the_true_share() -> None:
    """In 95% of 300 samples, give or take what chance explains, where each row stands for itself."""
    rng, names = np.random.default_rng(5), [str(at) for at in range(30)]
    found = [share((rng.random(30) < 0.8).tolist(), names) for _ in range(300)]
    assert sum(one.low <= 0.8 <= one.high for one in found) >= 300 * 0.92


@pytest.mark.parametrize(("groups", "widest"), [(5, 0.7), (30, 0.22)])
def test_intervals_over_clusters_cover_and_are_no_wider_than_that_takes(groups: int, widest: float) -> None:
    """Also over few of them, whatever rows of a cluster have in common."""
    found = covered(groups, draws=50)
    assert np.mean([held for held, _ in found]) >= 0.93
    assert np.mean([width for _, width in found]) < widest


def test_nothing_judged_is_no_share() -> None:
    """No row says nothing: the interval is everything, and no value is made up."""
    for found in (share([], []), mean_quality([], [])):
        assert (found.value, found.low, found.high) == (None, 0.0, 1.0)
