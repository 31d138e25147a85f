"""What routing saves against always taking one lane, whether quality is kept, and where it is not. In true words.

*Kept* means: with 95% confidence the router's mean quality is at most ``margin`` below the fixed lane's. *Lost*: with
95% confidence it is more than that below. Everything else is *not shown*, however good the average looks. In *same*
cells nothing goes elsewhere; *small* ones have too few groups for a verdict. Verdicts on the others are corrected for
how many there are (Benjamini & Hochberg 1995): of the cells called kept, at most 5% are expected not to be; likewise of
those called lost.

A router looks better on outcomes that it has learned from. Nothing here can see that: the caller says ``in_sample``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from router_ml.errors import InvalidRequestError, MissingExtraError, OfflineDataError
from router_ml.offline.estimating.clustered import Z95_ONE_SIDED, Z95_TWO_SIDED, Mean, benjamini_hochberg, mean, ratio
from router_ml.offline.estimating.diagnostics import effective_sample_size
from router_ml.offline.judging.judged import Floats, Judged

Verdict = Literal["kept", "lost", "not shown", "same", "small"]

MARGIN = 0.02
LEVEL = 0.05
MIN_EFFECTIVE = 100.0
MIN_CLUSTERS = 8  # below this a cell has no verdict, whatever its numbers
Z80 = 0.8416212335729143
HOPELESS = 20_000  # prompts


@dataclass(frozen=True)
class CellSavings:
    """One cell: ``cheaper`` is the share of the fixed lane's cost that is saved, ``quality`` the mean difference with a
    90% interval, ``needed`` about how many further prompts, run on both, a verdict takes if the difference stays as it
    is (0: there is one, or nothing to settle; None: more than anyone would run, or too little to tell)."""

    intent: str
    domain: str
    rows: int
    share: float
    cheaper: float
    quality: float
    low: float
    high: float
    verdict: Verdict
    needed: int | None

    @property
    def name(self) -> str:
        """``intent/domain``."""
        return f"{self.intent}/{self.domain}"


@dataclass(frozen=True)
class Savings:
    """The router against always ``baseline``. ``cheaper``: share of its cost saved, +- ``cheaper_half`` (95%);
    ``quality``: mean difference with one-sided 95% bounds ``low`` and ``high``; USD per request of both;
    ``everywhere``: rules allow the baseline on every request."""

    source: Literal["matrix", "log"]
    baseline: str
    margin: float
    rows: int
    cheaper: float
    cheaper_half: float
    quality: float
    low: float
    high: float
    verdict: Verdict
    cost_usd: float
    baseline_cost_usd: float
    cells: tuple[CellSavings, ...]
    everywhere: bool
    in_sample: bool
    left_out: dict[str, int]
    notes: tuple[str, ...]


def savings(judged: Judged, *, baseline: str | None = None, margin: float = MARGIN, in_sample: bool = False) -> Savings:
    """Judge the router against one lane.

    Args:
        baseline: by default the lane of the best mean quality. Where rules do not allow it, both take what the router
            takes.
        margin: how much lower the mean quality may be and still count as kept.
        in_sample: the router has learned from these outcomes.

    Raises:
        InvalidRequestError: an unknown lane, or a margin outside 0..1.
        OfflineDataError: the log does not allow the comparison, and why.
    """
    if not 0 <= margin <= 1:
        raise InvalidRequestError(f"Found margin {margin}, expected a difference in quality from 0 to 1.")
    column = judged.column(baseline) if baseline else _best(judged)
    known = np.isfinite(judged.quality[:, column]) | ~judged.eligible[:, column]
    if not known.any():
        raise OfflineDataError(
            f"Lane {judged.lanes[column]} could not be drawn in any of {len(judged)} decisions where it was eligible, "
            "so nothing is known of it. Let a traffic class explore it, or give another --baseline."
        )
    left_out = dict(judged.left_out)
    if not known.all():
        left_out[f"{judged.lanes[column]} was eligible but could not be drawn"] = int((~known).sum())
    part = judged.select(known)
    rows = _Rows.of(part, column)
    if rows.reference_cost.sum() <= 0:
        raise OfflineDataError("The baseline's costs do not add up to more than 0. Log costs, or price its lane.")
    saved = ratio(rows.cost, rows.reference_cost, part.group)
    overall = mean(rows.gain, part.group, reach=float(rows.moved.mean()))
    return Savings(
        source=judged.source,
        baseline=judged.lanes[column],
        margin=margin,
        rows=len(part),
        cheaper=1 - saved.value,
        cheaper_half=saved.half(Z95_TWO_SIDED),
        quality=overall.value,
        low=overall.value - overall.half(Z95_ONE_SIDED),
        high=overall.value + overall.half(Z95_ONE_SIDED),
        verdict=_verdict(overall, margin),
        cost_usd=float(rows.cost.mean()),
        baseline_cost_usd=float(rows.reference_cost.mean()),
        cells=_cells(part, rows, margin),
        everywhere=bool(part.eligible[:, column].all()),
        in_sample=in_sample,
        left_out=left_out,
        notes=(*judged.notes, *_doubts(part, column)),
    )


@dataclass(frozen=True)
class _Rows:
    """Per row: quality gained, cost of the router and of the baseline, and the share of draws that go elsewhere."""

    gain: Floats
    cost: Floats
    reference_cost: Floats
    moved: Floats

    @classmethod
    def of(cls, judged: Judged, column: int) -> _Rows:
        reference = judged.always(judged.quality)[:, column]
        return cls(
            gain=judged.ours(judged.quality) - reference,
            cost=judged.ours(judged.cost_usd),
            reference_cost=judged.always(judged.cost_usd)[:, column],
            moved=np.where(judged.eligible[:, column], 1 - judged.policy[:, column], 0.0),
        )


def _effective(judged: Judged, column: int) -> float:
    """How many equally weighted outcomes speak for a fixed lane."""
    if judged.source == "matrix":
        return float(len(judged))
    drawn = judged.outcomes[:, column]
    return effective_sample_size(1 / judged.policy[drawn, column]) if drawn.any() else 0.0


def _best(judged: Judged) -> int:
    known = [lane for lane in range(len(judged.lanes)) if _effective(judged, lane) >= MIN_EFFECTIVE]
    if judged.source == "matrix":
        known = list(range(len(judged.lanes)))
    if not known:
        counts = ", ".join(f"{lane} {_effective(judged, index):.0f}" for index, lane in enumerate(judged.lanes))
        raise OfflineDataError(
            f"No lane has {MIN_EFFECTIVE:.0f} effective outcomes in this log ({counts}), so none can be called the "
            "best. Log more exploration, or name the lane to compare with: --baseline LANE."
        )
    average = judged.always(judged.quality).mean(axis=0)
    return max(known, key=lambda lane: float(average[lane]))


def _doubts(judged: Judged, column: int) -> tuple[str, ...]:
    effective = _effective(judged, column)
    if judged.source == "matrix" or effective >= MIN_EFFECTIVE:
        return ()
    return (f"Only {effective:.0f} effective outcomes speak for {judged.lanes[column]}: intervals are rough.",)


def _verdict(found: Mean, margin: float) -> Verdict:
    above = found.p_above(-margin)
    return "kept" if above <= LEVEL else "lost" if 1 - above <= LEVEL else "not shown"


def _cells(judged: Judged, rows: _Rows, margin: float) -> tuple[CellSavings, ...]:
    """All cells, the largest first; verdicts corrected for the number of those that can have one."""
    cell = judged.cell
    members = [np.flatnonzero(cell == name) for name in np.unique(cell)]
    members.sort(key=len, reverse=True)
    means = [mean(rows.gain[m], judged.group[m], reach=float(rows.moved[m].mean())) for m in members]
    verdicts = _cell_verdicts(means, [bool(rows.moved[m].any()) for m in members], margin)
    result = []
    for m, found, verdict in zip(members, means, verdicts, strict=True):
        half = found.half(Z95_ONE_SIDED)
        spent = float(rows.reference_cost[m].sum())
        result.append(
            CellSavings(
                intent=str(judged.intent[m[0]]),
                domain=str(judged.domain[m[0]]),
                rows=len(m),
                share=len(m) / len(judged),
                cheaper=1 - float(rows.cost[m].sum()) / spent if spent > 0 else math.nan,
                quality=found.value,
                low=found.value - half,
                high=found.value + half,
                verdict=verdict,
                needed={"not shown": _needed(found, margin), "small": None}.get(verdict, 0),
            )
        )
    return tuple(result)


def _cell_verdicts(means: Sequence[Mean], moved: Sequence[bool], margin: float) -> list[Verdict]:
    """Which cells get a verdict depends on their size alone, never on how they came out."""
    verdicts: list[Verdict] = ["small" if each.clusters < MIN_CLUSTERS else "not shown" for each in means]
    verdicts = ["same" if not goes else verdict for verdict, goes in zip(verdicts, moved, strict=True)]
    judged = [index for index, verdict in enumerate(verdicts) if verdict == "not shown"]
    above = [means[index].p_above(-margin) for index in judged]
    for claim, p_values in (("kept", above), ("lost", [1 - p for p in above])):
        for index in np.flatnonzero(benjamini_hochberg(p_values, level=LEVEL)):
            verdicts[judged[index]] = "kept" if claim == "kept" else "lost"
    return verdicts


def _needed(found: Mean, margin: float) -> int | None:
    """Further prompts for a one-sided test at 5% to have 80% power, if difference and spread stay as they are."""
    distance = abs(found.value + margin)
    if distance == 0 or not math.isfinite(found.standard_error):
        return None
    per_row = found.standard_error * math.sqrt(found.rows)
    total = ((Z95_ONE_SIDED + Z80) * per_row / distance) ** 2
    more = max(math.ceil(total) - found.rows, 1)
    return more if more <= HOPELESS else None


def to_frame(found: Savings) -> Any:
    """The cells as a ``pandas.DataFrame``.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("pandas", "offline") from None
    return pandas.DataFrame(list(found.cells))
