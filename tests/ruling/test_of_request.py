"""Losing the right to write is not a way to get anything else back."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml import RouteDecision, Router
from router_ml.config import parse_config

LANES = """
version: 1
boundaries: [private, vendor]
lanes:
  house:
    {model: m, provider: p, failure_domain: f, region: eu, boundary: private, context_window: 10000,
     max_output_tokens: 1000, price: {input_per_mtok: 1.0, output_per_mtok: 1.0}, prior: {quality: 0.8},
     latency: {base_ms: 400, ms_per_output_token: 10}, capabilities: [tools]}
  vendor:
    {model: m, provider: q, failure_domain: g, region: eu, boundary: vendor, context_window: 10000,
     max_output_tokens: 1000, price: {input_per_mtok: 1.0, output_per_mtok: 1.0}, prior: {quality: 0.8},
     latency: {base_ms: 400, ms_per_output_token: 10}, capabilities: [tools]}
tools:
  refund: {version: "1", effect: write, boundary: private}
  search: {version: "1", effect: read, boundary: private}
traffic_classes:
  default: {floor: 0.5, quality_per_usd: 10, limits: {max_input_tokens: 200}}
policies:
"""
OWN = 'version: "1", owner: o, rationale: r'
WRITES_STAY = f"  - {{id: writes-stay, {OWN}, when: {{write_tool: true}}, then: {{boundary: private}}}}\n"
READ_ONLY = f"  - {{id: read-only, {OWN}, when: {{channel: [web]}}, then: {{tools: read_only}}}}\n"
TO_A_PERSON = f"  - {{id: to-a-person, {OWN}, when: {{write_tool: false}}, then: {{human_review: people}}}}\n"


def decide(policies: str, text: str = "hello there", **fields: Any) -> RouteDecision:
    asked = {"channel": "web", "allowed_tools": ["refund", "search"], **fields}
    return Router(parse_config(LANES + policies)).predict_route(text, seed=1, **asked)


def test_a_rule_that_takes_tools_away_gives_no_lane_back() -> None:
    assert decide(WRITES_STAY).eligible == ("house",)
    without_writes = decide(WRITES_STAY + READ_ONLY)
    assert without_writes.eligible == ("house",)
    assert [tool.name for tool in without_writes.tools] == ["search"]


@pytest.mark.parametrize("order", [READ_ONLY + TO_A_PERSON, TO_A_PERSON + READ_ONLY])
def test_rules_for_requests_without_a_write_tool_then_apply_too(order: str) -> None:
    """A change that no tool may make any more goes to a person."""
    assert decide(TO_A_PERSON).action == "route"
    stopped = decide(order)
    assert (stopped.action, stopped.queue) == ("human_review", "people")


def test_the_ceiling_of_a_class_takes_every_lane() -> None:
    decision = decide(WRITES_STAY, "word " * 300)
    assert (decision.eligible, decision.action) == ((), "human_review")
    assert decision.narrowing[-1].rule == "traffic class"
