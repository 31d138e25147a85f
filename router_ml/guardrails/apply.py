"""A ruling as the router makes it, from facts alone: by serving, by tables of examples, by comparisons of policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from router_ml.config.schema import RouterConfig
from router_ml.contract import Constraints
from router_ml.guardrails.conditions import Facts
from router_ml.guardrails.policy import Ruling, rule

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
        return apply(also=replace(facts, write_tool=False))
    return ruling
