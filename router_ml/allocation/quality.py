"""P(success) of each lane for a request, with an interval.

The point estimate averages three plain models that err differently: ridge regression on all features, the mean of the
nearest evaluated prompts, and the mean of a k-means cell shrunk to the lane's mean. How far it is trusted depends on
evidence: the outcomes seen in the request's (intent, domain) cell, up to a cap; below that the lane's prior takes over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts, Floats, Projection

EVIDENCE_CAP = 50.0
Z_90 = 1.6448536269514722
_ROWS = 4096


@dataclass(frozen=True)
class QualityModel:
    """Fitted estimators over ``lanes``; build it with ``training.allocation``.

    slope: (f, L); offset: (L,) of the ridge; neighbours: (m, p) semantic rows with observed quality (m, L) and
    1 where observed (m, L); cells: (c, p) centres with means (c, L); weight: share of ridge, neighbours, cells; counts:
    (i, k, L) soft counts of outcomes by intent and domain.
    """

    lanes: tuple[str, ...]
    projection: Projection
    slope: Floats
    offset: Floats
    neighbours: Floats
    neighbour_quality: Floats
    neighbour_observed: Floats
    cells: Floats
    cell_quality: Floats
    lane_mean: Floats
    weight: Floats
    counts: Floats
    k: int

    def predict(self, contexts: Contexts) -> Floats:
        """Expected quality, (n, L) in 0..1."""
        rows = [self._predict(contexts.take(slice(start, start + _ROWS))) for start in range(0, len(contexts), _ROWS)]
        return np.concatenate([np.empty((0, len(self.lanes)), np.float32), *rows])

    def evidence(self, contexts: Contexts) -> Floats:
        """Outcomes seen per lane in the request's cell, averaged over the class probabilities, (n, L)."""
        joint = contexts.intent[:, :, None] * contexts.domain[:, None, :]
        flat = self.counts.reshape(-1, len(self.lanes))
        result: Floats = (joint.reshape(len(contexts), -1) @ flat).astype(np.float32)
        return result

    def _predict(self, contexts: Contexts) -> Floats:
        linear = self.projection.features(contexts) @ self.slope + self.offset
        semantic = self.projection.semantic(contexts)
        parts = np.stack([linear, self._near(semantic), self._cell(semantic)])
        result: Floats = np.clip(np.tensordot(self.weight, parts, axes=1), 0, 1).astype(np.float32)
        return result

    def _near(self, semantic: Floats) -> Floats:
        """Mean observed quality of the k nearest prompts, shrunk to the lane's mean by two pseudo-outcomes."""
        near = _closest(semantic, self.neighbours, self._norms[0], min(self.k, len(self.neighbours)))
        observed = self.neighbour_observed[near]
        total = (self.neighbour_quality[near] * observed).sum(axis=1) + 2 * self.lane_mean
        result: Floats = (total / (observed.sum(axis=1) + 2)).astype(np.float32)
        return result

    def _cell(self, semantic: Floats) -> Floats:
        result: Floats = self.cell_quality[_closest(semantic, self.cells, self._norms[1], 1)[:, 0]]
        return result

    @cached_property
    def _norms(self) -> tuple[Floats, Floats]:
        """Squared lengths of neighbours and cells."""
        return np.square(self.neighbours).sum(axis=1), np.square(self.cells).sum(axis=1)


def _closest(rows: Floats, references: Floats, norms: Floats, count: int) -> NDArray[np.intp]:
    """Indices (n, count) of the closest references by Euclidean distance, in no particular order."""
    distance = norms - 2 * (rows @ references.T)
    if count >= len(references):
        return np.broadcast_to(np.arange(len(references)), (len(rows), len(references)))
    return np.argpartition(distance, count - 1, axis=1)[:, :count]


@dataclass(frozen=True)
class Belief:
    """Posterior of each lane's quality: mean, 90% interval, and the outcomes behind it; each (n, L)."""

    quality: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    evidence: NDArray[np.float64]


def believe(
    predicted: Floats | NDArray[np.float64],
    evidence: Floats | NDArray[np.float64],
    *,
    prior: NDArray[np.float64],
    strength: NDArray[np.float64],
) -> Belief:
    """Beta posterior: the lane's prior, worth ``strength`` outcomes, updated by the prediction, worth its evidence.

    Args:
        predicted: (n, L) expected quality; ignored where evidence is 0.
        evidence: (n, L) outcomes behind it, capped at ``EVIDENCE_CAP``.
        prior, strength: (L,) mean and weight of the Beta prior.

    The interval is Wilson's (1927) score interval at the posterior mean and total weight, which stays inside 0..1 and
    behaves near the ends, where posterior means of good lanes live.
    """
    seen = np.minimum(np.asarray(evidence, np.float64), EVIDENCE_CAP)
    weight = seen + strength
    mean = (seen * np.asarray(predicted, np.float64) + strength * prior) / weight
    z2 = Z_90 * Z_90
    centre = (mean + z2 / (2 * weight)) / (1 + z2 / weight)
    half = Z_90 / (1 + z2 / weight) * np.sqrt(mean * (1 - mean) / weight + z2 / (4 * weight * weight))
    low, high = np.clip(centre - half, 0, mean), np.clip(centre + half, mean, 1)
    return Belief(mean, low, high, np.asarray(evidence, np.float64))
