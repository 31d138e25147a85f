"""How the service itself stands: money of the day, what counts as down and why, which processes serve what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import shorten
from typing import Any

from router_ml.allocation.pacer import expected_share
from router_ml.config import Lane
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.serve.console.words import clock
from router_ml.serve.gateway import Gateway
from router_ml.state.sharing.switches import Switch

AT_CAP = {"cheapest": "the cheapest lane serves", "queue": "requests wait", "refuse": "requests are refused"}


@dataclass(frozen=True)
class Spent:
    """The day's money of a class. ``pace``: spent for what the time of day would allow, 1 is on the line; ``ends_at``:
    USD at the end of the day at this pace."""

    traffic_class: str
    spent_usd: float
    budget_usd: float
    due: float
    at_cap: str

    @property
    def share(self) -> float:
        """Of the budget, 0..1 and beyond."""
        return self.spent_usd / self.budget_usd

    @property
    def ends_at_usd(self) -> float | None:
        """At the end of the day; None before enough of it has passed to tell."""
        return self.spent_usd / self.due if self.due >= 0.02 else None

    @property
    def look(self) -> str:
        """How it is shown."""
        if self.share >= 1:
            return "bad"
        return "warn" if self.due >= 0.02 and self.share > 1.1 * self.due else "good"

    @property
    def words(self) -> str:
        """How it stands."""
        if self.share >= 1:
            return f"spent: {AT_CAP[self.at_cap]}"
        return "ahead of the day" if self.look == "warn" else "on pace"


@dataclass(frozen=True)
class LaneStanding:
    """Whether a lane gets traffic. ``state``: up, down or off; ``why``: in words; ``switched``: off by a switch."""

    lane: str
    provider: str
    state: str
    why: str = ""
    switched: bool = False


def spending(router: Router | Rollout, now: datetime) -> list[Spent]:
    """Of each class with a budget."""
    found = []
    for name, one in router.config.traffic_classes.items():
        standing = router.memory.budgets.standing(name, now)
        if standing is not None:
            due = expected_share(now, standing.profile)
            found.append(Spent(name, standing.spent_usd, standing.budget_usd, due, one.at_cap))
    return found


def lanes_standing(router: Router | Rollout, *, whole: bool) -> list[LaneStanding]:
    """Each lane, those that get no traffic first. ``whole``: for somebody who may know who switched what off and which
    process says that a place is down."""
    down, off = dict(router.memory.health.snapshot), _longest(router.switched_off())
    found = [_standing(name, lane, down, off, whole=whole) for name, lane in router.config.lanes.items()]
    return sorted(found, key=lambda one: (one.state == "up", one.lane))


def _longest(switches: Sequence[Switch]) -> dict[str, Switch]:
    """By place the switch that holds it longest."""
    last = datetime.max.replace(tzinfo=UTC)
    return {place: one for one in sorted(switches, key=lambda one: one.until or last) for place in one.places}


def _standing(
    name: str, lane: Lane, down: Mapping[str, str], off: Mapping[str, Switch], *, whole: bool
) -> LaneStanding:
    if not lane.enabled:
        return LaneStanding(name, lane.provider, "off", "not enabled in router.yaml")
    places = {name: "", lane.provider: f"provider {lane.provider}: "}
    places.setdefault(lane.failure_domain, f"failure domain {lane.failure_domain}: ")
    for place, said in places.items():
        if place in off:
            return LaneStanding(name, lane.provider, "off", said + _switched(off[place], whole=whole), switched=True)
    for place, said in places.items():
        if place in down:
            why = down[place].removeprefix("down").lstrip(": ") or "reported down"
            return LaneStanding(name, lane.provider, "down", said + why if whole else "down")
    return LaneStanding(name, lane.provider, "up")


def _switched(switch: Switch, *, whole: bool) -> str:
    until = "" if switch.until is None else f" until {clock(switch.until)}"
    why = shorten(switch.event.why, 120, placeholder="…")
    return f"off{until} by {switch.event.who}: {why}" if whole else f"off{until}"


def processes(gateway: Gateway) -> Sequence[Any]:
    """The processes of the service that are heard of, this one among them; nothing where they share nothing."""
    sharing = getattr(gateway, "sharing", None)
    return () if sharing is None else tuple(sharing.processes())
