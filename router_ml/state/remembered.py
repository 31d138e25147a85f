"""What a router remembers, as one decision sees it: beside request, rules and bundle all that a decision follows from.

It is written into the decision's state, so that a replay can hand in the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from router_ml.allocation.pacer import UNIFORM
from router_ml.config import RouterConfig
from router_ml.contract import Drilled, RouteDecision, Session, Spending
from router_ml.ruling.case import Case
from router_ml.state.budgets import Standing


@dataclass(frozen=True)
class Remembered:
    """``health``: ``down`` by place; ``pinned``: the risks that an earlier turn brings; ``standing``: the money of a
    traffic class by its name; ``probes``: probability that lanes are owed; ``explore_left``: USD they may cost;
    ``drill``: the one that the request was drawn in; ``organisations``: that whoever runs this has named."""

    health: Mapping[str, str]
    pinned: frozenset[str]
    standing: Callable[[str], Standing | None]
    probes: Mapping[str, float]
    explore_left: float | None
    drill: Drilled | None = None
    organisations: frozenset[str] = frozenset()

    @classmethod
    def of_record(cls, decision: RouteDecision, config: RouterConfig) -> Remembered:
        """What was remembered when a logged decision was made; limits and shares are those of ``config``."""
        state = decision.state
        owed = [lane for lane in state.selection.probes if lane in config.lanes]

        def standing(name: str) -> Standing | None:
            promised = config.traffic_classes.get(name)
            if promised is None or promised.budget_usd_per_day is None or state.spending is None:
                return None
            profile = state.spending.profile or UNIFORM
            return Standing(promised.budget_usd_per_day, state.spending.spent_usd, profile)

        return cls(
            health=dict(state.lane_health),
            pinned=frozenset(state.session.risks if state.session else ()),
            standing=standing,
            probes={lane: config.lanes[lane].probe.share for lane in owed},
            explore_left=state.explore_left,
            drill=state.drill,
            organisations=frozenset(org for org in (decision.circumstances.org,) if org is not None),
        )


def session_of(config: RouterConfig, case: Case) -> Session | None:
    """As a record keeps it. A lane that is not configured is the caller's own text, and is not kept."""
    previous = case.request.previous
    if previous is None:
        return None
    lane = previous.lane if previous.lane in config.lanes else None
    return Session(lane=lane, cached_tokens=previous.cached_tokens if lane else 0, risks=tuple(sorted(case.pinned)))


def spending_of(standing: Standing | None) -> Spending | None:
    """As a record keeps it."""
    if standing is None:
        return None
    profile = () if tuple(standing.profile) == UNIFORM else tuple(standing.profile)
    return Spending(spent_usd=standing.spent_usd, profile=profile)
