"""What is believed of every configured lane for a batch of requests: quality with interval, cost, latency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.bandit import Bandit
from router_ml.allocation.context import Contexts
from router_ml.allocation.cost import CostModel, expected_tokens_out, latency, price
from router_ml.allocation.quality import Belief, QualityModel, believe
from router_ml.config import Lane

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Allocation:
    """The learned parts of allocation; retraining replaces them together.

    ``blend`` is the weight, 0..1, of the bandit beside the batch model.
    """

    quality: QualityModel
    cost: CostModel
    bandit: Bandit
    blend: float


@dataclass(frozen=True)
class Estimates:
    """Per request and configured lane, (n, L) each: belief, USD, milliseconds, tokens out.

    ``usual``: (n,) index of the lane that requests like this one usually get, -1 where there is none.
    """

    belief: Belief
    cost_usd: Floats
    latency_ms: Floats
    tokens_out: Floats
    usual: NDArray[np.intp] | None = None


def estimate(
    allocation: Allocation | None,
    lanes: Mapping[str, Lane],
    contexts: Contexts,
    *,
    cached_in: Floats | None = None,
    batch: bool = False,
) -> Estimates:
    """Estimates for all ``lanes``, in their order.

    Args:
        allocation: None when nothing has been learned; every lane then has its prior alone.
        cached_in: (n, L) tokens of the prompt that a lane still holds in its cache.
        batch: whether batch prices apply.
    """
    limits = [lane.max_output_tokens for lane in lanes.values()]
    tokens_out = expected_tokens_out(allocation.cost if allocation else None, contexts, list(lanes), limits)
    places = list(lanes.values())
    cost = price(places, contexts.tokens_in, tokens_out, cached_in=cached_in, batch=batch)
    predicted, evidence = _learned(allocation, lanes, contexts, cost)
    prior = np.array([lane.prior.quality for lane in places])
    strength = np.array([lane.prior.strength for lane in places])
    belief = believe(predicted, evidence, prior=prior, strength=strength)
    return Estimates(belief, cost, latency(places, tokens_out), tokens_out)


def _learned(
    allocation: Allocation | None, lanes: Mapping[str, Lane], contexts: Contexts, cost: Floats
) -> tuple[Floats, Floats]:
    """Predicted quality and evidence (n, L); evidence is 0 for lanes the models do not know."""
    predicted, evidence = np.zeros(cost.shape), np.zeros(cost.shape)
    if allocation is None:
        return predicted, evidence
    names = list(lanes)
    known = [(column, names.index(lane)) for column, lane in enumerate(allocation.quality.lanes) if lane in lanes]
    theirs, ours = [column for column, _ in known], [column for _, column in known]
    batch = allocation.quality.predict(contexts)
    their_cost = np.full(batch.shape, np.nan)
    their_cost[:, theirs] = cost[:, ours]
    online = allocation.bandit.predict(contexts, batch, np.where(np.isnan(their_cost), 1e-4, their_cost))
    mixed = (1 - allocation.blend) * batch + allocation.blend * online
    predicted[:, ours] = mixed[:, theirs]
    evidence[:, ours] = allocation.quality.evidence(contexts)[:, theirs]
    return predicted, evidence
