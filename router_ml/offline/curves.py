"""The yardstick of a router on full information: what quality it buys at what cost, between two bounds.

Shapes and units: ``quality`` (n, lanes) in 0..1 and ``cost`` (n, lanes) in USD are what every lane truly did on each of
n prompts. A router is a family of policies (s, n): one row per value of its trade-off (lambda, threshold, budget), each
entry the lane chosen for that prompt. 0% of the gap is the *hull*: randomising between the right fixed lanes, chosen
with the test means known. 100% is the *oracle*: true quality and cost of each prompt, swept over lambda; it exploits
luck and judge noise, so it is a bound and no target. A hull over a sweep on test means is slightly optimistic;
``commit`` and ``realise`` give points that were fixed before the test part was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError

Floats = NDArray[np.float64]
Policies = NDArray[np.integer[Any]]

LAMBDAS: Floats = np.append(0.0, np.logspace(-2, 6, 161))  # the default sweep, in quality per USD
COMMIT_FRACTIONS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the way from the cheapest to the best lane, in log cost


@dataclass(frozen=True)
class Point:
    """One operating point on test: mean cost (USD), mean quality, and quality above the hull at the same cost."""

    cost: float
    quality: float
    minus_hull: float


@dataclass(frozen=True)
class Reference:
    """The two bounds, read at ``grid`` (mean-cost budgets, USD); lane means (lanes,), ``oracle_points`` (2, v)."""

    grid: Floats
    hull: Floats
    oracle: Floats
    aiq_hull: float
    aiq_oracle: float
    lane_cost: Floats
    lane_quality: Floats
    oracle_points: Floats


@dataclass(frozen=True)
class Score:
    """A router: its curve at the grid, the mean of the curve (``aiq``), the share of the gap closed in percent, and its
    ``point`` if it has a single policy. ``gap_closed`` is NaN where the oracle does not beat the hull."""

    aiq: float
    gap_closed: float
    curve: Floats
    point: Point | None


@dataclass(frozen=True)
class Evaluation:
    """The scores of some routers on the same prompts."""

    reference: Reference
    routers: dict[str, Score]


@dataclass(frozen=True)
class Plan:
    """A committed policy: row ``low`` of the sweep, and with probability ``share`` row ``high`` instead."""

    low: int
    high: int
    share: float


@dataclass(frozen=True)
class CommittedScore:
    """How committed points did on test. ``gap_closed`` (percent) reads hull and oracle at the larger of budget and
    realised cost, so that unused budget and overspending are both paid for; ``gap_at_cost`` at the realised cost."""

    points: tuple[tuple[float, float], ...]
    budgets: tuple[float, ...]
    overspend_pct: float
    max_overspend_pct: float
    gap_closed: float
    gap_at_cost: float


@dataclass(frozen=True)
class TwoLaneScore:
    """``apgr`` (about .5 for a random router), and the share of strong calls, in percent, that recovers 50 and 80% of
    the quality gap between the weak and the strong lane (RouteLLM, Ong et al. 2024)."""

    apgr: float
    cpt50: float
    cpt80: float


def sweep(quality: ArrayLike, cost: ArrayLike, lambdas: ArrayLike = LAMBDAS) -> Policies:
    """Policies (len(lambdas), n) that take the lane with the largest quality - lambda * cost.

    ``cost`` may be (lanes,) or (n, lanes). Exact ties go to the lane with the lower mean cost.
    """
    quality = np.asarray(quality)
    cost = np.broadcast_to(np.asarray(cost), quality.shape)
    _check(quality, cost)
    cheapest_first = np.argsort(cost.mean(axis=0), kind="stable")  # argmax takes the first of equals
    quality, cost = quality[:, cheapest_first], cost[:, cheapest_first]
    chosen = [(quality - price * cost).argmax(axis=1) for price in np.asarray(lambdas, dtype=float)]
    policies: Policies = cheapest_first[np.stack(chosen)].astype(np.min_scalar_type(quality.shape[1]))
    return policies


def hull(cost: ArrayLike, quality: ArrayLike) -> Floats:
    """Vertices (2, v) of the non-decreasing upper concave hull of points; first row cost, second quality.

    >>> hull([1.0, 2.0, 3.0, 4.0], [0.5, 0.5, 0.9, 0.6]).tolist()
    [[1.0, 3.0], [0.5, 0.9]]
    """
    points = np.stack([np.asarray(cost, dtype=float), np.asarray(quality, dtype=float)])
    return points[:, _hull_rows(points)]


def _hull_rows(points: Floats) -> list[int]:
    """Which points are vertices of the hull, cheapest first."""
    cost, quality = points
    rows: list[int] = []
    for new in np.lexsort((-quality, cost)).tolist():
        if rows and quality[new] <= quality[rows[-1]]:
            continue  # costs at least as much and is no better
        while len(rows) >= 2:
            before, last = rows[-2], rows[-1]
            run, rise = cost[new] - cost[before], quality[new] - quality[before]
            if (quality[last] - quality[before]) * run > rise * (cost[last] - cost[before]):
                break
            rows.pop()  # on or below the line from its neighbours
        rows.append(new)
    return rows


def means(quality: Floats, cost: Floats, policies: Policies, weights: Floats | None = None) -> Floats:
    """Mean cost (first row) and mean quality (second) of each policy: (2, s). ``weights`` (n,) weigh the prompts."""
    prompts = np.arange(len(quality))
    weights = np.full(len(quality), 1 / len(quality)) if weights is None else weights / weights.sum()
    return np.array([[cost[prompts, lane] @ weights, quality[prompts, lane] @ weights] for lane in policies]).T


def evaluate(
    quality: Floats,
    cost: Floats,
    routers: Mapping[str, Policies],
    *,
    grid_size: int = 40,
    weights: Floats | None = None,
) -> Evaluation:
    """How much of the gap between hull and oracle each router closes.

    The grid holds ``grid_size`` log-spaced budgets from the cheapest lane's mean cost to that of the lane with the best
    mean quality. A router's curve is the hull of its points and of the always-cheapest policy, which anyone can run:
    points on an edge are reached by randomising. ``weights`` (n,) weigh the prompts, as a bootstrap does.

    Raises:
        OfflineDataError: shapes that do not match, values that are not finite, or a lane that costs nothing.
    """
    _check(quality, cost)
    prompts, lanes = quality.shape
    always = np.repeat(np.arange(lanes)[:, None], prompts, axis=1)  # one policy per lane
    lane_cost, lane_quality = means(quality, cost, always, weights)
    low, high = lane_cost.min(), lane_cost[lane_quality.argmax()]
    if low <= 0:
        raise OfflineDataError("A lane costs nothing on average; budgets need costs above 0. Price every lane.")
    grid = np.exp(np.linspace(np.log(low), np.log(max(high, low * 1.0001)), grid_size))
    cheapest = lane_cost.argmin()

    def anchored(points: Floats) -> Floats:
        return hull(np.append(lane_cost[cheapest], points[0]), np.append(lane_quality[cheapest], points[1]))

    oracle_points = anchored(means(quality, cost, sweep(quality, cost), weights))
    hull_curve = np.interp(grid, *anchored(np.stack([lane_cost, lane_quality])))
    oracle_curve = np.interp(grid, *oracle_points)
    bounds = (float(hull_curve.mean()), float(oracle_curve.mean()))
    reference = Reference(grid, hull_curve, oracle_curve, *bounds, lane_cost, lane_quality, oracle_points)
    scores = {}
    for name, policies in routers.items():
        _check_policies(policies, quality, name)
        points = means(quality, cost, policies, weights)
        scores[name] = _score(points, np.interp(grid, *anchored(points)), reference)
    return Evaluation(reference, scores)


def _score(points: Floats, curve: Floats, reference: Reference) -> Score:
    aiq = float(curve.mean())
    gap = reference.aiq_oracle - reference.aiq_hull
    point = None
    if points.shape[1] == 1:
        at, reached = float(points[0, 0]), float(points[1, 0])
        fixed = float(np.interp(at, *hull(reference.lane_cost, reference.lane_quality)))
        point = Point(at, reached, reached - fixed)
    closed = 100 * (aiq - reference.aiq_hull) / gap if gap > 0 else float("nan")
    return Score(aiq=aiq, gap_closed=closed, curve=curve, point=point)


def budgets(quality: Floats, cost: Floats, fractions: Sequence[float] = COMMIT_FRACTIONS) -> tuple[float, ...]:
    """Mean-cost budgets from *training* means: log-interpolated between the cheapest and the best lane."""
    _check(quality, cost)
    lane_cost = cost.mean(axis=0)
    low, high = np.log(lane_cost.min()), np.log(lane_cost[quality.mean(axis=0).argmax()])
    return tuple(float(np.exp(low + fraction * (high - low))) for fraction in fractions)


def commit(quality: Floats, cost: Floats, policies: Policies, budget: float) -> Plan:
    """The two sweep rows and the mixing share that meet ``budget`` on calibration data."""
    points = means(quality, cost, policies)
    rows = _hull_rows(points)
    at = points[0, rows]
    if budget <= at[0]:
        return Plan(rows[0], rows[0], 0.0)
    if budget >= at[-1]:
        return Plan(rows[-1], rows[-1], 0.0)
    edge = int(np.searchsorted(at, budget))
    return Plan(rows[edge - 1], rows[edge], float((budget - at[edge - 1]) / (at[edge] - at[edge - 1])))


def realise(quality: Floats, cost: Floats, policies: Policies, plan: Plan) -> tuple[float, float]:
    """Expected mean cost and quality of a committed plan on other prompts."""
    ends = means(quality, cost, policies[[plan.low, plan.high]])
    at, reached = (1 - plan.share) * ends[:, 0] + plan.share * ends[:, 1]
    return float(at), float(reached)


def committed_score(
    reference: Reference, points: Sequence[tuple[float, float]], spent_against: Sequence[float]
) -> CommittedScore:
    """Score realised (cost, quality) ``points`` of plans committed for the budgets ``spent_against``."""
    cost, quality = np.array(points, dtype=float).T
    allowed = np.array(spent_against, dtype=float)
    fixed = hull(reference.lane_cost, reference.lane_quality)

    def closed(read_at: Floats) -> float:
        low, high = np.interp(read_at, *fixed), np.interp(read_at, *reference.oracle_points)
        gap = (high - low).sum()
        return float(100 * (quality - low).sum() / gap) if gap > 0 else float("nan")

    overspend = 100 * (cost / allowed - 1)
    return CommittedScore(
        points=tuple(zip(cost.tolist(), quality.tolist(), strict=True)),
        budgets=tuple(allowed.tolist()),
        overspend_pct=float(overspend.mean()),
        max_overspend_pct=float(overspend.max()),
        gap_closed=closed(np.maximum(cost, allowed)),
        gap_at_cost=closed(cost),
    )


def apgr_cpt(weak: Floats, strong: Floats, margin: Floats) -> TwoLaneScore:
    """RouteLLM's numbers for two lanes, from their quality (n,) and the predicted gain ``margin`` (n,) of the strong.

    Prompts go to the strong lane in decreasing order of margin, those of equal margin in expectation over their order.
    PGR(x) = (quality at strong share x - weak mean) / (strong mean - weak mean); APGR is its mean over x, CPT(p) the
    smallest x with PGR >= p.

    Raises:
        OfflineDataError: the strong lane is not better, so there is no gap to recover.
    """
    gain = np.asarray(strong, dtype=float) - weak
    if not gain.sum() > 0:
        raise OfflineDataError("The strong lane is not better than the weak one on these prompts. Swap them.")
    order = np.argsort(-margin, kind="stable")
    ordered = margin[order]
    tie = np.cumsum(np.append(True, ordered[1:] != ordered[:-1])) - 1
    expected = (np.bincount(tie, gain[order]) / np.bincount(tie))[tie]
    recovered = np.append(0, np.cumsum(expected)) / gain.sum()
    share = np.arange(len(recovered)) / (len(recovered) - 1)

    def needed(part: float) -> float:
        return 100 * float(share[np.argmax(recovered >= part)])

    apgr = float(((recovered[1:] + recovered[:-1]) / 2).mean())
    return TwoLaneScore(apgr=apgr, cpt50=needed(0.5), cpt80=needed(0.8))


def _check(quality: NDArray[Any], cost: NDArray[Any]) -> None:
    if quality.ndim != 2 or quality.size == 0 or quality.shape != cost.shape:
        raise OfflineDataError(
            f"Quality {quality.shape} and cost {cost.shape} must be matrices (prompts, lanes) of one shape, not empty."
        )
    if not (np.isfinite(quality).all() and np.isfinite(cost).all()):
        raise OfflineDataError("Quality or cost holds NaN or infinity. Leave those prompts out.")


def _check_policies(policies: Policies, quality: NDArray[Any], name: str) -> None:
    prompts, lanes = quality.shape
    if policies.ndim != 2 or policies.shape[1] != prompts or not ((policies >= 0) & (policies < lanes)).all():
        raise OfflineDataError(
            f"Router {name}: expected policies (any number, {prompts}) of lanes 0..{lanes - 1}, found {policies.shape}."
        )
