"""A scenario says what it means, or is refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_ml.config import RouterConfig, load_config, parse_config
from router_ml.errors import ConfigError
from router_ml.offline.simulation.scenarios.loading import library, load_scenario, parse_scenario
from router_ml.offline.simulation.world.building import build_world

PROMISED = {
    *("budget_squeeze", "new_lane", "pii_wave", "price_cut", "prompt_cache_sessions", "quiet_week"),
    *("region_loss", "silent_regression", "traffic_spike", "vendor_outage_48h"),
}
SMALL = """
version: 1
lanes:
  only:
    {model: a/b, provider: here, failure_domain: here, region: home, boundary: private, context_window: 8000,
     max_output_tokens: 1000, price: {input_per_mtok: 1, output_per_mtok: 2}, prior: {quality: 0.8},
     latency: {base_ms: 100, ms_per_output_token: 5}}
traffic_classes: {everything: {floor: 0.5, quality_per_usd: 10}}
"""


@pytest.fixture(scope="module")
def config(models: Path) -> RouterConfig:
    return load_config(models / "router.yaml")


def test_the_library_has_what_is_promised() -> None:
    assert set(library()) == PROMISED


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_a_scenario_of_the_library_says_what_it_is_and_works_with_any_configuration(
    name: str, config: RouterConfig, make_kinds
) -> None:
    for settings in (config, parse_config(SMALL)):
        scenario = load_scenario(name, config=settings)
        assert scenario.name == name
        assert len(scenario.description) > 100
        assert set(scenario.budgets) <= set(settings.traffic_classes)
        lanes = tuple(settings.lanes)
        world = build_world(scenario, make_kinds(20, lanes=lanes), settings, main={lanes[0]: 1.0})
        assert set(lanes) <= set(world.lanes)


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        ("traffik: {}", 1, "traffik", "Did you mean 'traffic'?"),
        ("traffic:\n  requests: 5\n  dayz: 7", 3, "traffic.dayz", "Did you mean 'days'?"),
        ("events:\n  - {kind: outage, where: main, at_hour: 1, hourz: 2}", 2, "events[0].hourz", "'hours'"),
        ("events:\n  - {kind: price, where: main, at_hour: 1, time: 2}", 2, "events[0].time", "'times'"),
        ("events:\n  - {kind: outtage, where: main}", 2, "events[0]", "'outage'"),
        (
            "events:\n  - {kind: wave, of: {risc: pii}, at_hour: 1, hours: 1, times: 2}",
            2,
            "events[0].of.risc",
            "'risk'",
        ),
        ("traffic: {daily: [1, 2]}", 1, "traffic.daily", "24 weights"),
        ("traffic: {weekly: [1, 0]}", 1, "traffic.weekly", "7 weights"),
        ("traffic: {days: 2}\nevents:\n  - {kind: retire, where: a, at_hour: 48}", 3, "events[0].at_hour", "48 hours"),
        ("traffic: {mix: {risk: {pii: -1}}}", 1, "traffic.mix.risk", "at least 0"),
        ("traffic: {mix: {region: {eu: 0}}}", 1, "traffic.mix.region", "not all 0"),
        ("traffic: {days: 1.0e+9}", 1, "traffic.days", "3660"),
        ("budgets:\n  default: {}", 2, "budgets.default", "usd or share"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_is_known(text: str, line: int, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text)
    found = next(problem for problem in caught.value.problems if problem.key == key)
    assert found.line == line
    assert says in str(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("events: [{kind: outage, where: gogle, at_hour: 1, hours: 2}]", "Did you mean 'google'?"),
        ("events: [{kind: outage, where: 'region:mars', at_hour: 1, hours: 2}]", "not a known place"),
        ("events: [{kind: new_lane, name: fast, like: main_lane, at_hour: 1}]", "there is a lane 'fast' already"),
        ("events: [{kind: wave, of: {domain: finanze}, at_hour: 1, hours: 2, times: 2}]", "Did you mean 'finance'?"),
        ("traffic: {mix: {region: {mars: 1}}}", "not a known region"),
        ("traffic: {mix: {channel: {fax: 1}}}", "not a known channel"),
        ("lanes: {fasst: {}}", "Did you mean 'fast'?"),
        ("budgets: {regulatd: {usd: 1}}", "Did you mean 'regulated'?"),
    ],
)
def test_what_the_configuration_does_not_have_is_refused(text: str, says: str, config: RouterConfig) -> None:
    parse_scenario(text)
    with pytest.raises(ConfigError, match=says.replace("?", r"\?")):
        parse_scenario(text, config=config)


def test_labels_may_all_weigh_nothing_since_what_is_not_named_counts_once() -> None:
    assert parse_scenario("traffic: {mix: {risk: {pii: 0}}}").traffic.mix == {"risk": {"pii": 0}}


@pytest.mark.parametrize(("special", "kind"), [("main", "lane"), ("cheapest", "provider")])
def test_a_place_with_two_meanings_is_refused(special: str, kind: str, config: RouterConfig) -> None:
    fast = config.lanes["fast"]
    lanes = {special: fast} if kind == "lane" else {"fast": fast.model_copy(update={"provider": special})}
    named = config.model_copy(update={"lanes": {**config.lanes, **lanes}})
    for text in (
        f"events: [{{kind: outage, where: {special}, at_hour: 1, hours: 2}}]",
        f"events: [{{kind: new_lane, name: next, like: {special}, at_hour: 1}}]",
    ):
        parse_scenario(text, config=config)
        with pytest.raises(ConfigError, match="a meaning of its own"):
            parse_scenario(text, config=named)
    parse_scenario("events: [{kind: outage, where: main_lane, at_hour: 1, hours: 2}]", config=named)


def test_new_lanes_may_be_named_by_other_events(config: RouterConfig) -> None:
    text = """
    events:
      - {kind: new_lane, name: next, like: fast, at_hour: 1, provider: newco}
      - {kind: outage, where: newco, at_hour: 5, hours: 2}
      - {kind: retire, where: next, at_hour: 9}
    lanes: {next: {error_rate: 0.1}}
    """
    assert len(parse_scenario(text, config=config).events) == 3


def test_an_unknown_name_lists_the_library() -> None:
    with pytest.raises(ConfigError, match="price_cut") as caught:
        load_scenario("vendor_outage")
    assert "Did you mean 'vendor_outage_48h'?" in str(caught.value)


def test_a_file_of_ones_own_is_named_after_itself(tmp_path: Path) -> None:
    path = tmp_path / "black_friday.yaml"
    path.write_text("traffic: {requests: 7}", encoding="utf-8")
    scenario = load_scenario(path)
    assert (scenario.name, scenario.traffic.requests) == ("black_friday", 7)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_scenario(tmp_path / "missing.yaml")
