"""P(success) of each lane for a request, with an interval.

The point estimate is a regression on how near the request is to evaluated prompts, fitted for all lanes at once. How
far it is trusted depends on evidence: the outcomes seen in the request's (intent, domain) cell, up to a cap; below that
the lane's prior takes over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts, Floats
from router_ml.allocation.similarity import Similarity

EVIDENCE_CAP = 50.0
Z_90 = 1.6448536269514722


@dataclass(frozen=True)
class QualityModel:
    """Fitted over ``lanes``; build it with ``training.allocation``.

    offset: (L,) and weights: (m, L) of the landmarks; counts: (i, k, L) soft counts of outcomes by intent and domain;
    cells: (i, k, L) the mean of the predictions there.
    """

    lanes: tuple[str, ...]
    similarity: Similarity
    offset: Floats
    weights: Floats
    counts: Floats
    cells: Floats

    def predict(self, contexts: Contexts, near: Floats | None = None) -> Floats:
        """Expected quality, (n, L) in 0..1.

        Args:
            near: (n, m) what ``similarity.near`` says of the contexts, where it is known already.
        """
        near = self.similarity.near(contexts) if near is None else near
        result: Floats = np.clip(near @ self.weights + self.offset, 0, 1)
        return result

    def evidence(self, contexts: Contexts) -> Floats:
        """Outcomes seen per lane in the request's cell, averaged over the class probabilities, (n, L)."""
        return contexts.in_cells(self.counts)

    def of_cell(self, contexts: Contexts) -> Floats:
        """Mean quality of the lanes in the request's cell, averaged likewise, (n, L)."""
        return contexts.in_cells(self.cells)


@dataclass(frozen=True)
class Belief:
    """Posterior of each lane's quality: mean, 90% interval, and the outcomes behind it; each (n, L)."""

    quality: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    evidence: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp]) -> Belief:
        """The chosen rows."""
        return Belief(self.quality[rows], self.low[rows], self.high[rows], self.evidence[rows])


def believe(
    predicted: Floats | NDArray[np.float64],
    evidence: Floats | NDArray[np.float64],
    *,
    prior: NDArray[np.float64],
    strength: NDArray[np.float64],
    cell: Floats | NDArray[np.float64] | None = None,
) -> Belief:
    """Beta posterior: the lane's prior, worth ``strength`` outcomes, updated by the prediction, worth its evidence.

    Args:
        predicted: (n, L) expected quality; ignored where evidence is 0.
        evidence: (n, L) outcomes behind it, capped at ``EVIDENCE_CAP``.
        prior, strength: (L,) or (n, L) mean and weight of the Beta prior.
        cell: (n, L) expected average in the request's cell, which the evidence is about; by default ``predicted``.

    The interval is Wilson's (1927) score interval at the posterior mean of the cell and total weight, which stays
    inside 0..1 and behaves near the ends, where posterior means of good lanes live; it is widened to hold the mean of
    the request. A floor promises an average, so it is the average of the cell that has to reach it; and other words for
    the same request move the prediction more than they move the cell.
    """
    seen = np.minimum(np.asarray(evidence, np.float64), EVIDENCE_CAP)
    weight = seen + strength
    mean = (seen * np.asarray(predicted, np.float64) + strength * prior) / weight
    middle = mean if cell is None else (seen * np.asarray(cell, np.float64) + strength * prior) / weight
    z2 = Z_90 * Z_90
    centre = (middle + z2 / (2 * weight)) / (1 + z2 / weight)
    half = Z_90 / (1 + z2 / weight) * np.sqrt(middle * (1 - middle) / weight + z2 / (4 * weight * weight))
    low, high = np.clip(centre - half, 0, mean), np.clip(centre + half, mean, 1)
    return Belief(mean, low, high, np.asarray(evidence, np.float64))
