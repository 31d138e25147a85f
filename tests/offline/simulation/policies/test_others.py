"""What the router is compared with obeys the same rules, and is what its name says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router_ml.allocation.cost import price
from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.policies.others import Beside, Fixed, Ranked, nearest, oracle
from router_ml.offline.simulation.policies.policy import Weighed
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.policies.shuffled import Shuffled, dealt_out, uniform
from router_ml.offline.simulation.policies.sweeps import curves
from router_ml.offline.simulation.world.world import World
from router_ml.storage.bundle import Bundle
from tests.offline.simulation.asking import asked, moment_of, rows_of, world


@pytest.fixture(scope="module")
def champion(root: Path, bundle: Bundle) -> Routed:
    """On lanes that truly differ: dearer ones are better on average, and each prompt has a favourite of its own."""
    given, random = asked(root, bundle, bundle.config), np.random.default_rng(0)
    shape = given.kinds.quality.shape
    level = np.linspace(0.5, 0.8, shape[1])
    kinds = replace(
        given.kinds,
        quality=np.clip(level + random.normal(0, 0.1, shape), 0, 1),
        cost_usd=np.exp(np.linspace(-9, -5, shape[1]) + random.normal(0, 0.3, shape)),
        weight=random.dirichlet(np.ones(shape[0])),
    )
    return Routed("champion", bundle, kinds, world(bundle.config, kinds))


def everybody(champion: Routed) -> list[Beside]:
    kinds, there = champion.kinds, champion.world
    return [
        *(Fixed(f"always {lane}", lane, champion, kinds, there) for lane in there.lanes),
        oracle(champion, kinds, there),
        nearest(champion, kinds, there, count=5),
        Shuffled(champion, 0),
    ]


def test_nobody_breaks_a_rule_or_calls_what_is_down(champion: Routed) -> None:
    random, count = np.random.default_rng(1), 400
    rows = rows_of(
        random.integers(0, len(champion.kinds), count),
        turn=random.integers(0, 2, count),
        held=random.integers(0, 9000, count),
    )
    for policy in everybody(champion):
        for down in ([], [1, 2], [0, 3, 5]):
            moment = moment_of(
                rows,
                champion.world,
                down=np.isin(np.arange(len(champion.world.lanes)), down),
                incumbent=random.integers(-1, len(champion.world.lanes), count),
                cached=random.integers(0, 5000, count),
            )
            allowed, found = champion.weigh(rows, moment), policy.weigh(rows, moment)
            assert (found.eligible == allowed.eligible).all()
            assert not ((found.propensities > 0) & ~allowed.eligible).any(), policy.name
            assert not found.propensities[:, down].any()
            goes = found.fate < 0
            assert found.propensities.sum(axis=1) == pytest.approx(goes.astype(float))
            assert (goes <= (allowed.fate < 0)).all(), "what the rules stop stops"
            assert (found.exploit[goes] >= 0).all()


def test_nobody_probes_lanes_also_after_a_phase_has_begun(champion: Routed) -> None:
    """Nobody counts their probes, so these would go on for the whole run."""
    assert champion.arms.owed, "the champion itself owes some"
    rows = rows_of(range(len(champion.kinds)))
    moment = moment_of(rows, champion.world)
    for policy in everybody(champion):
        before = policy.weigh(rows, moment)
        policy.enter(champion.world.phases[0])
        after = policy.weigh(rows, moment)
        np.testing.assert_array_equal(after.propensities, before.propensities, err_msg=policy.name)


def test_a_fixed_lane_stands_still_while_it_is_down_and_says_what_rules_keep_from_it(champion: Routed) -> None:
    kinds, there = champion.kinds, champion.world
    fixed, at = Fixed("always premium", "premium", champion, kinds, there), there.lanes.index("premium")
    rows = rows_of(range(len(kinds)))
    calm, usual = fixed.weigh(rows, moment_of(rows, there)), champion.weigh(rows, moment_of(rows, there))
    kept = ~usual.eligible[:, at]
    assert kept.any()
    assert (calm.exploit[kept] == usual.exploit[kept]).all()
    assert f"{kinds.weight[kept].sum():.1%}" in fixed.notes[-1]
    dark = fixed.weigh(rows, moment_of(rows, there, down=np.arange(len(there.lanes)) == at))
    meant = (usual.fate < 0) & ~kept
    assert {FATES[each] for each in dark.fate[meant]} == {"no_lane"}
    assert not fixed.falls_back
    with pytest.raises(OfflineDataError, match="no outcomes"):
        Fixed("always gone", "gone", champion, kinds, there)


def worth(champion: Routed, shares: Weighed) -> float:
    """Mean of quality - lambda * cost of what the champion's rules let through, as it truly is."""
    phase = champion.world.phases[0]
    value = phase.quality - champion.lambdas()[:, None] * phase.cost_usd * champion.discounts()
    goes = shares.fate < 0
    return float(
        (champion.kinds.weight @ (shares.propensities * value).sum(axis=1)) / champion.kinds.weight[goes].sum()
    )


def test_nobody_beats_the_oracle(champion: Routed) -> None:
    rows = rows_of(range(len(champion.kinds)))
    calm = moment_of(rows, champion.world)
    best = worth(champion, oracle(champion, champion.kinds, champion.world).weigh(rows, calm))
    for policy in (champion, *everybody(champion)):
        assert worth(champion, policy.weigh(rows, calm)) <= best + 1e-12


def test_who_weighs_cost_weighs_what_a_session_has_cached(champion: Routed) -> None:
    """Staying costs less than going, by what the held tokens cost fresh."""
    kinds, there, held = champion.kinds, champion.world, 6000
    rows = rows_of(range(len(kinds)), turn=[1] * len(kinds), held=[held] * len(kinds))
    policy, phase = oracle(champion, kinds, there), there.phases[0]
    at = there.lanes.index("premium")
    moment = moment_of(rows, there, incumbent=[at] * len(kinds), cached=[held] * len(kinds))
    lanes = [phase.lanes[name] for name in there.lanes]
    tokens = np.full(len(kinds), held)
    cached = np.where(np.arange(len(lanes)) == at, float(held), 0.0) * np.ones((len(kinds), 1))
    more = price(lanes, tokens, np.zeros(cached.shape), cached_in=cached) * champion.discounts()
    value = phase.quality - champion.lambdas()[:, None] * (phase.cost_usd * champion.discounts() + more)
    found = policy.weigh(rows, moment)
    goes = found.fate < 0
    best = np.where(found.eligible, value, -np.inf).argmax(axis=1)
    assert goes.any()
    assert (found.exploit[goes] == best[goes]).all()


def test_the_oracle_follows_what_becomes_true(champion: Routed) -> None:
    first = champion.world.phases[0]
    broken = replace(first, hour=5.0, quality=first.quality * 0.1)
    broken.quality[:, 0] = 1.0
    there = World(champion.world.lanes, {}, (first, broken), ())
    policy, rows = oracle(champion, champion.kinds, there), rows_of(range(len(champion.kinds)))
    policy.enter(broken)
    found = policy.weigh(rows, moment_of(rows, there))
    free = found.eligible[:, 0] & (found.fate < 0)
    assert free.any()
    assert (found.exploit[free] == 0).all()


def test_neighbours_are_other_requests(champion: Routed) -> None:
    """What is known of a request itself, or of its near-duplicates, would make kNN an oracle."""
    kinds, there = champion.kinds, champion.world
    pairs = replace(kinds, cluster=np.arange(len(kinds)) // 2)
    policy = nearest(champion, pairs, there, count=4)
    points = kinds.contexts.embedding.astype(float)
    row = 10
    alike = points @ points[row]
    alike[pairs.cluster == pairs.cluster[row]] = -np.inf
    near = np.argsort(-alike)[:4]
    value = (
        kinds.quality[near].mean(0) - champion.lambdas()[row] * kinds.cost_usd[near].mean(0) * champion.discounts()[row]
    )
    assert policy.scores[row] == pytest.approx(value)


def test_without_neighbours_it_is_the_champion_and_says_so(champion: Routed) -> None:
    """A file of one request can be played with all policies."""
    alone = nearest(champion, replace(champion.kinds, cluster=np.zeros(len(champion.kinds), int)), champion.world)
    rows = rows_of(range(len(champion.kinds)))
    moment = moment_of(rows, champion.world)
    assert (alone.weigh(rows, moment).exploit == champion.twin("other").weigh(rows, moment).exploit).all()
    assert any("near-duplicates" in note for note in alone.notes)


def test_where_nothing_has_a_score_the_champion_decides(champion: Routed) -> None:
    rows = rows_of(range(len(champion.kinds)))
    calm = moment_of(rows, champion.world)
    scores = np.full(champion.kinds.quality.shape, np.nan)
    found = Ranked("nothing known", scores, champion, champion.world).weigh(rows, calm)
    assert (found.exploit == champion.weigh(rows, calm).exploit).all()


def test_the_control_deals_the_champions_choices_among_requests_alike_in_class_and_rules(champion: Routed) -> None:
    """Also where requests come one by one: else it would be the champion itself."""
    control, kinds, there = Shuffled(champion, 3), champion.kinds, champion.world
    calm = champion.calm()
    group = np.unique(np.column_stack([calm.traffic_class, calm.fate, calm.eligible]), axis=0, return_inverse=True)[1]
    largest = np.bincount(group.reshape(-1)).argmax()
    members = np.flatnonzero(group.reshape(-1) == largest)
    rows = rows_of([members[0]] * 4000)
    dealt = control.weigh(rows, moment_of(rows, there)).propensities
    weight = kinds.weight[members] / kinds.weight[members].sum()
    expected = weight @ calm.propensities[members]
    assert dealt.mean(axis=0) == pytest.approx(expected, abs=0.03)
    one = rows.take(slice(7, 8))
    assert (control.weigh(one, moment_of(one, there)).propensities == dealt[7]).all()
    assert dealt_out(calm, kinds.weight)[members[0]] == pytest.approx(expected)


def test_the_control_says_what_it_is_expected_to_cost(champion: Routed) -> None:
    control, calm, phase = Shuffled(champion, 0), champion.calm(), champion.world.phases[0]
    cost, weight = phase.cost_usd * champion.discounts(), champion.kinds.weight
    paid = [float(weight @ (each * cost).sum(1)) for each in (dealt_out(calm, weight), calm.propensities)]
    assert control.cost_ratio == pytest.approx(paid[0] / paid[1])
    assert f"{control.cost_ratio - 1:+.1%}" in control.notes[-1]
    assert ("at the same cost" in control.notes[-1]) == (abs(control.cost_ratio - 1) >= 0.02)


def test_luck_is_even_and_its_own_for_each_seed() -> None:
    draws = uniform(np.arange(20_000), 0)
    assert np.histogram(draws, 10, (0, 1))[0] == pytest.approx(np.full(10, 2000), rel=0.1)
    assert abs(np.corrcoef(draws, uniform(np.arange(20_000), 1))[0, 1]) < 0.03


def test_curves_are_bounded_by_the_oracle_and_begin_at_the_cheapest_lanes(champion: Routed) -> None:
    found = curves(champion, lambdas=(0.1, 30.0, 1e4))
    top = found["oracle"]
    for name in ("hull", "champion", "shuffled"):
        bound = np.interp(found[name].cost_usd, top.cost_usd, top.quality)
        assert (found[name].quality <= bound + 1e-9).all(), name
    assert all((np.diff(each.cost_usd) >= 0).all() for each in found.values())
