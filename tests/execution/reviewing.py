"""A small configuration whose requests a person looks at, for the tests of reviews, stories and their commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from router_ml import Router
from router_ml.contract import Execution, Hop, RouteDecision, RouteRequest, ToolCall
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.reviews.reviews import Suspended, new_approval_id

CONFIG = """\
version: 1
boundaries: [private, vendor]
regions: [eu, us]
taxonomy: {intents: [qa], domains: [legal], risks: [pii]}
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
    capabilities: [tools]
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
    capabilities: [tools]
tools:
  refund: {version: "1", effect: write, boundary: private, approval: true}
policies:
  - id: pii-private
    version: "1"
    owner: privacy
    rationale: Personal data stays on our machines.
    when: {risk: [pii]}
    then: {boundary: private}
  - id: people-first
    version: "1"
    owner: legal
    rationale: A lawyer looks at what this organisation asks.
    when: {org: [acme]}
    then: {human_review: legal}
traffic_classes:
  default: {floor: 0.5, quality_per_usd: 30, limits: {max_tool_calls: 3}}
logging:
  keep: {low: {level: text}, medium: {level: text}, high: {level: text}, restricted: {level: text}}
execution: {review: {expires_minutes: 60}}
"""
PRIVATE = "Refund ann.smith@example.com, IBAN DE89370400440532013000."


def opened(tmp_path: Path, *, log: str | None = "", more: str = "") -> Router:
    """A router with a log of its own, or with the one that is named; None: with none."""
    path = tmp_path / "router.yaml"
    path.write_text(CONFIG.replace("{expires_minutes: 60}", "{expires_minutes: 60" + more + "}"), encoding="utf-8")
    return Router.load(path, log=str(tmp_path / "log.sqlite") if log == "" else log)


def asked(text: str = "Refund order 8812.", **fields: Any) -> RouteRequest:
    """A request that may call the tool."""
    return RouteRequest(text=text, allowed_tools=("refund",), **fields)


def suspended(
    router: Router, request: RouteRequest | None = None, *, arguments: str = '{"order": "XYZZY-1"}'
) -> Suspended:
    """A request that was decided, called a lane, and stopped at a tool that changes something."""
    request = request or asked()
    decision = router.predict_route(request)
    execution = executed(decision)
    router.log_execution(execution)
    return Suspended(
        approval_id=execution.approvals[0],
        decision=decision,
        request=request,
        messages=({"role": "user", "content": request.text}, {"role": "assistant", "content": "I shall."}),
        execution=execution,
        tool_request=ToolRequest("call_1", "refund", arguments),
        lane=decision.lane,
    )


def executed(decision: RouteDecision, **changes: Any) -> Execution:
    """What was done until the tool had to wait."""
    approval = new_approval_id()
    hop = Hop(
        lane=decision.lane or "own", provider="vllm", region="eu", boundary="private", cost_usd=0.001, latency_ms=900
    )
    call = ToolCall(name="refund", version="1", effect="write", status="waiting", approval_id=approval)
    said: dict[str, Any] = {
        "execution_id": f"exe_{approval}",
        "at": decision.created_at,
        "decision_id": decision.decision_id,
        "status": "human_review",
        "hops": (hop,),
        "tool_calls": (call,),
        "approvals": (approval,),
        "cost_usd": 0.001,
        "latency_ms": 900.0,
    }
    return Execution(**{**said, **changes})
