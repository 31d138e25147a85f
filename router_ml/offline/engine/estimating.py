"""Off-policy estimates from sums over partitions: as ``ope.evaluate_all``, for logs of any size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.engine.columns import matrix, vector
from router_ml.offline.engine.files import Folder
from router_ml.offline.engine.found import Found
from router_ml.offline.engine.schemas import lanes_of, need
from router_ml.offline.engine.sums import Clustered, Sums
from router_ml.offline.estimating.estimate import Estimate
from router_ml.offline.estimating.feedback_checks import rating_sums
from router_ml.offline.estimating.intervals import normal_of
from router_ml.offline.estimating.terms import DIAGNOSTIC, Case, Estimator, Terms, estimators_for
from router_ml.offline.feedback import Part, of_action

LOGGING = "propensities"
RATED = "rated_probability"  # where a log does not say it, every decision has its reward


@dataclass(frozen=True)
class OpeSums:
    """A log as columns to the sums of every estimator, one row per partition.

    Columns: ``action`` (index of the planned lane, missing or negative without one), ``propensities`` (over lanes),
    ``reward`` (missing = not rated), and the policy to judge, ``target`` (over lanes). Where they are there:
    ``randomised`` (false: left out), ``rated_probability``, ``cluster`` and ``model`` (predicted reward over lanes,
    made without these rewards; NaN where the policy never goes).

    Args:
        target, baseline, reward, model, cluster: names of columns. With ``baseline`` differences from that policy, from
            the logged one where it is ``propensities``. Without ``model`` those estimators that need none.
        rated: the column of P(rated); None where every decision has its reward, as a cost, or as where there is no
            column ``rated_probability``.
    """

    target: str = "target"
    baseline: str | None = None
    reward: str = "quality"
    model: str | None = None
    cluster: str | None = None
    rated: str | None = None
    name: str = field(default="ope", init=False)

    def said(self) -> Mapping[str, Any]:
        """The columns."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}

    def columns(self, schema: Any) -> list[str] | None:
        """Those that are needed."""
        over = [name for name in (LOGGING, self.target, self.baseline, self.model) if name is not None]
        wanted = {"action": "integer", self.reward: "number", **dict.fromkeys(over, "list")}
        if self.rated is not None and not (self.rated == RATED and RATED not in schema.names):
            wanted[self.rated] = "number"
        if self.cluster is not None:
            wanted[self.cluster] = "any"
        if "randomised" in schema.names:
            wanted["randomised"] = "truth"
        need(schema, wanted, what="ope")
        return list(wanted)

    def open(self, schema: Any) -> Adder:
        """Nothing to open."""
        return Adder(self, lanes_of(schema))


class Adder:
    """``OpeSums``, opened: adds up the batches of a partition."""

    def __init__(self, task: OpeSums, lanes: tuple[str, ...] | None) -> None:
        self._task, self._width = task, None if lanes is None else len(lanes)
        self._found: list[Found] = []

    def batch(self, batch: Any) -> None:
        """Add a batch."""
        task, rated = self._task, self._task.rated
        action = np.nan_to_num(vector(batch, "action"), nan=-1.0).astype(np.int64)
        kept = action >= 0
        if "randomised" in batch.schema.names:
            kept &= vector(batch, "randomised", dtype=bool)
        left_out = batch.num_rows - int(kept.sum())
        if not kept.any():
            self._found.append(Found(left_out))
            return

        def over(name: str | None) -> NDArray[np.float64] | None:
            return None if name is None else matrix(batch, name, width=self._width)[kept]

        logging, target, baseline = over(LOGGING), over(task.target), over(task.baseline)
        if logging is None or target is None or action.max() >= logging.shape[1]:
            raise OfflineDataError("An action is not the index of a lane. Leave out decisions that have no lane.")
        feedback = Part(
            action=action[kept],
            propensity=of_action(logging, action[kept]),
            reward=vector(batch, task.reward)[kept],
            rated_probability=vector(batch, rated)[kept] if rated and rated in batch.schema.names else None,
            logging=logging,
        )
        model = over(task.model)
        case = Case(target, feedback, model)
        other = None if baseline is None else Case(baseline, feedback, model)
        cluster = None if task.cluster is None else hashed(_names(batch, task.cluster, kept))
        self._found.append(_found(case, other, cluster, left_out))

    def finish(self) -> Any:
        """The sums of the partition, as a batch of one row."""
        import pyarrow as arrow

        found, self._found = Found.together(self._found), []
        names = list(found.clusters)
        first = found.clusters[names[0]] if names else None
        columns = {
            "sums": arrow.array([json.dumps(found.to_dict())], arrow.string()),
            "cluster": arrow.array([[] if first is None else first.name], arrow.list_(arrow.int64())),
            "cluster_rows": arrow.array([[] if first is None else first.rows], arrow.list_(arrow.int64())),
            "cluster_sums": arrow.array(
                [np.concatenate([found.clusters[name].columns.ravel() for name in names]) if names else []],
                arrow.list_(arrow.float64()),
            ),
        }
        return arrow.RecordBatch.from_pydict(columns)


def estimates_of(folder: str) -> tuple[dict[str, Estimate], Found]:
    """The estimates from the sums in a folder, the headline first, and the sums of all.

    Raises:
        OfflineDataError: the sums do not allow it, as ``ope`` would say of the whole log.
    """
    found = Found.together(list(_rows(Folder(folder))))
    if found.ratings is None or found.ratings.rows < 2:
        raise OfflineDataError(f"None of {found.left_out} decisions was drawn at random. Allow exploration first.")
    if not found.ratings.rated:
        raise OfflineDataError("Rewards must be finite, NaN where not rated, and at least one must be rated.")
    found.ratings.check()
    count = found.ratings.rows
    for each in found.clusters.values():
        count = len(each.name)
    if count < 2:
        raise OfflineDataError("All decisions are in one cluster, which says nothing about chance. Give several.")
    if not found.sums["ips"].largest > 0:
        raise OfflineDataError("No rated decision took a lane of the target policy. Log more, or rate more.")
    if not all(size > 0 for each in found.sums.values() for size in each.denominators):
        raise OfflineDataError("No rated decision took a lane of the baseline policy. Log more, or rate more.")
    return {name: _estimate(name, found) for name in found.sums}, found


def hashed(values: NDArray[Any]) -> NDArray[np.int64]:
    """A number for each name, the same in every process; two of ten million share one in 1 of 370,000 runs."""
    names, member = np.unique(np.asarray(values).astype(np.str_), return_inverse=True)
    digests = [hashlib.blake2b(str(name).encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)[member]


def _names(batch: Any, column: str, kept: NDArray[np.bool_]) -> NDArray[Any]:
    """Names of clusters as texts, made by Arrow: numbers with gaps in some batches would be other texts there."""
    import pyarrow as arrow

    names = batch.column(column).filter(arrow.array(kept))
    if names.null_count:
        raise OfflineDataError(
            f"{column} is missing in {names.null_count} rows, which cannot be told apart. Give each a cluster of its "
            "own, or leave them out."
        )
    return np.asarray(names.cast(arrow.string()).to_numpy(zero_copy_only=False))


def _found(case: Case, other: Case | None, cluster: NDArray[np.int64] | None, left_out: int) -> Found:
    terms: dict[str, Terms] = {}
    for name in estimators_for(case.modelled):
        mine = case.terms(name)
        terms[name] = mine if other is None else mine.minus(other.terms(name))
    rated = case.feedback.rated
    return Found(
        left_out,
        rating_sums(case.feedback),
        {name: Sums.of(each, rated) for name, each in terms.items()},
        {} if cluster is None else {name: Clustered.of(each, cluster) for name, each in terms.items()},
    )


def _estimate(name: str, found: Found) -> Estimate:
    sums = found.sums[name]
    spread = normal_of(sums.summary(found.clusters.get(name)))
    estimator: Estimator = name  # type: ignore[assignment]
    return Estimate(
        name=f"{name} difference" if len(sums.signs) > 1 and -1.0 in sums.signs else name,
        value=spread.value,
        low=spread.low,
        high=spread.high,
        standard_error=spread.error,
        n=sums.rows,
        effective_sample_size=sums.used.effective,
        max_weight=sums.largest,
        diagnostic=estimator in DIAGNOSTIC,
    )


def _rows(folder: Folder) -> Iterator[Found]:
    for name in folder.names():
        for batch in folder.batches(name, rows=1):
            yield from (Found.from_row(row) for row in batch.to_pylist())
