"""The propensities of a decision again, from its record alone, bit for bit.

An auditor needs neither bundle nor configuration, text nor embedding: the estimates, the eligible lanes, the floor, the
lambda in force and what selection was asked for are all in the record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from router_ml.allocation.quality import Belief
from router_ml.allocation.select import Rule, best, distribution
from router_ml.contract import Estimate, RouteDecision, Selection
from router_ml.errors import InvalidRequestError


def reproduce(decision: RouteDecision) -> dict[str, float]:
    """The propensities that a decision must have been drawn with; none where it went to no lane.

    Raises:
        InvalidRequestError: the decision is of an older contract, whose record does not hold what is needed.
    """
    if "selection" not in decision.state.model_fields_set:
        raise InvalidRequestError(
            f"Decision {decision.decision_id} was recorded under contract {decision.versions.contract}, without what "
            "selection was asked for. Only decisions of contract 1.2 and later can be reproduced from their record."
        )
    if decision.lane is None:
        return {}
    return propensities(
        decision.estimates,
        decision.eligible,
        floor=decision.floor,
        quality_per_usd=decision.quality_per_usd,
        selection=decision.state.selection,
    )


def propensities(
    estimates: Mapping[str, Estimate],
    eligible: Collection[str],
    *,
    floor: float,
    quality_per_usd: float,
    selection: Selection,
) -> dict[str, float]:
    """Probability of each lane that could be drawn, from plain values.

    Args:
        estimates: of the eligible lanes at least, in the order of the configuration, by which ties are broken.
        quality_per_usd: lambda in force.
    """
    lanes = [lane for lane in estimates if lane in eligible]
    if not lanes:
        return {}
    belief = Belief(
        *(
            np.array([[getattr(estimates[lane], name) for lane in lanes]])
            for name in ("quality", "quality_low", "quality_high", "evidence")
        )
    )
    cost = np.array([[estimates[lane].cost_usd for lane in lanes]])
    rule = Rule(
        floor=floor,
        quality_per_usd=quality_per_usd,
        explore_share=selection.explore_share,
        epsilon=selection.epsilon,
        gamma=selection.gamma,
        margin=selection.margin,
        capped=selection.capped,
    )
    stays = lanes.index(selection.incumbent) if selection.incumbent in lanes else -1
    everything = np.ones_like(cost, dtype=bool)
    exploit = best(belief, cost, everything, rule, incumbent=np.array([stays]))
    probes = np.array([selection.probes.get(lane, 0.0) for lane in lanes])
    row = distribution(belief, cost, everything, rule, exploit=exploit, probes=probes)[0]
    return {lane: share for lane, share in zip(lanes, row.tolist(), strict=True) if share > 0}
