"""What changes under a policy while it plays: lanes, prices, versions, probes, and what it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml.config import Lane
from router_ml.errors import EncoderMismatchError, OfflineDataError
from router_ml.offline.simulation.policies.policy import Told, Weighed
from router_ml.offline.simulation.policies.routed import NO_RULE_ASKS, Routed
from router_ml.offline.simulation.world.world import Phase, World
from router_ml.state.arms import Arms
from router_ml.state.learning import OnlineLearner, versions_learned
from router_ml.storage.bundle import Bundle
from tests.offline.simulation.asking import Asked, asked, moment_of, rows_of


@pytest.fixture(scope="module")
def given(root: Path, bundle: Bundle) -> Asked:
    return asked(root, bundle, bundle.config)


def changed(given: Asked, hour: float = 5.0, **lanes: dict[str, Any]) -> tuple[World, Phase]:
    """A world in which lanes change at an hour, and how it is then."""
    first = given.world.phases[0]
    now = {name: lane.model_copy(update=lanes.get(name, {})) for name, lane in first.lanes.items()}
    then = replace(first, hour=hour, lanes=now)
    return World(given.world.lanes, {}, (first, then), ()), then


def all_of(policy: Routed, there: World) -> Weighed:
    rows = rows_of(range(len(policy.kinds)))
    return policy.weigh(rows, moment_of(rows, there))


def told(kind: int, lane: int, quality: float, count: int) -> Told:
    return Told(np.full(count, kind), np.full(count, lane), np.full(count, quality), np.full(count, 0.9))


def test_a_retired_lane_gets_nothing_and_what_is_as_before_comes_back(given: Asked, bundle: Bundle) -> None:
    there, then = changed(given, fast={"enabled": False})
    policy, fast = Routed("champion", bundle, given.kinds, there), there.lanes.index("fast")
    before = all_of(policy, there)
    assert before.propensities[:, fast].any()
    policy.enter(then)
    assert not all_of(policy, there).eligible[:, fast].any()
    policy.enter(there.phases[0])
    assert (all_of(policy, there).propensities == before.propensities).all()


def test_the_router_knows_of_a_price_at_once(given: Asked, bundle: Bundle) -> None:
    price = bundle.config.lanes["premium"].price
    cheap = price.model_copy(update={"input_per_mtok": 0.0, "output_per_mtok": 0.0})
    there, then = changed(given, premium={"price": cheap})
    policy, premium = Routed("champion", bundle, given.kinds, there), there.lanes.index("premium")
    before = all_of(policy, there).propensities[:, premium].sum()
    policy.enter(then)
    assert all_of(policy, there).propensities[:, premium].sum() > before


def test_a_new_lane_is_unknown_before_it_comes_and_probed_from_then_on(given: Asked, bundle: Bundle) -> None:
    """In every policy's configuration; as long as it is not there, certificates are those of the prices without it."""
    first, kinds = given.world.phases[0], given.kinds
    like = bundle.config.lanes["balanced"].model_copy(update={"version": "new", "provider": "newcomer"})
    wide = {name: np.column_stack([getattr(first, name)] * 2)[:, :9] for name in ("quality", "cost_usd", "latency_ms")}
    before = replace(first, lanes={**first.lanes, "newcomer": like.model_copy(update={"enabled": False})}, **wide)
    after = replace(before, hour=1.0, lanes={**first.lanes, "newcomer": like})
    there = World((*given.world.lanes, "newcomer"), {}, (before, after), ())
    policy, plain = Routed("champion", bundle, kinds, there), Routed("champion", bundle, kinds, given.world)
    old = all_of(plain, given.world)
    calm = all_of(policy, there)
    assert (calm.propensities[:, :8] == old.propensities).all()
    assert not calm.propensities[:, 8].any()
    policy.enter(after)
    found = all_of(policy, there)
    assert "newcomer" in policy.arms.owed
    explored = found.propensities[:, 8] > 0
    assert explored.any()
    assert found.propensities[explored, 8].max() >= like.probe.share / 2


def test_probes_end_where_the_router_ends_them(given: Asked, bundle: Bundle) -> None:
    there, policy = given.world, Routed("champion", bundle, given.kinds, given.world)
    random, owed = np.random.default_rng(0), policy.arms.owed
    real = Arms(bundle.config.lanes, learned=versions_learned(bundle.allocation))
    usd = policy.estimates.cost_usd
    assert owed == real.owed
    assert len(owed) > 1
    rows, done = rows_of(random.integers(0, len(given.kinds), 1500)), 0
    lane = random.integers(-1, len(there.lanes), 1500)
    while done < len(rows):
        part, before = rows.take(slice(done, None)), policy.arms.owed
        counted = policy.took(part, lane[done:])
        assert counted > 0
        for at in range(done, done + counted):
            assert real.owed == before, "until then the same lanes were owed"
            if lane[at] >= 0:
                real.count(there.lanes[lane[at]], float(usd[rows.kind[at], lane[at]]))
        done += counted
        assert real.owed == policy.arms.owed
    assert not policy.arms.owed
    assert all_of(policy, there).propensities[:, there.lanes.index("openai")].max() < 0.05


def test_a_challenger_keeps_its_own_settings_and_leaves_out_lanes_that_nothing_is_known_of(
    given: Asked, bundle: Bundle
) -> None:
    """A lane without outcomes could be called anything; the note says that it was left out."""
    lanes = bundle.config.lanes
    extra = lanes["fast"].model_copy(update={"provider": "elsewhere"})
    strict = lanes["balanced"].model_copy(update={"enabled": False})
    own = {**{name: lane for name, lane in lanes.items() if name != "premium"}, "balanced": strict, "extra": extra}
    config = bundle.config.model_copy(update={"lanes": own})
    there, then = changed(given, balanced={"version": "7"})
    policy = Routed("challenger", bundle, given.kinds, there, config=config)
    assert "extra" in policy.notes[0]
    assert not policy.config.lanes["extra"].enabled
    found = all_of(policy, there)
    assert found.propensities.shape[1] == len(there.lanes)
    assert not found.eligible[:, [there.lanes.index("premium"), there.lanes.index("balanced")]].any()
    policy.enter(then)
    assert policy.config.lanes["balanced"].version == "7"
    assert not policy.config.lanes["balanced"].enabled


def test_a_bundle_that_reads_otherwise_or_knows_no_lane_is_refused(given: Asked, bundle: Bundle) -> None:
    kinds = given.kinds
    short = replace(kinds, contexts=replace(kinds.contexts, embedding=kinds.contexts.embedding[:, :-1]))
    with pytest.raises(EncoderMismatchError, match="same encoder"):
        Routed("challenger", bundle, short, given.world)
    with pytest.raises(EncoderMismatchError, match="same encoder"):
        Routed("challenger", bundle, replace(kinds, encoder_sha256="0" * 64), given.world)
    Routed("challenger", bundle, replace(kinds, encoder_sha256=bundle.encoder.sha256), given.world)
    lanes = {f"other-{name}": lane for name, lane in bundle.config.lanes.items()}
    with pytest.raises(OfflineDataError, match="name lanes alike"):
        Routed("challenger", bundle, kinds, given.world, config=bundle.config.model_copy(update={"lanes": lanes}))


def test_a_lane_that_silently_got_worse_is_left(given: Asked, bundle: Bundle) -> None:
    """By a policy that learns, in a copy: the bundle is what it was."""
    steps = bundle.allocation.bandit.steps
    frozen = Routed("champion", bundle, given.kinds, given.world)
    policy = Routed("learning", bundle, given.kinds, given.world, learns=True)
    before = all_of(frozen, given.world)
    kind = int(np.flatnonzero((before.fate < 0) & (before.eligible.sum(axis=1) > 3))[0])
    lane = int(before.exploit[kind])
    for _ in range(8):
        policy.learn(told(kind, lane, 0.0, 25))
    assert all_of(policy, given.world).exploit[kind] != lane
    assert (all_of(frozen, given.world).propensities == before.propensities).all()
    assert bundle.allocation.bandit.steps == steps
    again = Routed("champion", bundle, given.kinds, given.world)
    assert (again.estimates.predicted == frozen.estimates.predicted).all()
    frozen.learn(told(kind, lane, 0.0, 25))
    assert (all_of(frozen, given.world).exploit == before.exploit).all()


def test_what_was_learned_outlives_a_change_of_prices_and_a_new_version_is_doubted(
    given: Asked, bundle: Bundle
) -> None:
    there, then = changed(given, fast={"price": bundle.config.lanes["balanced"].price}, premium={"version": "2"})
    policy = Routed("learning", bundle, given.kinds, there, learns=True)
    policy.learn(told(3, there.lanes.index("fast"), 0.0, 100))
    before = policy.estimates.belief
    policy.enter(then)
    after, fast, premium = policy.estimates.belief, there.lanes.index("fast"), there.lanes.index("premium")
    assert after.quality[3, fast] == pytest.approx(before.quality[3, fast], abs=0.02)
    assert after.evidence[3, premium] < before.evidence[3, premium]
    assert "premium" in policy.arms.owed


@pytest.mark.parametrize("of", ["learned", "new"])
def test_many_ratings_at_once_teach_what_they_teach_one_by_one(given: Asked, bundle: Bundle, of: str) -> None:
    """The bandit always; the posterior where the bandit does not move what is predicted of the lanes in between."""
    known, kinds = bundle.allocation.bandit.lanes, given.kinds
    lanes = [lane for lane in bundle.config.lanes if (lane in known) == (of == "learned")]
    random, rows = np.random.default_rng(0), np.tile(np.arange(len(kinds)), 2)
    named = [lanes[index] for index in random.integers(0, len(lanes), len(rows))]
    quality, probability = random.random(len(rows)), random.uniform(0.05, 1, len(rows))
    parts = [replace(bundle.allocation, bandit=bundle.allocation.bandit.copy()) for _ in range(2)]
    many, single = (OnlineLearner(part, bundle.config.lanes) for part in parts)
    many.update_many(kinds.contexts.take(rows), named, quality=quality, probability=probability)
    for index, row in enumerate(rows):
        one = kinds.contexts.take(slice(row, row + 1))
        single.update(one, named[index], quality=float(quality[index]), probability=float(probability[index]))
    assert parts[0].bandit.model == parts[1].bandit.model
    assert parts[0].bandit.steps == parts[1].bandit.steps
    shifts = [one.drift(kinds.contexts).shift for one in (many, single)]
    assert np.abs(shifts[0]).max() > 0.02
    if of == "new":
        assert shifts[0] == pytest.approx(shifts[1], abs=1e-9)


def test_ratings_of_lanes_that_a_policy_does_not_have_teach_it_nothing(given: Asked, bundle: Bundle) -> None:
    own = {name: lane for name, lane in bundle.config.lanes.items() if name != "premium"}
    config = bundle.config.model_copy(update={"lanes": own})
    policy = Routed("challenger", bundle, given.kinds, given.world, config=config, learns=True)
    before = policy.estimates.belief
    policy.learn(told(0, given.world.lanes.index("premium"), 0.0, 50))
    assert (policy.estimates.belief.quality == before.quality).all()


def test_nothing_is_kept_that_something_else_has_changed(given: Asked, bundle: Bundle) -> None:
    """Health that comes and goes leaves no trace in what is weighed next."""
    policy, there = Routed("champion", bundle, given.kinds, given.world), given.world
    rows = rows_of(range(len(given.kinds)))
    calm = moment_of(rows, there)
    first = policy.weigh(rows, calm)
    for lane in range(len(there.lanes)):
        down = moment_of(rows, there, down=np.arange(len(there.lanes)) == lane)
        assert not policy.weigh(rows, down).eligible[:, lane].any()
        assert (policy.weigh(rows, calm).propensities == first.propensities).all()


def test_what_rules_do_not_ask_about_are_fields_of_lanes() -> None:
    """Else the tables would be asked anew, or not, for the wrong reason."""
    assert set(NO_RULE_ASKS) <= set(Lane.model_fields)
