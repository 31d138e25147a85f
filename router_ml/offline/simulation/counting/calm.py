"""What the champion does while nothing happens: which lanes are its main ones, and what budgets by share are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.simulation.counting.results import Result
from router_ml.offline.simulation.logged.stream import LogStream, matching
from router_ml.offline.simulation.scenarios.scenario import Burst, Scenario, Wave
from router_ml.offline.simulation.traffic.rows import Stream

AT_MOST = 20_000  # requests of the calm run


@dataclass(frozen=True)
class Calm:
    """``shares``: of the requests that were served, by lane. ``usd_per_day``: by traffic class, as the loop charges."""

    shares: Mapping[str, float]
    usd_per_day: Mapping[str, float]

    @classmethod
    def of(cls, result: Result, *, hours: float, requests: int) -> Calm:
        """From a calm run of ``hours``, scaled to ``requests``."""
        served = max(sum(result.lane_requests.values()), 1)
        times = requests / max(result.requests, 1) * 24 / hours
        return cls(
            {lane: count / served for lane, count in result.lane_requests.items()},
            {one.name: one.spend_usd * times for one in result.classes},
        )


def calm_scenario(scenario: Scenario) -> Scenario:
    """The scenario with nothing that happens in it, and fewer requests."""
    requests = min(scenario.traffic.requests, AT_MOST)
    traffic = scenario.traffic.model_copy(update={"requests": requests, "bursts": ()})
    return scenario.model_copy(update={"events": (), "budgets": {}, "traffic": traffic})


def calm_stream(stream: Stream, scenario: Scenario) -> Stream:
    """A log's traffic without the bursts and waves of the scenario that were laid over it: of what came ``times`` as
    often one in so many is left, at random. Other traffic is as it is, and so is what came less often than usual."""
    if not isinstance(stream, LogStream):
        return stream
    share = np.ones(len(stream.kind))
    waves = [event for event in scenario.events if isinstance(event, Wave)]
    more: list[Burst | Wave] = [*scenario.traffic.bursts, *waves]
    for each in more:
        inside = (stream.hour >= each.at_hour) & (stream.hour < each.at_hour + each.hours)
        if isinstance(each, Wave):
            inside &= matching(stream.kinds, each)[stream.kind]
        share[inside] /= each.times
    if (share >= 1).all():
        return stream
    left = np.random.default_rng([stream.seed, len(share)]).random(len(share)) < share
    return replace(stream, kind=stream.kind[left], hour=stream.hour[left])


def with_budgets(config: RouterConfig, scenario: Scenario, calm: Calm) -> RouterConfig:
    """The configuration with the scenario's budgets in the place of its own.

    Raises:
        InvalidRequestError: a budget is for a class that is not configured, or is a share of nothing.
    """
    classes = dict(config.traffic_classes)
    for name, budget in scenario.budgets.items():
        if name not in classes:
            raise InvalidRequestError(
                f"The scenario {scenario.name} has a budget for the traffic class {name!r}, which is not configured. "
                f"Known classes: {', '.join(classes)}."
            )
        usd = budget.usd if budget.usd is not None else (budget.share or 0.0) * calm.usd_per_day.get(name, 0.0)
        if usd <= 0:
            raise InvalidRequestError(
                f"The scenario {scenario.name} gives {name} a share of what the champion spends on it, which is "
                "nothing on these requests. Give the budget in usd, or requests of this class."
            )
        cap = budget.at_cap or classes[name].at_cap
        classes[name] = classes[name].model_copy(update={"budget_usd_per_day": usd, "at_cap": cap})
    return config.model_copy(update={"traffic_classes": classes}) if scenario.budgets else config


def without_budgets(config: RouterConfig) -> RouterConfig:
    """The configuration as if money did not matter by the day."""
    classes = {
        name: one.model_copy(update={"budget_usd_per_day": None}) for name, one in config.traffic_classes.items()
    }
    return config.model_copy(update={"traffic_classes": classes})
