"""Rulings as the router makes them: what one rule takes away, another must not bring back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router_ml.config import RouterConfig
from router_ml.contract import Constraints
from router_ml.guardrails import Facts, rule
from router_ml.guardrails.rules.apply import apply_rules

Config = Callable[..., RouterConfig]
FACTS = Facts(
    intent="qa",
    domain="general",
    mode="chat",
    channel="web",
    org=None,
    region=None,
    risks=frozenset(),
    tier="low",
    findings=frozenset(),
    guard_state="clean",
    tools=("refund", "search"),
    write_tool=True,
    language_validated=True,
)
ASKED: dict[str, Any] = {"constraints": Constraints(), "tokens_in": 10}
WHEN = st.fixed_dictionaries({}, optional={"write_tool": st.booleans(), "tool": st.sampled_from((["refund"], ["crm"]))})
THEN = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.sampled_from(("none", "read_only")),
        "boundary": st.sampled_from(("private", "vendor")),
        "human_review": st.just("people"),
    },
)


def test_a_rule_that_takes_the_write_tools_away_stays_in_force(config: Config) -> None:
    """Read as a request without write tools, its own condition does not hold any more."""
    ruling = apply_rules(config(({"write_tool": True}, {"tools": "read_only", "boundary": "private"})), FACTS, **ASKED)
    assert "refund" not in ruling.tools
    assert ruling.boundary == "private"
    assert [fired.id for fired in ruling.fired] == ["p0"]


def test_without_its_write_tool_a_request_meets_the_rules_for_such_requests(config: Config) -> None:
    rules = ({"tool": ["refund"]}, {"tools": "none"}), ({"write_tool": False}, {"human_review": "people"})
    ruling = apply_rules(config(*rules), FACTS, **ASKED)
    assert ruling.human_review == "people"
    assert all("incomplete" not in fired.effect for fired in ruling.fired)


@given(st.lists(st.tuples(WHEN, THEN), min_size=1, max_size=4), st.sampled_from((FACTS.tools, ("crm",))))
def test_a_further_rule_never_brings_anything_back(config: Config, rules: list[Any], tools: tuple[str, ...]) -> None:
    facts = Facts(**{**vars(FACTS), "tools": tools})
    with_all = apply_rules(config(*rules), facts, **ASKED)
    with_fewer = apply_rules(config(*rules[:-1]), facts, **ASKED)
    assert set(with_all.eligible) <= set(with_fewer.eligible)
    assert set(with_all.tools) <= set(with_fewer.tools)
    assert with_all.human_review is not None or with_fewer.human_review is None
    assert set(with_all.tools) <= set(rule(config(*rules), facts, **ASKED).tools)
