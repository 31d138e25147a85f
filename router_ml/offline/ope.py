"""Off-policy evaluation: what a policy would earn, from the log of another policy, with 95% intervals.

A policy is a matrix ``target`` (n, lanes) of probabilities, what happened is a ``Feedback``. Where the data do not
allow a number, ``OfflineDataError`` says why.

* ``ips``    inverse propensity scoring: unbiased, noisy           Horvitz & Thompson 1952
* ``snips``  self-normalised: little bias, much less noise         Hajek 1971; Swaminathan & Joachims 2015
* ``dm``     direct method, the reward model alone: as wrong as the model, and its interval does not know
* ``dr``     doubly robust, model plus weighted residuals          Dudik, Langford & Li 2011; the headline

A reward model must not have seen the rewards that it is judged on: ``cross_fit`` it (Chernozhukov et al. 2018), or take
the estimates that were logged with the decisions. Nor may the policy: one that was learned from these rows looks better
on them than it is, with any estimator. Learn on some decisions, judge on others.

>>> feedback = Feedback(action=[0, 1, 0, 1], propensity=[0.5, 0.5, 0.8, 0.2], reward=[1.0, 0.0, 1.0, 1.0])
>>> always_lane_1 = [[0.0, 1.0]] * 4
>>> ips(always_lane_1, feedback).value, round(snips(always_lane_1, feedback).value, 4)
(1.25, 0.7143)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.diagnostics import Diagnostics, SampleRatio, diagnose, effective_sample_size, sample_ratio
from router_ml.offline.feedback import TOLERANCE, Feedback, Floats, of_action

__all__ = [
    "Diagnostics",
    "Estimate",
    "Feedback",
    "SampleRatio",
    "cross_fit",
    "diagnose",
    "difference",
    "dm",
    "dr",
    "effective_sample_size",
    "ips",
    "ridge",
    "sample_ratio",
    "snips",
]

Estimator = Literal["ips", "snips", "dm", "dr"]
Predict = Callable[[Floats], Floats]
Fit = Callable[[Floats, NDArray[np.int64], Floats], Predict]

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A mean reward per decision, or a difference of two, with its 95% interval. Effective sample size and largest
    weight are those of the rated rows under the target: few effective rows say that the log knows little about it."""

    name: str
    value: float
    low: float
    high: float
    standard_error: float
    n: int
    effective_sample_size: float
    max_weight: float


class _Terms(NamedTuple):
    """Every estimator here is a sum of numerators over a sum of denominators, one of each per decision."""

    numerator: Floats
    denominator: Floats


def ips(target: ArrayLike, feedback: Feedback, *, bootstrap: int = 0, seed: int = 0) -> Estimate:
    """Inverse propensity scoring. ``bootstrap``: rounds of a (cluster) bootstrap; 0 gives the normal interval."""
    return _estimate("ips", [_terms("ips", target, feedback)], target, feedback, bootstrap=bootstrap, seed=seed)


def snips(target: ArrayLike, feedback: Feedback, *, bootstrap: int = 0, seed: int = 0) -> Estimate:
    """Self-normalised inverse propensity scoring; its standard error is by the delta method."""
    return _estimate("snips", [_terms("snips", target, feedback)], target, feedback, bootstrap=bootstrap, seed=seed)


def dm(
    target: ArrayLike, feedback: Feedback, reward_model: ArrayLike, *, bootstrap: int = 0, seed: int = 0
) -> Estimate:
    """Direct method: the mean of ``reward_model`` (n, lanes) under the target. A diagnostic, not evidence."""
    terms = _terms("dm", target, feedback, reward_model)
    return _estimate("dm", [terms], target, feedback, bootstrap=bootstrap, seed=seed)


def dr(
    target: ArrayLike, feedback: Feedback, reward_model: ArrayLike, *, bootstrap: int = 0, seed: int = 0
) -> Estimate:
    """Doubly robust: right if the propensities are, and tight if ``reward_model`` (n, lanes) is good. The model may be
    NaN where the target never goes, the logged action aside."""
    terms = _terms("dr", target, feedback, reward_model)
    return _estimate("dr", [terms], target, feedback, bootstrap=bootstrap, seed=seed)


def difference(
    target: ArrayLike,
    baseline: ArrayLike,
    feedback: Feedback,
    *,
    estimator: Estimator = "dr",
    reward_model: ArrayLike | None = None,
    bootstrap: int = 0,
    seed: int = 0,
) -> Estimate:
    """How much more ``target`` earns than ``baseline``, both (n, lanes), with a paired interval. The policy that made
    the log is ``baseline=feedback.logging``."""
    pair = [_terms(estimator, policy, feedback, reward_model) for policy in (target, baseline)]
    return _estimate(f"{estimator} difference", pair, target, feedback, bootstrap=bootstrap, seed=seed)


def _terms(
    estimator: Estimator, target: ArrayLike, feedback: Feedback, reward_model: ArrayLike | None = None
) -> _Terms:
    weight = feedback.weights(target) * feedback.rating_weight
    reward = np.where(feedback.rated, feedback.reward, 0.0)
    ones = np.ones(len(feedback))
    if estimator == "ips":
        return _Terms(weight * reward, ones)
    if estimator == "snips":
        if not weight.any():
            raise OfflineDataError("No rated decision took a lane of the target policy. Log more, or rate more.")
        return _Terms(weight * reward, weight)
    policy = np.asarray(target, dtype=float)
    predicted = _predictions(reward_model, policy, feedback, estimator)
    modelled = np.where(np.isfinite(predicted), predicted * policy, 0.0).sum(axis=1)
    if estimator == "dm":
        return _Terms(modelled, ones)
    return _Terms(modelled + weight * (reward - of_action(predicted, feedback.action)), ones)


def _predictions(reward_model: ArrayLike | None, policy: Floats, feedback: Feedback, estimator: Estimator) -> Floats:
    if reward_model is None:
        raise OfflineDataError(f"The estimator {estimator} needs reward_model=, e.g. from cross_fit.")
    predicted = np.asarray(reward_model, dtype=float)
    if predicted.shape != policy.shape:
        raise OfflineDataError(f"The reward model is {predicted.shape}, the target policy {policy.shape}.")
    needed = policy > TOLERANCE
    if estimator == "dr":
        np.put_along_axis(needed, feedback.action[:, None], True, axis=1)
    if not np.isfinite(predicted[needed]).all():
        raise OfflineDataError(
            "The reward model holds NaN or infinity where it is needed. Predict every eligible lane."
        )
    return predicted


def _estimate(
    name: str, terms: list[_Terms], target: ArrayLike, feedback: Feedback, *, bootstrap: int, seed: int
) -> Estimate:
    """``terms``: of the target, and of the baseline where there is one."""
    value, influence = 0.0, np.zeros(len(feedback))
    for sign, (numerator, denominator) in zip((1, -1), terms, strict=False):
        part = float(numerator.sum() / denominator.sum())
        value += sign * part
        influence += sign * (numerator - part * denominator) / denominator.mean()
    if bootstrap:
        replicates = _bootstrap(terms, feedback, bootstrap, seed)
        error = float(replicates.std(ddof=1))
        low, high = np.quantile(replicates, [0.025, 0.975]).tolist()
    else:
        error, quantile = _spread(_per_cluster(influence[:, None], feedback)[:, 0], len(feedback))
        low, high = value - quantile * error, value + quantile * error
    weight = feedback.weights(target) * feedback.rating_weight
    effective = effective_sample_size(weight)
    return Estimate(name, value, low, high, error, len(feedback), effective, float(weight.max()))


def _spread(influence: Floats, count: int) -> tuple[float, float]:
    """Standard error of a mean over ``count`` decisions from the influence of each cluster, and the 97.5% quantile for
    it: Student's t with the degrees of freedom that the variance estimate has at this kurtosis (Satterthwaite 1946), by
    the expansion of Abramowitz & Stegun 26.7.5. Heavy weights make the variance itself uncertain: at 30 effective rows
    the normal quantile, the limit for many, would cover 90%.
    """
    clusters, second = len(influence), float(np.square(influence).mean())
    error = math.sqrt(second / (clusters - 1) * clusters) * math.sqrt(clusters) / count
    excess = float(np.power(influence, 4).mean()) - second**2
    freedom = max(2.0, min(clusters - 1.0, 2 * clusters * second**2 / excess if excess > 0 else math.inf))
    z = Z95
    steps = (z**3 + z, 5 * z**5 + 16 * z**3 + 3 * z, 3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z)
    return error, z + steps[0] / (4 * freedom) + steps[1] / (96 * freedom**2) + steps[2] / (384 * freedom**3)


def _per_cluster(values: Floats, feedback: Feedback) -> Floats:
    """Sums (clusters, columns) of values (n, columns); every decision is its own cluster where none are given."""
    if feedback.cluster is None:
        return values
    names, member = np.unique(feedback.cluster, return_inverse=True)
    if len(names) < 2:
        raise OfflineDataError("All decisions are in one cluster, which says nothing about chance. Give several.")
    return np.stack([np.bincount(member, column) for column in values.T], axis=1)


def _bootstrap(terms: list[_Terms], feedback: Feedback, rounds: int, seed: int) -> Floats:
    """The estimate on ``rounds`` resamples of whole clusters."""
    rng = np.random.default_rng(seed)
    sums = _per_cluster(np.stack([column for pair in terms for column in pair], axis=1), feedback)
    drawn = (np.bincount(rng.integers(len(sums), size=len(sums)), minlength=len(sums)) for _ in range(rounds))
    totals = np.stack([counts @ sums for counts in drawn])
    ratios = totals[:, 0::2] / totals[:, 1::2]
    replicates: Floats = ratios[:, 0] - (ratios[:, 1] if len(terms) > 1 else 0.0)
    if rounds < 2 or not np.isfinite(replicates).all():
        raise OfflineDataError("Too few rounds, or too few decisions of weight, for a bootstrap. Use bootstrap=0.")
    return replicates


def cross_fit(
    fit: Fit,
    features: Floats,
    feedback: Feedback,
    *,
    folds: int = 5,
    groups: NDArray[Any] | None = None,
    seed: int = 0,
) -> Floats:
    """Predictions (n, lanes) of a reward model, each row by a model that saw neither it nor its group.

    Args:
        fit: takes features (m, f), actions (m,) and rewards (m,) of rated rows, returns a function from features
            (k, f) to predicted rewards (k, lanes); ``ridge`` makes one.
        groups: (n,) labels that folds must not cut, such as near-duplicates or users; by default the clusters.
    """
    if len(features) != len(feedback):
        raise OfflineDataError(f"Found features of {len(features)} rows for {len(feedback)} decisions.")
    labels = feedback.cluster if groups is None else groups
    member = np.arange(len(feedback)) if labels is None else np.unique(labels, return_inverse=True)[1]
    names = int(member.max()) + 1
    if not 2 <= folds <= names:
        raise OfflineDataError(f"{folds} folds need at least as many groups (found {names}), and at least 2.")
    fold = (np.random.default_rng(seed).permutation(names) % folds)[member]
    parts: list[tuple[NDArray[np.bool_], Floats]] = []
    for number in range(folds):
        held_out, train = fold == number, (fold != number) & feedback.rated
        if not train.any():
            raise OfflineDataError("A fold has no rated decision to learn from. Use fewer folds, or rate more.")
        predict = fit(features[train], feedback.action[train], feedback.reward[train])
        parts.append((held_out, np.asarray(predict(features[held_out]), dtype=float)))
    predictions = np.empty((len(feedback), parts[0][1].shape[1]))
    for held_out, predicted in parts:
        predictions[held_out] = predicted
    return predictions


def ridge(lanes: int, *, penalty: float = 10.0) -> Fit:
    """A reward model for ``cross_fit``: a ridge regression over all lanes, and one per lane on what that leaves over,
    so that a lane with little data is shrunk towards the others. ``penalty`` counts in rows. Reduce
    embeddings to some tens of columns first."""

    def fit(features: Floats, action: NDArray[np.int64], reward: Floats) -> Predict:
        centre, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)

        def design(some: Floats) -> Floats:
            return np.column_stack([np.ones(len(some)), (some - centre) / scale])

        def solve(rows: Floats, values: Floats) -> Floats:
            shrunk = rows.T @ rows + penalty * np.eye(rows.shape[1])
            return np.asarray(np.linalg.solve(shrunk, rows.T @ values), dtype=np.float64)

        rows = design(features)
        shared = reward.mean() * np.eye(rows.shape[1])[0]
        shared += solve(rows, reward - rows @ shared)
        left = reward - rows @ shared
        own = np.stack([solve(rows[action == lane], left[action == lane]) for lane in range(lanes)], axis=1)
        return lambda some: design(some) @ (shared[:, None] + own)

    return fit
