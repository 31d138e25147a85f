"""What every lane would have made of every logged decision: a model for all lanes, and what the log says against it.

Doubly robust (Dudik, Langford & Li 2011), with the planned lane as action (intention to treat), as everywhere here. A
decision that took lane A with probability p is worth, on lane a,

    model(a) + [a = A] / p * [rated] / P(rated) * (rating - model(A))

which is unbiased for every lane that could have been drawn, whatever the model, and leaves 0..1 freely. Summed over the
propensities of a policy it is ``ope.dr``. The model has not seen the ratings that it is corrected by (``cross_fit``).
A simulation draws lanes by the model, which stays in 0..1, and counts with the correction (``Watched``).

Rows that were not drawn at random stay: their lane had probability 1, so what came of it is known, and of the other
lanes nothing is, which is counted as extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates
from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.feedback import of_action
from router_ml.offline.simulation.logged.models import (
    Ratings,
    cost_scale,
    modelled,
    paid,
    rated_feedback,
    sampled,
    table_of,
)
from router_ml.storage.database.records import LoggedData

Floats = NDArray[np.float64]
NONE = -1
WORTH_SAYING = 0.1


@dataclass(frozen=True)
class LoggedTruth:
    """k decisions over the L lanes of a configuration.

    quality, cost_usd: (k, L) what the models expect, quality in 0..1; costs on the level of the log's (``cost_scale``).
    action: (k,) the planned lane, -1 where none was, or where it is not the lane of today. propensity: (k,) of that
    lane, 1 without. possible: (k, L) lanes that could have been drawn, as they are today; none where nothing is rated.
    priced: (k, L) the same of the cost. rating_weight: (k,) 1 / P(rated) where rated, else 0. residual: (k,) rating
    less model, 0 where not rated. cost_weight, cost_residual: (k,) the same of the cost.
    cluster: (k,) whose decisions depend on each other.
    """

    lanes: tuple[str, ...]
    quality: Floats
    cost_usd: Floats
    action: NDArray[np.int64]
    propensity: Floats
    possible: NDArray[np.bool_]
    rating_weight: Floats
    residual: Floats
    cost_weight: Floats
    cost_residual: Floats
    cluster: NDArray[np.int64]
    priced: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.action)

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Which decisions say something of the quality of a lane of today, (k,)."""
        return np.asarray(self.rating_weight > 0)

    @property
    def surplus(self) -> Floats:
        """What ``action`` is worth beyond its model, (k,): right on average, never one by one."""
        return self.rating_weight * self.residual / self.propensity

    @property
    def cost_surplus(self) -> Floats:
        """The same of the cost, (k,) in USD."""
        return self.cost_weight * self.cost_residual / self.propensity

    def pseudo_outcomes(self, *, cost: bool = False) -> Floats:
        """The quality (or cost) of every lane, corrected, (k, L)."""
        model, surplus = (self.cost_usd, self.cost_surplus) if cost else (self.quality, self.surplus)
        result, rows = model.copy(), np.flatnonzero(self.action >= 0)
        result[rows, self.action[rows]] += surplus[rows]
        return result


def logged_truth(
    data: LoggedData,
    config: RouterConfig,
    estimates: Estimates,
    *,
    cluster: NDArray[np.int64],
    ratings: Ratings = "auto",
    reward_model: Floats | None = None,
    seed: int = 0,
) -> LoggedTruth:
    """The truth of a log over the lanes of ``config``.

    Args:
        estimates: what a bundle expects of these decisions at the prices of ``config``: costs for all, and quality
            where there are too few ratings for a model of its own.
        ratings: ``logged``: P(rated) is what outcomes say; ``modelled``: it is estimated
            (``estimating.ratings.of_log``); ``auto``: as logged where that can be right, else modelled, with a note.
        reward_model: (n, L) what to correct, instead of a regression that is cross-fitted.
        seed: of the folds.

    Raises:
        OfflineDataError: no lane of today was drawn, or P(rated) cannot be as logged.
    """
    lanes, notes = tuple(config.lanes), list[str]()
    place = np.array([lanes.index(lane) if lane in lanes else NONE for lane in data.lanes], dtype=np.int64)
    now = same_lane(data, config)
    logging = np.zeros((len(data), len(lanes)))
    here = place >= 0
    logging[:, place[here]] = np.where(now[:, here], data.propensities[:, here], 0.0)
    rows = np.arange(len(data))
    drawn = data.action >= 0
    action = np.where(drawn, place[np.where(drawn, data.action, 0)], NONE)
    propensity = np.where(action >= 0, logging[rows, np.maximum(action, 0)], 0.0)
    action = np.where(propensity > 0, action, NONE)
    used = np.flatnonzero(action >= 0)
    if len(used) < 2:
        raise OfflineDataError(
            f"Of {len(data)} logged decisions {len(used)} took a lane that is configured as it was then, with a known "
            "propensity; expected at least two. Check that this is the bundle of the log."
        )
    feedback = rated_feedback(data.select(used), action[used], propensity[used], cluster[used], ratings, notes)
    if reward_model is None:
        model = modelled(table_of(data), used, feedback, len(lanes), seed, notes)
        model = estimates.belief.quality.copy() if model is None else model
    else:
        model = np.array(reward_model, dtype=np.float64)
    quality = np.clip(model, 0.0, 1.0)

    def spread(values: Floats, absent: float) -> Floats:
        result = np.full(len(data), absent)
        result[used] = values
        return result

    ours = np.zeros(len(used)) if feedback is None else feedback.rating_weight
    residual = np.where(ours > 0, data.quality[used] - of_action(quality[used], action[used]), 0.0)
    usd, weight = paid(data, estimates, used=used, action=action[used], rating_weight=ours, notes=notes)
    notes += sampled(data)
    expected = of_action(estimates.cost_usd[used], action[used])
    known = {"used": used, "action": action[used], "weight": weight, "cluster": cluster}
    scale = cost_scale(usd, expected, **known, lanes=len(lanes), seed=seed)
    cost_usd, expected = scale * estimates.cost_usd, of_action(scale[used], action[used]) * expected
    notes += rescaled(scale, lanes)
    return LoggedTruth(
        lanes=lanes,
        quality=quality,
        cost_usd=cost_usd,
        action=action,
        propensity=spread(propensity[used], 1.0),
        possible=(logging > 0) & (feedback is not None),
        rating_weight=spread(ours, 0.0),
        residual=spread(residual, 0.0),
        cost_weight=spread(weight, 0.0),
        cost_residual=spread(np.where(weight > 0, usd - expected, 0.0), 0.0),
        cluster=cluster,
        priced=(logging > 0) & bool(weight.any()),
        notes=tuple(notes),
    )


def rescaled(scale: Floats, lanes: tuple[str, ...]) -> list[str]:
    """Which lanes cost something else than the bundle expects, in a sentence, by ``cost_scale`` (n, L)."""
    times = dict(zip(lanes, scale.mean(axis=0).tolist(), strict=True))
    said = [f"{lane} {each:.2g}" for lane, each in times.items() if abs(each - 1) >= WORTH_SAYING]
    if not said:
        return []
    return [
        f"Lanes cost another amount in the log than the bundle expects, and are played so: {', '.join(said)} times."
    ]


def same_lane(data: LoggedData, config: RouterConfig) -> NDArray[np.bool_]:
    """Whether each logged lane was the lane of today when a decision was made, (n, lanes of the log): another model or
    version under the same name is another lane. What no decision of a lane says is taken from the one before it (of
    the same arm), at the beginning from the first after it."""
    result = np.zeros(data.propensities.shape, dtype=bool)
    for column, lane in enumerate(data.lanes):
        now = config.lanes.get(lane)
        if now is None:
            continue
        planned = data.action == column
        answered = planned & ((data.executed == column) | (data.executed < 0))
        same = (data.model == now.model) & (~answered | (data.lane_version == now.version))
        for arm in np.unique(data.arm):
            mine = np.flatnonzero(data.arm == arm)
            seen = np.flatnonzero(planned[mine])
            if len(seen):
                latest = np.maximum(np.searchsorted(seen, np.arange(len(mine)), side="right") - 1, 0)
                result[mine, column] = same[mine[seen[latest]]]
    return result
