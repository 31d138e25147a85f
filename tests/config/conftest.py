"""A small configuration with one of everything, to break in one place at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router_ml.config import parse_config
from router_ml.errors import ConfigError, Problem

SMALL = """\
version: 1
boundaries: [private, vendor]
regions: [eu, us]
taxonomy: {intents: [qa, action], domains: [general, legal], risks: [pii, state_change]}
lanes:
  fast:
    model: openai/gpt-4.1
    provider: openai
    failure_domain: openai
    region: us
    boundary: vendor
    price: {input_per_mtok: 2.0, output_per_mtok: 8.0}
    latency: {base_ms: 450, ms_per_output_token: 12}
    prior: {quality: 0.8}
    context_window: 100000
    max_output_tokens: 8192
  own:
    model: hosted_vllm/llama
    provider: vllm
    failure_domain: vllm
    region: eu
    boundary: private
    price: {input_per_mtok: 0.1, output_per_mtok: 0.2}
    latency: {base_ms: 100, ms_per_output_token: 9}
    prior: {quality: 0.7}
    context_window: 100000
    max_output_tokens: 8192
tools:
  refund: {version: "1", effect: write, boundary: private}
indexes:
  help: {top_k: 5, boundary: private}
output_contracts:
  cited: {type: text, citations_required: true}
guardrails:
  risk_tiers: {pii: high, state_change: medium}
policies:
  - id: pii-private
    version: "1"
    owner: privacy
    rationale: Personal data stays.
    when: {risk: [pii]}
    then: {boundary: private}
  - id: no-tools
    version: "1"
    owner: security
    rationale: Changes are approved.
    when: {risk: [state_change], write_tool: true}
    then: {approval: true}
traffic_classes:
  legal:
    when: {domain: [legal]}
    floor: 0.8
    quality_per_usd: 10
  default:
    floor: 0.7
    quality_per_usd: 30
plan:
  - {when: {intent: [qa]}, retrieval: light, index: help, output_contract: cited}
"""


@pytest.fixture(scope="session")
def small() -> str:
    """A valid configuration as text."""
    return SMALL


@pytest.fixture(scope="session")
def breaking() -> Callable[[str, str], tuple[dict[str, Problem], int]]:
    """Replace one part of the small configuration: the problems found in it by key, and the line that was changed."""

    def find(old: str, new: str) -> tuple[dict[str, Problem], int]:
        text = SMALL.replace(old, new, 1)
        lines = enumerate(zip(SMALL.splitlines(), text.splitlines(), strict=False), start=1)
        changed = next(number for number, (before, after) in lines if before != after)
        with pytest.raises(ConfigError) as caught:
            parse_config(text, file="my.yaml")
        return {problem.key: problem for problem in caught.value.problems}, changed

    return find
