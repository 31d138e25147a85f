"""The yardstick gives the numbers it always gave: every comparison between routers and releases hangs on it."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from router_ml.offline import curves

ORIGINAL = Path(__file__).parents[2] / "../shared/metric.py"
PRICES = [0.001, 0.003, 0.009, 0.027]


def matrices(seed: int, prompts: int = 60) -> tuple[curves.Floats, curves.Floats, curves.Floats]:
    """Quality, cost and noisily predicted quality of four lanes, from the one generator whose stream never changes."""
    rng = random.Random(seed)
    levels = [0.5, 0.6, 0.7, 0.8]
    quality = [
        [float(rng.random() < level) if lane % 2 else rng.random() * level for lane, level in enumerate(levels)]
        for _ in range(prompts)
    ]
    cost = [[price * (0.5 + rng.random()) for price in PRICES] for _ in range(prompts)]
    predicted = [[0.5 * value + 0.5 * rng.random() for value in row] for row in quality]
    return np.array(quality), np.array(cost), np.array(predicted)


def exactly(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_evaluation_gives_the_frozen_numbers() -> None:
    """Gap closed and AIQ of a sweep and of a single operating point, plain and with prompt weights."""
    quality, cost, predicted = matrices(1)
    routers = {
        "ours": curves.sweep(predicted, cost.mean(axis=0)),
        "one": curves.sweep(predicted, cost, [30.0]),
    }
    evaluation = curves.evaluate(quality, cost, routers)
    ours, one = evaluation.routers["ours"], evaluation.routers["one"]
    assert evaluation.reference.aiq_hull == exactly(0.5830720351404749)
    assert evaluation.reference.aiq_oracle == exactly(0.7862830083024043)
    assert (ours.aiq, ours.gap_closed) == exactly((0.725772678614174, 70.22290246107313))
    assert (one.aiq, one.gap_closed) == exactly((0.6031481605826758, 9.87944948534015))
    assert ours.point is None
    assert one.point is not None
    assert one.point.cost == exactly(0.0027776439240264463)
    assert one.point.quality == exactly(0.690395115781142)
    assert one.point.minus_hull == exactly(0.12224633696123766)
    weighted = curves.evaluate(quality, cost, routers, weights=np.arange(1.0, 61.0))
    assert weighted.routers["ours"].gap_closed == exactly(69.12157541178377)


def test_committed_points_give_the_frozen_numbers() -> None:
    """Budgets, plans and the strict score of points whose trade-off was fixed on other prompts."""
    quality, cost, predicted = matrices(1)
    train_quality, train_cost, train_predicted = matrices(2)
    allowed = curves.budgets(train_quality, train_cost)
    assert allowed == exactly(
        (0.001409278066025602, 0.0027355578744133143, 0.005310007346789106, 0.010307286234622773, 0.020007533433392746)
    )
    train_sweep = curves.sweep(train_predicted, train_cost.mean(axis=0))
    plans = [curves.commit(train_quality, train_cost, train_sweep, budget) for budget in allowed]
    assert [(plan.low, plan.high) for plan in plans] == [(95, 86), (74, 71), (67, 62), (62, 54), (0, 0)]
    assert [plan.share for plan in plans] == exactly(
        [0.6774860273541277, 0.37314121550179224, 0.053367370426160035, 0.6694129588503983, 0.0]
    )
    test_sweep = curves.sweep(predicted, cost.mean(axis=0))
    points = [curves.realise(quality, cost, test_sweep, plan) for plan in plans]
    assert points[2] == exactly((0.004460784862659759, 0.7518739524583171))
    reference = curves.evaluate(quality, cost, {}).reference
    score = curves.committed_score(reference, points, allowed)
    assert score.gap_closed == exactly(63.04292784268498)
    assert score.gap_at_cost == exactly(68.41495582979579)
    assert score.overspend_pct == exactly(-2.1766553180248427)
    assert score.max_overspend_pct == exactly(15.263572099240697)


def test_two_lane_numbers_give_the_frozen_numbers() -> None:
    """APGR and CPT with many tied margins."""
    quality, _, predicted = matrices(1)
    margin = np.round(predicted[:, 3] - predicted[:, 0], 1)
    score = curves.apgr_cpt(quality[:, 0], quality[:, 3], margin)
    assert (score.apgr, score.cpt50, score.cpt80) == exactly((0.6134147522934028, 36.666666666666664, 65.0))


@pytest.fixture(scope="module")
def original() -> Any:
    if not ORIGINAL.exists():
        pytest.skip(
            "The original yardstick, ../shared/metric.py, is not here; the frozen numbers above stand in for it."
        )
    spec = importlib.util.spec_from_file_location("metric", ORIGINAL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(8))
def test_every_function_agrees_with_the_original(original: Any, seed: int) -> None:
    """Random matrices, half of them coarse, so that ties and duplicate points are everywhere."""
    quality, cost, predicted = matrices(seed)
    train_quality, train_cost, train_predicted = matrices(seed + 100)
    if seed % 2:
        quality, train_quality = np.round(quality), np.round(train_quality)
        predicted, train_predicted = np.round(predicted, 1), np.round(train_predicted, 1)
        cost = train_cost = np.broadcast_to(np.array(PRICES), cost.shape)
    policies = curves.sweep(predicted, cost)
    np.testing.assert_array_equal(policies, original.sweep(predicted, cost))
    np.testing.assert_array_equal(curves.hull(cost[:, 1], quality[:, 0]), original.hull(cost[:, 1], quality[:, 0]))

    routers = {"ours": policies, "one": policies[80:81]}
    found, expected = curves.evaluate(quality, cost, routers), original.evaluate(quality, cost, routers)
    for name in ("grid", "hull", "oracle", "aiq_hull", "aiq_oracle", "lane_cost", "lane_quality"):
        assert getattr(found.reference, name) == exactly(np.array(expected["_ref"][name]))
    for name in routers:
        assert found.routers[name].gap_closed == exactly(expected[name]["gap_closed"])
        assert found.routers[name].curve == exactly(np.array(expected[name]["curve"]))
    assert vars(found.routers["one"].point) == exactly(expected["one"]["point"])

    allowed = curves.budgets(train_quality, train_cost)
    assert list(allowed) == exactly(original.budgets(train_quality, train_cost))
    train_policies = curves.sweep(train_predicted, train_cost)
    plans = [curves.commit(train_quality, train_cost, train_policies, budget) for budget in allowed]
    theirs = [original.commit(train_quality, train_cost, train_policies, budget) for budget in allowed]
    assert [(plan.low, plan.high, plan.share) for plan in plans] == theirs
    points = [curves.realise(quality, cost, policies, plan) for plan in plans]
    their_points = [original.realise(quality, cost, policies, plan) for plan in theirs]
    assert np.array(points) == exactly(np.array(their_points))
    score = curves.committed_score(found.reference, points, allowed)
    their_score = original.committed_score(expected["_ref"], their_points, allowed)
    for name in ("overspend_pct", "max_overspend_pct", "gap_closed", "gap_at_cost"):
        assert getattr(score, name) == exactly(their_score[name])

    margin = predicted[:, 3] - predicted[:, 0]
    two = original.apgr_cpt(quality[:, 0], quality[:, 3], margin)
    assert vars(curves.apgr_cpt(quality[:, 0], quality[:, 3], margin)) == exactly(two)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12))
def test_the_hull_lies_on_or_above_every_point_and_is_concave(points: list[tuple[int, int]]) -> None:
    """A hull below a point would hand a router credit that a fixed lane already earns."""
    cost, quality = np.array(points, dtype=float).T
    vertices = curves.hull(cost, quality)
    assert (np.interp(cost, *vertices) >= quality - 1e-9).all()
    assert {tuple(vertex) for vertex in vertices.T} <= {tuple(point) for point in points}
    slopes = np.diff(vertices[1]) / np.diff(vertices[0])
    assert (slopes > 0).all()
    assert (np.diff(slopes) < 0).all()


def test_a_tie_goes_to_the_cheaper_lane() -> None:
    """Where two lanes are believed equal, paying more buys nothing; lane 1 is the cheap one here."""
    cost = np.tile([0.02, 0.01, 0.03], (5, 1))
    assert curves.sweep(np.full((5, 3), 0.7), cost).tolist() == [[1] * 5] * len(curves.LAMBDAS)


def test_a_cheapest_lane_that_is_also_the_best_leaves_a_grid_of_one_budget() -> None:
    """No range of budgets, yet the numbers stay finite and the fixed lane closes nothing."""
    quality = np.tile([0.9, 0.5], (10, 1))
    quality[0] = [0.0, 1.0]
    cost = np.tile([0.01, 0.02], (10, 1))
    found = curves.evaluate(quality, cost, {"cheapest": np.zeros((1, 10), dtype=int)})
    assert found.reference.grid[0] == pytest.approx(0.01)
    assert found.reference.grid[-1] == pytest.approx(0.010001)
    assert found.routers["cheapest"].gap_closed == 0


def test_the_bounds_are_zero_and_a_hundred_percent() -> None:
    """Fixed lanes close nothing, the oracle closes all."""
    quality, cost, _ = matrices(3)
    lanes = np.repeat(np.arange(4)[:, None], len(quality), axis=1)
    found = curves.evaluate(quality, cost, {"lanes": lanes, "oracle": curves.sweep(quality, cost)}).routers
    assert found["lanes"].gap_closed == pytest.approx(0, abs=1e-9)
    assert found["oracle"].gap_closed == pytest.approx(100)


def test_no_gap_is_not_a_number() -> None:
    """With one lane there is nothing to route; 0% or infinity would both be a lie."""
    quality, cost, _ = matrices(3)
    found = curves.evaluate(quality[:, :1], cost[:, :1], {"only": np.zeros((1, 60), dtype=int)})
    assert np.isnan(found.routers["only"].gap_closed)


def test_data_that_allow_no_number_are_refused() -> None:
    """NaN, a free lane, a policy for other prompts, an unknown lane, no gap between two lanes."""
    quality, cost, _ = matrices(4)
    policies = np.zeros((1, 60), dtype=int)
    with pytest.raises(OfflineDataError, match=r"\(60, 4\) and cost \(60, 3\)"):
        curves.evaluate(quality, cost[:, :3], {})
    with pytest.raises(OfflineDataError, match="NaN"):
        curves.evaluate(np.where(quality == quality[0, 0], np.nan, quality), cost, {})
    with pytest.raises(OfflineDataError, match="costs nothing"):
        curves.evaluate(quality, cost * [0, 1, 1, 1], {})
    for wrong in (policies[:, :59], policies + 4, policies - 1):
        with pytest.raises(
            OfflineDataError, match=r"Router ours: expected policies \(any number, 60\) of lanes 0\.\.3"
        ):
            curves.evaluate(quality, cost, {"ours": wrong})
    with pytest.raises(OfflineDataError, match="not better"):
        curves.apgr_cpt(quality[:, 0], quality[:, 0], np.ones(60))
