"""The online study: the same seed gives the same stream, nobody sees the future, and a number means what it says."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the study needs the 'offline' extra")

from training.benchmark.contestants import Ours, contestants
from training.benchmark.online import play, study, summarise, time_to_adapt
from training.benchmark.online_tables import report
from training.benchmark.stream import CUT, EVENTS, World, make_world
from training.outcomes import Pack, load_pack

REQUESTS = 240


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack()


@pytest.fixture(scope="module")
def world(pack: Pack) -> World:
    return make_world(pack, requests=REQUESTS, quality_per_usd=30.0, seed=1)


@pytest.fixture(scope="module")
def ours(world: World) -> Ours:
    return Ours(world, seed=0)


def test_the_same_seed_is_the_same_stream_and_another_is_not(pack: Pack, world: World) -> None:
    again = make_world(pack, requests=REQUESTS, quality_per_usd=30.0, seed=1)
    other = make_world(pack, requests=REQUESTS, quality_per_usd=30.0, seed=2)
    assert np.array_equal(again.row, world.row)
    assert [phase.lane for phase in again.phases] == [phase.lane for phase in world.phases]
    assert all(np.array_equal(a.quality, b.quality) for a, b in zip(again.phases, world.phases, strict=True))
    assert not np.array_equal(other.row, world.row)


def test_each_event_changes_what_it_says_and_nothing_else(world: World) -> None:
    assert tuple(phase.event for phase in world.phases[1:]) == EVENTS
    for before, after in zip(world.phases, world.phases[1:], strict=False):
        others = [index for index, name in enumerate(world.names) if name != after.lane]
        assert np.array_equal(after.quality[:, others], before.quality[:, others])
        assert np.array_equal(after.cost_usd[:, others], before.cost_usd[:, others])
        moved = after.quality[:, world.names.index(str(after.lane))].mean()
        moved -= before.quality[:, world.names.index(str(after.lane))].mean()
        expected = {"regression": moved < -0.1, "upgrade": moved > 0.1, "new lane": moved > 0}
        assert expected.get(str(after.event), moved == 0)
    assert world.phases[3].lane in set(world.phases[3].lanes) - set(world.phases[2].lanes)
    assert world.phases[5].lane not in world.phases[5].lanes


def test_nothing_of_the_stream_was_evaluated_before(pack: Pack, world: World) -> None:
    """Near-duplicates share a group; what is learned before go-live comes from other groups."""
    rows = len(world.evaluated.contexts) + len(world.prompts.group)
    assert rows == len(pack.group)
    seen = {row.tobytes() for row in world.evaluated.contexts.embedding}
    assert not seen & {row.tobytes() for row in world.prompts.contexts.embedding}


def test_time_to_adapt_counts_from_the_event(world: World) -> None:
    """0 is the next decision; a share that stays where it was has no time."""
    used = np.zeros(2000, dtype=bool)
    used[1150:] = True
    assert time_to_adapt(used, 1150, 2000) == 0
    assert time_to_adapt(used, 1000, 2000) == pytest.approx(150, abs=10)
    assert time_to_adapt(~used, 1000, 2000) == pytest.approx(150, abs=10)
    assert time_to_adapt(used, 200, 1000) is None


def test_a_price_counts_from_the_next_decision(world: World, ours: Ours) -> None:
    """Nothing has to be learned: prices are not learned from outcomes."""
    cut = world.phases[1]
    contexts, lane = world.prompts.contexts.take(slice(0, 5)), list(cut.lanes).index(str(cut.lane))
    before = ours.estimate(contexts).cost_usd[:, lane]
    ours.configure(cut.lanes)
    assert np.allclose(ours.estimate(contexts).cost_usd[:, lane], CUT * before)
    ours.configure(world.phases[0].lanes)


def test_every_router_plays_and_none_uses_a_lane_that_is_not_there(world: World) -> None:
    """Removed lanes and those that come later, whoever plays; regret is never negative."""
    made = {name: make() for name, make in contestants(world, seed=0).items() if make is not None}
    for contestant in made.values():
        run = play(world, contestant)
        for phase, end in zip(world.phases, world.ends(), strict=True):
            used = {world.names[index] for index in run.lane[phase.start : end]}
            assert used <= set(phase.lanes)
        assert run.regret.min() >= -1e-12
        assert summarise(world, run)["removed_used"] == 0


def test_a_report_is_json_also_where_a_package_is_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"ParetoBandit": None, "always premium": contestants(world, seed=0)["always premium"]}
    monkeypatch.setattr("training.benchmark.online.contestants", lambda world, seed: few)
    table, runs = study([world, world])
    rows = json.loads(json.dumps([report(name, row) for name, row in table.items()]))
    assert rows[0] == {"name": "ParetoBandit", "installed": False}
    assert rows[1]["regret"]["runs"] == 2
    assert set(rows[1]["adapt"]) == set(EVENTS)
    assert set(runs) == {"always premium"}
