"""One outage of a report: what is dark and when, and what was decided of the requests before it and during it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router_ml.config import RouterConfig
from router_ml.offline.outage.asked import Requests
from router_ml.offline.outage.decisions import Decided, Floats, Weighing, rescues
from router_ml.offline.outage.places import Place
from router_ml.offline.outage.service import Worth


@dataclass(frozen=True)
class Window:
    """When it is dark: for ``hours`` from ``at_hour`` of the traffic on, with so many ``requests`` in all and
    ``busiest`` in its busiest hour, served by ``processes``; ``source``: where these numbers are from."""

    at_hour: float
    hours: float
    requests: float
    busiest: float
    processes: int
    source: str


@dataclass(frozen=True)
class Asked:
    """One outage, and what was decided of its requests. ``weight``: (k,) of the kinds that a lane answers as things
    are, sum 1, which are ``due`` of all; ``peak``: such requests per minute; ``rescue``: (k,) see ``rescues``."""

    place: Place
    requests: Requests
    before: Decided
    during: Decided
    window: Window
    weight: Floats
    due: float
    rescue: Floats

    @classmethod
    def of(cls, place: Place, requests: Requests, before: Decided, during: Decided, *, window: Window) -> Asked:
        """An outage, whose requests are decided before it and during it."""
        due = float(requests.weight[before.served].sum())
        weight = np.where(before.served, requests.weight, 0.0) / due
        rescue = rescues(requests.weighing.config, before, place.lanes)
        return cls(place, requests, before, during, window, weight, due, rescue)

    @property
    def weighing(self) -> Weighing:
        """What was decided with."""
        return self.requests.weighing

    @property
    def worth(self) -> Worth:
        """What lanes make of the requests."""
        return self.requests.worth

    @property
    def config(self) -> RouterConfig:
        """The rules."""
        return self.weighing.config

    @property
    def peak(self) -> float:
        """Requests per minute of the busiest hour that a lane should answer."""
        return self.window.busiest / 60 * self.due

    @property
    def dark(self) -> Floats:
        """Probability that a request is of a kind and drawn to a dark lane, (k,)."""
        columns = [self.weighing.lanes.index(lane) for lane in self.place.lanes]
        result: Floats = self.before.shares[:, columns].sum(axis=1) * self.weight
        return result

    def rows(self, *, class_name: str | None = None) -> list[int]:
        """Kinds that a lane answers before, of a class or all."""
        cases = enumerate(self.weighing.cases)
        return [at for at, case in cases if self.weight[at] > 0 and class_name in (None, case.class_name)]
