"""Where a policy goes and what the log knows there: overlap and support, lane by lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.diagnostics import effective_sample_size
from router_ml.offline.feedback import TOLERANCE, Feedback, Floats, check_distribution

QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class LaneSupport:
    """One lane. ``target_share``: how often the policy takes it; ``logged_share``: how often the log did; ``rated`` of
    those; ``unsupported``: share of decisions where the policy may take it and the log could not; ``weights``: the 50,
    90, 99 and 100% quantiles of the weights of its rated rows, NaN without any; ``effective_sample_size`` of these."""

    lane: str
    target_share: float
    logged_share: float
    rated: int
    unsupported: float
    weights: tuple[float, ...]
    effective_sample_size: float


def support(target: ArrayLike, feedback: Feedback, *, lanes: Sequence[str] | None = None) -> list[LaneSupport]:
    """Overlap of a policy ``target`` (n, lanes) with the log; it also reads a policy that no estimator accepts.

    Without the full propensities a lane counts as possible where it was ever drawn.

    >>> feedback = Feedback(action=[0, 0], propensity=[1.0, 0.5], reward=[1, 0], logging=[[1.0, 0.0], [0.5, 0.5]])
    >>> [(each.lane, each.unsupported) for each in support([[0.5, 0.5]] * 2, feedback, lanes=["fast", "premium"])]
    [('fast', 0.0), ('premium', 0.5)]

    Raises:
        OfflineDataError: not a policy over the logged lanes, or another number of names.
    """
    policy = np.asarray(target, dtype=float)
    if policy.ndim != 2 or len(policy) != len(feedback) or policy.shape[1] <= feedback.action.max():
        raise OfflineDataError(
            f"Expected a policy of {len(feedback)} rows with a column for each logged lane, found {policy.shape}."
        )
    check_distribution(policy, "The target policy")
    names = [str(lane) for lane in range(policy.shape[1])] if lanes is None else list(lanes)
    if len(names) != policy.shape[1]:
        raise OfflineDataError(f"Found {len(names)} names for {policy.shape[1]} lanes.")
    possible = (np.bincount(feedback.action, minlength=len(names)) > 0)[None, :]
    if feedback.logging is not None:
        if feedback.logging.shape != policy.shape:
            raise OfflineDataError(f"The target policy is {policy.shape}, the logged one {feedback.logging.shape}.")
        possible = feedback.logging > 0
    return [_lane(lane, name, policy, feedback, possible) for lane, name in enumerate(names)]


def _lane(lane: int, name: str, policy: Floats, feedback: Feedback, possible: NDArray[np.bool_]) -> LaneSupport:
    mine = feedback.action == lane
    rated = mine & feedback.rated
    weight = policy[rated, lane] / feedback.propensity[rated] * feedback.rating_weight[rated]
    outside = (policy[:, lane] > TOLERANCE) & ~possible[:, lane if possible.shape[1] > 1 else 0]
    quantiles = np.quantile(weight, QUANTILES).tolist() if len(weight) else [float("nan")] * len(QUANTILES)
    return LaneSupport(
        lane=name,
        target_share=float(policy[:, lane].mean()),
        logged_share=float(mine.mean()),
        rated=int(rated.sum()),
        unsupported=float(outside.mean()),
        weights=tuple(quantiles),
        effective_sample_size=effective_sample_size(weight),
    )
