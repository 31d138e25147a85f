"""Which prompts to evaluate next, on which lanes, at what cost: a random sample of the traffic, near-duplicates aside.

Random, because nothing cleverer was reliably better. For the same money, the most uncertain prompts, the most diverse
(k-center), the most informative (A-optimal), and random ones on only those lanes that could be the best were tried on
four outcome matrices (``python -m training.benchmark acquisition``): the first three lose to random prompts on every
lane on one of them at least, the last ties. A random sample can also be certified on, which a chosen one cannot. Left
out is what can change no decision: known outcomes, forbidden lanes, prompts with one possible lane. A ``threshold`` up
to 0.05 also leaves out lanes that could hardly be the best there: more prompts for the same money, and routing that was
neither better nor worse; at 0.2 it was worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import InvalidRequestError, MissingExtraError, OfflineDataError
from router_ml.offline.judging.candidates import Z_90, Candidates, Floats

DUPLICATE = 0.95  # cosine similarity


@dataclass(frozen=True)
class Prompt:
    """One prompt to evaluate: the decision id or row number, its cell, the lanes to run and what that should cost."""

    id: str
    cell: str
    lanes: tuple[str, ...]
    cost_usd: float


@dataclass(frozen=True)
class CellGain:
    """What the evaluation should buy in one cell, if the means stay where they are. ``width``: of the 90% interval of
    the quality difference between the two best lanes; ``at_stake``: utility per request that knowing the better lane
    would be worth; each now and after. ``prompts`` of its ``requests`` were chosen."""

    cell: str
    share: float
    requests: int
    prompts: int
    width: float
    width_after: float
    at_stake: float
    at_stake_after: float


@dataclass(frozen=True)
class Selected:
    """The prompts to run, in the order to run them, what all of it should cost, and what it should buy, the cells with
    the most at stake first. ``settled``: share of the requests where one lane alone could be the best."""

    prompts: tuple[Prompt, ...]
    cost_usd: float
    cells: tuple[CellGain, ...]
    settled: float


def contenders(
    quality: Floats,
    deviation: Floats,
    cost_usd: Floats,
    quality_per_usd: Floats,
    allowed: NDArray[np.bool_],
    *,
    threshold: float,
) -> NDArray[np.bool_]:
    """Where a lane could be the best, (n, L): it has a utility above that of the lane that looks best with at least
    ``threshold`` probability, taking errors as normal and independent; the lane that looks best is one of them."""
    gap, spread, top = _gaps(quality, deviation, cost_usd, quality_per_usd, allowed)
    better = _normal_cdf(gap / spread)
    found = allowed & (better >= threshold)
    rows = np.flatnonzero(allowed.any(axis=1))
    found[rows, top[rows]] = True
    return found


def choose(
    candidates: Candidates,
    *,
    count: int = 200,
    budget_usd: float | None = None,
    cells: Sequence[str] | None = None,
    threshold: float = 0.0,
    seed: int = 0,
) -> Selected:
    """Choose prompts and lanes.

    Args:
        count: how many prompts at most.
        budget_usd: expected USD that running them may cost at most.
        cells: only from these (``intent/domain``).
        threshold: leave out lanes that are the best one with less probability than this; 0 runs every lane.

    Raises:
        InvalidRequestError: a count below 1, a negative budget, an unknown cell or no probability.
        OfflineDataError: nothing is left whose evaluation could change a decision, or the budget buys nothing.
    """
    _check(candidates, count, budget_usd, cells)
    if not 0 <= threshold <= 1:
        raise InvalidRequestError(f"Found threshold {threshold}, expected a probability from 0 to 1.")
    rate, allowed = candidates.quality_per_usd, candidates.allowed
    could = contenders(
        candidates.quality, candidates.deviation, candidates.cost_usd, rate, allowed, threshold=threshold
    )
    undecided = could.sum(axis=1) > 1
    run = could & ~candidates.seen & undecided[:, None]
    wanted = run.any(axis=1) & (True if cells is None else np.isin(candidates.cell, list(cells)))
    if not wanted.any():
        raise OfflineDataError(
            f"Of {len(candidates)} prompts none is left whose evaluation could change a decision: lanes that could be "
            "the best have been evaluated there, or only one could be. Log more traffic, or name other cells."
        )
    price = np.where(run, candidates.cost_usd, 0.0).sum(axis=1)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(wanted))
    rows = _take(order, candidates.embedding, price, count, math.inf if budget_usd is None else budget_usd)
    if len(rows) == 0:
        raise OfflineDataError(
            f"${budget_usd:.6f} buys no prompt, the cheapest would cost about ${price[wanted].min():.6f}. Allow more."
        )
    return Selected(
        prompts=tuple(
            Prompt(
                id=str(candidates.ids[row]),
                cell=str(candidates.cell[row]),
                lanes=tuple(candidates.lanes[lane] for lane in np.flatnonzero(run[row])),
                cost_usd=float(price[row]),
            )
            for row in rows
        ),
        cost_usd=float(price[rows].sum()),
        cells=_gains(candidates, rows, run),
        settled=float(1 - undecided.mean()),
    )


def _take(
    order: NDArray[np.intp], embedding: NDArray[np.float32], price: Floats, count: int, budget: float
) -> NDArray[np.intp]:
    """The first rows that are no near-duplicate of an earlier one and that the budget still allows."""
    taken: list[int] = []
    for row in order.tolist():
        if len(taken) == count:
            break
        if price[row] > budget or (taken and float((embedding[taken] @ embedding[row]).max()) > DUPLICATE):
            continue
        taken.append(row)
        budget -= price[row]
    return np.array(taken, np.intp)


def _gains(candidates: Candidates, rows: NDArray[np.intp], run: NDArray[np.bool_]) -> tuple[CellGain, ...]:
    """Per cell with a chosen prompt. An outcome on a lane adds 1 to the outcomes that the lane's interval is worth in
    the cell: quality (1 - quality) / variance."""
    result = []
    for name in np.unique(candidates.cell[rows]):
        part = candidates.select(candidates.cell == name)
        chosen = rows[candidates.cell[rows] == name]
        more = run[chosen].sum(axis=0)
        variance = np.maximum(np.square(part.deviation), 1e-12)
        worth = np.maximum(part.quality * (1 - part.quality), 1e-3) / variance
        after = part.deviation * np.sqrt(worth / (worth + more))
        now, then = _stakes(part, part.deviation), _stakes(part, after)
        share = len(part) / len(candidates)
        result.append(CellGain(str(name), share, len(part), len(chosen), now[0], then[0], now[1], then[1]))
    return tuple(sorted(result, key=lambda each: -each.share * each.at_stake))


def _stakes(part: Candidates, deviation: Floats) -> tuple[float, float]:
    """Mean width of the difference between the two best lanes, and mean expected gain of knowing the better one."""
    gap, spread, top = _gaps(part.quality, deviation, part.cost_usd, part.quality_per_usd, part.allowed)
    gain = spread * _normal_density(gap / spread) + gap * _normal_cdf(gap / spread)
    others = part.allowed.copy()
    others[np.arange(len(part)), top] = False
    two = others.any(axis=1)
    if not two.any():
        return 0.0, 0.0
    second = np.where(others, gap, -np.inf).argmax(axis=1)
    width = 2 * Z_90 * spread[np.arange(len(part)), second]
    return float(width[two].mean()), float(np.where(others, gain, 0.0).max(axis=1).mean())


def _gaps(
    quality: Floats, deviation: Floats, cost_usd: Floats, rate: Floats, allowed: NDArray[np.bool_]
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Utility of each lane less that of the lane that looks best (n, L), its deviation (n, L), and that lane (n,)."""
    value = np.where(allowed, quality - rate[:, None] * cost_usd, -np.inf)
    top = value.argmax(axis=1)
    rows = np.arange(len(value))
    best = np.where(allowed.any(axis=1), value[rows, top], 0.0)
    gap = np.where(allowed, value - best[:, None], -1e9)
    spread = np.maximum(np.hypot(deviation, deviation[rows, top][:, None]), 1e-9)
    return gap, spread, top


def _normal_density(x: Floats) -> Floats:
    return np.asarray(np.exp(-np.square(np.clip(x, -40, 40)) / 2) / math.sqrt(2 * math.pi), np.float64)


def _normal_cdf(x: Floats) -> Floats:
    """To 1.5e-7 (Abramowitz & Stegun 7.1.26), without scipy."""
    z = np.abs(np.clip(x, -40, 40)) / math.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    tail = series * np.exp(-z * z) / 2
    return np.asarray(np.where(x < 0, tail, 1 - tail), np.float64)


def _check(candidates: Candidates, count: int, budget_usd: float | None, cells: Sequence[str] | None) -> None:
    if count < 1 or (budget_usd is not None and not budget_usd >= 0):
        raise InvalidRequestError(f"Found count {count} and budget {budget_usd}, expected at least 1 and 0 or more.")
    known = set(candidates.cell.tolist())
    if unknown := [cell for cell in cells or () if cell not in known]:
        raise InvalidRequestError(
            f"There is no cell {', '.join(unknown)} here. Cells are intent/domain: {', '.join(sorted(known)[:5])}."
        )


def to_record(found: Selected) -> dict[str, object]:
    """The JSON form."""
    return asdict(found)


def to_frame(found: Selected) -> Any:
    """The prompts as a ``pandas.DataFrame``.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("pandas", "offline") from None
    return pandas.DataFrame(list(found.prompts))
