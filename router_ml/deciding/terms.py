"""What selection is asked for in one request, and what it chooses: the rule of a class, what its money allows, and the
lane that may stay.

Pure: clock, money, probes and certificates are passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from router_ml.allocation.choose import Choice, choose, favourite, mask
from router_ml.allocation.estimate import Estimates, usual_lane
from router_ml.allocation.pacer import paced
from router_ml.allocation.select import Rule
from router_ml.config import RouterConfig, TrafficClass
from router_ml.contract import Constraints, RiskTier, Selection
from router_ml.guardrails.policy import Ruling
from router_ml.ruling.case import Case
from router_ml.state.budgets import Standing

AtCap = Literal["cheapest", "queue", "refuse"]


@dataclass(frozen=True)
class Terms:
    """Rule and lambda in force, and what else the distribution depends on.

    ``incumbent``: the lane of the session, or else the usual one of such requests. ``probes``: probability by lane.
    ``budget_left``: USD of the day, None without a budget. ``at_cap``: what happens where it is spent, None before.
    """

    rule: Rule
    incumbent: str | None = None
    in_session: bool = False
    probes: Mapping[str, float] | None = None
    budget_left: float | None = None
    at_cap: AtCap | None = None

    @property
    def stops(self) -> bool:
        """Whether the spent budget keeps the request from any lane."""
        return self.at_cap in ("queue", "refuse")

    def let_through(self) -> Terms:
        """The same for a request that waited for the next day's money, and that a person lets through: it goes to the
        cheapest lane."""
        return replace(self, at_cap="cheapest") if self.at_cap == "queue" else self

    @property
    def selection(self) -> Selection:
        """As a record keeps it."""
        return Selection(
            explore_share=self.rule.explore_share,
            epsilon=self.rule.epsilon,
            gamma=self.rule.gamma,
            margin=self.rule.margin,
            incumbent=self.incumbent,
            probes=dict(self.probes or {}),
            capped=self.rule.capped,
        )


def terms(
    config: RouterConfig,
    case: Case,
    ruling: Ruling,
    estimates: Estimates,
    standing: Standing | None,
    *,
    now: datetime,
    probes: Mapping[str, float],
    certified: float | None,
) -> Terms:
    """The terms of one request.

    Nothing is explored inside a session, nor where tier, policy or caller forbid it, nor where the money is spent.

    Args:
        standing: of the class's budget; None without one.
        probes: probability that lanes are to get so that something is learned of them.
        certified: largest lambda up to which the class's floor is certified; None where nothing is.
    """
    request, promise = case.request, case.promise
    explore = may_explore(
        config, ruling.explore, request.constraints, in_conversation=request.previous is not None, tier=case.tier
    )
    rule = rule_in_force(config, promise, explore=explore, certified=certified, standing=standing, now=now)
    if rule.capped:
        return Terms(rule, budget_left=0.0, at_cap=promise.at_cap)
    incumbent, in_session = _incumbent(config, case, ruling, estimates, rule)
    if incumbent is not None:
        rule = replace(rule, margin=margin_of(config, in_session=in_session))
    owed = probes if may_probe(rule, promise) else {}
    return Terms(
        rule,
        incumbent=incumbent,
        in_session=in_session,
        probes={lane: share for lane, share in owed.items() if share > 0 and lane in ruling.eligible},
        budget_left=standing.left_usd if standing is not None else None,
    )


def may_explore(
    config: RouterConfig, allowed: bool, constraints: Constraints, *, in_conversation: bool, tier: RiskTier
) -> bool:
    """Whether a request may be explored on. ``allowed``: by the policies. ``in_conversation``: it has an earlier turn,
    whether or not a lane answered that."""
    return allowed and constraints.explore and not in_conversation and tier not in config.exploration.never_at


def rule_in_force(
    config: RouterConfig,
    promise: TrafficClass,
    *,
    explore: bool,
    certified: float | None,
    standing: Standing | None,
    now: datetime,
) -> Rule:
    """The rule of a class as certificate, money and clock leave it, without the margin of an incumbent; ``at_cap``
    where the money is spent. Arguments as for ``terms``."""
    rule = Rule.of(promise, config.exploration, explore=explore)
    if certified is not None:
        rule = replace(rule, quality_per_usd=min(rule.quality_per_usd, certified))
    if standing is None:
        return rule
    in_force = paced(
        rule.quality_per_usd,
        budget_usd=standing.budget_usd,
        spent_usd=standing.spent_usd,
        now=now.astimezone(UTC),
        profile=standing.profile,
        largest=certified,
    )
    rule = replace(rule, quality_per_usd=in_force)
    return rule.at_cap() if standing.capped else rule


def margin_of(config: RouterConfig, *, in_session: bool) -> float:
    """What another lane has to gain on the incumbent: the lane of a session, or the usual one."""
    return config.stability.session_margin if in_session else config.stability.margin


def may_probe(rule: Rule, promise: TrafficClass) -> bool:
    """Whether lanes get the probes that they are owed; where money is short, nothing is spent on learning."""
    return rule.explore_share > 0 and rule.quality_per_usd <= promise.quality_per_usd


def chosen(config: RouterConfig, ruling: Ruling, estimates: Estimates, asked: Terms, *, seed: int) -> Choice | None:
    """The lane for one request; None where rules or money keep it from any."""
    if ruling.refuse or ruling.human_review or not ruling.eligible or asked.stops:
        return None
    return choose(
        estimates,
        list(config.lanes),
        ruling.eligible,
        asked.rule,
        seed=seed,
        incumbent=asked.incumbent,
        in_session=asked.in_session,
        probes=asked.probes,
    )


def learned_lane(config: RouterConfig, estimates: Estimates, asked: Terms) -> str | None:
    """What learning alone would take of all lanes that are enabled."""
    enabled = [name for name, lane in config.lanes.items() if lane.enabled]
    incumbent, lanes = asked.incumbent, list(config.lanes)
    if incumbent is not None and not asked.in_session:
        usual = int(usual_lane(estimates.belief, estimates.typical, mask(lanes, enabled), asked.rule)[0])
        incumbent = lanes[usual] if usual >= 0 else None
    return favourite(estimates, lanes, enabled, asked.rule, incumbent=incumbent)


def _incumbent(
    config: RouterConfig, case: Case, ruling: Ruling, estimates: Estimates, rule: Rule
) -> tuple[str | None, bool]:
    """The lane that may stay, and whether it is that of a session."""
    previous, lanes = case.request.previous, list(config.lanes)
    if previous is not None and previous.lane in config.lanes:
        return previous.lane, True
    if config.stability.margin == 0:
        return None, False
    usual = int(usual_lane(estimates.belief, estimates.typical, mask(lanes, ruling.eligible), rule)[0])
    return (lanes[usual] if usual >= 0 else None), False
