"""What can go dark: a provider, a failure domain, a lane or a region, and what it takes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from router_ml.config import Lane, RouterConfig
from router_ml.errors import InvalidRequestError

PlaceKind = Literal["provider", "failure domain", "lane", "region"]
REGION = "region:"


@dataclass(frozen=True)
class Place:
    """``lanes``: those that answer nothing while it is dark, cascades with a part among them included; ``names``: what
    a router is told is down then, lanes, providers or failure domains."""

    kind: PlaceKind
    name: str
    lanes: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def health(self) -> dict[str, str]:
        """As rules look at it."""
        return dict.fromkeys(self.names, "down")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def find_place(config: RouterConfig, name: str) -> Place:
    """What is meant by a name: as in a report of health, all lanes that have it as their own, their provider's or
    their failure domain's; ``region:NAME``: all lanes in a region.

    Raises:
        InvalidRequestError: no lane that is enabled has it.
    """
    enabled = {lane: spec for lane, spec in config.lanes.items() if spec.enabled}
    if name.startswith(REGION):
        own = [lane for lane, spec in enabled.items() if spec.region == name.removeprefix(REGION)]
        kind: PlaceKind = "region"
    else:
        own = [lane for lane, spec in enabled.items() if name in (lane, spec.provider, spec.failure_domain)]
        kind = _kind(enabled, name)
    if not own:
        raise InvalidRequestError(f"No lane that is enabled belongs to {name!r}. There is {_known(enabled)}.")
    struck = tuple(lane for lane, spec in enabled.items() if lane in own or not _parts(spec).isdisjoint(own))
    return Place(kind, name.removeprefix(REGION), struck, tuple(own) if kind == "region" else (name,))


def providers(config: RouterConfig) -> tuple[Place, ...]:
    """Every provider of a lane that is enabled."""
    return tuple(
        find_place(config, name) for name in dict.fromkeys(x.provider for x in config.lanes.values() if x.enabled)
    )


def _kind(lanes: Mapping[str, Lane], name: str) -> PlaceKind:
    if any(lane.provider == name for lane in lanes.values()):
        return "provider"
    return "failure domain" if any(lane.failure_domain == name for lane in lanes.values()) else "lane"


def _parts(lane: Lane) -> set[str]:
    return set(lane.cascade.parts) if lane.cascade is not None else set()


def _known(lanes: Mapping[str, Lane]) -> str:
    kinds = (
        ("provider", dict.fromkeys(lane.provider for lane in lanes.values())),
        ("failure domain", dict.fromkeys(lane.failure_domain for lane in lanes.values())),
        ("lane", dict.fromkeys(lanes)),
        ("region", dict.fromkeys(f"{REGION}{lane.region}" for lane in lanes.values())),
    )
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds) + "; or all"
