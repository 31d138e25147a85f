"""What happens in a scenario, in the order in which it begins."""

from __future__ import annotations

import numpy as np

from router_ml.offline.simulation.results import Trouble
from router_ml.offline.simulation.scenario import Burst, Scenario, Traffic, Wave
from router_ml.offline.simulation.timeline import troubles
from router_ml.offline.simulation.world import Phase, Weather, World

CALM = np.array([0.01, 0.02])


def weather(start: float, end: float, *, what: str = "", error: tuple[float, float] = (0.01, 0.02), slow: float = 1.0):
    return Weather(start, end, np.array(error), np.array([1.0, slow]), np.zeros(2, bool), what)


def phase(hour: float, *, quality: float = 0.8, what: tuple[str, ...] = ()) -> Phase:
    table = np.array([[0.5, quality]])
    return Phase(hour, {}, table, np.ones((1, 2)), np.ones((1, 2)), what)


def world(*weathers: Weather, phases: tuple[Phase, ...] = (phase(0.0),)) -> World:
    return World(("cheap", "dear"), {}, phases, weathers)


def test_stretches_are_named_with_the_lanes_that_they_strike() -> None:
    found = world(
        weather(0, 5),
        weather(5, 10, what="outage of a", error=(1.0, 0.02)),
        weather(10, 12),
        weather(12, 13, what="slow b", slow=4),
        weather(13, 24),
    )
    assert troubles(Scenario(name="s"), found, hours=24) == (
        Trouble(5, 10, "outage of a", ("cheap",)),
        Trouble(12, 13, "slow b", ("dear",)),
    )


def test_a_burst_of_errors_minute_by_minute_is_one_trouble_and_another_one_later_is_not() -> None:
    parts, hour = [], 0.0
    for minute in range(10):
        bad = minute % 2 == 0
        parts.append(weather(hour, hour + 1 / 60, what="burst" if bad else "", error=(0.5 if bad else 0.01, 0.02)))
        hour += 1 / 60
    parts += [weather(hour, 10), weather(10, 11, what="burst", error=(0.5, 0.02)), weather(11, 24)]
    found = troubles(Scenario(name="s"), world(*parts), hours=24)
    assert [(one.start, round(60 * (one.end or 0))) for one in found] == [(0.0, 9), (10, 660)]
    assert {one.lanes for one in found} == {("cheap",)}


def test_changes_last_and_name_the_lanes_that_changed() -> None:
    phases = (phase(0.0), phase(30.0, quality=0.4, what=("dear got worse",)))
    found = troubles(Scenario(name="s"), world(weather(0, 48), phases=phases), hours=48)
    assert found == (Trouble(30.0, None, "dear got worse", ("dear",)),)
    assert troubles(Scenario(name="s"), world(weather(0, 24), phases=phases), hours=24) == ()


def test_demand_is_part_of_it() -> None:
    scenario = Scenario(
        name="s",
        traffic=Traffic(bursts=(Burst(at_hour=3, hours=2, times=5),)),
        events=(Wave(kind="wave", at_hour=1, hours=1, of={"risk": "pii"}, times=8),),
    )
    found = troubles(scenario, world(weather(0, 24)), hours=24)
    assert [(one.start, one.end) for one in found] == [(1, 2), (3, 5)]
    assert "8" in found[0].what
    assert "pii" in found[0].what
