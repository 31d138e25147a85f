"""A ruling as the router makes it, from facts alone: by serving, by tables of examples, by comparisons of policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from router_ml.config.schema import ClassLimits, RouterConfig
from router_ml.contract import Constraints
from router_ml.guardrails.policy import Ruling, rule, within, without
from router_ml.guardrails.rules.conditions import Facts
from router_ml.guardrails.rules.limits import smallest
from router_ml.guardrails.rules.parts_of_lanes import whole_cascades

_NO_HEALTH: Mapping[str, str] = MappingProxyType({})


def apply_rules(
    config: RouterConfig,
    facts: Facts,
    *,
    constraints: Constraints,
    tokens_in: int,
    health: Mapping[str, str] = _NO_HEALTH,
) -> Ruling:
    """Apply the rules; where one takes all write tools away, those for requests without one count as well.

    What fired stays: that a tool is gone must not undo the rule that took it. A lane has to be able to call tools where
    the caller allows any. Arguments and errors are those of ``rule``.
    """
    needs = frozenset(["tools"] if facts.tools else ())
    apply = partial(rule, config, facts, constraints=constraints, tokens_in=tokens_in, needs=needs, health=health)
    ruling = apply()
    if facts.write_tool and not any(config.tools[name].effect == "write" for name in ruling.tools):
        ruling = apply(also=replace(facts, write_tool=False))
    return whole_cascades(config, ruling)


def apply_limits(
    config: RouterConfig,
    ruling: Ruling,
    limits: ClassLimits,
    *,
    constraints: Constraints,
    tokens_in: int,
    costs: Mapping[str, float],
    latencies: Mapping[str, float],
) -> Ruling:
    """A ruling with the ceilings of a traffic class and of the caller as further exclusions.

    ``costs`` in USD and ``latencies`` in ms, per lane; a lane without a number is above every ceiling.
    A cascade goes with any of its parts.
    """
    if limits.max_input_tokens is not None and tokens_in > limits.max_input_tokens:
        reason = (f"{tokens_in} tokens in, the class allows {limits.max_input_tokens}",)
        lanes = (*ruling.eligible, *ruling.excluded)
        ruling = without(ruling, dict.fromkeys(lanes, reason), rule="traffic class")
    left = within(
        ruling,
        costs,
        latencies,
        max_cost_usd=smallest(limits.max_cost_usd, constraints.max_cost_usd),
        max_latency_ms=smallest(limits.deadline_ms, constraints.max_latency_ms),
    )
    return whole_cascades(config, left)
