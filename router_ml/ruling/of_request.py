"""Everything hard that bears on one request: the rules first, then the ceilings that need a count or an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from router_ml.allocation.estimate import Estimates
from router_ml.config import RouterConfig
from router_ml.contract import PolicyFired
from router_ml.guardrails.policy import Ruling
from router_ml.guardrails.rules.apply import apply_limits, apply_rules
from router_ml.ruling.case import Case

REVIEWED = "human-review"
"""Stands among the policies of a decision that a person let through."""


def rule_case(config: RouterConfig, case: Case, estimates: Estimates, *, health: Mapping[str, str]) -> Ruling:
    """Apply rules, constraints, health and ceilings to a request.

    Args:
        estimates: of every configured lane for this one request.
        health: ``down`` by name of a lane, a provider or a failure domain.

    Raises:
        InvalidRequestError: constraints or tools name what the configuration does not have.
    """
    asked, tokens, lanes = case.request.constraints, case.understood.tokens_in, list(config.lanes)
    return apply_limits(
        config,
        apply_rules(config, case.facts, constraints=asked, tokens_in=tokens, health=health),
        case.promise.limits,
        constraints=asked,
        tokens_in=tokens,
        costs=dict(zip(lanes, estimates.cost_usd[0].tolist(), strict=True)),
        latencies=dict(zip(lanes, estimates.latency_ms[0].tolist(), strict=True)),
    )


def let_through(ruling: Ruling, by: PolicyFired) -> Ruling:
    """A ruling after a person has looked: nobody is asked again, and nothing is explored on such a request."""
    return replace(ruling, human_review=None, explore=False, fired=(*ruling.fired, by))
