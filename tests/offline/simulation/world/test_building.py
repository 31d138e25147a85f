"""What is true at each hour follows from the scenario, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from router_ml.config import RouterConfig, load_config
from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.world.building import build_world, happened
from router_ml.offline.simulation.world.places import Places

MAIN = {"balanced": 0.4, "fast": 0.35, "premium": 0.25}  # google is used most, and its lane fast


@pytest.fixture(scope="module")
def config(models: Path) -> RouterConfig:
    return load_config(models / "router.yaml")


@pytest.fixture
def world_of(make_kinds, make_scenario, config: RouterConfig):
    """The world of events, on four lanes of the shipped configuration."""

    def made(*events: dict[str, object], lanes: dict[str, object] | None = None, days: float = 7):
        return build_world(make_scenario(events=events, lanes=lanes, days=days), make_kinds(), config, main=MAIN)

    return made


def test_without_events_everything_is_as_configured(world_of, make_kinds, config: RouterConfig) -> None:
    world, kinds = world_of(), make_kinds()
    (phase,), (weather,) = world.phases, world.weathers
    assert world.lanes == kinds.lanes == tuple(phase.lanes)
    assert all(phase.lanes[name] == config.lanes[name] for name in world.lanes)
    for found, given in ((phase.quality, kinds.quality), (phase.cost_usd, kinds.cost_usd)):
        assert np.array_equal(found, given)
    assert (weather.start, weather.end) == (0.0, 168.0)
    assert np.allclose(weather.error_rate, 0.002)
    assert not weather.outage.any()


def test_a_price_scales_what_is_paid_and_what_is_written(world_of, make_kinds, config: RouterConfig) -> None:
    world, kinds = world_of({"kind": "price", "where": "google", "at_hour": 10, "times": 0.5}), make_kinds()
    before, after = world.phases
    assert (before.hour, after.hour) == (0.0, 10.0)
    assert np.array_equal(before.cost_usd, kinds.cost_usd)
    assert np.allclose(after.cost_usd, kinds.cost_usd * [1, 1, 0.5, 0.5])
    assert np.array_equal(after.quality, kinds.quality)
    new, old = after.lanes["fast"].price, config.lanes["fast"].price
    assert (new.input_per_mtok, new.output_per_mtok) == (old.input_per_mtok / 2, old.output_per_mtok / 2)
    assert (new.cached_input_per_mtok, new.batch_discount) == (old.cached_input_per_mtok / 2, old.batch_discount)
    assert after.lanes["balanced"] == config.lanes["balanced"]
    assert world.phase_at(9.99) is before
    assert world.phase_at(10.0) is after


def test_a_regression_is_silent_and_strikes_near_duplicates_together(world_of, make_kinds) -> None:
    event = {"kind": "regression", "where": "main_lane", "at_hour": 0, "times": 0.5, "share": 0.3}
    (phase,), kinds = world_of(event).phases, make_kinds()
    struck = phase.quality[:, 2] < kinds.quality[:, 2]
    assert np.allclose(phase.quality[struck, 2], kinds.quality[struck, 2] / 2)
    assert np.array_equal(phase.quality[:, [0, 1, 3]], kinds.quality[:, [0, 1, 3]])
    assert kinds.weight[struck].sum() == pytest.approx(0.3, abs=0.03)
    assert np.array_equal(struck[0::2], struck[1::2])  # pairs are clusters
    assert phase.lanes["fast"].version == "1"
    whole = world_of({**event, "share": 1.0}).phases[0]
    assert np.allclose(whole.quality[:, 2], kinds.quality[:, 2] / 2)
    assert np.array_equal(world_of(event).phases[0].quality, phase.quality)


def test_an_upgrade_has_a_new_version_and_fewer_errors(world_of, make_kinds) -> None:
    phase, kinds = world_of({"kind": "upgrade", "where": "premium", "at_hour": 5, "errors_times": 0.4}), make_kinds()
    after = phase.phases[1]
    assert np.allclose(1 - after.quality[:, 3], 0.4 * (1 - kinds.quality[:, 3]))
    assert [after.lanes[name].version for name in ("fast", "premium")] == ["1", "2"]


def test_a_new_lane_appears_that_nobody_has_learned(world_of, make_kinds, config: RouterConfig) -> None:
    world, kinds = (
        world_of(
            {"kind": "price", "where": "fast", "at_hour": 20, "times": 0.5},
            {"kind": "new_lane", "name": "next", "like": "main_lane", "at_hour": 30, "provider": "newco"},
            {"kind": "outage", "where": "newco", "at_hour": 40, "hours": 1},
            lanes={"next": {"error_rate": 0.2}},
        ),
        make_kinds(),
    )
    assert world.lanes == (*kinds.lanes, "next")
    first, cheaper, last = world.phases
    assert [phase.lanes["next"].enabled for phase in world.phases] == [False, False, True]
    lane = last.lanes["next"]
    assert (lane.provider, lane.failure_domain, lane.outcomes) == ("newco", "newco", None)
    assert lane.price == cheaper.lanes["fast"].price
    assert np.allclose(1 - last.quality[:, 4], 0.7 * (1 - kinds.quality[:, 2]))
    assert np.allclose(last.cost_usd[:, 4], kinds.cost_usd[:, 2] / 2)
    assert np.array_equal(last.quality[:, :4], first.quality[:, :4])
    assert world.behaviour["next"].error_rate == 0.2
    assert [weather.outage[4] for weather in world.weathers] == [False, True, False]
    assert "next" not in config.lanes


def test_what_happens_at_the_very_start_has_a_before_as_well(world_of, config: RouterConfig) -> None:
    """The first phase is as after the event; what was configured is kept beside it, for whoever has to be told."""
    world = world_of(
        {"kind": "price", "where": "fast", "at_hour": 0, "times": 100},
        {"kind": "retire", "where": "balanced", "at_hour": 0},
        {"kind": "new_lane", "name": "next", "like": "premium", "at_hour": 0},
        {"kind": "new_lane", "name": "later", "like": "premium", "at_hour": 5},
    )
    first, last = world.phases
    assert world.before["fast"] == config.lanes["fast"] != first.lanes["fast"]
    assert [world.before[name].enabled for name in ("balanced", "next", "later")] == [True, False, False]
    assert [first.lanes[name].enabled for name in ("balanced", "next", "later")] == [False, True, False]
    closed = [{name for name, shut in zip(world.lanes, world.closed(at), strict=True) if shut} for at in (first, last)]
    assert closed == [{"balanced", "later"}, {"balanced"}]


def test_a_retired_lane_is_gone(world_of) -> None:
    before, after = world_of({"kind": "retire", "where": "main", "at_hour": 50}).phases
    assert [lane.enabled for lane in before.lanes.values()] == [True, True, True, True]
    assert [lane.enabled for lane in after.lanes.values()] == [True, True, False, False]


@pytest.mark.parametrize(
    ("place", "lanes"),
    [
        ("premium", {"premium"}),
        ("google", {"fast", "premium"}),
        ("vllm-a", {"private"}),
        ("region:eu", {"private", "balanced"}),
        ("region:main", {"fast", "premium"}),
        ("main", {"fast", "premium"}),
        ("main_lane", {"fast"}),
        ("dearest", {"premium"}),
        ("cheapest", {"private"}),
    ],
)
def test_places_are_lanes_providers_domains_regions_or_found_out(world_of, place: str, lanes: set[str]) -> None:
    world = world_of({"kind": "outage", "where": place, "at_hour": 1, "hours": 2})
    dark = world.weathers[1].outage
    assert {name for name, is_dark in zip(world.lanes, dark, strict=True) if is_dark} == lanes


def test_a_place_with_two_meanings_is_no_place(config: RouterConfig) -> None:
    lanes = {"main": config.lanes["fast"], "premium": config.lanes["premium"]}
    places = Places(lanes, {"premium": 1.0}, {"main": 1.0, "premium": 2.0})
    for find in (places.lanes_of, places.one_lane):
        with pytest.raises(OfflineDataError, match="a meaning of its own"):
            find("main")
    assert places.one_lane("main_lane") == "premium"


def test_what_is_unknown_is_said(world_of, make_kinds, make_scenario, config: RouterConfig) -> None:
    with pytest.raises(OfflineDataError, match="'openai' is no place of this simulation"):
        world_of({"kind": "outage", "where": "openai", "at_hour": 1, "hours": 2})  # configured, without outcomes
    with pytest.raises(OfflineDataError, match="Expected one lane, found 'google'"):
        world_of({"kind": "new_lane", "name": "next", "like": "google", "at_hour": 1})
    with pytest.raises(OfflineDataError, match="there is one already"):
        world_of({"kind": "new_lane", "name": "openai", "like": "fast", "at_hour": 1})
    dark = {"kind": "outage", "where": "main", "at_hour": 1, "hours": 2}
    with pytest.raises(OfflineDataError, match="uses no lane"):
        build_world(make_scenario(events=(dark,)), make_kinds(), config, main={})
    with pytest.raises(OfflineDataError, match="not configured: other"):
        build_world(make_scenario(), make_kinds(lanes=("fast", "other")), config, main=MAIN)


def test_weathers_cover_the_run_and_troubles_add_up(world_of) -> None:
    world = world_of(
        {"kind": "partial", "where": "fast", "at_hour": 10, "hours": 10, "error_rate": 0.5},
        {"kind": "partial", "where": "google", "at_hour": 15, "hours": 10, "error_rate": 0.2, "hang": True},
        {"kind": "slow", "where": "balanced", "at_hour": 15, "hours": 500, "times": 3},
        lanes={"default": {"error_rate": 0.0}},
    )
    found = [(each.start, each.end, each.error_rate.tolist(), each.slow.tolist()) for each in world.weathers]
    assert [each[:2] for each in found] == [(0, 10), (10, 15), (15, 20), (20, 25), (25, 168)]
    assert np.allclose(
        [each[2] for each in found], [[0] * 4, [0, 0, 0.5, 0], [0, 0, 0.6, 0.2], [0, 0, 0.2, 0.2], [0] * 4]
    )
    assert [each[3][1] for each in found] == [1, 1, 3, 3, 3]
    assert [each.hangs.tolist() for each in world.weathers][2] == [False, False, True, True]


def test_bursts_of_errors_come_every_other_minute_and_cut_no_more_than_they_cover(world_of) -> None:
    burst = {"kind": "error_burst", "where": "fast", "at_hour": 5, "hours": 0.5, "error_rate": 1.0}
    world = world_of(burst)
    assert len(world.weathers) == 31  # 30 minutes, and what is before; the last quiet minute is one with what follows
    assert all(one.end == two.start for one, two in zip(world.weathers, world.weathers[1:], strict=False))
    dark = sum(each.end - each.start for each in world.weathers if each.outage[2])
    assert dark == pytest.approx(0.25)


def test_limits_are_those_of_the_endpoint_where_the_scenario_says_nothing(
    make_kinds, make_scenario, config: RouterConfig
) -> None:
    endpoint = config.lanes["fast"].endpoint.model_copy(update={"max_concurrency": 7, "requests_per_minute": 90})
    fast = config.lanes["fast"].model_copy(update={"endpoint": endpoint})
    limited = config.model_copy(update={"lanes": {**config.lanes, "fast": fast}})
    scenario = make_scenario(lanes={"fast": {"max_concurrency": 3}, "default": {"spread": 0.1}})
    behaviour = build_world(scenario, make_kinds(), limited, main=MAIN).behaviour
    assert (behaviour["fast"].max_concurrency, behaviour["fast"].requests_per_minute) == (3, 90)
    assert (behaviour["fast"].spread, behaviour["premium"].spread) == (0.35, 0.1)
    assert behaviour["premium"].max_concurrency is None


def test_a_cascade_follows_its_parts(make_kinds, make_scenario, models: Path, tmp_path: Path) -> None:
    """A price of its final lane changes what it costs in the share of drafts that are not accepted; without a part it
    cannot be called."""
    text = (models / "router.yaml").read_text(encoding="utf-8")
    path = tmp_path / "router.yaml"
    cascade = "lanes:\n  both: {cascade: {draft: private, final: premium, accept: 0.75}}\n"
    path.write_text(text.replace("\nlanes:\n", f"\n{cascade}", 1), encoding="utf-8")
    config = load_config(path)
    kinds = make_kinds(lanes=("private", "premium", "both"))
    price = {"kind": "price", "where": "google", "at_hour": 1, "times": 2}
    dark = {"kind": "outage", "where": "private", "at_hour": 2, "hours": 1}
    world = build_world(make_scenario(events=(price, dark)), kinds, config, main={"private": 1.0})
    more = world.phases[1].cost_usd - kinds.cost_usd
    assert np.allclose(more[:, 1], kinds.cost_usd[:, 1])
    assert np.allclose(more[:, 2], 0.25 * kinds.cost_usd[:, 1])
    assert world.weathers[1].outage.tolist() == [True, False, True]


def test_a_timeline_says_what_happens_to_which_lanes(make_kinds, make_scenario, config: RouterConfig) -> None:
    events = (
        {"kind": "outage", "where": "main", "at_hour": 160, "hours": 48},
        {"kind": "wave", "of": {"risk": "pii"}, "at_hour": 2, "hours": 3, "times": 4},
        {"kind": "new_lane", "name": "next", "like": "cheapest", "at_hour": 50},
    )
    burst = {"at_hour": 70, "hours": 1, "times": 9}
    found = happened(make_scenario(events=events, bursts=[burst]), make_kinds(), config, main=MAIN)
    assert [(each.start, each.end) for each in found] == [(2, 5), (50, None), (70, 71), (160, 168)]
    assert [each.lanes for each in found] == [(), ("next",), (), ("fast", "premium")]
    assert found[0].what == "4 times the requests with risk pii"
    assert found[3].what == "fast, premium: no answers"
