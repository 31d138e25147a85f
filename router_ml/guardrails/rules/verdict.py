"""What becomes of a request by hard rules alone: for tables of examples, and for comparing two sets of rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from router_ml.config.schema import RouterConfig
from router_ml.contract import Destinations, RiskTier
from router_ml.contract.base import Action, LogLevel
from router_ml.guardrails.policy import Ruling

NO_LANE = "no-eligible-lane"
"""The queue of requests that no lane is left for."""


@dataclass(frozen=True)
class Verdict:
    """What rules decide. ``policies`` are the ids of those that fired; ``action`` is ``invalid`` where a request names
    a tool, lane, boundary or region that is not configured."""

    action: Action | Literal["invalid"]
    queue: str | None
    tier: RiskTier
    lanes: tuple[str, ...]
    policies: tuple[str, ...]
    tools: tuple[str, ...]
    approval: bool
    destinations: Destinations
    output_contract: str | None
    explore: bool
    log: LogLevel


def verdict(config: RouterConfig, ruling: Ruling, tier: RiskTier) -> Verdict:
    """A ruling on a request of this tier, in a few words."""
    action: Action = "route"
    queue: str | None = None
    if ruling.refuse is not None:
        action = "refuse"
    elif ruling.human_review is not None or not ruling.eligible:
        action, queue = "human_review", ruling.human_review or NO_LANE
    return Verdict(
        action=action,
        queue=queue,
        tier=tier,
        lanes=ruling.eligible,
        policies=tuple(fired.id for fired in ruling.fired),
        tools=ruling.tools,
        approval=ruling.approval,
        destinations=ruling.destinations,
        output_contract=ruling.output_contract,
        explore=ruling.explore and tier not in config.exploration.never_at,
        log=ruling.log,
    )


def invalid(tier: RiskTier) -> Verdict:
    """Of a request that the configuration does not take."""
    nothing = Destinations()
    return Verdict("invalid", None, tier, (), (), (), False, nothing, None, False, "decision")
