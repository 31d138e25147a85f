"""Where routing loses most, and where least is known: cells of intent and domain, ranked.

Regret is the utility (quality - lambda * cost) of the best fixed lane of the cell less that of the router. The best
lane is picked for each group of rows on all other groups, so that luck picks no lane for itself; regret below 0 says
that the router does better than any fixed lane would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from router_ml.errors import MissingExtraError, OfflineDataError
from router_ml.offline.estimating.clustered import Mean, mean
from router_ml.offline.judging.judged import Floats, Judged

By = Literal["regret", "evidence"]


@dataclass(frozen=True)
class Slice:
    """One cell. ``share`` of the requests; ``regret`` per request with a 95% interval (``low``, ``high``), NaN with a
    single group; ``best_lane`` in hindsight; the router's mean ``quality`` and ``cost_usd``; ``evidence``: outcomes
    seen per lane; ``thinnest``: the lane with the fewest, of those that rules allow in the cell."""

    intent: str
    domain: str
    rows: int
    groups: int
    share: float
    regret: float
    low: float
    high: float
    best_lane: str
    quality: float
    cost_usd: float
    evidence: dict[str, int]
    thinnest: str

    @property
    def worth(self) -> float:
        """What this cell's regret costs the average request: share times regret."""
        return self.share * self.regret


def find_slices(judged: Judged, *, by: By = "regret", min_rows: int = 1) -> list[Slice]:
    """Every cell of at least ``min_rows`` requests.

    Args:
        by: ``regret``: what its regret costs the average request, most first; ``evidence``: the fewest outcomes per
            lane and share of the traffic, so that a busy cell that is little known comes before a rare one.

    Raises:
        OfflineDataError: there is no such cell.
    """
    cell = judged.cell
    names, counts = np.unique(cell, return_counts=True)
    wanted = names[counts >= min_rows]
    if len(wanted) == 0:
        most = int(counts.max()) if len(counts) else 0
        raise OfflineDataError(f"No cell has {min_rows} requests; the largest has {most}. Ask for fewer, or log more.")
    found = [_slice(judged.select(cell == name), len(judged)) for name in wanted]
    order: dict[By, Callable[[Slice], float]] = {
        "regret": lambda each: -each.worth if np.isfinite(each.worth) else np.inf,
        "evidence": lambda each: (each.evidence[each.thinnest] + 1) / each.share,
    }
    return sorted(found, key=order[by])


def _slice(judged: Judged, total: int) -> Slice:
    rate = judged.quality_per_usd[:, None]
    fixed = judged.always(judged.quality) - rate * judged.always(judged.cost_usd)
    ours = judged.ours(judged.quality) - judged.quality_per_usd * judged.ours(judged.cost_usd)
    regret, best = _regret(fixed, ours, judged)
    evidence = {lane: int(seen) for lane, seen in zip(judged.lanes, judged.outcomes.sum(axis=0), strict=True)}
    allowed = [judged.lanes[column] for column in np.flatnonzero(judged.eligible.any(axis=0))]
    half = regret.half()
    return Slice(
        intent=str(judged.intent[0]),
        domain=str(judged.domain[0]),
        rows=len(judged),
        groups=regret.clusters,
        share=len(judged) / total,
        regret=regret.value,
        low=regret.value - half,
        high=regret.value + half,
        best_lane=judged.lanes[best],
        quality=float(judged.ours(judged.quality).mean()),
        cost_usd=float(judged.ours(judged.cost_usd).mean()),
        evidence=evidence,
        thinnest=min(allowed, key=lambda lane: evidence[lane]),
    )


def _regret(fixed: Floats, ours: Floats, judged: Judged) -> tuple[Mean, int]:
    """Regret against the lane that is best on all other groups, and the lane that is best on all."""
    _, member = np.unique(judged.group, return_inverse=True)
    total = fixed.sum(axis=0)
    if member.max() == 0:
        return Mean(float("nan"), float("nan"), 1.0, len(ours), 1), int(total.argmax())
    per_group = np.stack([np.bincount(member, column) for column in fixed.T], axis=1)
    best = (total - per_group).argmax(axis=1)[member]
    lost = fixed[np.arange(len(ours)), best] - ours
    return mean(lost, judged.group), int(total.argmax())


def to_frame(slices: Sequence[Slice]) -> Any:
    """A ``pandas.DataFrame``, one row per cell; ``evidence_<lane>`` columns.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("pandas", "offline") from None
    return pandas.DataFrame([_flat(each) for each in slices])


def _flat(each: Slice) -> dict[str, object]:
    record = to_record(each)
    evidence = record.pop("evidence")
    assert isinstance(evidence, dict)
    return {**record, **{f"evidence_{lane}": seen for lane, seen in evidence.items()}}


def to_record(each: Slice) -> dict[str, object]:
    """The JSON form: a number that is not known is None."""
    values = {name: getattr(each, name) for name in Slice.__dataclass_fields__}
    values["worth"] = each.worth
    return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in values.items()}
