"""Shards of a simulation add up to the runs that they are parts of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router_ml import RouteRequest
from router_ml.allocation.context import Contexts
from router_ml.deciding.reading import read
from router_ml.errors import OfflineDataError
from router_ml.offline import engine
from router_ml.offline.engine.dealing import Dealt, shared
from router_ml.offline.engine.files import Folder
from router_ml.offline.engine.run import run
from router_ml.offline.engine.shards import Arena, Simulate
from router_ml.offline.engine.simulating import PLAN, TALLIES, added_up, task_of, write_plan
from router_ml.offline.judging.packs import Pack
from router_ml.offline.simulate import Source, simulate, sized
from router_ml.offline.simulation.scenarios.loading import load_scenario
from router_ml.offline.simulation.scenarios.scenario import Behaviour, Scenario
from router_ml.offline.simulation.traffic.reading import example_requests
from router_ml.ruling.case import contexts
from router_ml.storage.bundle import Bundle

SOURCE = Source(requests=example_requests()[:12])


def scenario(**changes: object) -> Scenario:
    asked = sized(load_scenario("prompt_cache_sessions"), count=240)
    return asked.model_copy(update={"events": (), "budgets": {}, **changes})


@pytest.fixture(scope="module")
def task(bundle: Bundle, models: Path) -> Simulate:
    """Some requests on a scenario with sessions in which nothing happens and no call fails."""
    asked = scenario(lanes={"default": Behaviour(error_rate=0.0)})
    return task_of(bundle, asked, model=str(models), source=SOURCE, challengers=None, policies=(), seed=3)


@pytest.fixture(scope="module")
def arena(task: Simulate) -> Arena:
    return Arena(task)


@pytest.mark.slow
def test_one_seed_is_the_run_of_that_seed(task: Simulate, arena: Arena, bundle: Bundle, tmp_path: Path) -> None:
    plan, tallies = Folder(str(tmp_path / PLAN)), Folder(str(tmp_path / TALLIES))
    write_plan(plan, list(arena.entries), seeds=[3])
    assert run(task, plan.url, tallies.url).partitions == 1
    found = added_up(arena, tallies, seeds=[3], slices=1)
    wanted = simulate(bundle, arena.scenario, policies=(), source=SOURCE, seed=3)
    assert found.results[0].spend_usd == wanted.results[0].spend_usd
    assert found.results[0].quality == wanted.results[0].quality
    assert found.versions == wanted.versions
    assert found.results[0].lane_requests == wanted.results[0].lane_requests
    write_plan(plan, list(arena.entries), seeds=[3, 4])
    report = run(task, plan.url, tallies.url)
    assert (report.kept, report.rows) == (1, 1)
    both = added_up(arena, tallies, seeds=[3, 4], slices=1)
    assert (
        both.results[0].requests == wanted.results[0].requests + arena.play(policy="champion", seed=4).result().requests
    )


@pytest.mark.slow
def test_requests_of_a_run_may_be_dealt_out_where_they_share_nothing(arena: Arena) -> None:
    limited = shared(arena.policy("champion", 3), arena.world)
    if limited:
        pytest.skip(f"the shipped configuration shares {limited}")
    whole = arena.play(policy="champion", seed=3)
    parts = [arena.play(policy="champion", seed=3, slice=number, slices=3) for number in range(3)]
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    for name, values in whole.sums.items():
        assert parts[0].sums[name] == pytest.approx(values, rel=1e-9, abs=1e-12), name


def test_parts_of_a_stream_are_all_of_it(arena: Arena) -> None:
    whole = arena.stream(3)
    rows = list(whole.batches())
    hours = np.concatenate([each.hour for each in rows])
    parts = [list(Dealt(whole, number, 3).batches()) for number in range(3)]
    found = np.concatenate([each.hour for part in parts for each in part])
    assert np.array_equal(np.sort(found), np.sort(hours))
    for part in parts:
        number, before, session = (
            np.concatenate([getattr(each, name) for each in part]) for name in ("number", "before", "session")
        )
        assert np.array_equal(number, np.arange(len(number)))
        later = before >= 0
        assert np.array_equal(session[before[later]], session[later])


def test_a_run_whose_requests_share_something_is_not_dealt_out(bundle: Bundle, task: Simulate, models: Path) -> None:
    asked = scenario(lanes={"default": Behaviour(error_rate=0.1)})
    failing = Arena(replace(task, scenario=asked.model_dump_json()))
    with pytest.raises(OfflineDataError, match=r"breakers, where calls fail.*Shard by seeds"):
        failing.play(policy="champion", seed=3, slices=2)
    learning = Arena(replace(task, policies=("learning",)))
    assert any("learns" in why for why in shared(learning.policy("champion, learning", 3), learning.world))


def test_a_log_has_one_run(models: Path, tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match="no other seeds"):
        engine.simulate(tmp_path, model=str(models), source=Source(log="log.sqlite"))


def test_another_scenario_does_not_go_on_with_these_tallies(task: Simulate, arena: Arena, tmp_path: Path) -> None:
    plan, tallies = Folder(str(tmp_path / PLAN)), Folder(str(tmp_path / TALLIES))
    write_plan(plan, ["champion"], seeds=[3])
    run(task, plan.url, tallies.url)
    other = replace(task, scenario=scenario(description="other").model_dump_json())
    with pytest.raises(OfflineDataError, match="another run"):
        run(other, plan.url, tallies.url)
    with pytest.raises(OfflineDataError, match="plan of another run"):
        write_plan(plan, ["champion"], seeds=[3], slices=2)


@pytest.mark.slow
def test_what_the_numbers_are_not_is_kept_beside_the_sums(bundle: Bundle, models: Path, tmp_path: Path) -> None:
    """A challenger that has learned from the pack is no fairer by being played in shards."""
    understood = read(bundle.config, bundle, [RouteRequest(text=f"What is {i} plus {i}?") for i in range(20)])
    columns = [lane.outcomes for lane in bundle.config.lanes.values() if lane.outcomes][:2]
    pack = Pack(
        contexts=Contexts.stack([contexts(one) for one in understood]),
        quality=np.random.default_rng(0).random((20, 2)),
        cost_usd=np.full((20, 2), 0.001),
        group=np.arange(20),
        lanes=tuple(str(name) for name in columns),
        encoder=bundle.encoder.sha256,
        digest=bundle.manifest.training["pack_sha256"],
    )
    found = engine.simulate(
        tmp_path,
        scenario=sized(scenario(), count=50),
        model=str(models),
        source=Source(pack=pack),
        challengers={"b": str(models)},
        policies=["challengers"],
        deal=engine.Deal(2),
    )
    assert found.study.in_sample
    assert found.study.notes[0].startswith("2 seeds were added up")
    assert found.study.notes[1] == "In sample: b learned from some of these requests."
    versions = found.study.versions
    assert versions["bundle"] == versions["challenger b"] == bundle.manifest.id
    assert {"requests_sha256", "scenario_sha256", "config_sha256"} <= set(versions)
    assert found.study.results[1].runs == 2


def test_what_a_task_says_is_the_same_in_every_process(task: Simulate) -> None:
    import subprocess
    import sys

    code = "from router_ml.offline.simulation.traffic.kinds import _ordered; print(_ordered(frozenset('bacd')))"
    seen = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    assert seen == {b"['a', 'b', 'c', 'd']\n"}
