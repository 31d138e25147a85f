"""What is believed of every configured lane for a batch of requests: quality with interval, cost, latency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.bandit import Bandit
from router_ml.allocation.cascades import VERDICT_TOKENS, Parts, cascades, unknown
from router_ml.allocation.context import Contexts
from router_ml.allocation.cost import CostModel, latency, price
from router_ml.allocation.known import Known, columns_of, look_up
from router_ml.allocation.posterior import Drift
from router_ml.allocation.priors import CellPriors
from router_ml.allocation.quality import EVIDENCE_CAP, Belief, QualityModel, believe
from router_ml.allocation.select import Rule, best
from router_ml.config import Lane

Floats = NDArray[np.float64]
LEAST_VARIANCE = 0.02
REMOVED_COST_USD = 1e-4  # of a lane that the bandit knows and the configuration does not: nothing reads its estimate


@dataclass(frozen=True)
class Allocation:
    """The learned parts of allocation; retraining replaces them together. Quality and cost share one similarity.

    ``blend`` is the weight, 0..1, of the bandit beside the batch model. ``priors``: what evaluations say of lanes by
    cell; None where each has the prior that is configured.
    """

    quality: QualityModel
    cost: CostModel
    bandit: Bandit
    blend: float
    priors: CellPriors | None = None


@dataclass(frozen=True)
class Typical:
    """What a typical request of the same (intent, domain) cell would get and cost on each lane, (n, L); this request
    itself where nothing has been learned."""

    quality: Floats
    cost_usd: Floats

    def take(self, rows: NDArray[np.intp]) -> Typical:
        """The chosen rows."""
        return Typical(self.quality[rows], self.cost_usd[rows])


@dataclass(frozen=True)
class Estimates:
    """Per request and configured lane, (n, L) each: belief, USD, milliseconds, tokens out, and the quality that the
    models predict before prior and drift; and what is typical of its cell."""

    belief: Belief
    cost_usd: Floats
    latency_ms: Floats
    tokens_out: Floats
    predicted: Floats
    typical: Typical

    def take(self, rows: NDArray[np.intp]) -> Estimates:
        """The chosen rows."""
        belief, typical = self.belief.take(rows), self.typical.take(rows)
        cost, latency_ms, tokens = self.cost_usd[rows], self.latency_ms[rows], self.tokens_out[rows]
        return Estimates(belief, cost, latency_ms, tokens, self.predicted[rows], typical)

    @staticmethod
    def stack(parts: Sequence[Estimates]) -> Estimates:
        """Several batches as one."""

        def joined(pick: Callable[[Estimates], Floats]) -> Floats:
            return np.concatenate([pick(part) for part in parts])

        belief = Belief(
            joined(lambda part: part.belief.quality),
            joined(lambda part: part.belief.low),
            joined(lambda part: part.belief.high),
            joined(lambda part: part.belief.evidence),
        )
        typical = Typical(joined(lambda part: part.typical.quality), joined(lambda part: part.typical.cost_usd))
        return Estimates(
            belief,
            joined(lambda part: part.cost_usd),
            joined(lambda part: part.latency_ms),
            joined(lambda part: part.tokens_out),
            joined(lambda part: part.predicted),
            typical,
        )


Online = Callable[[Floats], NDArray[np.float32]]
"""What the bandit says of its lanes, (n, l), from what they cost, (n, l)."""


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
    known = look_up(allocation, lanes, contexts)

    def online(cost_usd: Floats) -> NDArray[np.float32]:
        assert allocation is not None
        return allocation.bandit.predict(contexts, known.quality, cost_usd)

    return assess(
        allocation, lanes, known, contexts.tokens_in, online=online, cached_in=cached_in, batch=batch, drift=drift
    )


def assess(
    allocation: Allocation | None,
    lanes: Mapping[str, Lane],
    known: Known,
    tokens_in: NDArray[np.int64],
    *,
    online: Online,
    cached_in: Floats | None = None,
    batch: bool = False,
    drift: Drift | None = None,
) -> Estimates:
    """Estimates from what has been looked up, (n, L): prices, what the bandit says, drift and priors. Row by row.

    Args:
        tokens_in: (n,) that a lane is sent. online: not asked without an ``allocation``. The others as for
            ``estimate``.
    """
    places = list(lanes.values())

    def priced(tokens: Floats) -> Floats:
        return price(places, tokens_in, tokens, cached_in=cached_in, batch=batch)

    cost, cell_cost = priced(known.tokens_out), priced(known.cell_tokens_out)
    learned = _learned(allocation, lanes, known, cost, online)
    cell, evidence = known.cell, known.evidence
    predicted = learned if drift is None else np.clip(learned + drift.shift, 0, 1)
    if drift is not None:
        cell = np.clip(cell + drift.shift, 0, 1)
        per_outcome = np.maximum(predicted * (1 - predicted), LEAST_VARIANCE)  # of one that is 0 or 1
        evidence = np.minimum(evidence, EVIDENCE_CAP) * drift.retained + drift.precision * per_outcome
    belief = believe(predicted, evidence, prior=known.prior, strength=known.strength, cell=cell)
    belief = replace(belief, evidence=belief.evidence + known.counted)  # what was evaluated is in the prior's strength
    usual = believe(cell, evidence, prior=known.prior, strength=known.strength).quality
    watched = dict(zip(allocation.cost.lanes, allocation.cost.pace.tolist(), strict=True)) if allocation else {}
    pace = np.array([watched.get(lane, 1.0) for lane in lanes])
    slow = latency(places, known.tokens_out, pace)
    found = Estimates(belief, cost, slow, known.tokens_out, learned, Typical(usual, cell_cost))
    made = cascades(lanes)
    if not made:
        return found
    own = unknown(made, lanes, _known_lanes(allocation))

    def judged(part: Parts) -> tuple[Floats, Floats]:
        """USD and milliseconds of a judge, (n,): it reads the request and the draft, and writes a few tokens."""
        drafted = known.tokens_out[:, [part.draft]]
        if part.judge is None:
            return np.zeros(len(drafted)), np.zeros(len(drafted))
        lane, little = [places[part.judge]], np.full_like(drafted, VERDICT_TOKENS)
        reads = tokens_in + np.ceil(drafted[:, 0]).astype(np.int64)
        return price(lane, reads, little, batch=batch)[:, 0], latency(lane, little, pace[[part.judge]])[:, 0]

    return _with_cascades(found, made, own, judged)


def _with_cascades(
    found: Estimates,
    made: tuple[Parts, ...],
    own: tuple[Parts, ...],
    judged: Callable[[Parts], tuple[Floats, Floats]],
) -> Estimates:
    """Estimates in which the columns of cascades follow from those of their parts: cost and latency always, quality for
    those whose ``own`` outcomes are not known."""
    belief, typical = found.belief, found.typical
    quality, low, high, evidence = (
        np.array(each, np.float64) for each in (belief.quality, belief.low, belief.high, belief.evidence)
    )
    cost, slow, predicted = found.cost_usd.copy(), found.latency_ms.copy(), found.predicted.copy()
    usual, usual_cost = typical.quality.copy(), typical.cost_usd.copy()
    for part in made:
        at, accept = part.column, part.accepted(belief.quality)
        usually = part.accepted(typical.quality)
        check_usd, check_ms = judged(part)
        cost[:, at] = part.total(found.cost_usd, check_usd, accept)
        slow[:, at] = part.total(found.latency_ms, check_ms, accept)
        usual_cost[:, at] = part.total(typical.cost_usd, check_usd, usually)
        if part not in own:
            continue
        for target, values in ((quality, belief.quality), (low, belief.low), (high, belief.high)):
            target[:, at] = part.quality(values, accept)
        predicted[:, at] = part.quality(found.predicted, accept)
        usual[:, at] = part.quality(typical.quality, usually)
        evidence[:, at] = np.minimum(belief.evidence[:, part.draft], belief.evidence[:, part.final])
    return Estimates(
        Belief(quality, low, high, evidence), cost, slow, found.tokens_out, predicted, Typical(usual, usual_cost)
    )


def usual_lane(belief: Belief, typical: Typical, eligible: NDArray[np.bool_], rule: Rule) -> NDArray[np.intp]:
    """The lane that a typical request of the same cell gets, (n,), -1 where none is eligible."""
    return best(replace(belief, quality=typical.quality), typical.cost_usd, eligible, rule)


def preferred(
    belief: Belief, cost_usd: Floats, typical: Typical, eligible: NDArray[np.bool_], rule: Rule
) -> NDArray[np.intp]:
    """The lane to exploit outside a session, (n,): ``best``, where the usual lane keeps what hardly differs."""
    incumbent = usual_lane(belief, typical, eligible, rule) if rule.margin > 0 else None
    return best(belief, cost_usd, eligible, rule, incumbent=incumbent)


def _learned(
    allocation: Allocation | None, lanes: Mapping[str, Lane], known: Known, cost: Floats, online: Online
) -> Floats:
    """Predicted quality, (n, L); the prior for lanes that the models do not know."""
    predicted = known.prior.copy()
    if allocation is None:
        return predicted
    theirs, ours = columns_of(allocation, lanes)
    their_cost = np.full(known.quality.shape, REMOVED_COST_USD)
    their_cost[:, theirs] = cost[:, ours]
    mixed = (1 - allocation.blend) * known.quality + allocation.blend * online(their_cost)
    predicted[:, ours] = mixed[:, theirs]
    return predicted


def _known_lanes(allocation: Allocation | None) -> tuple[str, ...]:
    """The lanes that outcomes or evaluations have spoken of."""
    if allocation is None:
        return ()
    evaluated = () if allocation.priors is None else allocation.priors.lanes
    return (*allocation.quality.lanes, *evaluated)
