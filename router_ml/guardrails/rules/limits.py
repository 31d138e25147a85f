"""What rules and callers allow, as limits on lanes and on every other place that data may go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.config.execution import Index, Tool
from router_ml.config.rules import Policy
from router_ml.config.schema import Destination, Lane, RouterConfig
from router_ml.contract import Constraints
from router_ml.errors import InvalidRequestError


@dataclass(frozen=True)
class Limit:
    """One source's limits, None where it sets none. ``boundary`` is the widest allowed, ``min_grade`` the lowest."""

    source: str
    boundary: str | None = None
    regions: tuple[str, ...] | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    min_grade: int | None = None


def of_policy(policy: Policy) -> Limit:
    """The limits that a fired policy sets."""
    then, lanes = policy.then, policy.then.lanes
    allow, deny = (lanes.allow, lanes.deny) if lanes is not None else (None, ())
    return Limit(f"policy {policy.id}", then.boundary, then.regions, allow, deny, then.min_grade)


def of_constraints(config: RouterConfig, constraints: Constraints) -> Limit:
    """The limits that the caller sets.

    Raises:
        InvalidRequestError: a constraint names a lane, boundary or region that the configuration does not have.
    """
    regions = config.regions or tuple(sorted({lane.region for lane in config.lanes.values()}))
    boundary = (constraints.boundary,) if constraints.boundary is not None else ()
    check_known("constraints.boundary", boundary, config.boundaries)
    check_known("constraints.regions", constraints.regions or (), regions)
    check_known("constraints.allow_lanes", constraints.allow_lanes or (), tuple(config.lanes))
    check_known("constraints.deny_lanes", constraints.deny_lanes, tuple(config.lanes))
    return Limit(
        "constraints", constraints.boundary, constraints.regions, constraints.allow_lanes, constraints.deny_lanes
    )


def check_known(field: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise InvalidRequestError unless all names are known; the text says where, not what, since callers may err."""
    for index, name in enumerate(names):
        if name not in known:
            expected = f"one of {', '.join(known)}" if known else "none, since router.yaml defines none"
            raise InvalidRequestError(f"{field}[{index}] is not known here. Expected {expected}.")


def width(config: RouterConfig, boundary: str) -> int:
    """Position of an allowed boundary, narrow to wide; one that is not configured allows nothing."""
    return config.boundaries.index(boundary) if boundary in config.boundaries else -1


def forbids_lane(config: RouterConfig, limit: Limit, name: str, lane: Lane) -> Iterator[str]:
    """Why a limit forbids a lane: what was found and what was needed."""
    yield from forbids_place(config, limit, lane.boundary, lane.region)
    if limit.allow is not None and name not in limit.allow:
        yield f"{limit.source}: only lanes {', '.join(limit.allow) or 'none'} are allowed"
    if name in limit.deny:
        yield f"{limit.source}: lane {name} is denied"
    if limit.min_grade is not None and lane.grade < limit.min_grade:
        yield f"{limit.source}: grade {lane.grade}, at least {limit.min_grade} needed"


def forbids_place(config: RouterConfig, limit: Limit, boundary: str, region: str | None) -> Iterator[str]:
    """Why data must not go to a place."""
    if limit.boundary is not None and not _inside(config, boundary, limit.boundary):
        yield f"{limit.source}: boundary {boundary}, {limit.boundary} needed"
    if limit.regions is not None and region not in limit.regions:
        yield f"{limit.source}: region {region or 'not stated'}, {' or '.join(limit.regions) or 'none'} needed"


def allows_destination(config: RouterConfig, limits: Sequence[Limit], destination: Tool | Index | Destination) -> bool:
    """Whether a tool, an index or any other place may be used.

    One that states no boundary counts as the widest, so it serves ordinary requests but none that a rule narrows. One
    that states no region runs where our own machines do if its boundary is the narrowest; else its region is unknown,
    which no restriction of regions admits.
    """
    narrowest, widest = config.boundaries[0], config.boundaries[-1]
    boundary = destination.boundary or widest
    for limit in limits:
        region = destination.region
        if region is None and boundary == narrowest and limit.regions:
            region = limit.regions[0]
        if any(forbids_place(config, limit, boundary, region)):
            return False
    return True


def _inside(config: RouterConfig, boundary: str, allowed: str) -> bool:
    return boundary in config.boundaries and width(config, boundary) <= width(config, allowed)


def smallest(*values: float | None) -> float | None:
    """The smallest of the ceilings that are set."""
    return min((value for value in values if value is not None), default=None)


def keeps(found: float | NDArray[np.float64], ceiling: float | NDArray[np.float64]) -> Any:
    """Whether an estimate, or each of an array of them, keeps its ceiling; one that is not a number does not."""
    return found <= ceiling
