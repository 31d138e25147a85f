"""What is believed of every configured lane for a batch of requests: quality with interval, cost, latency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.bandit import Bandit
from router_ml.allocation.context import Contexts
from router_ml.allocation.cost import CostModel, expected_tokens_out, latency, price
from router_ml.allocation.posterior import Drift
from router_ml.allocation.quality import EVIDENCE_CAP, Belief, QualityModel, believe
from router_ml.config import Lane

Floats = NDArray[np.float64]
LEAST_VARIANCE = 0.02
REMOVED_COST_USD = 1e-4  # of a lane that the bandit knows and the configuration does not: nothing reads its estimate


@dataclass(frozen=True)
class Allocation:
    """The learned parts of allocation; retraining replaces them together. Quality and cost share one similarity.

    ``blend`` is the weight, 0..1, of the bandit beside the batch model.
    """

    quality: QualityModel
    cost: CostModel
    bandit: Bandit
    blend: float


@dataclass(frozen=True)
class Estimates:
    """Per request and configured lane, (n, L) each: belief, USD, milliseconds, tokens out, and the quality that the
    models predict before prior and drift.

    ``usual``: (n,) index of the lane that requests like this one usually get, -1 where there is none.
    """

    belief: Belief
    cost_usd: Floats
    latency_ms: Floats
    tokens_out: Floats
    predicted: Floats
    usual: NDArray[np.intp] | None = None


def estimate(
    allocation: Allocation | None,
    lanes: Mapping[str, Lane],
    contexts: Contexts,
    *,
    cached_in: Floats | None = None,
    batch: bool = False,
    drift: Drift | None = None,
) -> Estimates:
    """Estimates for all ``lanes``, in their order.

    Args:
        allocation: None when nothing has been learned; every lane then has its prior alone.
        cached_in: (n, L) tokens of the prompt that a lane still holds in its cache.
        batch: whether batch prices apply.
        drift: what outcomes said since; it shifts what is predicted and what evidence is left of it.
    """
    limits = [lane.max_output_tokens for lane in lanes.values()]
    near = allocation.quality.similarity.near(contexts) if allocation else None
    model = allocation.cost if allocation else None
    tokens_out = expected_tokens_out(model, contexts, list(lanes), limits, near=near)
    places = list(lanes.values())
    cost = price(places, contexts.tokens_in, tokens_out, cached_in=cached_in, batch=batch)
    learned, evidence = _learned(allocation, lanes, contexts, near, cost)
    predicted = learned if drift is None else np.clip(learned + drift.shift, 0, 1)
    if drift is not None:
        per_outcome = np.maximum(predicted * (1 - predicted), LEAST_VARIANCE)  # of one that is 0 or 1
        evidence = np.minimum(evidence, EVIDENCE_CAP) * drift.retained + drift.precision * per_outcome
    prior = np.array([lane.prior.quality for lane in places])
    strength = np.array([lane.prior.strength for lane in places])
    belief = believe(predicted, evidence, prior=prior, strength=strength)
    return Estimates(belief, cost, latency(places, tokens_out), tokens_out, learned)


def _learned(
    allocation: Allocation | None,
    lanes: Mapping[str, Lane],
    contexts: Contexts,
    near: NDArray[np.float32] | None,
    cost: Floats,
) -> tuple[Floats, Floats]:
    """Predicted quality and evidence (n, L); the prior and 0 for lanes the models do not know."""
    predicted = np.repeat([[lane.prior.quality for lane in lanes.values()]], len(contexts), axis=0)
    evidence = np.zeros(cost.shape)
    if allocation is None:
        return predicted, evidence
    names = list(lanes)
    known = [(column, names.index(lane)) for column, lane in enumerate(allocation.quality.lanes) if lane in lanes]
    theirs, ours = [column for column, _ in known], [column for _, column in known]
    batch = allocation.quality.predict(contexts, near)
    their_cost = np.full(batch.shape, REMOVED_COST_USD)
    their_cost[:, theirs] = cost[:, ours]
    online = allocation.bandit.predict(contexts, batch, their_cost)
    mixed = (1 - allocation.blend) * batch + allocation.blend * online
    predicted[:, ours] = mixed[:, theirs]
    evidence[:, ours] = allocation.quality.evidence(contexts)[:, theirs]
    return predicted, evidence
