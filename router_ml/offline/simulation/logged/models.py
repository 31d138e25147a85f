"""From a log's arrays to what a correction needs: P(rated), a model of ratings, costs at the prices of today."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates
from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.diagnostics import sample_ratio
from router_ml.offline.estimating.ratings import of_log
from router_ml.offline.estimating.reward_models import cross_fit, ridge
from router_ml.offline.feedback import UNRATED, Feedback, of_action
from router_ml.storage.database.records import LoggedData

Floats = NDArray[np.float64]
Ratings = Literal["auto", "logged", "modelled"]

DIRECTIONS = 16  # of embeddings, in which they spread most
FOLDS = 5
PENALTIES = (10.0, 100.0, 1000.0)  # of the reward model, in rows
SMALL = 20_000  # ratings up to which all of them are tried
UNLIKELY = 1e-4  # p-value of the sample ratio
FORESEEN = 10  # calls of a lane that cost what the bundle expects, beside those that the log has
ROUNDING = 1e-4  # of an estimate that was recorded and is made again, in other batches of 32 bits


def rated_feedback(
    data: LoggedData,
    action: NDArray[np.int64],
    propensity: Floats,
    cluster: NDArray[np.int64],
    ratings: Ratings,
    notes: list[str],
) -> Feedback | None:
    """Decisions that took a lane, with their ratings; None where there are none, and in ``notes`` what that means or
    how P(rated) is modelled."""
    if not np.isfinite(data.quality).any():
        notes.append("No decision is rated: nothing is known of quality but what the bundle believes.")
        return None

    def made(rated_probability: Floats) -> Feedback:
        return Feedback(
            action=action,
            propensity=propensity,
            reward=data.quality,
            rated_probability=rated_probability,
            cluster=None if len(np.unique(cluster)) == len(cluster) else cluster,
        )

    if ratings != "modelled":
        try:
            return made(data.rated_probability)
        except OfflineDataError:
            if ratings == "logged":
                raise
    notes.append(
        "P(rated) is modelled: given request and lane, whether a decision was rated must have nothing to do with what "
        "its rating would have been."
    )
    return made(of_log(data, groups=cluster))


def sampled(data: LoggedData) -> list[str]:
    """What is wrong with how lanes were drawn, in a sentence: nothing, where they came as often as their propensities
    say (Fabijan et al. 2019 on sample ratio mismatch)."""
    drawn = data.select(data.randomised & (data.action >= 0))
    if len(drawn) < 2:
        return []
    propensity = of_action(drawn.propensities, drawn.action)
    none = np.zeros(len(drawn))
    found = sample_ratio(Feedback(drawn.action, propensity, reward=none, logging=drawn.propensities))
    if found.p_value >= UNLIKELY:
        return []
    return [
        f"Lanes were not drawn as often as the log's propensities say (p = {found.p_value:.1g}): rows were lost, or "
        "these are not the propensities that acted. No estimate from such a log can be trusted."
    ]


def table_of(data: LoggedData) -> Floats:
    """Features of decisions (n, f), without outcomes: where embeddings lie, surface features and class probabilities,
    and what was estimated before each decision."""
    centred = data.embeddings - data.embeddings.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    estimated = data.estimated_quality
    known = np.isfinite(estimated)
    usual = np.where(known, estimated, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    table = np.column_stack(
        [centred @ directions[:, -DIRECTIONS:], data.features, np.where(known, estimated, usual[None, :])]
    )
    return np.asarray(np.where(np.isfinite(table), table, 0.0), dtype=np.float64)


def modelled(
    table: Floats, used: NDArray[np.int64], feedback: Feedback | None, lanes: int, seed: int, notes: list[str]
) -> Floats | None:
    """Expected ratings (n, L): of rows that took a lane by a model that has not seen them, of others by one of all;
    None where there is too little to learn from. How much is shrunk is what held-out ratings say, in a small log."""
    if feedback is None:
        return None
    rated = feedback.rated
    best, held_out = (math.inf, 0.0), np.empty(0)
    for penalty in PENALTIES if rated.sum() <= SMALL else PENALTIES[:1]:
        try:
            fit = ridge(lanes, penalty=penalty)
            found = cross_fit(fit, table[used], feedback, folds=FOLDS, groups=feedback.cluster, seed=seed)
        except OfflineDataError as error:
            notes.append(f"There is no reward model of the log ({error}) The bundle's own estimates stand in for it.")
            return None
        missed = feedback.reward[rated] - of_action(found, feedback.action)[rated]
        error_of_it = float(np.square(missed).mean())
        if error_of_it < best[0]:
            best, held_out = (error_of_it, penalty), found
    rest = np.setdiff1d(np.arange(len(table)), used)
    result = np.empty((len(table), lanes))
    result[used] = held_out
    if len(rest):
        fit = ridge(lanes, penalty=best[1])
        fitted = fit(table[used[rated]], feedback.action[rated], feedback.reward[rated])
        result[rest] = fitted(table[rest])
    return result


def paid(
    data: LoggedData,
    estimates: Estimates,
    *,
    used: NDArray[np.int64],
    action: NDArray[np.int64],
    rating_weight: Floats,
    notes: list[str],
) -> tuple[Floats, Floats]:
    """What planned lanes cost (m,), at today's full prices, and how much each counts (m,): all where all but a few are
    known, else those that were rated; none where too few of those are."""
    part = data.select(used)
    logged = part.estimated_cost_usd[np.arange(len(used)), part.action]
    expected = of_action(estimates.cost_usd[used], action)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = np.where((logged > 0) & (expected > 0), expected / logged, 1.0)
    moved = np.where(np.isfinite(moved) & (np.abs(moved - 1) > ROUNDING), moved, 1.0)
    if (moved != 1).any():
        notes.append(
            f"{int((moved != 1).sum())} logged costs were made at other prices, in batches or with cached tokens: they "
            "are brought to today's full prices by the ratio of what was estimated then and now."
        )
    usd = part.cost_usd * moved
    known = np.isfinite(usd)
    if (~known).mean() <= UNRATED:
        weight = known.astype(np.float64)
    elif rating_weight.any() and (~known[rating_weight > 0]).mean() <= UNRATED:
        weight = np.where(known, rating_weight, 0.0)
    else:
        weight = np.zeros(len(used))
        notes.append(
            f"{int((~known).sum())} of {len(used)} decisions have no cost: costs are what the bundle expects, without "
            "correction. Report cost_usd of every decision, or with every rating."
        )
    return np.where(known, usd, 0.0), weight


def cost_scale(
    usd: Floats,
    expected: Floats,
    *,
    used: NDArray[np.int64],
    action: NDArray[np.int64],
    weight: Floats,
    cluster: NDArray[np.int64],
    lanes: int,
    seed: int,
) -> Floats:
    """How many times what a bundle expects a lane costs, (n, L), by the known costs of other decisions: money that is
    played, and budgets, are then on the level of the log, and a correction stays unbiased.

    Args:
        usd, expected, action, weight: (m,) of the decisions ``used``, see ``paid``. cluster: (n,) kept in one fold.
    """
    _, member = np.unique(cluster, return_inverse=True)
    member = member.reshape(len(cluster))
    fold = np.random.default_rng(seed).permutation(int(member.max()) + 1)[member] % FOLDS
    result = np.ones((len(cluster), lanes))
    for each in range(FOLDS):
        others = (fold[used] != each) & (weight > 0)
        cost, foreseen = (np.bincount(action[others], of[others], minlength=lanes) for of in (usd, expected))
        prior = FORESEEN * foreseen / np.maximum(np.bincount(action[others], minlength=lanes), 1)
        result[fold == each] = np.divide(cost + prior, foreseen + prior, out=np.ones(lanes), where=foreseen > 0)
    return result
