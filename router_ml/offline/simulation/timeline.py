"""What happens in a scenario, for a timeline: stretches and changes of the world, waves and bursts of the traffic."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.results import Trouble
from router_ml.offline.simulation.scenario import Scenario, Wave
from router_ml.offline.simulation.world import Phase, Weather, World


def troubles(scenario: Scenario, world: World, *, hours: float) -> tuple[Trouble, ...]:
    """Everything that happens in the first ``hours``, by when it begins; ``hours`` is also the end of what goes on."""
    found = [*_weathers(world), *_phases(world), *_demand(scenario)]
    kept = (trouble for trouble in found if trouble.start < hours)
    return tuple(sorted(kept, key=lambda trouble: (trouble.start, trouble.what)))


def _weathers(world: World) -> Iterator[Trouble]:
    """Stretches of the same name that follow each other within an hour are one trouble, as the minutes of a burst of
    errors are."""
    calm = _calm(world)
    open_: dict[str, Trouble] = {}
    for weather in world.weathers:
        if not weather.what:
            continue
        before, lanes = open_.get(weather.what), _struck(weather, calm, world.lanes)
        if before is not None and before.end is not None and weather.start - before.end <= 1.0:
            names = tuple(lane for lane in world.lanes if lane in {*before.lanes, *lanes})
            open_[weather.what] = Trouble(before.start, weather.end, weather.what, names)
            continue
        if before is not None:
            yield before
        open_[weather.what] = Trouble(weather.start, weather.end, weather.what, lanes)
    yield from open_.values()


def _calm(world: World) -> NDArray[np.float64]:
    """Errors on an ordinary day (L,): the fewest that any stretch has."""
    return np.min([weather.error_rate for weather in world.weathers], axis=0)


def _struck(weather: Weather, calm: NDArray[np.float64], lanes: tuple[str, ...]) -> tuple[str, ...]:
    worse = (weather.error_rate > calm) | (weather.slow > 1.0)
    return tuple(lane for lane, bad in zip(lanes, worse, strict=True) if bad)


def _phases(world: World) -> Iterator[Trouble]:
    for before, phase in zip(world.phases, world.phases[1:], strict=False):
        yield Trouble(phase.hour, None, ", ".join(phase.what) or "lanes change", _changed(before, phase, world.lanes))


def _changed(before: Phase, phase: Phase, lanes: tuple[str, ...]) -> tuple[str, ...]:
    """Lanes that are configured otherwise, or do other work."""

    def same(place: int, lane: str) -> bool:
        tables = ((one.quality, one.cost_usd, one.latency_ms) for one in (before, phase))
        pairs = zip(*tables, strict=True)
        return before.lanes.get(lane) == phase.lanes.get(lane) and all(
            np.array_equal(old[:, place], new[:, place], equal_nan=True) for old, new in pairs
        )

    return tuple(lane for place, lane in enumerate(lanes) if not same(place, lane))


def _demand(scenario: Scenario) -> Iterator[Trouble]:
    for burst in scenario.traffic.bursts:
        yield Trouble(burst.at_hour, burst.at_hour + burst.hours, f"{burst.times:g} times the traffic", ())
    for event in scenario.events:
        if isinstance(event, Wave):
            of = ", ".join(f"{key} {value}" for key, value in event.of.items())
            yield Trouble(event.at_hour, event.at_hour + event.hours, f"{event.times:g} times as much {of}", ())
