"""Beyond one machine: the same functions over partitioned Parquet, run by pyarrow or by Ray Data.

    requests --embed--> embedding, features --score--> target, estimates --ope--> estimates with intervals

Each step reads a folder of Parquet files in batches and writes a folder of the same partitions, with the same column
names as the event log has (``export`` writes those of a log). What was finished is kept, so a run that was interrupted
goes on. Both engines compute the same numbers (``engine_run``), and what is added up does not depend on the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

from router_ml.errors import OfflineDataError
from router_ml.offline.engine_ope import OpeSums, estimates_of
from router_ml.offline.engine_reading import Embed, Score, open_bundle
from router_ml.offline.engine_run import Engine, Report, run
from router_ml.offline.ope_estimate import Estimate

__all__ = ["Batch", "Engine", "OpeReport", "Report", "embed", "ope", "score"]


class Batch(TypedDict, total=False):
    """How to run: ``engine``, ``workers``, ``address`` of a Ray cluster, ``rows`` of a batch, ``progress``; see
    ``engine_run.run``."""

    engine: Engine
    workers: int
    address: str | None
    rows: int
    progress: Callable[[int], None] | None


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
    task = Embed(model, open_bundle(model).manifest.id, column)
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
    task = Score(model, open_bundle(model).manifest.id, traffic_class)
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
