"""What users write in their code: renaming or removing one of these names breaks them."""

from __future__ import annotations

import pytest

import router_ml
from router_ml import contract

NAMES = {
    "predict_route",
    "apredict_route",
    "log_outcome",
    "log_execution",
    "complete",
    "acomplete",
    "Rollout",
    "Router",
    "Executor",
    "Completion",
    "RouteRequest",
    "RouteDecision",
    "Outcome",
    "Execution",
}

FIELDS = {
    "RouteRequest": "text messages metadata channel allowed_tools request_id traffic_class constraints output_contract "
    "previous",
    "Message": "role content name tool_calls tool_call_id",
    "Constraints": "max_cost_usd max_latency_ms regions boundary allow_lanes deny_lanes explore",
    "Previous": "decision_id lane cached_tokens turn pin",
    "OutputContract": "name type schema citations_required labels forbidden grounded",
    "RouteDecision": "decision_id trace_id request_id created_at action question missing queue reason route "
    "traffic_class floor quality_per_usd intent domain mode language risks risk_tier findings guard_state "
    "guard_reasons circumstances lane model "
    "decoding limits retrieval tools output_contract fallback eligible excluded narrowing "
    "destinations places log_level learned_lane learned_estimate overridden_by estimates "
    "propensities propensity explored seed state policies versions",
    "Label": "label probabilities abstained",
    "ModeLabel": "label probabilities abstained",
    "Risk": "name probability source",
    "Finding": "type part start end view hard digest",
    "Decoding": "temperature top_p max_tokens seed stop reasoning_effort response_format grammar",
    "Limits": "max_input_tokens max_context_tokens max_tool_calls deadline_ms max_cost_usd",
    "Retrieval": "strategy index top_k reranker",
    "PlannedTool": "name version effect required approval",
    "Fallback": "on_timeout on_rate_limit on_schema_failure on_refusal on_error finally",
    "Step": "lane attempts backoff_ms",
    "Estimate": "quality quality_low quality_high evidence cost_usd latency_ms",
    "State": "bandit_step lambda budget_left explore_left lane_health arm arm_share rollout arm_session selection "
    "session spending online drill degraded",
    "Degraded": "why deadline_ms",
    "Drilled": "drill share inside counts session",
    "Session": "lane cached_tokens risks",
    "Spending": "spent_usd profile",
    "Selection": "explore_share epsilon gamma margin incumbent probes capped",
    "Narrowing": "rule before after",
    "Place": "provider region boundary",
    "Destinations": "indexes rerankers judges trace_sinks",
    "Circumstances": "channel org region tools constraints tokens_in language_chars pinned missed",
    "PolicyFired": "id version effect",
    "Versions": "contract bundle policy_sha256 config_sha256 encoder classifier entities detectors registry prices "
    "lanes platform",
    "Execution": "execution_id at decision_id status error hops lookups context_ids citations tool_calls narrowing "
    "validation output_checks approvals refusal final_lane latency_ms cost_usd resumes replanned",
    "Hop": "lane provider region boundary served_model purpose attempt at kind error latency_ms tokens_in tokens_out "
    "cached_tokens cost_usd",
    "Lookup": "index strategy reranker context_ids latency_ms error",
    "ToolCall": "name version arguments result approval_id call_id effect status error key attempts nothing_done "
    "latency_ms",
    "Approval": "approval_id decision_id subject tool version arguments_sha256 state queue reason expires_at on_expiry "
    "who why at",
    "Validation": "status errors",
    "Outcome": "decision_id executed_lane quality labels signals rewards rated_probability cost_usd latency_ms "
    "validation refused source at",
    "OutcomeLabels": "intent domain risks retrieval tools output_contract missing",
    "OutputFinding": "type part start end view hard digest echoed",
    "OutputCheck": "check_id decision_id at action reason queue findings echoed risks guard_state guard_reasons "
    "notices policies versions",
    "AuditEvent": "event_id at kind who why detail policy_sha256_before policy_sha256_after expires_at",
}


def test_the_package_offers_exactly_these_names() -> None:
    assert set(router_ml.__all__) == NAMES
    assert set(dir(router_ml)) >= NAMES
    for name in NAMES:
        assert callable(getattr(router_ml, name))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """Lazy loading must not turn a typo into an ImportError or a KeyError: hasattr would crash."""
    assert not hasattr(router_ml, "predict_rout")
    with pytest.raises(AttributeError, match="predict_rout"):
        router_ml.predict_rout  # noqa: B018


def test_the_contract_exports_what_it_lists() -> None:
    for name in contract.__all__:
        assert hasattr(contract, name)


@pytest.mark.parametrize("model", FIELDS)
def test_the_fields_of_the_contract_keep_their_names(model: str) -> None:
    fields = getattr(contract, model).model_fields
    assert [field.alias or name for name, field in fields.items()] == FIELDS[model].split()


def test_enumerations_keep_their_values() -> None:
    """Consumers switch over them."""
    schema = contract.json_schemas()["route_decision"]
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["action"]["enum"] == ["route", "clarify", "human_review", "refuse"]
    assert properties["guard_state"]["enum"] == ["clean", "hit", "unknown"]
    assert contract.OutputCheck.model_json_schema()["properties"]["action"]["enum"] == [
        "pass",
        "withhold",
        "human_review",
    ]
    assert properties["risk_tier"]["enum"] == list(contract.TIERS) == ["low", "medium", "high", "restricted"]
