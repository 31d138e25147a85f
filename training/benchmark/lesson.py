"""What a router of the benchmark learns from, and the costs that its lambda is tried with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts, Projection
from router_ml.allocation.quality import QualityModel
from training.allocation import Outcomes, fit_log, fit_quality, project, space_of
from training.predicting.kernel import Space

Floats = NDArray[np.float64]
Predict = Callable[[Contexts], Floats]  # n prompts to (n, L)
CostKind = Literal["predicted", "mean", "log"]
Fit = Callable[["Lesson"], Predict]


@dataclass(frozen=True)
class Lesson:
    """Outcomes to learn from, and what several learners make of them first, made once."""

    outcomes: Outcomes
    seed: int

    @cached_property
    def projection(self) -> Projection:
        """Principal components of the prompts."""
        return project(self.outcomes.contexts)

    @cached_property
    def lanes(self) -> tuple[str, ...]:
        """Names for the lanes, which no learner looks at."""
        return tuple(str(lane) for lane in range(self.outcomes.quality.shape[1]))

    @cached_property
    def space(self) -> Space:
        """The prompts seen from landmarks."""
        return space_of(self.outcomes, seed=self.seed)

    @cached_property
    def quality(self) -> tuple[QualityModel, Floats]:
        """The router's quality model and its held-out predictions."""
        return fit_quality(self.outcomes, self.space, self.lanes, seed=self.seed)

    @cached_property
    def log_cost(self) -> Predict:
        """Predicted USD per lane: the router's regression, on log cost.

        A matrix has costs and no prices, so tokens cannot be worked back as the router's own cost model does.
        """
        log = np.log(self.outcomes.cost_usd)
        found, smear = fit_log(log, self.space, seed=self.seed)
        low, high = np.nanmin(log), np.nanmax(log)

        def predict(contexts: Contexts) -> Floats:
            log = self.space.similarity.near(contexts) @ found.weights + found.offset
            return np.asarray(np.exp(np.clip(log, low, high)) * smear, np.float64)

        return predict

    @cached_property
    def mean_cost(self) -> Floats:
        """Mean USD of each lane, (L,), as if every prompt had been logged alike: weighted by 1 / probability."""
        return weighted_mean(self.outcomes.cost_usd, self.outcomes.probability)

    def cost(self, kind: CostKind, contexts: Contexts) -> Floats:
        """What lambda is multiplied with, (n, L).

        USD of this prompt (``predicted``), the lane's mean USD (``mean``), or the place of that mean between the
        cheapest and the dearest lane on a log scale, 0..1 (``log``).
        """
        if kind == "predicted":
            return self.log_cost(contexts)
        cost = self.mean_cost
        if kind == "log":
            cost = np.log(cost / cost.min()) / max(np.log(cost.max() / cost.min()), 1e-9)
        return np.repeat(cost[None], len(contexts), axis=0)


def weighted_mean(values: Floats, probability: Floats) -> Floats:
    """Self-normalised inverse-probability mean of each column, (L,); NaN is what was not observed."""
    seen = np.isfinite(values)
    weight = np.where(seen, 1 / np.where(seen, probability, 1), 0)
    result: Floats = (weight * np.where(seen, values, 0)).sum(axis=0) / weight.sum(axis=0)
    return result
