"""Everything hard that bears on one request: the rules first, then the ceilings that need a count or an estimate."""

from __future__ import annotations

from collections.abc import Mapping

from router_ml.allocation.estimate import Estimates
from router_ml.case import Case
from router_ml.config import RouterConfig
from router_ml.guardrails.policy import Ruling, rule, within, without
from router_ml.plan import smallest


def rule_case(config: RouterConfig, case: Case, estimates: Estimates, *, health: Mapping[str, str]) -> Ruling:
    """Apply rules, constraints, health and ceilings to a request.

    Where a rule takes away the last tool that writes, rules for requests without one apply too, beside all others: a
    change then goes to a person, and nothing that held before is given back.

    Args:
        estimates: of every configured lane for this one request.
        health: ``down`` by name of a lane, a provider or a failure domain.

    Raises:
        InvalidRequestError: constraints or tools name what the configuration does not have.
    """
    asked, limits = case.request.constraints, case.promise.limits
    ruling = _hard_rules(config, case, health, either=False)
    if case.facts.write_tool and not any(config.tools[name].effect == "write" for name in ruling.tools):
        ruling = _hard_rules(config, case, health, either=True)
    tokens = case.understood.tokens_in
    if limits.max_input_tokens is not None and tokens > limits.max_input_tokens:
        reason = (f"{tokens} tokens in, the class allows {limits.max_input_tokens}",)
        ruling = without(ruling, dict.fromkeys(config.lanes, reason), rule="traffic class")
    lanes = list(config.lanes)
    return within(
        ruling,
        dict(zip(lanes, estimates.cost_usd[0].tolist(), strict=True)),
        dict(zip(lanes, estimates.latency_ms[0].tolist(), strict=True)),
        max_cost_usd=smallest(limits.max_cost_usd, asked.max_cost_usd),
        max_latency_ms=smallest(limits.deadline_ms, asked.max_latency_ms),
    )


def _hard_rules(config: RouterConfig, case: Case, health: Mapping[str, str], *, either: bool) -> Ruling:
    return rule(
        config,
        case.facts,
        constraints=case.request.constraints,
        tokens_in=case.understood.tokens_in,
        needs=frozenset(["tools"] if case.facts.tools else ()),
        health=health,
        write_tool_or_not=either,
    )
