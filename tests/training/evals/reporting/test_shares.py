"""Intervals of shares hold what they promise, also where rows depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_cover_the_true_share(grouped: bool) -> None:
    """In 95% of 400 samples, give or take what chance explains, independent or in clusters of four."""
    rng, size, covered = np.random.default_rng(5), 4 if grouped else 1, 0
    for _ in range(400):
        own = rng.beta(6, 1.5, 30)  # a mean of 0.8
        passed = (rng.random((30, size)) < own[:, None]).ravel()
        found = share(passed.tolist(), np.repeat(np.arange(30), size).astype(str).tolist())
        covered += found.low <= 0.8 <= found.high
    assert covered >= 400 * 0.92


def test_nothing_judged_is_no_share() -> None:
    """No row says nothing: the interval is everything, and no value is made up."""
    for found in (share([], []), mean_quality([], [])):
        assert (found.value, found.low, found.high) == (None, 0.0, 1.0)
