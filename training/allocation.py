"""Fit quality, cost and bandit to outcomes: a full matrix, logged single outcomes, or both together.

Missing outcomes are NaN. Everything here is deterministic given the seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.bandit import Bandit
from router_ml.allocation.context import Contexts, Floats, Projection
from router_ml.allocation.cost import TYPICAL_TOKENS_OUT, CostModel, price
from router_ml.allocation.estimate import Allocation
from router_ml.allocation.quality import QualityModel
from router_ml.config import Lane

COMPONENTS = 48
CELLS = 40
NEIGHBOURS = 50
MAX_NEIGHBOURS = 8192
RIDGE = 300.0
CELL_SHRINKAGE = 10.0
WEIGHT = (0.5, 0.3, 0.2)
BLEND = 0.25
FOLD_STREAM = 1  # folds must not follow the stream that a caller may have drawn lanes from

Floats64 = NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """Outcomes to learn from. quality, cost_usd: (n, L), NaN where unknown; probability: (n, L) of having been
    chosen, 1 where every lane was evaluated; weight: (n, L) how much each counts, by default 1."""

    contexts: Contexts
    quality: Floats64
    cost_usd: Floats64
    probability: Floats64
    weight: Floats64 | None = None

    @property
    def weights(self) -> Floats64:
        """How much each outcome counts, (n, L)."""
        return np.ones_like(self.quality) if self.weight is None else self.weight

    def take(self, rows: NDArray[np.intp]) -> Outcomes:
        """The chosen rows."""
        parts = (self.quality, self.cost_usd, self.probability, self.weights)
        return Outcomes(self.contexts.take(rows), *(part[rows] for part in parts))

    @staticmethod
    def stack(parts: Sequence[Outcomes]) -> Outcomes:
        """Several sets of outcomes over the same lanes as one."""
        return Outcomes(
            Contexts.stack([part.contexts for part in parts]),
            np.concatenate([part.quality for part in parts]),
            np.concatenate([part.cost_usd for part in parts]),
            np.concatenate([part.probability for part in parts]),
            np.concatenate([part.weights for part in parts]),
        )


def project(contexts: Contexts) -> Projection:
    """PCA of the embeddings and the scale of the surface features."""
    mean = contexts.embedding.mean(axis=0)
    centred = contexts.embedding - mean
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    count = min(COMPONENTS, len(singular))
    scale = singular[:count] / np.sqrt(len(contexts)) + 1e-6
    return Projection(
        mean=mean,
        components=np.ascontiguousarray(right[:count].T),
        scale=scale.astype(np.float32),
        surface_mean=contexts.surface.mean(axis=0),
        surface_scale=contexts.surface.std(axis=0) + np.float32(1e-3),
    )


def ridge(features: Floats, target: Floats64, strength: float) -> tuple[Floats, Floats]:
    """Slope (f, L) and offset (L,) of ridge regressions, each lane on the rows where it was observed.

    A lane that was not observed gets the mean of the others.
    """
    from sklearn.linear_model import Ridge

    slopes, offsets = [], []
    for lane in range(target.shape[1]):
        seen = np.isfinite(target[:, lane])
        if not seen.any():
            slopes.append(np.zeros(features.shape[1]))
            offsets.append(np.nanmean(target))
            continue
        model = Ridge(alpha=strength).fit(features[seen], target[seen, lane])
        slopes.append(model.coef_)
        offsets.append(model.intercept_)
    return np.stack(slopes, axis=1).astype(np.float32), np.array(offsets, dtype=np.float32)


def fit_quality(outcomes: Outcomes, projection: Projection, lanes: Sequence[str], *, seed: int) -> QualityModel:
    """Ridge, neighbours and cells over outcomes, and the soft counts of evidence by intent and domain."""
    from sklearn.cluster import KMeans

    contexts, quality = outcomes.contexts, outcomes.quality
    observed = np.isfinite(quality)
    filled = np.where(observed, quality, 0.0)
    lane_mean = filled.sum(axis=0) / np.maximum(observed.sum(axis=0), 1)
    slope, offset = ridge(projection.features(contexts), quality, RIDGE)
    semantic = projection.semantic(contexts)
    distinct = len(np.unique(semantic, axis=0))
    cells = KMeans(min(CELLS, distinct), n_init=1, random_state=seed).fit(semantic)
    member = np.eye(cells.n_clusters)[cells.labels_]
    total = member.T @ filled + CELL_SHRINKAGE * lane_mean
    joint = contexts.intent[:, :, None] * contexts.domain[:, None, :]
    keep = np.sort(np.random.default_rng(seed).permutation(len(semantic))[:MAX_NEIGHBOURS])
    return QualityModel(
        lanes=tuple(lanes),
        projection=projection,
        slope=slope,
        offset=offset,
        neighbours=semantic[keep],
        neighbour_quality=filled[keep].astype(np.float32),
        neighbour_observed=observed[keep].astype(np.float32),
        cells=cells.cluster_centers_.astype(np.float32),
        cell_quality=(total / (member.T @ observed + CELL_SHRINKAGE)).astype(np.float32),
        lane_mean=lane_mean.astype(np.float32),
        weight=np.array(WEIGHT, dtype=np.float32),
        counts=np.einsum("nik,nl->ikl", joint, observed * outcomes.weights).astype(np.float32),
        k=NEIGHBOURS,
    )


def fit_cost(outcomes: Outcomes, projection: Projection, lanes: dict[str, Lane]) -> CostModel:
    """Tokens out per lane, worked back from costs with the prices that were paid."""
    fresh = np.array([lane.price.input_per_mtok for lane in lanes.values()])
    output = np.array([lane.price.output_per_mtok for lane in lanes.values()])
    tokens_out = (outcomes.cost_usd * 1e6 - outcomes.contexts.tokens_in[:, None] * fresh) / output
    log = np.log(np.maximum(tokens_out, 1))
    if not np.isfinite(log).any():
        log = np.full(log.shape, np.log(TYPICAL_TOKENS_OUT))
    features = projection.features(outcomes.contexts)
    slope, offset = ridge(features, log, RIDGE)
    residual = log - (features @ slope + offset)
    observed = np.isfinite(residual)
    smear = np.where(observed, np.exp(np.where(observed, residual, 0)), 0).sum(axis=0) / np.maximum(
        observed.sum(axis=0), 1
    )
    return CostModel(
        tuple(lanes), projection, slope, offset, np.where(observed.any(axis=0), smear, 1).astype(np.float32)
    )


def fit_bandit(
    outcomes: Outcomes,
    quality: QualityModel,
    cost_usd: Floats64,
    *,
    versions: Mapping[str, str] | None = None,
    folds: int = 4,
    seed: int = 0,
) -> Bandit:
    """Warm start: learn every outcome once, in a fixed random order, on priors from models that had not seen it.

    Args:
        cost_usd: (n, L) predicted cost, as the router will give it.
        versions: of the lanes, which the bandit remembers; by default "1".
    """
    prior = out_of_fold(outcomes, quality.projection, quality.lanes, folds=folds, seed=seed)
    rows, lanes = np.nonzero(np.isfinite(outcomes.quality))
    order = np.random.default_rng(seed).permutation(len(rows))
    rows, lanes = rows[order], lanes[order]
    bandit = Bandit(quality.projection, quality.lanes, versions=versions)
    bandit.learn(
        outcomes.contexts.take(rows),
        prior[rows],
        cost_usd[rows],
        action=lanes,
        quality=outcomes.quality[rows, lanes],
        probability=outcomes.probability[rows, lanes],
        weight=outcomes.weights[rows, lanes],
    )
    return bandit


def out_of_fold(outcomes: Outcomes, projection: Projection, lanes: Sequence[str], *, folds: int, seed: int) -> Floats:
    """Predicted quality (n, L) of each row by a model fitted on the other folds."""
    fold = np.random.default_rng([seed, FOLD_STREAM]).integers(0, folds, len(outcomes.contexts))
    result = np.zeros(outcomes.quality.shape, dtype=np.float32)
    for part in range(folds):
        rest, mine = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        model = fit_quality(outcomes.take(rest), projection, lanes, seed=seed)
        result[mine] = model.predict(outcomes.contexts.take(mine))
    return result


def fit(outcomes: Outcomes, lanes: dict[str, Lane], *, seed: int = 0) -> Allocation:
    """All learned parts of allocation.

    Args:
        outcomes: over exactly these lanes, in this order.
        lanes: configured lanes; their prices turn recorded costs into tokens.
    """
    projection = project(outcomes.contexts)
    quality = fit_quality(outcomes, projection, tuple(lanes), seed=seed)
    cost = fit_cost(outcomes, projection, lanes)
    tokens_out = cost.tokens_out(outcomes.contexts).astype(np.float64)
    predicted = price(list(lanes.values()), outcomes.contexts.tokens_in, tokens_out)
    versions = {name: lane.version for name, lane in lanes.items()}
    bandit = fit_bandit(outcomes, quality, predicted, versions=versions, seed=seed)
    return Allocation(quality, cost, bandit, BLEND)
