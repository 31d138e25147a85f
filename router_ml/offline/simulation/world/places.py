"""Which lanes a scenario means by a place: a lane, a provider, a failure domain, a region, or what is found out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from router_ml.config import Lane
from router_ml.errors import OfflineDataError

SPECIAL = ("main", "main_lane", "dearest", "cheapest", "region:main")


@dataclass(frozen=True)
class Places:
    """What places are resolved with. ``lanes``: all there are at any time. ``main``: share of each lane under the
    champion while nothing happens. ``cost``: mean USD of a request of the traffic, by lane."""

    lanes: Mapping[str, Lane]
    main: Mapping[str, float]
    cost: Mapping[str, float]

    def lanes_of(self, place: str, *, with_cascades: bool = True) -> tuple[str, ...]:
        """The lanes of a place.

        Args:
            with_cascades: with those that are made of any of them; otherwise a cascade is meant by its name alone.

        Raises:
            OfflineDataError: there are none, or the place has two meanings.
        """
        self._clear(place)
        named = tuple(self._named(place))
        if not named:
            raise OfflineDataError(
                f"{place!r} is no place of this simulation. Expected a lane, provider, failure domain or region of it, "
                f"or one of {', '.join(SPECIAL)}: {', '.join(known(self.lanes))}."
            )
        if with_cascades:
            return tuple(name for name in self.lanes if name in named or not set(named).isdisjoint(self._parts(name)))
        return tuple(name for name in named if name == place or not self._parts(name))

    def one_lane(self, place: str) -> str:
        """The lane that a place is.

        Raises:
            OfflineDataError: it is none, or several, or the place has two meanings.
        """
        self._clear(place)
        named = (place,) if place in self.lanes else tuple(self._named(place))
        if len(named) != 1:
            raise OfflineDataError(
                f"Expected one lane, found {place!r}, which is {', '.join(named) or 'none'}. Name one of "
                f"{', '.join(self.lanes)}, or main_lane, dearest or cheapest."
            )
        return named[0]

    def _clear(self, place: str) -> None:
        if place in SPECIAL and place in known(self.lanes):
            raise OfflineDataError(f"{collision(place)} Rename what is called so, or say it by another name.")

    def _named(self, place: str) -> Iterator[str]:
        if place in ("main", "main_lane", "region:main"):
            main = self._main_lane(place)
            if place == "main_lane":
                yield main
                return
            field = "provider" if place == "main" else "region"
            yield from (
                name for name, lane in self.lanes.items() if getattr(lane, field) == getattr(self.lanes[main], field)
            )
        elif place in ("dearest", "cheapest"):
            costs = {name: self.cost[name] for name, lane in self.lanes.items() if name in self.cost and lane.enabled}
            yield max(costs, key=costs.__getitem__) if place == "dearest" else min(costs, key=costs.__getitem__)
        elif place.startswith("region:"):
            yield from (name for name, lane in self.lanes.items() if lane.region == place.removeprefix("region:"))
        else:
            yield from (
                name for name, lane in self.lanes.items() if place in (name, lane.provider, lane.failure_domain)
            )

    def _main_lane(self, place: str) -> str:
        """The lane that is used most of those of the provider that is."""
        used = {name: share for name, share in self.main.items() if name in self.lanes and share > 0}
        if not used:
            raise OfflineDataError(f"{place!r} is what the champion uses most, but it uses no lane. Name a lane.")
        providers = dict.fromkeys(self.lanes[name].provider for name in used)
        share = {each: sum(used[name] for name in used if self.lanes[name].provider == each) for each in providers}
        most = max(share, key=share.__getitem__)
        return max((name for name in used if self.lanes[name].provider == most), key=used.__getitem__)

    def _parts(self, name: str) -> tuple[str, ...]:
        cascade = self.lanes[name].cascade
        return cascade.parts if cascade is not None else ()


def known(lanes: Mapping[str, Lane]) -> tuple[str, ...]:
    """Every place that lanes have."""
    found = [*lanes, *(lane.provider for lane in lanes.values()), *(lane.failure_domain for lane in lanes.values())]
    return tuple(dict.fromkeys([*found, *(f"region:{lane.region}" for lane in lanes.values())]))


def collision(place: str) -> str:
    """What is wrong with a special place that a lane, provider, domain or region is called like."""
    return f"{place!r} is a lane, provider, failure domain or region of this name, and has a meaning of its own here."
