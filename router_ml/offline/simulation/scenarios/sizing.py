"""A scenario with more or less traffic, under the same pressure."""

from __future__ import annotations

from router_ml.errors import ConfigError, Problem
from router_ml.offline.simulation.scenarios.checking import check
from router_ml.offline.simulation.scenarios.scenario import Behaviour, Budget, Reviewers, Scenario, Traffic


def pressed(scenario: Scenario, times: float, traffic: Traffic) -> Scenario:
    """The scenario with other traffic, and with limits, budgets in USD and reviewers ``times`` as large.

    Raises:
        ConfigError: something would happen after the end.
    """
    if traffic == scenario.traffic:
        return scenario
    made = scenario.model_copy(
        update={
            "traffic": traffic,
            "lanes": {name: _limits(one, times) for name, one in scenario.lanes.items()},
            "budgets": {name: _usd(one, times) for name, one in scenario.budgets.items()},
            "reviewers": _people(scenario.reviewers, times),
        }
    )
    problems = [
        Problem(scenario.name, None, ".".join(map(str, issue.path)), issue.message, issue.fix) for issue in check(made)
    ]
    if problems:
        raise ConfigError(problems)
    return made


def _limits(behaviour: Behaviour, times: float) -> Behaviour:
    names = ("requests_per_minute", "max_concurrency")
    now = {name: getattr(behaviour, name) for name in names}
    scaled = {name: max(round(limit * times), 1) for name, limit in now.items() if limit is not None}
    return behaviour.model_copy(update=scaled)


def _usd(budget: Budget, times: float) -> Budget:
    return budget if budget.usd is None else budget.model_copy(update={"usd": budget.usd * times})


def _people(reviewers: Reviewers, times: float) -> Reviewers:
    return (
        reviewers
        if reviewers.per_hour is None
        else reviewers.model_copy(update={"per_hour": reviewers.per_hour * times})
    )
