"""What changes for good: prices, quality that falls unsaid, new versions, lanes that come and go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.cascades import cascades
from router_ml.config import Lane
from router_ml.config.schema import Price
from router_ml.offline.simulation.scenarios.scenario import (
    Event,
    NewLane,
    PriceChange,
    Regression,
    Retire,
    Trouble,
    Upgrade,
    Wave,
)
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.world.places import Places

Floats = NDArray[np.float64]
Change = PriceChange | Regression | Upgrade | NewLane | Retire


@dataclass(frozen=True)
class State:
    """Lanes as configured, and what each truly makes of each kind, (k, L)."""

    lanes: Mapping[str, Lane]
    quality: Floats
    cost_usd: Floats
    latency_ms: Floats


def changed(state: State, event: Change, *, kinds: Kinds, places: Places, seed: int) -> State:
    """The state after an event; the one given stays as it is.

    Args:
        seed: of the prompts that a regression strikes.
    """
    if isinstance(event, NewLane):
        return _arrived(state, event, places)
    struck = about(event, places)
    if isinstance(event, Retire):
        return replace(state, lanes=_with(state.lanes, {name: {"enabled": False} for name in struck}))
    columns = [list(state.lanes).index(name) for name in struck]
    quality, cost = state.quality.copy(), state.cost_usd.copy()
    lanes = state.lanes
    if isinstance(event, PriceChange):
        cost[:, columns] *= event.times
        lanes = _with(lanes, {name: {"price": _scaled(lanes[name], event.times)} for name in struck})
    elif isinstance(event, Regression):
        quality[np.ix_(_share(kinds, event.share, seed), np.array(columns))] *= event.times
    else:
        quality[:, columns] = np.clip(1 - (1 - quality[:, columns]) * event.errors_times, 0, 1)
        lanes = _with(lanes, {name: {"version": _next(lanes[name].version)} for name in struck})
    return _with_cascades(state, replace(state, lanes=lanes, quality=quality, cost_usd=cost), struck)


def _with_cascades(before: State, after: State, struck: tuple[str, ...]) -> State:
    """The state in which cascades have changed with their parts; what a judge costs stays as it was."""
    quality, cost = after.quality.copy(), after.cost_usd.copy()
    for parts in cascades(after.lanes):
        if list(after.lanes)[parts.column] in struck:
            continue
        accept = parts.accepted(before.quality)
        good = parts.quality(after.quality, accept) - parts.quality(before.quality, accept)
        quality[:, parts.column] = np.clip(quality[:, parts.column] + good, 0, 1)
        cost[:, parts.column] += parts.total(after.cost_usd, 0, accept) - parts.total(before.cost_usd, 0, accept)
    return replace(after, quality=quality, cost_usd=cost)


def about(event: Event, places: Places) -> tuple[str, ...]:
    """The lanes that an event is about; a wave is about none. A cascade cannot be called without its parts; what else
    happens to a part is worked out for it."""
    if isinstance(event, Wave):
        return ()
    if isinstance(event, NewLane):
        return (event.name,)
    return places.lanes_of(event.where, with_cascades=isinstance(event, Trouble | Retire))


def described(event: Event, places: Places) -> str:
    """An event in a few words, with the lanes that it is about."""
    if isinstance(event, Wave):
        of = ", ".join(f"{field} {value}" for field, value in event.of.items())
        return f"{event.times:g} times the requests with {of}"
    if isinstance(event, NewLane):
        return f"new lane {event.name}, like {places.one_lane(event.like)}"
    return f"{', '.join(about(event, places))}: {_what(event)}"


def _what(event: Trouble | PriceChange | Regression | Upgrade | Retire) -> str:
    match event:
        case Trouble():
            return {
                "outage": "no answers",
                "partial": f"{event.error_rate:.0%} of calls fail",
                "slow": f"{event.times:g} times as slow",
                "error_burst": f"{event.error_rate:.0%} of calls fail every other minute",
            }[event.kind]
        case PriceChange():
            return f"{event.times:g} times the price"
        case Regression():
            return f"{event.share:.0%} of answers worth {event.times:.0%}"
        case Upgrade():
            return f"new version, {event.errors_times:g} times the errors"
        case Retire():
            return "retired"


def _scaled(lane: Lane, times: float) -> Price:
    prices = lane.price.model_dump()
    scaled = {key: value * times for key, value in prices.items() if key != "batch_discount" and value is not None}
    return lane.price.model_copy(update=scaled)


def _arrived(state: State, event: NewLane, places: Places) -> State:
    """A lane as another one is at that time, with its errors and prices times those of the event."""
    names = list(state.lanes)
    like, column = places.one_lane(event.like), names.index(event.name)
    source = names.index(like)
    arrays = [np.array(each) for each in (state.quality, state.cost_usd, state.latency_ms)]
    for each in arrays:
        each[:, column] = each[:, source]
    quality, cost, latency = arrays
    quality[:, column] = np.clip(1 - (1 - quality[:, source]) * event.errors_times, 0, 1)
    cost[:, column] *= event.price_times
    change = {"enabled": True, "price": _scaled(state.lanes[like], event.price_times)}
    return State(_with(state.lanes, {event.name: change}), quality, cost, latency)


def _share(kinds: Kinds, share: float, seed: int) -> NDArray[np.intp]:
    """The rows of kinds that make up a share of the traffic, near-duplicates together."""
    clusters, own = np.unique(kinds.cluster, return_inverse=True)
    weight = np.bincount(own, kinds.weight)
    order = np.random.default_rng(seed).permutation(len(clusters))
    before = np.cumsum(weight[order]) - weight[order] / 2
    struck = np.zeros(len(clusters), bool)
    struck[order[before <= share * weight.sum()]] = True
    return np.flatnonzero(struck[own])


def _with(lanes: Mapping[str, Lane], changes: Mapping[str, Mapping[str, object]]) -> dict[str, Lane]:
    return {name: lane.model_copy(update=changes[name]) if name in changes else lane for name, lane in lanes.items()}


def _next(version: str) -> str:
    return str(int(version) + 1) if version.isdecimal() else f"{version}+1"
