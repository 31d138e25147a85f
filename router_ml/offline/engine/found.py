"""What was added up of some rows of a log, as a value that can be kept and put together."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from router_ml.offline.engine.moments import Moments, WeightSums
from router_ml.offline.engine.sums import Clustered, Sums
from router_ml.offline.estimating.feedback_checks import RatingSums


@dataclass(frozen=True)
class Found:
    """The sums of some rows: by estimator, and of what only the whole log can show."""

    left_out: int
    ratings: RatingSums | None = None
    sums: Mapping[str, Sums] = field(default_factory=dict)
    clusters: Mapping[str, Clustered] = field(default_factory=dict)

    @classmethod
    def together(cls, parts: Sequence[Found]) -> Found:
        """Of all rows of the parts."""
        some = [part for part in parts if part.ratings is not None]
        left_out = sum(part.left_out for part in parts)
        if not some:
            return cls(left_out)
        names = list(some[0].sums)
        sums = {name: Sums.together([part.sums[name] for part in some]) for name in names}
        clusters = {
            name: Clustered.together([part.clusters[name] for part in some]) for name in names if some[0].clusters
        }
        rates = [part.ratings for part in some if part.ratings is not None]
        ratings = RatingSums(
            rows=sum(each.rows for each in rates),
            rated=sum(each.rated for each in rates),
            weight=math.fsum(each.weight for each in rates),
            excess=math.fsum(each.excess for each in rates),
            implied=math.fsum(each.implied for each in rates),
            together=max((int(each.rows.max()) for each in clusters.values()), default=1),
        )
        return cls(left_out, ratings, sums, clusters)

    def to_dict(self) -> dict[str, Any]:
        """All but clusters, as plain values; numbers come back bit for bit."""
        ratings = None if self.ratings is None else asdict(self.ratings)
        return {"left_out": self.left_out, "ratings": ratings, "sums": {k: _plain(v) for k, v in self.sums.items()}}

    @classmethod
    def from_row(cls, row: Any) -> Found:
        """From a row that ``Adder.finish`` wrote."""
        said = json.loads(row["sums"])
        sums = {name: _sums(values) for name, values in said["sums"].items()}
        ratings = None if said["ratings"] is None else RatingSums(**said["ratings"])
        names, rows = np.array(row["cluster"], np.int64), np.array(row["cluster_rows"], np.int64)
        clusters, at = {}, 0
        values = np.array(row["cluster_sums"], np.float64)
        for name, each in sums.items() if len(names) else ():
            width = len(each.means)
            clusters[name] = Clustered(names, rows, values[at : at + len(names) * width].reshape(len(names), width))
            at += len(names) * width
        return cls(said["left_out"], ratings, sums, clusters)


def _plain(sums: Sums) -> dict[str, Any]:
    values = {item.name: getattr(sums, item.name) for item in fields(sums)}
    parts = {name: asdict(value) for name, value in values.items() if isinstance(value, (Moments, WeightSums))}
    return {**values, "means": sums.means.tolist(), "spread": sums.spread.tolist(), **parts}


def _sums(said: Mapping[str, Any]) -> Sums:
    moments = {name: Moments(**said[name]) for name in ("whole", "residual")}
    weights = {name: None if said[name] is None else WeightSums(**said[name]) for name in ("weight", "used")}
    arrays = {name: np.array(said[name], np.float64) for name in ("means", "spread")}
    lists = {name: tuple(said[name]) for name in ("signs", "pivots")}
    return Sums(**{**said, **moments, **weights, **arrays, **lists})
