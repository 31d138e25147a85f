"""All policies on one scenario: the same requests, the same luck, one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from router_ml.config import RouterConfig, config_sha256
from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.counting.calm import Calm, calm_scenario, calm_stream, with_budgets, without_budgets
from router_ml.offline.simulation.counting.lineup import CHAMPION, USUAL, Setting, lineup, playable
from router_ml.offline.simulation.counting.results import Study
from router_ml.offline.simulation.counting.running import Played, run
from router_ml.offline.simulation.counting.stranded import stranded
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.policies.sweeps import curves
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.arrivals import arrivals
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import Stream
from router_ml.offline.simulation.world.building import build_world, happened
from router_ml.storage.bundle import Bundle

Progress = Callable[[str, int, int], None]
"""Told the policy that plays, how many requests all policies have played, and how many they will."""


def study(
    bundle: Bundle,
    scenario: Scenario,
    kinds: Kinds,
    *,
    challengers: Mapping[str, Bundle] | None = None,
    policies: Sequence[str] = USUAL,
    stream: Stream | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Study:
    """Play the champion and what it is compared with.

    What depends on the champion (``main``, budgets by share) is resolved by a calm run of it.

    Args:
        bundle: the champion's. challengers: bundles by name.
        policies: groups of policies beside the champion, see ``lineup.GROUPS``.
        stream: the traffic; by default what the scenario generates. For a log's, the scenario has to be fitted to it.
        seed: of traffic and luck.

    Raises:
        InvalidRequestError: unknown policies, or budgets of classes that are not configured.
        OfflineDataError: there is nothing to play, or a policy cannot play it.
    """
    if len(kinds) == 0 or not kinds.lanes:
        raise OfflineDataError(
            f"Found {len(kinds)} requests and {len(kinds.lanes)} lanes with outcomes in {kinds.source}. Give requests, "
            "and lanes that the configuration has."
        )
    rivals = dict(challengers or {})
    entries, played = lineup(kinds, rivals, policies), list[Played]()
    traffic = stream if stream is not None else arrivals(scenario, kinds, seed=seed)
    calm = champion_in_calm(bundle, scenario, kinds, stream=stream, seed=seed)
    config = with_budgets(bundle.config, scenario, calm)
    world = build_world(scenario, kinds, config, main=calm.shares)
    setting = Setting(bundle, config, scenario, calm, kinds, world, seed)
    entries, notes = playable(entries, setting)
    for number, entry in enumerate(entries):
        told = _progress(progress, entry.name, number * traffic.requests, len(entries) * traffic.requests)
        played.append(run(entry.make(setting), traffic, world, scenario, progress=told))
    findings = [one.finding for one in played if one.finding is not None]
    return Study(
        scenario=scenario.name,
        description=scenario.description,
        start=traffic.start,
        hours=traffic.hours,
        results=tuple(one.result for one in played),
        differences=tuple(one.less(played[0]) for one in played[1:]),
        curves=curves(setting.champion),
        troubles=happened(scenario, kinds, config, main=calm.shares),
        truth=kinds.truth,
        in_sample=kinds.in_sample,
        source=kinds.source,
        kinds=len(kinds),
        seed=seed,
        versions=versions_of(bundle, config, scenario, kinds, {name: one.manifest.id for name, one in rivals.items()}),
        extrapolated={one.policy: one.extrapolated for one in findings},
        notes=(*stranded(setting.champion, world), *notes),
    )


def champion_in_calm(
    bundle: Bundle, scenario: Scenario, kinds: Kinds, *, stream: Stream | None = None, seed: int = 0
) -> Calm:
    """A run of the champion in which nothing happens, of at most ``calm.AT_MOST`` requests of a generated traffic.

    Money is what the loop charges, on a log too: that is what budgets by share are held against.
    """
    quiet = calm_scenario(scenario)
    world = build_world(quiet, kinds, bundle.config, main={})
    traffic = calm_stream(stream, scenario) if stream is not None else arrivals(quiet, kinds, seed=seed)
    champion = Routed(CHAMPION, bundle, kinds, world, config=without_budgets(bundle.config))
    result = run(champion, traffic, world, quiet).tally.result()
    requests = scenario.traffic.requests if stream is None else traffic.requests
    return Calm.of(result, hours=traffic.hours, requests=requests)


def _progress(progress: Progress | None, name: str, before: int, of: int) -> Callable[[int], None] | None:
    """For one policy, which tells how many more it has played, from what is told of all."""
    if progress is None:
        return None
    played = before

    def told(more: int) -> None:
        nonlocal played
        played += more
        progress(name, played, of)

    progress(name, before, of)
    return told


def versions_of(
    bundle: Bundle, config: RouterConfig, scenario: Scenario, kinds: Kinds, challengers: Mapping[str, str]
) -> dict[str, str]:
    """What the numbers of a study were made with; ``challengers``: ids of bundles by name."""
    digest = hashlib.sha256(scenario.model_dump_json().encode()).hexdigest()
    return {
        "bundle": bundle.manifest.id,
        "config_sha256": config_sha256(config),
        "encoder": bundle.encoder.sha256,
        "scenario_sha256": digest,
        "requests_sha256": kinds.sha256(),
        **{f"challenger {name}": one for name, one in challengers.items()},
    }
