"""The permutation design: blocks stay whole, and p-values are those of all checks together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.offline.drifting.blocks import adjusted, block_length, block_size, design, reachable, whole_blocks


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


@given(st.integers(1, 3000), st.integers(1, 500), st.integers(1, 90))
def test_blocks_of_both_windows_are_equally_many_rows_that_followed_each_other(
    before: int, after: int, least: int
) -> None:
    """Else a short block, or one that spans more time, is unlike the others though nothing has changed."""
    size = block_size(before, after, least=least)
    rows = [whole_blocks(count, size, most=200) for count in (before, after)]
    plan = design(np.arange(len(rows[0])), np.arange(len(rows[1])), seed=0, least=size, permutations=3)
    assert (plan.size == size).all()
    for kept, count in zip(rows, (before, after), strict=True):
        assert (np.diff(kept.reshape(-1, size), axis=1) == 1).all()
        assert len(kept) <= count
        assert kept.max() < count
        assert (np.diff(kept) > 0).all()
    assert before < 200 or len(rows[1]) > after - size


def test_no_block_spans_a_gap() -> None:
    kept = whole_blocks(1050, 30, most=99, run=100).reshape(-1, 30)
    assert len(kept) == 31
    assert (kept[:, 0] // 100 == kept[:, -1] // 100).all()
    assert len(whole_blocks(1050, 30, most=7, run=100)) == 210


def test_where_there_are_few_arrangements_each_is_tried_once() -> None:
    plan = design(np.repeat(np.arange(6), 2), np.repeat(np.arange(2), 2), seed=0)
    assert plan.order.shape == (28, 8)
    assert (plan.order[0] == np.arange(8)).all()
    assert (np.sort(plan.order, axis=1) == np.arange(8)).all()
    assert len({tuple(sorted(order)) for order in plan.order[:, 6:].tolist()}) == 28


def test_a_p_value_that_no_arrangement_reaches_is_known_beforehand() -> None:
    """Of 20 days each is the oddest in some of 20 checks: none of them can be odd at 5%."""
    assert reachable(np.eye(20)).min() == 1.0
    assert reachable(np.eye(20)[:, :1]) == pytest.approx(0.05)
    statistics = np.random.default_rng(0).standard_normal((1000, 5))
    assert (reachable(statistics) <= adjusted(statistics) + 1e-12).all()
    assert reachable(statistics).max() < 0.01
