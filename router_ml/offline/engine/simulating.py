"""The plan of a simulation in shards, and the study that its tallies add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.engine.files import Folder
from router_ml.offline.engine.opening import settled
from router_ml.offline.engine.run import Report
from router_ml.offline.engine.shards import Arena, Simulate
from router_ml.offline.simulate import Source, open_source
from router_ml.offline.simulation.counting.counted import difference_of
from router_ml.offline.simulation.counting.results import Study
from router_ml.offline.simulation.counting.studying import champion_in_calm, versions_of
from router_ml.offline.simulation.counting.tally import Tally
from router_ml.offline.simulation.policies.sweeps import curves
from router_ml.offline.simulation.scenarios.loading import load_scenario
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.world.building import happened
from router_ml.storage.bundle import Bundle

PLAN, TALLIES = "plan", "tallies"


@dataclass(frozen=True)
class Simulated:
    """What came of all shards together, and of the run."""

    study: Study
    run: Report


def task_of(
    bundle: Bundle,
    scenario: str | Path | Scenario,
    *,
    model: str | None,
    source: Source | None,
    challengers: Mapping[str, str] | None,
    policies: Sequence[str],
    seed: int,
) -> Simulate:
    """What all shards have in common; what depends on the champion is resolved here, once, by a calm run of it.

    Raises:
        OfflineDataError: the source is a log.
    """
    source = source or Source()
    if source.log is not None:
        raise OfflineDataError(
            "The traffic of a log is one run and has no other seeds. Play it with router-ml simulate --log."
        )
    asked = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, config=bundle.config)
    opened = open_source(source, bundle, asked, seed=seed)
    others = {name: settled(one) for name, one in (challengers or {}).items()}
    calm = champion_in_calm(bundle, opened.scenario, opened.kinds, seed=seed)
    return Simulate(
        model=model,
        bundle=bundle.manifest.id,
        scenario=opened.scenario.model_dump_json(),
        kinds=opened.kinds,
        challengers={name: (fixed, one.manifest.id) for name, (one, fixed) in others.items()},
        policies=tuple(policies),
        calm=calm,
        seed=seed,
        notes=opened.told_of({name: one for name, (one, _) in others.items()}),
    )


def write_plan(folder: Folder, policies: Sequence[str], *, seeds: Sequence[int], slices: int = 1) -> None:
    """Write what is to be played, one shard per file; those that are there stay.

    Raises:
        OfflineDataError: the folder holds other shards under these names.
    """
    import pyarrow as arrow

    for number, policy in enumerate(policies):
        for seed in seeds:
            for part in range(slices):
                name = f"{number:03}/{seed:06}-{part:03}.parquet"
                shard = {"policy": policy, "seed": seed, "slice": part, "slices": slices}
                there = (
                    [row for batch in folder.batches(name, rows=1) for row in batch.to_pylist()]
                    if folder.holds(name)
                    else []
                )
                if there and there != [shard]:
                    raise OfflineDataError(
                        f"{folder.shown} holds the plan of another run ({there[0]}, now {shard}). Give another folder."
                    )
                if not there:
                    folder.write(name, iter([arrow.RecordBatch.from_pylist([shard])]), {"task": "plan"})


def added_up(arena: Arena, tallies: Folder, *, seeds: Sequence[int], slices: int) -> Study:
    """The study of all seeds: sums over them, with what differs between policies in pairs."""
    totals: dict[str, Tally] = {}
    for number, policy in enumerate(arena.entries):
        for seed in seeds:
            run = None
            for part in range(slices):
                one = arena.tally(policy, _sums(tallies, f"{number:03}/{seed:06}-{part:03}.parquet"))
                run = one if run is None else _merged(run, one, run=False)
            if run is not None:
                totals[policy] = run if policy not in totals else _merged(totals[policy], run, run=True)
    champion = next(iter(totals.values()))
    kinds, scenario, task = arena.kinds, arena.scenario, arena.task
    stream = arena.stream(task.seed)
    note = (
        f"{len(seeds)} seeds were added up: requests, calls, money, reviews and days over a budget are of all of them, "
        "dark minutes and queues of a run on average."
    )
    return Study(
        scenario=scenario.name,
        description=scenario.description,
        start=stream.start,
        hours=stream.hours,
        results=tuple(each.result() for each in totals.values()),
        differences=tuple(difference_of(each, champion) for each in list(totals.values())[1:]),
        curves=curves(arena.setting.champion),
        troubles=happened(scenario, kinds, arena.config, main=task.calm.shares),
        truth=kinds.truth,
        in_sample=kinds.in_sample,
        source=kinds.source,
        kinds=len(kinds),
        seed=task.seed,
        versions=versions_of(
            arena.bundle, arena.config, scenario, kinds, {name: one for name, (_, one) in task.challengers.items()}
        ),
        notes=(*((note,) if len(seeds) > 1 else ()), *arena.notes),
    )


def _merged(tally: Tally, other: Tally, *, run: bool) -> Tally:
    tally.merge(other, run=run)
    return tally


def _sums(tallies: Folder, name: str) -> Mapping[str, NDArray[Any]]:
    rows = [row for batch in tallies.batches(name, rows=64) for row in batch.to_pylist()]
    return {row["name"]: _array(row) for row in rows}


def _array(row: Mapping[str, Any]) -> NDArray[Any]:
    floats = row["floats"] is not None
    values = np.array(row["floats"] if floats else row["counts"], np.float64 if floats else np.int64)
    return values.reshape(row["shape"])
