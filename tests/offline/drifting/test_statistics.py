"""Each statistic is what a reader would work out by hand, for the true order and for permuted ones."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.offline.drifting import statistics
from router_ml.offline.drifting.blocks import Design, design


@pytest.fixture(scope="module")
def plan() -> Design:
    return design(np.arange(80), np.arange(40), seed=0, permutations=50)


def test_a_mix_is_compared_by_pearsons_chi_square(plan: Design) -> None:
    stats = pytest.importorskip("scipy.stats")
    labels = np.random.default_rng(1).choice(["a", "b", "c"], 120)
    value, distance, moved = statistics.mix(labels, plan)
    table = np.array([[(part == name).sum() for name in "abc"] for part in (labels[:80], labels[80:])])
    assert value[0] == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)
    shares = table / table.sum(axis=1, keepdims=True)
    assert distance == pytest.approx(np.abs(shares[0] - shares[1]).sum() / 2)
    assert {name for name, *_ in moved} == {"a", "b", "c"}
    permuted = labels[plan.rows[np.isin(plan.block, plan.order[3, plan.first :])]]
    assert value[3] == pytest.approx(
        stats.chi2_contingency(
            [[(labels == n).sum() - (permuted == n).sum() for n in "abc"], [(permuted == n).sum() for n in "abc"]],
            correction=False,
        ).statistic
    )


def test_a_weighted_mean_is_that_of_the_rows_that_count(plan: Design) -> None:
    random = np.random.default_rng(2)
    values, weight = random.random(120), random.choice([0.0, 1.0, 5.0], 120)
    values[weight == 0] = np.nan
    _, shift = statistics.mean_shift(values, weight, plan)
    used = weight > 0
    for mean, part in ((shift.before, used & (np.arange(120) < 80)), (shift.after, used & (np.arange(120) >= 80))):
        assert mean == pytest.approx(np.average(values[part], weights=weight[part]))


def test_a_change_is_placed_where_it_began(plan: Design) -> None:
    values = np.random.default_rng(3).normal(0, 0.1, 120)
    values[100:] -= 1
    value, shift = statistics.change_point(values, np.ones(120), plan)
    assert plan.rows[plan.block == shift.place].min() == pytest.approx(100, abs=2)
    assert shift.change == pytest.approx(-1, abs=0.2)
    assert (value[0] > value[1:]).all()


def test_a_discrepancy_grows_with_the_share_that_is_of_another_kind() -> None:
    random = np.random.default_rng(4)
    values = random.standard_normal((900, 6)).astype(np.float32)
    plan = design(np.arange(600), np.arange(300), seed=0, permutations=200)
    effects = []
    for share in (0.0, 0.2, 0.5):
        other = values.copy()
        other[600 : 600 + int(300 * share), 0] += 9
        effects.append(statistics.discrepancy(other, plan, seed=0)[1])
    assert effects[0] < 0.1 < effects[1] < effects[2]


def test_a_classifier_that_can_tell_has_its_area_under_the_curve() -> None:
    random = np.random.default_rng(5)
    values = random.standard_normal((600, 4)).astype(np.float32)
    plan = design(np.arange(400), np.arange(200), seed=0, permutations=100)
    assert statistics.told_apart(values, plan, seed=0)[1] == pytest.approx(0.5, abs=0.06)
    values[400:, 2] += 1.5
    value, area = statistics.told_apart(values, plan, seed=0)
    assert area == pytest.approx(0.856, abs=0.04), "the normal distribution function at 1.5 / sqrt(2)"
    assert (value[0] > value[1:]).all()


def test_equal_numbers_share_a_bin() -> None:
    assert len(np.unique(statistics.binned(np.array([1.0] * 50 + [2.0] * 50)))) == 2
    assert np.unique(statistics.binned(np.ones(9))).size == 1


def test_principal_components_keep_what_varies_most() -> None:
    random = np.random.default_rng(6)
    scale = np.concatenate([[9, 7, 5], np.full(97, 0.1)])
    values = (random.standard_normal((500, 100)) * scale).astype(np.float32)
    reduced = statistics.reduce(values, seed=0, components=3)
    assert reduced.var(axis=0).sum() == pytest.approx(values.var(axis=0)[:3].sum(), rel=0.02)
