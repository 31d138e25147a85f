"""Propensities are exact: the log holds them, off-policy estimates divide by them, and they never leave the rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from router_ml.allocation.quality import Belief
from router_ml.allocation.select import Rule, best, distribution, draw
from router_ml.config.schema import Exploration, TrafficClass

Case = tuple[Belief, NDArray[np.float64], NDArray[np.bool_], Rule]
FRACTION = st.floats(0, 1)


def table(*rows: tuple[float, float, float, float, float]) -> tuple[Belief, NDArray[np.float64]]:
    """One request; per lane: quality, low, high, evidence, cost."""
    quality, low, high, evidence, cost = np.array(rows, float).T[:, None, :]
    return Belief(quality, low, high, evidence), cost


@st.composite
def cases(draw_from: st.DrawFn) -> Case:
    rows, lanes = draw_from(st.integers(1, 6)), draw_from(st.integers(1, 12))
    rng = np.random.default_rng(draw_from(st.integers(0, 2**32)))
    bounds = np.sort(rng.random((3, rows, lanes)).round(draw_from(st.sampled_from([1, 15]))), axis=0)
    evidence = rng.integers(0, 3, (rows, lanes)).astype(np.float64) * 10
    cost = 10.0 ** rng.uniform(-7, -1, (rows, lanes))
    eligible = rng.random((rows, lanes)) < draw_from(st.sampled_from([0.1, 0.5, 1.0]))
    rule = Rule(
        floor=draw_from(FRACTION),
        quality_per_usd=draw_from(st.floats(0, 1e4)),
        explore_share=draw_from(FRACTION),
        epsilon=draw_from(FRACTION),
        gamma=draw_from(st.floats(1e-3, 1e4)),
    )
    return Belief(bounds[1], bounds[0], bounds[2], evidence), cost, eligible, rule


@given(cases())
def test_rows_sum_to_one_inside_the_eligible_lanes_or_are_all_zero(case: Case) -> None:
    """Probability outside is a broken rule; a sum other than one is a wrong estimate."""
    belief, cost, eligible, rule = case
    with np.errstate(all="raise", under="ignore"):
        shares = distribution(belief, cost, eligible, rule)
    some = eligible.any(axis=1)
    assert (shares >= 0).all()
    assert (shares[~eligible] == 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), some.astype(float), rtol=0, atol=1e-12)


@given(cases())
def test_exploration_stays_inside_its_share(case: Case) -> None:
    belief, cost, eligible, rule = case
    shares, exploit = distribution(belief, cost, eligible, rule), best(belief, cost, eligible, rule)
    for row in np.flatnonzero(exploit >= 0):
        assert 1 - shares[row, exploit[row]] <= rule.explore_share + 1e-12
        explored = np.delete(np.arange(cost.shape[1]), exploit[row])
        assert (belief.high[row, explored][shares[row, explored] > 0] >= rule.floor).all()


@given(cases())
def test_many_requests_at_once_are_the_same_as_one_by_one_bit_for_bit(case: Case) -> None:
    belief, cost, eligible, rule = case
    together = distribution(belief, cost, eligible, rule)
    for row in range(len(cost)):
        one = slice(row, row + 1)
        alone = Belief(*(value[one].copy() for value in vars(belief).values()))
        assert np.array_equal(distribution(alone, cost[one].copy(), eligible[one].copy(), rule), together[one])


@given(cases())
def test_the_best_lane_is_eligible_and_keeps_the_floor_where_one_does(case: Case) -> None:
    belief, cost, eligible, rule = case
    for row, lane in enumerate(best(belief, cost, eligible, rule)):
        reaches = eligible[row] & (belief.low[row] >= rule.floor) & (belief.evidence[row] > 0)
        if not eligible[row].any():
            assert lane == -1
        elif reaches.any():
            assert reaches[lane]
            value = belief.quality[row] - rule.quality_per_usd * cost[row]
            assert value[lane] == value[reaches].max()
        else:
            assert eligible[row, lane]
            value = belief.low[row] - rule.quality_per_usd * cost[row]
            assert value[lane] == value[eligible[row]].max()


def test_the_rule_of_a_class_is_its_promise_and_only_exploration_can_be_taken_away() -> None:
    """Served and evaluated policies are built by it alike; a mixed-up number would make every comparison wrong."""
    promise = TrafficClass(floor=0.6, quality_per_usd=12, explore_share=0.3)
    exploration = Exploration(epsilon=0.05, gamma=70)
    expected = Rule(floor=0.6, quality_per_usd=12, explore_share=0.3, epsilon=0.05, gamma=70)
    assert Rule.of(promise, exploration) == expected
    assert Rule.of(promise, exploration, explore=False) == replace(expected, explore_share=0.0)


RULE = Rule(floor=0.7, quality_per_usd=30, explore_share=0.1, epsilon=0.02, gamma=200)
ALL = np.array([[True, True, True]])


def test_the_cheapest_lane_that_keeps_the_floor_wins() -> None:
    belief, cost = table((0.75, 0.71, 0.8, 20, 0.0001), (0.8, 0.75, 0.85, 20, 0.01), (0.74, 0.6, 0.9, 20, 0.00001))
    assert best(belief, cost, ALL, RULE).tolist() == [0]
    dear = Rule(floor=0.7, quality_per_usd=1, explore_share=0.1, epsilon=0.02, gamma=200)
    assert best(belief, cost, ALL, dear).tolist() == [1]


def test_where_no_lane_is_known_to_keep_the_floor_the_safest_for_the_money_is_taken() -> None:
    """Always the dearest lane would be the answer to every request that is unlike the evaluations."""
    belief, cost = table((0.9, 0.69, 1, 20, 0.02), (0.7, 0.6, 0.8, 20, 0.0001), (0.8, 0.2, 1, 20, 0.0001))
    assert best(belief, cost, ALL, RULE).tolist() == [1]
    priceless = Rule(floor=0.7, quality_per_usd=0, explore_share=0.1, epsilon=0.02, gamma=200)
    assert best(belief, cost, ALL, priceless).tolist() == [0]


def test_a_lane_nobody_has_seen_is_explored_but_not_trusted() -> None:
    """Its prior may promise anything."""
    belief, cost = table((0.99, 0.95, 1.0, 0, 0.0), (0.8, 0.75, 0.85, 20, 0.001), (0.5, 0.4, 0.6, 20, 0.001))
    shares = distribution(belief, cost, ALL, RULE)[0]
    assert best(belief, cost, ALL, RULE).tolist() == [1]
    assert 0 < shares[0] <= 0.1
    assert shares[2] == 0  # its upper bound is below the floor


def test_the_closer_a_lane_comes_the_more_it_is_explored() -> None:
    belief, cost = table((0.9, 0.8, 1, 20, 0.0), (0.89, 0.79, 1, 20, 0.0), (0.75, 0.6, 0.9, 20, 0.0))
    shares = distribution(belief, cost, ALL, RULE)[0]
    assert shares[0] > shares[1] > shares[2] > 0


def test_without_exploration_the_best_lane_is_certain() -> None:
    belief, cost = table((0.9, 0.8, 1, 20, 0.0), (0.89, 0.79, 1, 20, 0.0), (0.75, 0.6, 0.9, 20, 0.0))
    still = Rule(floor=0.7, quality_per_usd=30, explore_share=0, epsilon=0.02, gamma=200)
    assert distribution(belief, cost, ALL, still).tolist() == [[1, 0, 0]]
    assert distribution(belief, cost, np.array([[False, False, True]]), RULE).tolist() == [[0, 0, 1]]


def test_ties_go_to_the_cheaper_lane_then_to_the_first() -> None:
    free = Rule(floor=0.7, quality_per_usd=0, explore_share=0, epsilon=0.02, gamma=200)
    belief, cost = table((0.8, 0.75, 1, 9, 0.2), (0.8, 0.75, 1, 9, 0.1), (0.8, 0.75, 1, 9, 0.1))
    assert best(belief, cost, ALL, free).tolist() == [1]
    nobody, cost = table((0.5, 0.4, 1, 9, 0.2), (0.5, 0.4, 1, 9, 0.1), (0.5, 0.4, 1, 9, 0.1))
    assert best(nobody, cost, ALL, free).tolist() == [1]


def test_shares_of_many_draws_match_the_propensities() -> None:
    """A log whose propensities are not those of the draw makes every later estimate wrong."""
    shares = np.array([0.6, 0.0, 0.25, 0.1, 0.05])
    seen = np.bincount([draw(shares, seed) for seed in range(20_000)], minlength=5)
    assert seen[1] == 0
    expected = 20_000 * shares[shares > 0]
    chi_square = float(((seen[shares > 0] - expected) ** 2 / expected).sum())
    assert chi_square < 16.27  # 99.9% point at 3 degrees of freedom; seeds are fixed


@given(st.integers(), st.lists(st.floats(0.001, 1), min_size=1, max_size=8), st.integers(0, 3), st.integers(0, 3))
def test_a_draw_is_decided_by_its_seed_and_never_hits_zero(
    seed: int, weights: list[float], before: int, after: int
) -> None:
    shares = np.array([0.0] * before + weights + [0.0] * after)
    shares = shares / shares.sum()
    index = draw(shares, seed)
    assert index == draw(shares.copy(), seed)
    assert shares[index] > 0


@pytest.mark.parametrize("row", [[0.0, 0.0], [0.5, 0.4], [0.5, 0.6], [float("nan"), 1.0]], ids=str)
def test_a_row_that_is_no_distribution_is_not_drawn_from(row: list[float]) -> None:
    """All zero means that no lane is eligible: drawing one anyway would break a rule."""
    with pytest.raises(ValueError, match="expected 1"):
        draw(np.array(row), 1)


def test_a_broken_estimate_never_picks_a_forbidden_lane() -> None:
    """Not even when a model returns no number at all."""
    nan = float("nan")
    belief, cost = table((0.9, 0.8, 1, 9, 0.1), (nan, nan, nan, 9, 0.1), (0.9, 0.8, 1, 9, 0.1))
    eligible = np.array([[False, True, False]])
    assert best(belief, cost, eligible, RULE).tolist() == [1]


@given(cases(), st.integers(0, 2**32))
def test_probes_come_out_of_the_explored_share(case: Case, seed: int) -> None:
    """A lane that is being learned about gets its part, and the class still leaves its best lane no more often."""
    belief, cost, eligible, rule = case
    rng = np.random.default_rng(seed)
    probes = np.where(rng.random(cost.shape[1]) < 0.3, rng.random(cost.shape[1]) * 0.2, 0.0)
    exploit = best(belief, cost, eligible, rule)
    with np.errstate(all="raise", under="ignore"):
        shares = distribution(belief, cost, eligible, rule, probes=probes)
    for row in np.flatnonzero(exploit >= 0):
        others = eligible[row] & (np.arange(cost.shape[1]) != exploit[row])
        asked = probes[others].sum()
        scale = min(1.0, rule.explore_share / asked) if asked else 0.0
        assert (shares[row, others] >= probes[others] * scale * (1 - 1e-12)).all()
        assert 1 - shares[row, exploit[row]] <= rule.explore_share + 1e-12
        assert shares[row].sum() == pytest.approx(1, abs=1e-12)
        assert (shares[row, ~eligible[row]] == 0).all()


@given(cases(), st.integers(0, 2**32))
def test_lanes_that_are_not_eligible_change_no_bit(case: Case, seed: int) -> None:
    """A record holds the estimates of the eligible lanes alone, and must give the same propensities."""
    belief, cost, eligible, rule = case
    probes = np.random.default_rng(seed).random(cost.shape[1]) * 0.1
    whole = distribution(belief, cost, eligible, rule, probes=probes)
    for row in range(len(cost)):
        kept = np.flatnonzero(eligible[row])
        if len(kept):
            alone = Belief(*(value[row : row + 1, kept] for value in vars(belief).values()))
            everything = np.ones((1, len(kept)), bool)
            part = distribution(alone, cost[row : row + 1, kept], everything, rule, probes=probes[kept])
            assert part[0].tolist() == whole[row, kept].tolist()


@given(cases(), st.floats(0, 1), st.integers(0, 2**32))
def test_an_incumbent_stays_unless_another_gains_more_than_the_margin(case: Case, margin: float, seed: int) -> None:
    """And not where it is expected below the floor while another lane is known to reach it, nor where it may not be
    used."""
    belief, cost, eligible, rule = case
    rule = replace(rule, margin=margin)
    incumbent = np.random.default_rng(seed).integers(-1, cost.shape[1], len(cost))
    free, held = (best(belief, cost, eligible, rule, incumbent=each) for each in (None, incumbent))
    reaches = eligible & (belief.low >= rule.floor) & (belief.evidence > 0)
    for row, (stays, lane) in enumerate(zip(incumbent, held, strict=True)):
        known = bool(reaches[row].any())
        expected = eligible[row] & (belief.quality[row] >= rule.floor)
        may_stay = stays >= 0 and (reaches[row] | expected if known else eligible[row])[stays]
        worth = (belief.quality if known else belief.low)[row] - rule.quality_per_usd * cost[row]
        keeps = may_stay and worth[stays] >= worth[free[row]] - margin
        assert lane == (stays if keeps else free[row])


@given(cases())
def test_when_the_money_is_gone_the_cheapest_lane_that_keeps_the_floor_is_certain(case: Case) -> None:
    """Known to reach it, or else expected to: where neither, the best bound for the money."""
    belief, cost, eligible, rule = case
    capped = replace(rule, margin=0.3).at_cap()
    held = best(belief, cost, eligible, capped, incumbent=np.zeros(len(cost), np.intp))
    shares = distribution(belief, cost, eligible, capped, exploit=held, probes=np.full(cost.shape[1], 0.1))
    for row in np.flatnonzero(eligible.any(axis=1)):
        reaches = eligible[row] & (belief.low[row] >= rule.floor) & (belief.evidence[row] > 0)
        if reaches.any():
            assert reaches[held[row]]
            assert cost[row, held[row]] == cost[row, reaches].min()
        elif (hopeful := eligible[row] & (belief.quality[row] >= rule.floor)).any():
            assert hopeful[held[row]]
            assert cost[row, held[row]] == cost[row, hopeful].min()
        else:
            worth = belief.low[row] - rule.quality_per_usd * cost[row]
            assert worth[held[row]] == worth[eligible[row]].max()
        assert shares[row, held[row]] == 1
        assert shares[row].sum() == 1
