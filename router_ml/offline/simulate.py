"""What would a policy do to cost, quality, latency and an outage? One call: open, play, compare.

``simulate`` plays the router's own decision code on traffic that is not there: rules, estimates, floors, budgets,
breakers and fallbacks are those of ``Router`` and ``Executor``, in simulated time. ``frame``, ``class_frame`` and
``series_frame`` give the numbers to pandas; ``simulation.page`` makes the page, ``simulation.saving`` keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_ml.contract import RouteRequest
from router_ml.errors import InvalidRequestError, MissingExtraError, OfflineDataError, RouterError
from router_ml.offline.champion import class_rule
from router_ml.offline.matrix import Outage, Result, compare, traffic_from_matrix
from router_ml.offline.packs import Pack, learned_from, read_pack
from router_ml.offline.simulation.lineup import USUAL
from router_ml.offline.simulation.loading import library, load_scenario
from router_ml.offline.simulation.reading import example_requests, kinds_from_pack, kinds_from_requests
from router_ml.offline.simulation.results import Study
from router_ml.offline.simulation.scenario import Scenario
from router_ml.offline.simulation.studying import Progress, study
from router_ml.offline.simulation.tables import class_rows, series_rows, summary_rows
from router_ml.storage.bundle import Bundle

if TYPE_CHECKING:
    from router_ml.offline.simulation.kinds import Kinds
    from router_ml.offline.simulation.rows import Stream

__all__ = [
    "Outage",
    "Result",
    "Source",
    "class_frame",
    "class_rule",
    "compare",
    "frame",
    "library",
    "series_frame",
    "simulate",
    "sized",
    "traffic_from_matrix",
]


@dataclass(frozen=True)
class Source:
    """Where requests come from; at most one is given, and by default the examples that ship are played.

    requests: some, or a JSONL file with one ``RouteRequest`` per line; what lanes make of them is what the bundle
    believes. pack: an outcome matrix, opened or its path without ending. log: path or URL of an event log, whose
    decisions and outcomes are played.
    """

    requests: str | Path | Sequence[RouteRequest] | None = None
    pack: str | Path | Pack | None = None
    log: str | None = None

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
        InvalidRequestError: an unknown scenario or policy, a model without learned part, a line that is no request.
        OfflineDataError: there is nothing to play.
        BundleError, RegistryError, LogError, ConfigError: what is named cannot be opened.
    """
    bundle = open_bundle(model)
    played = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, config=bundle.config)
    kinds, stream = open_source(source, bundle, played, seed=seed)
    return study(
        bundle,
        played,
        kinds,
        challengers=_challengers(challengers),
        policies=policies,
        stream=stream,
        seed=seed,
        progress=progress,
    )


def sized(scenario: Scenario, *, count: int | None = None, days: float | None = None) -> Scenario:
    """The scenario with so many requests, over so many days.

    Raises:
        InvalidRequestError: less than one request, or no time.
    """
    if (count is not None and count < 1) or (days is not None and not days > 0):
        raise InvalidRequestError(f"Found {count} requests in {days} days; expected at least one, in some time.")
    changed = {name: value for name, value in (("requests", count), ("days", days)) if value is not None}
    return scenario.model_copy(update={"traffic": scenario.traffic.model_copy(update=changed)}) if changed else scenario


def open_bundle(model: str | Path | Bundle | None) -> Bundle:
    """A bundle by folder or ``models:/`` URI, by default the one that routes.

    Raises:
        InvalidRequestError: a ``router.yaml``, which has learned nothing.
        BundleError, RegistryError: as ``Router.load``.
    """
    if isinstance(model, Bundle):
        return model
    from router_ml.loading import open_learned

    bundle = open_learned(model).bundle
    if bundle is None:
        raise InvalidRequestError(f"{model} is a router.yaml, which has no learned part to simulate. Name a bundle.")
    return bundle


def open_source(source: Source, bundle: Bundle, scenario: Scenario, *, seed: int) -> tuple[Kinds, Stream | None]:
    """The unique requests, and the traffic where it is not generated.

    Raises:
        OfflineDataError: there are none. InvalidRequestError: a line is no request. LogError: the log cannot be read.
    """
    mix = scenario.traffic.mix
    if source.pack is not None:
        pack = source.pack
        if not isinstance(pack, Pack):
            pack = read_pack(Path(pack), encoder=bundle.encoder.sha256)
        return kinds_from_pack(pack, bundle, in_sample=learned_from(bundle, pack), mix=mix, seed=seed), None
    if source.log is not None:
        raise NotImplementedError
    requests = source.requests
    if isinstance(requests, str | Path):
        requests = read_requests(Path(requests))
    if requests is not None and not requests:
        raise OfflineDataError("There are no requests to play. Give at least one.")
    return kinds_from_requests(requests or example_requests(), bundle, mix=mix, seed=seed), None


def read_requests(path: Path) -> list[RouteRequest]:
    """A JSONL file with one request per line; empty lines are left out.

    Raises:
        InvalidRequestError: a line is not a request, and which. OfflineDataError: there is none.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            found.append(RouteRequest.parse(record))
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, RouterError) else "It is not JSON."
            raise InvalidRequestError(f"{path}:{number} is no request. {why}") from None
    if not found:
        raise OfflineDataError(f"{path} holds no requests. Write one RouteRequest as JSON on each line.")
    return found


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
    """By name: the last part of a folder, or what the registry calls it."""
    if isinstance(given, Mapping):
        return {name: open_bundle(one) for name, one in given.items()}
    return {_named(str(one)): open_bundle(one) for one in given}


def _named(source: str) -> str:
    return source.removeprefix("models:/") if source.startswith("models:/") else Path(source).resolve().name
