"""The world of a scenario: lanes, prices and what is true of them over time, and what goes wrong meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import numpy as np

from router_ml.config import Lane, RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.counting.results import Trouble as Happened
from router_ml.offline.simulation.scenarios.checking import DEFAULT
from router_ml.offline.simulation.scenarios.scenario import Behaviour, NewLane, Scenario, Trouble, Wave
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.world.changing import Change, State, about, changed, described
from router_ml.offline.simulation.world.places import Places
from router_ml.offline.simulation.world.weathering import weathers
from router_ml.offline.simulation.world.world import Phase, World


def build_world(scenario: Scenario, kinds: Kinds, config: RouterConfig, *, main: Mapping[str, float]) -> World:
    """What is true in a scenario, whoever routes.

    Its lanes are those of the kinds, of which it is known what they make of each request, and the new ones of the
    scenario. Limits of a lane that the scenario does not say are those of its ``endpoint``.

    Args:
        main: share of each lane under the champion while nothing happens; what ``main`` and ``main_lane`` mean.

    Raises:
        OfflineDataError: the scenario names a place that is none of this world, or a lane that is there already.
    """
    places = _places(scenario, kinds, config, main)
    state = _beginning(scenario, kinds, config, places)
    before = state.lanes
    changes = sorted(_changes(scenario), key=lambda item: item[1].at_hour)
    phases = [Phase(0.0, state.lanes, state.quality, state.cost_usd, state.latency_ms)]
    for hour, group in groupby(changes, key=lambda item: item[1].at_hour):
        what = []
        for index, event in group:
            state = changed(state, event, kinds=kinds, places=places, seed=index)
            what.append(described(event, places))
        phase = Phase(hour, state.lanes, state.quality, state.cost_usd, state.latency_ms, tuple(what))
        phases = [phase] if hour == 0 else [*phases, phase]
    behaviour = {name: _behaviour(scenario, name, lane) for name, lane in state.lanes.items()}
    troubles = [event for event in scenario.events if isinstance(event, Trouble)]
    return World(
        lanes=tuple(state.lanes),
        behaviour=behaviour,
        phases=tuple(phases),
        weathers=weathers(troubles, behaviour, places=places, hours=24.0 * scenario.traffic.days),
        before=before,
    )


def happened(
    scenario: Scenario, kinds: Kinds, config: RouterConfig, *, main: Mapping[str, float]
) -> tuple[Happened, ...]:
    """What happens in a scenario, by hour, for a timeline; arguments and errors are those of ``build_world``."""
    places, hours = _places(scenario, kinds, config, main), 24.0 * scenario.traffic.days
    found = []
    for event in sorted(scenario.events, key=lambda event: event.at_hour):
        end = min(event.at_hour + event.hours, hours) if isinstance(event, Trouble | Wave) else None
        found.append(Happened(event.at_hour, end, described(event, places), about(event, places)))
    bursts = [
        Happened(each.at_hour, min(each.at_hour + each.hours, hours), f"{each.times:g} times the requests", ())
        for each in scenario.traffic.bursts
    ]
    return tuple(sorted([*found, *bursts], key=lambda each: each.start))


def _changes(scenario: Scenario) -> list[tuple[int, Change]]:
    return [(index, event) for index, event in enumerate(scenario.events) if not isinstance(event, Trouble | Wave)]


def _places(scenario: Scenario, kinds: Kinds, config: RouterConfig, main: Mapping[str, float]) -> Places:
    """Places among the lanes of the kinds and those that will be there."""
    missing = [name for name in kinds.lanes if name not in config.lanes]
    if missing:
        raise OfflineDataError(
            f"The requests have outcomes of lanes that are not configured: {', '.join(missing)}; expected names among "
            f"{', '.join(config.lanes)}."
        )
    lanes = {name: config.lanes[name] for name in kinds.lanes}
    cost = dict(zip(kinds.lanes, (kinds.weight @ kinds.cost_usd).tolist(), strict=True))
    places = Places(lanes, main, cost)
    for event in scenario.events:
        if not isinstance(event, NewLane):
            continue
        if event.name in lanes or event.name in config.lanes:
            raise OfflineDataError(f"The scenario adds a lane {event.name!r}, and there is one already. Rename it.")
        lanes = {**lanes, event.name: newcomer(event, places)}
        places = Places(lanes, main, cost)
    return places


def newcomer(event: NewLane, places: Places) -> Lane:
    """The new lane as it is configured, but for its price."""
    like = places.lanes[places.one_lane(event.like)]
    other = {"provider": event.provider, "failure_domain": event.provider} if event.provider is not None else {}
    return like.model_copy(update={"version": "1", "outcomes": None, "cascade": None, "enabled": False, **other})


def _beginning(scenario: Scenario, kinds: Kinds, config: RouterConfig, places: Places) -> State:
    """Before anything happens. A lane that is yet to come has the columns of the one that it is like."""
    columns = {name: index for index, name in enumerate(kinds.lanes)}
    for event in scenario.events:
        if isinstance(event, NewLane):
            columns[event.name] = columns[places.one_lane(event.like)]
    take = [columns[name] for name in places.lanes]
    arrays = (np.array(each[:, take], np.float64) for each in (kinds.quality, kinds.cost_usd, kinds.latency_ms))
    return State(dict(places.lanes), *arrays)


def _behaviour(scenario: Scenario, name: str, lane: Lane) -> Behaviour:
    """How a lane behaves, with the limits of its endpoint where the scenario says nothing."""
    given = scenario.lanes.get(name) or scenario.lanes.get(DEFAULT) or Behaviour()
    limits = {
        key: getattr(lane.endpoint, key)
        for key in ("requests_per_minute", "max_concurrency")
        if getattr(given, key) is None
    }
    return given.model_copy(update=limits)
