"""Fit quality, cost and bandit to outcomes: a full matrix, logged single outcomes, or both together.

Missing outcomes are NaN. Everything here is deterministic given the seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.bandit import Bandit
from router_ml.allocation.context import Contexts, Floats, Projection
from router_ml.allocation.cost import TYPICAL_TOKENS_OUT, CostModel, latency, price
from router_ml.allocation.estimate import Allocation
from router_ml.allocation.quality import QualityModel
from router_ml.config import Lane
from training.predicting.kernel import Fitted, Space, is_sparse, one_thread, regress, survey

COMPONENTS = 48
FEWEST_PROJECTED = 10_000  # prompts, from which on the principal components are found in every second, third ...
BLEND = 0.1
SMEAR_SHARED = 50.0  # rows
CELL_SHRINKAGE = 20.0  # rows
LATENCY_QUANTILE, FEWEST_TIMED = 0.9, 20
FEWEST_OF_VERSION = 20  # outcomes at full weight, from which on a lane's version counts as learned

Floats64 = NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """Outcomes to learn from. quality, cost_usd: (n, L), NaN where unknown; probability: (n, L) of having been
    chosen, 1 where every lane was evaluated; weight: (n, L) how much each counts, by default 1; latency_ms: (n, L), NaN
    where unknown, as it is by default."""

    contexts: Contexts
    quality: Floats64
    cost_usd: Floats64
    probability: Floats64
    weight: Floats64 | None = None
    latency_ms: Floats64 | None = None

    @property
    def weights(self) -> Floats64:
        """How much each outcome counts, (n, L)."""
        return np.ones_like(self.quality) if self.weight is None else self.weight

    @property
    def latencies(self) -> Floats64:
        """Milliseconds, (n, L), NaN where unknown."""
        return np.full_like(self.quality, np.nan) if self.latency_ms is None else self.latency_ms

    @property
    def _parts(self) -> tuple[Floats64, ...]:
        return self.quality, self.cost_usd, self.probability, self.weights, self.latencies

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Outcomes:
        """The chosen rows."""
        return Outcomes(self.contexts.take(rows), *(part[rows] for part in self._parts))

    def of_lanes(self, columns: Sequence[int]) -> Outcomes:
        """The chosen lanes."""
        return Outcomes(self.contexts, *(part[:, list(columns)] for part in self._parts))

    @staticmethod
    def stack(parts: Sequence[Outcomes]) -> Outcomes:
        """Several sets of outcomes over the same lanes as one."""
        columns = zip(*(part._parts for part in parts), strict=True)
        return Outcomes(Contexts.stack([part.contexts for part in parts]), *map(np.concatenate, columns))


def project(contexts: Contexts) -> Projection:
    """PCA of the embeddings and the scale of the surface features."""
    mean = contexts.embedding.mean(axis=0)
    some = contexts.embedding[:: max(len(contexts) // FEWEST_PROJECTED, 1)]  # far more than there are directions
    centred = (some - mean).astype(np.float64)
    with one_thread():
        variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    count = min(COMPONENTS, len(contexts), len(variance))
    scale = np.sqrt(np.maximum(variance[::-1][:count], 0)) + 1e-6
    return Projection(
        mean=mean,
        components=np.ascontiguousarray(axes[:, ::-1][:, :count], dtype=np.float32),
        scale=scale.astype(np.float32),
        surface_mean=contexts.surface.mean(axis=0),
        surface_scale=contexts.surface.std(axis=0) + np.float32(1e-3),
    )


def space_of(outcomes: Outcomes, *, seed: int = 0) -> Space:
    """The prompts of some outcomes, seen from landmarks among them."""
    return survey(outcomes.contexts, sparse=is_sparse(outcomes.quality), seed=seed)


def fit_quality(
    outcomes: Outcomes, space: Space, lanes: Sequence[str], *, seed: int = 0
) -> tuple[QualityModel, Floats64]:
    """The quality model, and its held-out predictions (n, L) in 0..1 for the rows it learned from."""
    contexts = outcomes.contexts
    found = regress(space, outcomes.quality, weight=outcomes.weights, seed=seed)
    counted = np.where(np.isfinite(outcomes.quality), outcomes.weights, 0.0) * found.used[:, None]
    joint = contexts.intent[:, :, None] * contexts.domain[:, None, :]
    counts = np.einsum("nik,nl->ikl", joint, counted).astype(np.float32)
    cells = cell_means(contexts, np.clip(found.fitted, 0, 1))
    model = QualityModel(tuple(lanes), space.similarity, found.offset, found.weights, counts, cells)
    return model, np.clip(found.held_out, 0, 1)


def cell_means(contexts: Contexts, values: Floats64) -> Floats:
    """Mean of values (n, L) by intent and domain, (i, k, L), shrunk to the mean of all by ``CELL_SHRINKAGE`` rows."""
    joint = (contexts.intent[:, :, None] * contexts.domain[:, None, :]).astype(np.float64)
    total = np.einsum("nik,nl->ikl", joint, values) + CELL_SHRINKAGE * values.mean(axis=0)
    result: Floats = (total / (joint.sum(axis=0)[:, :, None] + CELL_SHRINKAGE)).astype(np.float32)
    return result


def fit_log(log: Floats64, space: Space, *, weight: Floats64 | None = None, seed: int = 0) -> tuple[Fitted, Floats]:
    """Regression of logarithms, and per lane (L,) the factor that turns exp(prediction) into a mean."""
    found = regress(space, log, weight=weight, seed=seed)
    seen = np.isfinite(log)
    ratio = np.where(seen, np.exp(np.where(seen, log - found.held_out, 0.0)), 0.0)
    count, overall = seen.sum(axis=0), ratio.sum() / max(seen.sum(), 1)
    # a few outliers must not make a lane look dear: lanes share the factor until their own rows outweigh it
    return found, ((ratio.sum(axis=0) + SMEAR_SHARED * overall) / (count + SMEAR_SHARED)).astype(np.float32)


def fit_cost(outcomes: Outcomes, space: Space, lanes: Mapping[str, Lane], *, seed: int = 0) -> CostModel:
    """Tokens out per lane, worked back from costs with the prices that were paid."""
    fresh = np.array([lane.price.input_per_mtok for lane in lanes.values()])
    output = np.array([lane.price.output_per_mtok for lane in lanes.values()])
    tokens_out = (outcomes.cost_usd * 1e6 - outcomes.contexts.tokens_in[:, None] * fresh) / output
    log = np.log(np.maximum(tokens_out, 1))
    if not np.isfinite(log).any():
        log = np.full(log.shape, np.log(TYPICAL_TOKENS_OUT))
    found, smear = fit_log(log, space, weight=outcomes.weights, seed=seed)
    cells = cell_means(outcomes.contexts, found.fitted)
    model = CostModel(tuple(lanes), space.similarity, found.offset, found.weights, smear, cells, np.ones_like(smear))
    return replace(model, pace=_pace(outcomes, model, list(lanes.values())))


def _pace(outcomes: Outcomes, model: CostModel, lanes: Sequence[Lane]) -> Floats:
    """How much longer than typical nine of ten answers of a lane took at most, (L,); 1 where few were timed."""
    ratio = outcomes.latencies / latency(lanes, model.tokens_out(outcomes.contexts).astype(np.float64))
    timed = np.isfinite(ratio).sum(axis=0) >= FEWEST_TIMED
    result = np.ones(len(lanes), np.float32)
    result[timed] = np.nanquantile(ratio[:, timed], LATENCY_QUANTILE, axis=0)
    return result


def fit_bandit(
    outcomes: Outcomes,
    lanes: Sequence[str],
    prior: Floats64,
    cost_usd: Floats64,
    *,
    versions: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Bandit:
    """Warm start: learn every outcome once, in a fixed random order, on priors from models that had not seen it.

    Args:
        prior: (n, L) held-out quality. cost_usd: (n, L) predicted cost, as the router will give it.
        versions: of the lanes, which the bandit remembers; by default "1".
    """
    rows, lane = np.nonzero(np.isfinite(outcomes.quality))
    order = np.random.default_rng(seed).permutation(len(rows))
    rows, lane = rows[order], lane[order]
    bandit = Bandit(project(outcomes.contexts), lanes, versions=versions)
    bandit.learn(
        outcomes.contexts.take(rows),
        prior[rows].astype(np.float32),
        cost_usd[rows],
        action=lane,
        quality=outcomes.quality[rows, lane],
        probability=outcomes.probability[rows, lane],
        weight=outcomes.weights[rows, lane],
    )
    return bandit


def fit(outcomes: Outcomes, lanes: Mapping[str, Lane], *, seed: int = 0) -> Allocation:
    """All learned parts of allocation.

    Args:
        outcomes: over exactly these lanes, in this order.
        lanes: configured lanes; their prices turn recorded costs into tokens.
    """
    return fit_all(outcomes, lanes, seed=seed)[0]


def fit_all(outcomes: Outcomes, lanes: Mapping[str, Lane], *, seed: int = 0) -> tuple[Allocation, Floats64]:
    """``fit``, and the quality (n, L) that was predicted of each row by a model that had not seen it."""
    space = space_of(outcomes, seed=seed)
    quality, prior = fit_quality(outcomes, space, tuple(lanes), seed=seed)
    cost = fit_cost(outcomes, space, lanes, seed=seed)
    tokens_out = cost.tokens_out(outcomes.contexts).astype(np.float64)
    predicted = price(list(lanes.values()), outcomes.contexts.tokens_in, tokens_out)
    current = (np.isfinite(outcomes.quality) & (outcomes.weights == 1)).sum(axis=0)
    versions = {
        name: lane.version if count >= FEWEST_OF_VERSION else f"before {lane.version}"
        for (name, lane), count in zip(lanes.items(), current, strict=True)
    }
    bandit = fit_bandit(outcomes, tuple(lanes), prior, predicted, versions=versions, seed=seed)
    return Allocation(quality, cost, bandit, BLEND), prior
