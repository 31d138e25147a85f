"""The configuration of a router in a phase: its own, with what the events of a scenario have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.config import Lane, RouterConfig, prices_sha256
from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.world.world import Phase, World


@dataclass(frozen=True)
class Configured:
    """A router's configuration in a phase, over K lanes.

    place: (K,) column of each lane in the world, -1 for those that the world does not have, which are not enabled.
    own: (L,) the way back, -1 for lanes that the router does not know. prices: digest of the prices that it knows of,
    for what was certified at them.
    """

    config: RouterConfig
    place: NDArray[np.int64]
    own: NDArray[np.int64]
    prices: str


def configure(config: RouterConfig, world: World, phase: Phase) -> Configured:
    """What ``config`` is in a phase.

    Of each lane the router keeps its own settings but for those that an event has changed. A lane that appears during
    the run is put into every configuration, at the end; one that the configuration does not have and that was there
    from the start stays unknown to it. What the world does not have answers nothing, so it is not enabled.

    Raises:
        OfflineDataError: not one lane of the configuration is in the world.
    """
    first, now = world.before, phase.lanes
    brought = tuple(name for name in world.lanes if name not in config.lanes and not first[name].enabled)
    lanes = {name: _changed(lane, first, now, name) for name, lane in config.lanes.items()}
    lanes |= {name: now[name] for name in brought}
    column = {name: index for index, name in enumerate(world.lanes)}
    place = np.array([column.get(name, -1) for name in lanes])
    if not (place >= 0).any():
        raise OfflineDataError(
            f"Found lanes {', '.join(config.lanes)}, none of which this traffic has outcomes for. It has "
            f"{', '.join(world.lanes)}: name lanes alike, or give requests that these lanes have answered."
        )
    own = np.full(len(world.lanes), -1)
    own[place[place >= 0]] = np.flatnonzero(place >= 0)
    known = {name: lane for name, lane in lanes.items() if name not in brought or lane.enabled}
    prices = prices_sha256(config.model_copy(update={"lanes": known}))
    return Configured(config.model_copy(update={"lanes": lanes}), place, own, prices)


def missing(config: RouterConfig, world: World) -> tuple[str, ...]:
    """Enabled lanes of a configuration that the world does not have."""
    return tuple(name for name, lane in config.lanes.items() if lane.enabled and name not in world.lanes)


def _changed(lane: Lane, first: Mapping[str, Lane], now: Mapping[str, Lane], name: str) -> Lane:
    if name not in now:
        return lane.model_copy(update={"enabled": False})
    before, after = first[name], now[name]
    changes = {
        field: getattr(after, field) for field in Lane.model_fields if getattr(after, field) != getattr(before, field)
    }
    return lane.model_copy(update=changes) if changes else lane
