"""What would a policy do to cost, quality, latency and an outage? One call: open, play, compare.

``simulate`` plays the router's own decision code on traffic that is not there: rules, estimates, floors, budgets,
breakers and fallbacks are those of ``Router`` and ``Executor``, in simulated time. ``frame``, ``class_frame`` and
``series_frame`` give the numbers to pandas; ``simulation.page`` makes the page,
``simulation.counting.saving`` keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_ml.contract import RouteRequest
from router_ml.errors import InvalidRequestError, LogError, MissingExtraError
from router_ml.offline.judging.packs import Pack, learned_from, read_pack
from router_ml.offline.simulation.counting.lineup import USUAL
from router_ml.offline.simulation.counting.results import Study
from router_ml.offline.simulation.counting.studying import Progress, study
from router_ml.offline.simulation.counting.tables import class_rows, series_rows, summary_rows
from router_ml.offline.simulation.scenarios.loading import library, load_scenario
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.scenarios.sizing import pressed
from router_ml.offline.simulation.traffic.reading import (
    example_requests,
    kinds_from_pack,
    kinds_from_requests,
    read_requests,
)
from router_ml.storage.bundle import Bundle

if TYPE_CHECKING:
    from router_ml.offline.simulation.traffic.kinds import Kinds
    from router_ml.offline.simulation.traffic.rows import Stream

__all__ = [
    "Source",
    "class_frame",
    "frame",
    "library",
    "series_frame",
    "simulate",
    "sized",
]


@dataclass(frozen=True)
class Source:
    """Where requests come from; at most one is given, and by default the examples that ship are played.

    requests: some, or a JSONL file with one ``RouteRequest`` per line; what lanes make of them is what the bundle
    believes. pack: an outcome matrix, opened or its path without ending. log: path or URL of an event log, whose
    decisions and outcomes are played, for as many days as the scenario has. count: how many requests come in all; by
    default as many as the scenario says, of a log as many as come at its own rate. in_sample: whether the champion has
    learned from these prompts of a pack; by default it counts as having, where its manifest names the pack's digest,
    which held-out rows of it share.
    """

    requests: str | Path | Sequence[RouteRequest] | None = None
    pack: str | Path | Pack | None = None
    log: str | None = None
    count: int | None = None
    in_sample: bool | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("requests", "pack", "log") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InvalidRequestError(f"Found {' and '.join(given)} as the source of requests, expected one of them.")


def simulate(
    model: str | Path | Bundle | None = None,
    scenario: str | Path | Scenario = "quiet_week",
    *,
    challengers: Mapping[str, str | Path | Bundle] | Iterable[str | Path] = (),
    policies: Sequence[str] = USUAL,
    source: Source = Source(),
    seed: int = 0,
    progress: Progress | None = None,
) -> Study:
    """Play a champion, and what it is compared with, through a scenario.

    Args:
        model: the champion, as ``Router.load`` takes it, or a bundle that is open.
        scenario: one of ``library()``, a file, or one that is loaded; ``sized`` changes how much traffic it has.
        challengers: bundles as ``model`` takes them, by name or to be named after themselves.
        policies: groups beside the champion: challengers, fixed, premium, nearest, shuffled, oracle, learning.
        source: of the requests.
        seed: the same seed gives the same study.

    Raises:
        InvalidRequestError: an unknown scenario or policy, a model without learned part, a line that is no request, or
            two challengers that would have the same name.
        OfflineDataError: there is nothing to play.
        BundleError, RegistryError, LogError, ConfigError: what is named cannot be opened.
    """
    bundle = open_bundle(model)
    asked = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, config=bundle.config)
    rivals = _challengers(challengers)
    found = open_source(source, bundle, asked, seed=seed)
    made = study(
        bundle,
        found.scenario,
        found.kinds,
        challengers=rivals,
        policies=policies,
        stream=found.stream,
        seed=seed,
        progress=progress,
    )
    return replace(made, notes=(*made.notes, *found.told_of(rivals)))


def sized(scenario: Scenario, *, count: int | None = None, days: float | None = None) -> Scenario:
    """The scenario with so many requests, over so many days. What is absolute in it (limits of lanes, budgets in USD,
    what people look at in an hour) grows or shrinks with the rate of requests, so that the pressure stays.

    Raises:
        InvalidRequestError: less than one request, or no time.
        ConfigError: something would happen after the end.
    """
    if (count is not None and count < 1) or (days is not None and not days > 0):
        raise InvalidRequestError(f"Found {count} requests in {days} days; expected at least one, in some time.")
    changed = {name: value for name, value in (("requests", count), ("days", days)) if value is not None}
    before = scenario.traffic
    traffic = before.model_copy(update=changed)
    return pressed(scenario, traffic.requests / traffic.days * before.days / before.requests, traffic)


def open_bundle(model: str | Path | Bundle | None) -> Bundle:
    """A bundle by folder or ``models:/`` URI, by default the one that routes.

    Raises:
        InvalidRequestError: a ``router.yaml``, which has learned nothing.
        BundleError, RegistryError: as ``Router.load``.
    """
    if isinstance(model, Bundle):
        return model
    from router_ml.storage.loading import open_learned

    bundle = open_learned(model).bundle
    if bundle is None:
        raise InvalidRequestError(f"{model} is a router.yaml, which has no learned part to simulate. Name a bundle.")
    return bundle


@dataclass(frozen=True)
class Opened:
    """Requests that can be played: the unique ones, the traffic where it is not generated, the scenario as it fits
    them, what a reader of the numbers has to know, and whether a bundle has learned from them."""

    kinds: Kinds
    scenario: Scenario
    stream: Stream | None = None
    notes: tuple[str, ...] = ()
    seen_by: Callable[[Bundle], bool] = lambda _: False

    def told_of(self, challengers: Mapping[str, Bundle]) -> tuple[str, ...]:
        """The notes, and which challengers have learned from the requests."""
        seen = [name for name, one in challengers.items() if self.seen_by(one)]
        told = (f"In sample: {', '.join(seen)} learned from some of these requests.",) if seen else ()
        return (*self.notes, *told)


def open_source(source: Source, bundle: Bundle, scenario: Scenario, *, seed: int = 0) -> Opened:
    """What a source has to play.

    Raises:
        OfflineDataError: there is nothing. LogError: the log cannot be read. InvalidRequestError: a count below one.
    """
    scenario, mix = sized(scenario, count=source.count), scenario.traffic.mix
    if source.log is not None:
        return _open_log(source.log, bundle, scenario, count=source.count, seed=seed)
    if source.pack is not None:
        given = source.pack
        pack = given if isinstance(given, Pack) else read_pack(Path(given), encoder=bundle.encoder.sha256)
        seen = learned_from(bundle, pack) if source.in_sample is None else source.in_sample
        kinds = kinds_from_pack(pack, bundle, in_sample=seen, mix=mix, seed=seed)
        return Opened(kinds, scenario, seen_by=lambda other: source.in_sample is None and learned_from(other, pack))
    asked = source.requests
    if asked is None:
        asked = example_requests()
    elif isinstance(asked, str | Path):
        asked = read_requests(asked, config=bundle.config)
    return Opened(kinds_from_requests(asked, bundle, mix=mix, seed=seed), scenario)


def _open_log(url: str, bundle: Bundle, scenario: Scenario, *, count: int | None, seed: int) -> Opened:
    from router_ml.offline.simulation.logged import source as logged
    from router_ml.storage.eventlog import EventLog

    path = url.removeprefix("sqlite:///")
    if "://" not in path and not Path(path).is_file():  # opening would make an empty one
        raise LogError(f"There is no event log at {path}. Give the path or URL of the one that was written.")
    with EventLog(url) as events:
        found = logged.source(
            events,
            bundle,
            requests=count,
            days=scenario.traffic.days,
            scenario=scenario,
            seed=seed,
        )
    left = [f"{count} decisions of the log are left out: {reason}." for reason, count in found.left_out.items()]
    return Opened(found.kinds, found.fitted(scenario), found.stream, (*found.notes, *left), found.seen_by)


def frame(study: Study) -> Any:
    """The study as a ``pandas.DataFrame``, one row per policy.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    return _frame(summary_rows(study))


def class_frame(study: Study) -> Any:
    """One row per policy and traffic class; raises as ``frame``."""
    return _frame(class_rows(study))


def series_frame(study: Study) -> Any:
    """One row per policy and stretch of time; raises as ``frame``."""
    return _frame(series_rows(study))


def _frame(rows: list[dict[str, Any]]) -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("pandas", "offline") from None
    return pandas.DataFrame(rows)


def _challengers(given: Mapping[str, str | Path | Bundle] | Iterable[str | Path]) -> dict[str, Bundle]:
    """By name: the last part of a folder, or what the registry calls it.

    Raises:
        InvalidRequestError: two would have the same name.
    """
    if isinstance(given, Mapping):
        return {name: open_bundle(one) for name, one in given.items()}
    names: dict[str, str | Path] = {}
    for one in given:
        name = _named(str(one))
        if name in names:
            raise InvalidRequestError(
                f"The challengers {names[name]} and {one} would both be named {name!r}. Rename a folder, or name them: "
                "simulate(challengers={'name': bundle}), or router-ml batch simulate --challenger NAME=BUNDLE."
            )
        names[name] = one
    return {name: open_bundle(one) for name, one in names.items()}


def _named(source: str) -> str:
    return source.removeprefix("models:/") if source.startswith("models:/") else Path(source).resolve().name
