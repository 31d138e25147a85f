"""Scenarios from YAML: those of the library by name, and files. Every mistake is named with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from router_ml.config import RouterConfig
from router_ml.config.issues import Issue
from router_ml.config.source import Source, dotted, read, shape_problems
from router_ml.errors import ConfigError, Problem
from router_ml.offline.simulation.scenarios.checking import DEFAULT, check, check_against
from router_ml.offline.simulation.scenarios.scenario import Scenario

_LIBRARY = Path(__file__).parent / "library"


def library() -> tuple[str, ...]:
    """Names of the scenarios that ship."""
    return tuple(sorted(path.stem for path in _LIBRARY.glob("*.yaml")))


def load_scenario(name: str | Path, *, config: RouterConfig | None = None) -> Scenario:
    """A scenario of the library by its name, or of a file by its path.

    Args:
        config: what the scenario names (lanes, providers, classes, regions, labels) is checked against it, and a budget
            of the class ``default`` is that of its last class, whatever that is called.

    Raises:
        ConfigError: with every problem found, each with file, line, key and fix; or there is no such scenario.

    >>> load_scenario("vendor_outage_48h").events[0].hours
    48.0
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = _LIBRARY / f"{name}.yaml"
        if not path.is_file() or path.parent != _LIBRARY:
            close = difflib.get_close_matches(str(name), library(), n=1)
            meant = f"Did you mean {close[0]!r}? " if close else ""
            fix = f"{meant}The library has {', '.join(library())}; a file of your own ends in .yaml."
            raise ConfigError([Problem(str(name), None, "(file)", "is no scenario of the library.", fix)])
    return parse_scenario(read(path, expected="a scenario"), file=str(path), config=config)


def parse_scenario(text: str, *, file: str = "scenario.yaml", config: RouterConfig | None = None) -> Scenario:
    """Like ``load_scenario``, from text."""
    source = Source(text, file)
    if not isinstance(source.value, dict):
        message = f"expected a mapping of sections, found {type(source.value).__name__}."
        raise ConfigError([Problem(file, 1, "(file)", message, "Start from a scenario of the library.")])
    try:
        scenario = Scenario.model_validate({"name": Path(file).stem, **source.value})
    except ValidationError as error:
        raise ConfigError([*source.problems, *shape_problems(error, source, root=Scenario)]) from None
    issues = [*check(scenario), *(check_against(scenario, config) if config is not None else ())]
    problems = [*source.problems, *_problems(issues, source)]
    if problems:
        raise ConfigError(problems)
    return scenario if config is None else _fitted(scenario, config)


def _fitted(scenario: Scenario, config: RouterConfig) -> Scenario:
    """The scenario with the budget of ``default`` for the class that takes what no other does."""
    if DEFAULT not in scenario.budgets or DEFAULT in config.traffic_classes:
        return scenario
    budgets = {key: value for key, value in scenario.budgets.items() if key != DEFAULT}
    last = list(config.traffic_classes)[-1]
    return scenario.model_copy(update={"budgets": {last: scenario.budgets[DEFAULT], **budgets}})


def _problems(issues: Iterable[Issue], source: Source) -> Iterable[Problem]:
    for issue in issues:
        yield Problem(source.file, source.line(issue.path), dotted(issue.path), issue.message, issue.fix)
