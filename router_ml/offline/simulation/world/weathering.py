"""Time cut where troubles begin and end: how calls fail, and how long they take, in each stretch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.scenarios.scenario import Behaviour, Trouble
from router_ml.offline.simulation.world.places import Places
from router_ml.offline.simulation.world.world import Weather

CALM = "nothing unusual"
_MINUTE = 1 / 60


def weathers(
    troubles: Sequence[Trouble], behaviour: Mapping[str, Behaviour], *, places: Places, hours: float
) -> tuple[Weather, ...]:
    """The stretches of a run of ``hours``; what fails by several troubles fails by any of them.

    Args:
        behaviour: of all lanes, in their order; their ordinary errors are in every stretch.

    Raises:
        OfflineDataError: a trouble is at a place that is none.
    """
    names = list(behaviour)
    struck = [np.isin(names, places.lanes_of(trouble.where)) for trouble in troubles]
    edges = sorted({0.0, hours, *(edge for trouble in troubles for edge in _edges(trouble, hours))})
    found: list[tuple[float, float, tuple[int, ...]]] = []
    for start, end in pairwise(edges):
        on = tuple(index for index, trouble in enumerate(troubles) if _holds(trouble, (start + end) / 2))
        began = found.pop()[0] if found and found[-1][2] == on else start
        found.append((began, end, on))
    usual = np.array([each.error_rate for each in behaviour.values()])
    return tuple(
        _weather(start, end, [(troubles[index], struck[index]) for index in on], usual) for start, end, on in found
    )


def _edges(trouble: Trouble, hours: float) -> Iterator[float]:
    """Where a trouble begins and ends within a run; one in bursts does so every minute."""
    if trouble.at_hour >= hours:
        return
    end = min(trouble.at_hour + trouble.hours, hours)
    if trouble.kind == "error_burst":
        minutes = int(np.ceil((end - trouble.at_hour) / _MINUTE))
        yield from (min(trouble.at_hour + minute * _MINUTE, end) for minute in range(minutes))
    yield from (trouble.at_hour, end)


def _holds(trouble: Trouble, hour: float) -> bool:
    since = hour - trouble.at_hour
    if not 0 <= since < trouble.hours:
        return False
    return trouble.kind != "error_burst" or int(since / _MINUTE) % 2 == 0


def _weather(
    start: float, end: float, on: Sequence[tuple[Trouble, NDArray[np.bool_]]], usual: NDArray[np.float64]
) -> Weather:
    passes, slow, hangs = 1 - usual, np.ones(len(usual)), np.zeros(len(usual), bool)
    for trouble, struck in on:
        if trouble.kind == "slow":
            slow = np.where(struck, slow * trouble.times, slow)
            continue
        rate = 1.0 if trouble.kind == "outage" else trouble.error_rate
        passes = np.where(struck, passes * (1 - rate), passes)
        hangs = hangs | (struck & trouble.hang)
    what = "; ".join(f"{trouble.kind.replace('_', ' ')} of {trouble.where}" for trouble, _ in on) or CALM
    return Weather(start, end, 1 - passes, slow, hangs, what)
