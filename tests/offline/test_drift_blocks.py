"""The permutation design: blocks stay whole, and p-values are those of all checks together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.offline.drift_blocks import adjusted, block_length, design


@given(st.integers(2, 60), st.integers(2, 60), st.integers(1, 9), st.integers(0, 9))
def test_every_row_is_in_one_block_and_clusters_are_whole(before: int, after: int, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    marks = [np.sort(random.integers(0, 9, count)) if seed % 2 else np.arange(count) for count in (before, after)]
    plan = design(*marks, seed=seed, least=size, permutations=5)
    assert sorted(plan.rows) == list(range(before + after))
    assert (np.diff(plan.block) >= 0).all()
    assert plan.size.min() > 0
    assert (np.sort(plan.order, axis=1) == np.arange(plan.blocks)).all()
    assert (plan.order[0] == np.arange(plan.blocks)).all()
    window = plan.rows >= before
    assert (window == (plan.block >= plan.first)).all()
    mark = np.concatenate(marks)[plan.rows]
    for each in set(zip(window.tolist(), mark.tolist(), strict=True)):
        inside = (window == each[0]) & (mark == each[1])
        assert len(set(plan.block[inside].tolist())) == 1


def test_sums_are_those_of_the_blocks_also_where_rows_are_left_out() -> None:
    plan = design(np.arange(10), np.arange(5), seed=0, least=2, permutations=3)
    values = np.arange(15.0)[:, None]
    assert plan.recent(plan.sums(values))[0, 0] == values[10:].sum()
    chosen = np.arange(15) % 5 == 0
    part = plan.only(chosen)
    assert part.recent(part.sums(values[chosen]))[0, 0] == 10
    assert part.sums(values[chosen]).sum() == values[chosen].sum()
    assert part.blocks == plan.blocks


@given(st.integers(1, 6), st.integers(0, 100))
def test_an_adjusted_p_value_is_no_smaller_and_keeps_the_order(checks: int, seed: int) -> None:
    statistics = np.random.default_rng(seed).standard_normal((200, checks))
    alone = (statistics >= statistics[0]).mean(axis=0)
    together = adjusted(statistics)
    assert (together >= alone - 1e-12).all()
    assert (together <= 1).all()
    assert (np.diff(together[np.argsort(alone, kind="stable")]) >= 0).all()
    assert together.min() <= min(1.0, checks * alone.min()) + 1e-12


def test_checks_that_say_the_same_do_not_pay_for_each_other() -> None:
    """What Bonferroni would charge for: ten copies of a check have the p-value of one."""
    statistic = np.random.default_rng(0).standard_normal((500, 1))
    assert adjusted(np.repeat(statistic, 10, axis=1)) == pytest.approx(np.repeat(adjusted(statistic), 10))


def test_blocks_are_as_long_as_requests_stay_alike() -> None:
    random = np.random.default_rng(0)
    alone = random.standard_normal((2000, 8))
    assert block_length(alone) == 1
    sessions = np.repeat(alone[:200], 10, axis=0) + 0.2 * random.standard_normal((2000, 8))
    assert 40 <= block_length(sessions) <= 120
    assert block_length(np.ones((50, 2))) == 1
