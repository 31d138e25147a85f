"""Beyond one machine: the same functions over partitioned Parquet, run by pyarrow or by Ray Data.

    requests --embed--> embedding, features --score--> target, estimates --ope--> estimates with intervals

Each step reads a folder of Parquet files in batches and writes a folder of the same partitions, with the same column
names as the event log has (``export`` writes those of a log). What was finished is kept, so a run that was interrupted
goes on. Both engines compute the same numbers (``engine_run``), and what is added up does not depend on the order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from router_ml.errors import OfflineDataError
from router_ml.offline.engine.estimating import OpeSums, estimates_of
from router_ml.offline.engine.opening import settled
from router_ml.offline.engine.reading import Embed, Score
from router_ml.offline.engine.run import Engine, Report, run
from router_ml.offline.estimating.estimate import Estimate

if TYPE_CHECKING:
    from router_ml.offline.engine.simulating import Simulated
    from router_ml.offline.simulate import Source
    from router_ml.offline.simulation.scenarios.scenario import Scenario

__all__ = ["Batch", "Deal", "Engine", "OpeReport", "Report", "embed", "ope", "score", "simulate"]


class Batch(TypedDict, total=False):
    """How to run: ``engine``, ``workers``, ``address`` of a Ray cluster, ``rows`` of a batch, ``progress``; see
    ``engine_run.run``."""

    engine: Engine
    workers: int
    address: str | None
    rows: int
    progress: Callable[[int], None] | None


@dataclass(frozen=True)
class Deal:
    """Shards of a simulation: ``seeds`` runs from ``seed`` on, which also chooses the requests, and ``slices`` parts
    that the requests of each run are dealt out to; above 1 only where they share nothing."""

    seeds: int = 4
    slices: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.slices < 1:
            raise OfflineDataError(f"Found {self.seeds} seeds and {self.slices} slices, expected 1 or more of both.")


@dataclass(frozen=True)
class OpeReport:
    """``estimates`` by estimator, the headline first, over ``decisions`` in ``clusters`` (None: each on its own), with
    ``rated`` of them; ``left_out``: further decisions that were not randomised."""

    estimates: dict[str, Estimate]
    decisions: int
    rated: int
    left_out: int
    clusters: int | None
    run: Report

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def embed(
    source: str | Path, out: str | Path, *, model: str | None = None, column: str = "request", **how: Unpack[Batch]
) -> Report:
    """Read requests: JSON of ``RouteRequest`` in ``column`` to embedding and features.

    Raises:
        OfflineDataError: as ``run``, or a row is no request; no text of it is repeated.
    """
    bundle, model = settled(model)
    task = Embed(model, bundle.manifest.id, column)
    return run(task, str(source), str(out), **how)


def score(
    source: str | Path,
    out: str | Path,
    *,
    model: str | None = None,
    traffic_class: str = "default",
    **how: Unpack[Batch],
) -> Report:
    """What a bundle would do with requests that were read: propensities over lanes as ``target``, and its estimates.

    Raises:
        OfflineDataError: as ``run``, or lists are over other lanes than the bundle's.
    """
    bundle, model = settled(model)
    task = Score(model, bundle.manifest.id, traffic_class)
    return run(task, str(source), str(out), **how)


def ope(
    source: str | Path,
    out: str | Path,
    *,
    target: str = "target",
    baseline: str | None = None,
    reward: str = "quality",
    rated: str | None = "rated_probability",
    reward_model: str | None = None,
    cluster: str | None = None,
    **how: Unpack[Batch],
) -> OpeReport:
    """Off-policy estimates of a whole log: those of ``ope.evaluate_all`` to 1e-9, from sums that ``out`` keeps.

    Args:
        target, baseline, reward, rated, reward_model, cluster: columns, see ``engine_ope.OpeSums``. ``rated`` does not
            count where the reward is a cost.

    Raises:
        OfflineDataError: as ``run``, or the log does not allow an estimate.
    """
    task = OpeSums(
        target=target,
        baseline=baseline,
        reward=reward,
        model=reward_model,
        cluster=cluster,
        rated=None if reward == "cost_usd" else rated,
    )
    report = run(task, str(source), str(out), **how)
    estimates, found = estimates_of(str(out))
    if found.ratings is None:
        raise OfflineDataError("Nothing was added up.")
    clusters = next((len(each.name) for each in found.clusters.values()), None)
    return OpeReport(estimates, found.ratings.rows, found.ratings.rated, found.left_out, clusters, report)


def simulate(
    out: str | Path,
    *,
    scenario: str | Path | Scenario = "quiet_week",
    model: str | None = None,
    source: Source | None = None,
    challengers: Mapping[str, str] | None = None,
    policies: Sequence[str] = (),
    deal: Deal = Deal(),
    **how: Unpack[Batch],
) -> Simulated:
    """Play a scenario once for every policy and seed, each a shard, and add them up; ``out`` keeps plan and tallies, so
    that a run with more seeds plays only those that are new.

    Args:
        source: of the requests, no log. policies: groups beside the champion, as ``offline.simulate`` takes them.
        deal: how the shards are cut.

    Raises:
        OfflineDataError: as ``run``; the source is a log; or the requests of a run share something.
        InvalidRequestError: as ``offline.simulate.simulate``.
    """
    from router_ml.offline.engine import simulating as made
    from router_ml.offline.engine.files import Folder
    from router_ml.offline.engine.shards import Arena, Simulate

    bundle, model = settled(model)
    task: Simulate = made.task_of(
        bundle,
        scenario,
        model=model,
        source=source,
        challengers=challengers,
        policies=policies,
        seed=deal.seed,
    )
    arena, seeds = Arena(task), range(deal.seed, deal.seed + deal.seeds)
    plan, tallies = (Folder(f"{str(out).rstrip('/')}/{name}") for name in (made.PLAN, made.TALLIES))
    made.write_plan(plan, list(arena.entries), seeds=seeds, slices=deal.slices)
    report = run(task, plan.url, tallies.url, **how)
    return made.Simulated(made.added_up(arena, tallies, seeds=seeds, slices=deal.slices), report)
