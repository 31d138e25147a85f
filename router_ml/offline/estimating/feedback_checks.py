"""What no randomised log can hold, and what a policy may not do: the checks behind ``Feedback``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError

if TYPE_CHECKING:
    from router_ml.offline.feedback import Feedback
    from router_ml.storage.database.records import LoggedData

Floats = NDArray[np.float64]

TOLERANCE = 1e-6  # of sums to 1 and of repeated propensities: far above rounding, far below any real floor
RATING_Z = 5.0  # a one-in-a-million accident; beyond it, P(rated) is wrong
UNRATED = 0.005  # of all decisions: so many may be unrated beyond what P(rated) explains, since ratings get lost


def of_action(matrix: Floats, action: NDArray[np.int64]) -> Floats:
    """The entry of each row (n, lanes) at its action (n,)."""
    chosen: Floats = np.take_along_axis(matrix, action[:, None], axis=1)[:, 0]
    return chosen


def rating_known(feedback: Feedback) -> NDArray[np.bool_]:
    """Of which decisions (n,) P(rated) is known; 1 is not that of one that was not rated, but what stands where nobody
    said it."""
    if feedback.rated_probability is None:
        return np.ones(len(feedback), dtype=bool)
    given = (feedback.rated_probability > 0) & (feedback.rated_probability < 1)
    known: NDArray[np.bool_] = feedback.rated | given
    return known


def check_late(rows: LoggedData, reward: Floats, probability: Floats | None) -> None:
    """Raise where rows (of a log) are late though all were to be rated."""
    missing = np.isnan(reward)
    late = int((missing & rows.late).sum())
    if late > UNRATED * len(rows) and (probability is None or (probability[~missing] == 1).all()):
        raise OfflineDataError(
            f"{late} of {len(rows)} decisions have outcomes after the attribution window only, though all were to be "
            "rated. If nothing about request or lane delays outcomes, data.select(~data.late) leaves them out; else "
            "lengthen attribution_days, or give the P(rated) of outcomes in time."
        )


def check_lengths(feedback: Feedback) -> None:
    """Raise unless all vectors have one length, of 2 or more; of 1 or more in a part of a log."""
    vectors = ("action", "propensity", "reward", "rated_probability", "cluster")
    shapes = {name: getattr(feedback, name).shape for name in vectors if getattr(feedback, name) is not None}
    if len(set(shapes.values())) != 1 or feedback.action.ndim != 1 or len(feedback) < 1 + feedback.whole:
        raise OfflineDataError(f"Expected vectors of one length, of 2 decisions or more, found {shapes}.")


def check_draws(feedback: Feedback) -> None:
    """Raise where actions and propensities cannot belong together."""
    action, propensity, logging = feedback.action, feedback.propensity, feedback.logging
    if not np.issubdtype(action.dtype, np.integer) or action.min() < 0:
        raise OfflineDataError("An action is not the index of a lane. Leave out decisions that have no lane.")
    bad = ~((propensity > 0) & (propensity <= 1))
    if bad.any():
        raise OfflineDataError(
            f"{int(bad.sum())} of {len(bad)} propensities are NaN or outside (0, 1], first in row {bad.argmax()}. A "
            "lane that was drawn has a known positive probability; leave out decisions that were not drawn."
        )
    least, lowest = feedback.least_propensity, float(propensity.min())
    if logging is not None and logging.size and (logging > 0).any():
        lowest = min(lowest, float(logging[logging > 0].min()))
    if least is not None and not (0 < least <= lowest + TOLERANCE):
        raise OfflineDataError(f"least_propensity is {least:g}, but a lane had {lowest:g}. Declare the true least.")
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


def check_ratings(feedback: Feedback) -> None:
    """Raise where rewards and P(rated) cannot belong together."""
    if np.isinf(feedback.reward).any() or not (feedback.rated.any() or not feedback.whole):
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
    least = feedback.least_rated
    if least is not None:
        given = 1.0 if feedback.rated_probability is None else np.nanmin(feedback.rated_probability)
        if not 0 < least <= given + TOLERANCE:
            raise OfflineDataError(
                f"least_rated is {least:g}, but a decision had P(rated) {given:g}. Declare the true least."
            )
    if feedback.whole:
        rating_sums(feedback).check()


@dataclass(frozen=True)
class RatingSums:
    """Of ``rows`` decisions, ``rated`` of them: the sum of their rating ``weight`` w, of w (w - 1) as ``excess``, and
    of 1 / P(rated) - 1 over all as ``implied``, infinite where P(rated) of some is not known; ``together``: the largest
    number that is in one cluster. Those of parts of a log may be added; ``together`` has to be known of the whole."""

    rows: int
    rated: int
    weight: float
    excess: float
    implied: float
    together: int = 1

    def check(self) -> None:
        """Raise where P(rated) does not explain what was rated and what was not."""
        surplus = self.weight - self.rows - TOLERANCE * self.rows
        if surplus > RATING_Z * self.error or self.unexplained > UNRATED + TOLERANCE:
            raise OfflineDataError(
                f"{self.rated} of {self.rows} decisions have a reward (a rating, or a cost), but their "
                f"P(rated) speaks for {self.weight:.0f}. Missing ratings are not zeros: give the true P(rated) "
                "(rated_probability of log_outcome, or of an import's mapping), or leave out the decisions that are "
                "still to be rated, if nothing about their request or lane delays it."
            )

    @property
    def unexplained(self) -> float:
        """Share of the decisions that are unrated beyond what P(rated) and chance explain."""
        return max(self.rows - self.weight - RATING_Z * self.error, 0.0) / self.rows

    @property
    def error(self) -> float:
        """Standard error of the sum of rating weights: what P(rated) of all decisions implies, where it is known, and
        what rated rows show, or their mean where these are few; at most this much larger where whole clusters are
        rated together."""
        variance = max(self.excess, self.rows * (self.weight / self.rated - 1)) if self.rated else 0.0
        if math.isfinite(self.implied):
            variance = max(variance, self.implied)
        return math.sqrt(max(variance, 0.0) * self.together)


def rating_sums(feedback: Feedback) -> RatingSums:
    """The sums of a log, or of a part of one."""
    weight, probability, cluster = feedback.rating_weight, feedback.rated_probability, feedback.cluster
    implied = math.inf
    if probability is None:
        implied = 0.0
    elif rating_known(feedback).all():
        implied = float((1 / probability - 1).sum())
    return RatingSums(
        rows=len(weight),
        rated=int(feedback.rated.sum()),
        weight=float(weight.sum()),
        excess=float((weight * (weight - 1)).sum()),
        implied=implied,
        together=1 if cluster is None else int(np.unique(cluster, return_counts=True)[1].max()),
    )


def unexplained_share(feedback: Feedback) -> float:
    """Share of the decisions that are unrated beyond what P(rated) and chance explain."""
    return rating_sums(feedback).unexplained


def check_policy(policy: Floats, feedback: Feedback) -> None:
    """Raise where a policy (n, lanes) is none, or leaves the support of the log."""
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
