"""Intervals that cover, p-values that agree with them, and claims whose errors stay rare."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.offline.estimating.clustered import Z95_TWO_SIDED, benjamini_hochberg, mean, ratio, student, student_tail


def test_intervals_cover_when_rows_come_in_clusters() -> None:
    """Ten copies of a prompt are one prompt: counting them as ten would cover far less than 95%."""
    random = np.random.default_rng(0)
    cluster = np.repeat(np.arange(20), 10)
    hits = []
    for _ in range(1500):
        values = np.repeat(random.normal(0.3, 1, 20), 10) + random.normal(0, 0.1, 200)
        found = mean(values, cluster)
        hits.append(abs(found.value - 0.3) <= found.half(Z95_TWO_SIDED))
    assert 0.935 <= np.mean(hits) <= 0.965


def test_one_sided_p_values_are_uniform_under_the_null() -> None:
    random = np.random.default_rng(1)
    p = [mean(random.normal(0, 1, 15), np.arange(15)).p_above(0.0) for _ in range(4000)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.012)
    assert np.mean(p) == pytest.approx(0.5, abs=0.02)


def test_a_ratio_of_sums_has_the_error_that_resampling_shows() -> None:
    random = np.random.default_rng(2)
    cost = random.lognormal(0, 1, 400)
    reference = 2 * cost * random.lognormal(0, 0.3, 400)
    found = ratio(cost, reference, np.arange(400))
    draws = random.integers(0, 400, (2000, 400))
    resampled = cost[draws].sum(axis=1) / reference[draws].sum(axis=1)
    assert found.standard_error == pytest.approx(resampled.std(), rel=0.1)


def test_rows_that_are_all_alike_are_no_proof() -> None:
    """Without what could have happened, ten equal rows would claim certainty."""
    few, many = (mean(np.zeros(n), np.arange(n), reach=1.0) for n in (10, 2000))
    assert few.p_above(-0.02) > 0.3
    assert many.p_above(-0.02) < 0.01
    assert mean(np.zeros(10), np.arange(10)).p_above(-0.02) == 0, "nowhere to go: nothing can be lost"


def test_one_cluster_says_nothing() -> None:
    found = mean(np.ones(5), np.zeros(5))
    assert found.half() == np.inf
    assert found.p_above(0) >= 0.5


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 6.314), (2, 2.920), (3, 2.353), (5, 2.015), (10, 1.812), (30, 1.697), (1e6, 1.645)]
)
def test_student_quantiles_are_those_of_the_table(freedom: float, quantile: float) -> None:
    assert student(1.6448536, freedom) == pytest.approx(quantile, abs=0.0006)


@given(st.floats(0.01, 3.5))
def test_one_and_two_degrees_have_closed_forms(z: float) -> None:
    """Where expansions fail: two clusters have one degree, three have two."""
    tail = math.erfc(z / math.sqrt(2)) / 2
    assert student(z, 1) == pytest.approx(1 / math.tan(math.pi * tail), rel=1e-9)
    assert student(z, 2) == pytest.approx((1 - 2 * tail) / math.sqrt(2 * tail * (1 - tail)), rel=1e-9)
    assert student(-z, 1) == -student(z, 1)


@given(st.floats(0.2, 1000), st.floats(-3, 3))
def test_quantile_and_tail_undo_each_other(freedom: float, z: float) -> None:
    assert student_tail(student(z, freedom), freedom) == pytest.approx(math.erfc(z / math.sqrt(2)) / 2, abs=1e-6)


def test_two_clusters_are_not_counted_as_three() -> None:
    """One degree of freedom; with two, a sixth of the intervals missed."""
    random = np.random.default_rng(5)
    found = [mean(np.repeat(random.normal(0.3, 1, 2), 5), np.repeat([0, 1], 5)) for _ in range(1500)]
    assert found[0].freedom == 1
    assert 0.935 <= np.mean([abs(each.value - 0.3) <= each.half() for each in found]) <= 0.965
    assert np.mean([each.p_above(0.3) <= 0.05 for each in found]) == pytest.approx(0.05, abs=0.015)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_benjamini_hochberg_is_the_textbook_rule(p: list[float]) -> None:
    """Claims are the k smallest p-values, k the largest with p(k) <= level k / m."""
    claimed = benjamini_hochberg(p)
    ordered = sorted(p)
    count = max((k for k in range(1, len(p) + 1) if ordered[k - 1] <= 0.05 * k / len(p)), default=0)
    assert claimed.sum() == count
    assert all(p[i] <= p[j] for i in np.flatnonzero(claimed) for j in np.flatnonzero(~claimed))
