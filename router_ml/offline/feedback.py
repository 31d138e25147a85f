"""Logged bandit feedback, checked: what every off-policy estimate starts from.

Rows are decisions that were drawn at random with known propensity. The action is the planned lane together with its
fallbacks (intention to treat). A missing rating is not a zero: rated rows are weighted by 1 / P(rated).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError

if TYPE_CHECKING:
    from router_ml.storage.records import LoggedData

Floats = NDArray[np.float64]

TOLERANCE = 1e-6  # of sums to 1 and of repeated propensities: far above rounding, far below any real floor
RATING_Z = 5.0  # a one-in-a-million accident; beyond it, P(rated) is wrong
UNRATED = 0.005  # of all decisions: so many may be unrated beyond what P(rated) explains, since ratings get lost


@dataclass(frozen=True)
class Feedback:
    """Logged decisions, all (n,): ``action`` (index of the planned lane), ``propensity`` (probability with which it was
    drawn), ``reward`` (NaN = not rated), ``rated_probability`` (of being picked for rating, default 1; only rated rows
    need one). Optional: ``logging`` (n, lanes), the full propensities, for support and sample-ratio checks;
    ``cluster`` (n,) such as the user, for intervals that allow for dependence within a cluster; ``left_out``, how many
    further decisions are not here because they were not randomised; ``bounds``, the range that a reward can have, which
    Bernstein and betting intervals need.

    A few ratings always get lost: half a percent of the decisions may be unrated beyond what P(rated) explains. They
    count as nothing, so a model speaks for them where there is one; ``unexplained`` says how many they are.

    Raises:
        OfflineDataError: a value that no randomised log can hold, or more ratings missing than that.
    """

    action: NDArray[np.int64]
    propensity: Floats
    reward: Floats
    rated_probability: Floats | None = None
    logging: Floats | None = None
    cluster: NDArray[Any] | None = None
    left_out: int = 0
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name, kind in (("action", None), ("cluster", None), *((name, float) for name in _REAL)):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else np.asarray(value, dtype=kind))
        _check_lengths(self)
        _check_draws(self)
        _check_ratings(self)

    def __len__(self) -> int:
        return len(self.action)

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Which decisions have a reward: (n,)."""
        return np.isfinite(self.reward)

    @property
    def rating_weight(self) -> Floats:
        """1 / P(rated) where rated, 0 elsewhere: (n,), 1 on average."""
        weight = np.zeros(len(self))
        weight[self.rated] = 1.0 if self.rated_probability is None else 1 / self.rated_probability[self.rated]
        return weight

    @property
    def unexplained(self) -> float:
        """Share of the decisions that are unrated beyond what P(rated) and chance explain."""
        weight = self.rating_weight
        missing = len(self) - weight.sum() - RATING_Z * _rating_error(weight, self.cluster)
        return max(float(missing), 0.0) / len(self)

    def weights(self, target: ArrayLike) -> Floats:
        """Importance weights (n,) of a policy (n, lanes): its probability of the logged action over the propensity.

        Raises:
            OfflineDataError: not a policy over these lanes, or one that goes where the log could not.
        """
        policy = np.asarray(target, dtype=float)
        _check_policy(policy, self)
        return of_action(policy, self.action) / self.propensity

    @classmethod
    def from_log(
        cls,
        data: LoggedData,
        *,
        reward: Literal["quality", "cost_usd"] = "quality",
        rated_probability: ArrayLike | None = None,
    ) -> Feedback:
        """The randomised rows of a log. A target policy belongs to the same rows: ``data.select(data.randomised)``.

        Args:
            rated_probability: of those rows, such as ``ratings.rated_probability`` estimates it; by default as logged.
        """
        rows = data.select(data.randomised)
        logged = rows.rated_probability if rated_probability is None else rated_probability
        return cls(
            action=rows.action,
            propensity=of_action(rows.propensities, rows.action),
            reward=getattr(rows, reward),
            rated_probability=np.asarray(logged, dtype=float) if reward == "quality" else None,
            logging=rows.propensities,
            left_out=len(data) - len(rows),
            bounds=(0.0, 1.0) if reward == "quality" else None,
        )


_REAL = ("propensity", "reward", "rated_probability", "logging")


def of_action(matrix: Floats, action: NDArray[np.int64]) -> Floats:
    """The entry of each row (n, lanes) at its action (n,)."""
    chosen: Floats = np.take_along_axis(matrix, action[:, None], axis=1)[:, 0]
    return chosen


def _check_lengths(feedback: Feedback) -> None:
    vectors = ("action", "propensity", "reward", "rated_probability", "cluster")
    shapes = {name: getattr(feedback, name).shape for name in vectors if getattr(feedback, name) is not None}
    if len(set(shapes.values())) != 1 or feedback.action.ndim != 1 or len(feedback) < 2:
        raise OfflineDataError(f"Expected vectors of one length, of 2 decisions or more, found {shapes}.")


def _check_draws(feedback: Feedback) -> None:
    action, propensity, logging = feedback.action, feedback.propensity, feedback.logging
    if not np.issubdtype(action.dtype, np.integer) or action.min() < 0:
        raise OfflineDataError("An action is not the index of a lane. Leave out decisions that have no lane.")
    bad = ~((propensity > 0) & (propensity <= 1))
    if bad.any():
        raise OfflineDataError(
            f"{int(bad.sum())} of {len(bad)} propensities are NaN or outside (0, 1], first in row {bad.argmax()}. A "
            "lane that was drawn has a known positive probability; leave out decisions that were not drawn."
        )
    if logging is None:
        return
    if logging.ndim != 2 or len(logging) != len(action) or logging.shape[1] <= action.max():
        raise OfflineDataError(
            f"Logged propensities are {logging.shape}; {len(action)} decisions with actions up to {action.max()} need "
            "one row each and a column for every lane."
        )
    check_distribution(logging, "The logged propensity vector")
    apart = np.abs(of_action(logging, action) - propensity)
    if apart.max() > TOLERANCE:
        raise OfflineDataError(
            f"The propensity of row {apart.argmax()} is not that of its action in the logged vector. Give rows and "
            "lanes the same order in both."
        )


def _check_ratings(feedback: Feedback) -> None:
    if np.isinf(feedback.reward).any() or not feedback.rated.any():
        raise OfflineDataError("Rewards must be finite, NaN where not rated, and at least one must be rated.")
    if feedback.bounds is not None:
        seen, (low, high) = feedback.reward[feedback.rated], feedback.bounds
        if not (low < high and seen.min() >= low and seen.max() <= high):
            raise OfflineDataError(
                f"Rewards are {seen.min():g} to {seen.max():g}, bounds say {low:g} to {high:g}. Declare the true range."
            )
    if feedback.rated_probability is not None:
        probability = feedback.rated_probability[feedback.rated]
        if not ((probability > 0) & (probability <= 1)).all():
            raise OfflineDataError(
                "A rated decision has a P(rated) that is NaN or outside (0, 1]. Log how it was picked."
            )
    weight = feedback.rating_weight
    surplus = weight.sum() - len(weight) - TOLERANCE * len(weight)
    if surplus > RATING_Z * _rating_error(weight, feedback.cluster) or feedback.unexplained > UNRATED + TOLERANCE:
        raise OfflineDataError(
            f"{int(feedback.rated.sum())} of {len(weight)} decisions have a reward (a rating, or a cost), but their "
            f"P(rated) speaks for {weight.sum():.0f}. Missing ratings are not zeros: give the true P(rated), or "
            "leave out the decisions that are still to be rated, if nothing about their request or lane delays it."
        )


def _rating_error(weight: Floats, cluster: NDArray[Any] | None) -> float:
    """Standard error of the sum of rating weights: from rated rows, or from their mean where these are few; at most
    this much larger where whole clusters are rated together."""
    variance = max(float((weight * (weight - 1)).sum()), len(weight) * float(weight[weight > 0].mean() - 1))
    together = 1 if cluster is None else int(np.unique(cluster, return_counts=True)[1].max())
    return math.sqrt(max(variance, 0.0) * together)


def _check_policy(policy: Floats, feedback: Feedback) -> None:
    if policy.ndim != 2 or len(policy) != len(feedback):
        raise OfflineDataError(
            f"Expected a target policy ({len(feedback)}, lanes), one row per decision, found {policy.shape}."
        )
    if feedback.logging is not None and policy.shape != feedback.logging.shape:
        raise OfflineDataError(f"The target policy is {policy.shape}, the logged one {feedback.logging.shape}.")
    check_distribution(policy, "The target policy")
    lanes = policy.shape[1]
    if feedback.action.max() >= lanes:
        raise OfflineDataError(
            f"The log holds lane {feedback.action.max()}, the target policy knows only lanes 0 to {lanes - 1}. Give it "
            "a column for every logged lane."
        )
    ever = np.bincount(feedback.action, minlength=lanes) > 0
    outside = np.where(ever if feedback.logging is None else feedback.logging > 0, 0.0, policy)
    if outside.max() > TOLERANCE:
        where = np.flatnonzero(outside.max(axis=0) > TOLERANCE).tolist()
        raise OfflineDataError(
            f"The target policy leaves the support of the log: in {int((outside.max(axis=1) > TOLERANCE).sum())} of "
            f"{len(policy)} decisions it may take lanes {where}, which could not be drawn there. Keep it to lanes that "
            "exploration reaches, or log more exploration."
        )


def check_distribution(matrix: Floats, what: str) -> None:
    """Raise ``OfflineDataError`` where rows (n, lanes) are not probabilities that sum to 1."""
    if not np.isfinite(matrix).all() or matrix.min() < 0:
        raise OfflineDataError(f"{what} holds NaN, infinite or negative probabilities. Repair it; nothing is clipped.")
    off = np.abs(matrix @ np.ones(matrix.shape[1]) - 1)
    if off.max() > TOLERANCE:
        worst = int(off.argmax())
        raise OfflineDataError(f"{what} sums to {matrix[worst].sum():.6g} in row {worst}, not to 1. Normalise it.")
