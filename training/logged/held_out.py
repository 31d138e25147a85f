"""How wrong a challenger is about ratings of requests that it had not seen, by lane, beside the bundle that it starts
from, which may have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Allocation
from router_ml.allocation.priors import before_outcomes
from router_ml.config import RouterConfig
from training.allocation import Outcomes
from training.predicting.fitting import Learning

BINS = 10
FEWEST = 20  # ratings, from which on a lane gets a line
Z_95 = 1.96
_ROWS = 8192
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LaneError:
    """Held-out quality of one lane.

    ``ratings``: how many; root mean squared error of the ``challenger``, of the ``base`` (on rows that it may have
    learned from) and of the lane's plain ``mean``; ``gain``: mean squared error saved against the base, with a 95%
    interval; ``predicted`` and ``observed``: means by tenth of the prediction; ``calibration``: the mean gap between.
    """

    lane: str
    ratings: int
    challenger: float
    base: float | None
    mean: float
    gain: tuple[float, float, float] | None
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    calibration: float


def lane_errors(
    outcomes: Outcomes, learned: Learning, config: RouterConfig, *, base: Allocation | None = None
) -> tuple[LaneError, ...]:
    """Errors by lane.

    Args:
        outcomes: the last rows that ``learned`` was fitted to, over the configured lanes.
    """
    believed, names = learned.held_out[len(learned.held_out) - len(outcomes.contexts) :], list(config.lanes)
    before = None if base is None else _predicted(base, outcomes, config)
    found = []
    for column, lane in enumerate(learned.columns):
        rows = np.flatnonzero(np.isfinite(outcomes.quality[:, lane]) & (outcomes.weights[:, lane] == 1))
        if len(rows) < FEWEST:
            continue
        truth, mine = outcomes.quality[rows, lane], believed[rows, column]
        theirs = None if before is None else before[rows, lane]
        found.append(_error(names[lane], truth, mine, theirs))
    return tuple(found)


def _predicted(base: Allocation, outcomes: Outcomes, config: RouterConfig) -> Floats:
    """Quality (n, L) by the base's batch model, the prior of lanes that it does not know."""
    result = before_outcomes(base.priors, config.lanes, outcomes.contexts).quality
    known = [(at, list(config.lanes).index(name)) for at, name in enumerate(base.quality.lanes) if name in config.lanes]
    for start in range(0, len(outcomes.contexts), _ROWS):
        some = slice(start, start + _ROWS)
        quality = base.quality.predict(outcomes.contexts.take(some))
        for theirs, ours in known:
            result[some, ours] = quality[:, theirs]
    return result


def _error(lane: str, truth: Floats, mine: Floats, theirs: Floats | None) -> LaneError:
    wrong = np.square(mine - truth)
    gain, base = None, None
    if theirs is not None:
        before = np.square(theirs - truth)
        saved = before - wrong
        half = Z_95 * saved.std(ddof=1) / np.sqrt(len(saved))
        gain = (float(saved.mean()), float(saved.mean() - half), float(saved.mean() + half))
        base = float(np.sqrt(before.mean()))
    tenths = np.array_split(np.argsort(mine, kind="stable"), min(BINS, len(mine) // 5))
    predicted, observed = ([float(values[rows].mean()) for rows in tenths] for values in (mine, truth))
    share = np.array([len(rows) for rows in tenths]) / len(mine)
    return LaneError(
        lane=lane,
        ratings=len(truth),
        challenger=float(np.sqrt(wrong.mean())),
        base=base,
        mean=float(truth.std()),
        gain=gain,
        predicted=tuple(predicted),
        observed=tuple(observed),
        calibration=float((share * np.abs(np.subtract(predicted, observed))).sum()),
    )
