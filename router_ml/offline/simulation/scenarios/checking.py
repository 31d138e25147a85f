"""What is wrong with a scenario that its shape alone does not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from router_ml.config import Lane, RouterConfig
from router_ml.config.issues import Issue, unknown
from router_ml.contract.base import Channel, RiskTier
from router_ml.guardrails.rules.conditions import SCANNED_RISKS
from router_ml.offline.simulation.scenarios.scenario import NewLane, Scenario, Wave
from router_ml.offline.simulation.world.places import SPECIAL, collision, known

NONE = "none"
"""In a mix: requests that name no organisation or region, and those without any risk."""
DEFAULT = "default"
"""Of lanes: those that are not named. Of budgets: the class that takes what no other does."""

_SHARED = ("channel", "org", "region")  # a mix gives shares of these; its weights of labels multiply, so all may be 0


def check(scenario: Scenario) -> Iterator[Issue]:
    """What no configuration could make right."""
    traffic, hours = scenario.traffic, 24 * scenario.traffic.days
    for name, shape, length in (("daily", traffic.daily, 24), ("weekly", traffic.weekly, 7)):
        if not isinstance(shape, str) and (len(shape) != length or sum(shape) <= 0):
            found = f"expected {length} weights that are not all 0, found {len(shape)}."
            yield Issue(("traffic", name), found, "One weight an hour, from 0:00 UTC on, or a day, from Monday on.")
    for index, burst in enumerate(traffic.bursts):
        if burst.at_hour >= hours:
            yield _late(("traffic", "bursts", index, "at_hour"), burst.at_hour, hours)
    for field, values in traffic.mix.items():
        if any(weight < 0 for weight in values.values()):
            yield Issue(("traffic", "mix", field), "weights are at least 0.", "Correct the weights.")
        elif field in _SHARED and values and not any(values.values()):
            yield Issue(("traffic", "mix", field), "shares are not all 0.", "Give one a share above 0.")
    new = [event.name for event in scenario.events if isinstance(event, NewLane)]
    for index, event in enumerate(scenario.events):
        if event.at_hour >= hours:
            yield _late(("events", index, "at_hour"), event.at_hour, hours)
        if isinstance(event, NewLane) and new.count(event.name) > 1:
            yield Issue(("events", index, "name"), f"two new lanes are called {event.name!r}.", "Rename one of them.")
        if isinstance(event, Wave) and len(event.of) == 0:
            yield Issue(("events", index, "of"), "says nothing of the requests.", "Write {risk: pii}, for instance.")


def check_against(scenario: Scenario, config: RouterConfig) -> Iterator[Issue]:
    """What the scenario names and the configuration does not have."""
    new = {event.name: event for event in scenario.events if isinstance(event, NewLane)}
    places = [*SPECIAL, *known(config.lanes), *new, *(event.provider for event in new.values() if event.provider)]
    lanes = [*config.lanes, *new, DEFAULT]
    for name in scenario.lanes:
        yield from unknown(("lanes", name), [name], lanes, "lane")
    for name in scenario.budgets:
        yield from unknown(("budgets", name), [name], [*config.traffic_classes, DEFAULT], "traffic class")
    labels = _labels(config)
    for field, values in scenario.traffic.mix.items():
        for value in values if field in labels else ():
            yield from unknown(("traffic", "mix", field, value), [value], [*labels[field], NONE], field)
    for index, event in enumerate(scenario.events):
        if isinstance(event, NewLane):
            yield from unknown(("events", index, "like"), [event.like], places, "place")
            yield from _ambiguous(("events", index, "like"), event.like, [*known(config.lanes), *new])
            yield from _taken(("events", index, "name"), event.name, config.lanes)
        elif isinstance(event, Wave):
            for field, value in event.of.items():
                if field in labels:
                    yield from unknown(("events", index, "of", field), [value], [*labels[field], NONE], field)
        else:
            yield from unknown(("events", index, "where"), [event.where], places, "place")
            yield from _ambiguous(("events", index, "where"), event.where, [*known(config.lanes), *new])


def _late(path: tuple[str | int, ...], at: float, hours: float) -> Issue:
    return Issue(
        path, f"hour {at:g} is after the end of the run, which has {hours:g} hours.", "Give more traffic.days."
    )


def _taken(path: tuple[str | int, ...], name: str, lanes: Mapping[str, Lane]) -> Iterator[Issue]:
    if name in lanes or name == DEFAULT:
        yield Issue(path, f"there is a lane {name!r} already.", "Give the new lane a name of its own.")


def _ambiguous(path: tuple[str | int, ...], place: str, names: Sequence[str]) -> Iterator[Issue]:
    if place in SPECIAL and place in names:
        yield Issue(path, collision(place), "Rename what is called so, or say what is meant by another name.")


def _labels(config: RouterConfig) -> dict[str, tuple[str, ...]]:
    """The values that a configuration knows of what has a closed list."""
    found: dict[str, tuple[str, ...]] = {"tier": get_args(RiskTier), "channel": get_args(Channel)}
    taxonomy = config.taxonomy
    for field, labels in (("intent", taxonomy.intents), ("domain", taxonomy.domains)):
        if labels:
            found[field] = labels
    if taxonomy.risks:
        found["risk"] = tuple(dict.fromkeys([*taxonomy.risks, *sorted(SCANNED_RISKS)]))
    if config.regions:
        found["region"] = config.regions
    return found
