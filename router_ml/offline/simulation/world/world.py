"""What is true at a time, whoever routes: lanes and prices, what they make of each request, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router_ml.config import Lane
from router_ml.offline.simulation.scenarios.scenario import Behaviour

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Phase:
    """From ``hour`` on, until the next phase: the lanes as configured, in the order of ``World.lanes`` (those that are
    not there yet, or not any more, are not ``enabled``), and what each truly makes of each kind, (k, L). ``what``: the
    events that began it, for people."""

    hour: float
    lanes: Mapping[str, Lane]
    quality: Floats
    cost_usd: Floats
    latency_ms: Floats
    what: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weather:
    """From ``start`` to ``end``, in hours: the share of the calls of each lane that fail, (L,), how many times as long
    they take, (L,), and whether what fails hangs until it times out, (L,). ``what``: in a few words; ``outage``: all
    calls of these lanes fail, (L,)."""

    start: float
    end: float
    error_rate: Floats
    slow: Floats
    hangs: NDArray[np.bool_]
    what: str

    @property
    def outage(self) -> NDArray[np.bool_]:
        """The lanes that answer nothing."""
        return np.asarray(self.error_rate >= 1.0)


@dataclass(frozen=True)
class World:
    """``lanes``: names of all that are there at any time. ``phases``: by hour, the first at 0. ``weathers``: they cover
    the whole run without gaps or overlaps; ordinary errors are in their rates. ``before``: the lanes before any event,
    which a router compares with to know what has changed; by default those of the first phase."""

    lanes: tuple[str, ...]
    behaviour: Mapping[str, Behaviour]
    phases: tuple[Phase, ...]
    weathers: tuple[Weather, ...]
    before: Mapping[str, Lane] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.before and self.phases:
            object.__setattr__(self, "before", self.phases[0].lanes)

    def phase_at(self, hour: float) -> Phase:
        """The phase that holds at an hour."""
        return next(phase for phase in reversed(self.phases) if phase.hour <= hour)

    def closed(self, phase: Phase) -> NDArray[np.bool_]:
        """The lanes, (L,), that events have taken out or not brought yet; one that is never enabled is none of them, as
        another configuration than the world's may use it."""
        ever = {name for lanes in (self.before, *(each.lanes for each in self.phases)) for name in _enabled(lanes)}
        return np.array([name in ever and not phase.lanes[name].enabled for name in self.lanes], np.bool_)


def _enabled(lanes: Mapping[str, Lane]) -> list[str]:
    return [name for name, lane in lanes.items() if lane.enabled]
