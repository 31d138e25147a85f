"""The routing contract: what comes in, what the router answers, what was done and learned later, who changed the rules.

These names are public; ``CONTRACT_VERSION`` changes when their meaning does. All models are frozen, refuse unknown
fields and export JSON Schema. Units: USD, milliseconds, tokens; probabilities and qualities in 0..1. Labels of intents,
domains and risks come from the bundle, not from code.
"""

from router_ml.contract.audit import AuditEvent
from router_ml.contract.base import CONTRACT_VERSION, TIERS, Model, RiskTier, describe, highest
from router_ml.contract.decision import Circumstances, Destinations, Narrowing, Place, PolicyFired, RouteDecision
from router_ml.contract.executed import (
    Approval,
    Execution,
    ExecutionStatus,
    FailureKind,
    Hop,
    Lookup,
    Replanned,
    ToolCall,
    Validation,
)
from router_ml.contract.outcome import Outcome, OutcomeLabels
from router_ml.contract.output import OutputCheck, OutputFinding
from router_ml.contract.planned import Decoding, Fallback, Limits, PlannedTool, Retrieval, Step
from router_ml.contract.request import Constraints, Message, OutputContract, Previous, RouteRequest
from router_ml.contract.state import Degraded, Drilled, Estimate, Selection, Session, Spending, State, Versions
from router_ml.contract.understood import Finding, Label, Language, ModeLabel, Risk

__all__ = [
    "CONTRACT_VERSION",
    "TIERS",
    "Approval",
    "AuditEvent",
    "Circumstances",
    "Constraints",
    "Decoding",
    "Degraded",
    "Destinations",
    "Drilled",
    "Estimate",
    "Execution",
    "ExecutionStatus",
    "FailureKind",
    "Fallback",
    "Finding",
    "Hop",
    "Label",
    "Language",
    "Limits",
    "Lookup",
    "Message",
    "ModeLabel",
    "Model",
    "Narrowing",
    "Outcome",
    "OutcomeLabels",
    "OutputCheck",
    "OutputContract",
    "OutputFinding",
    "Place",
    "PlannedTool",
    "PolicyFired",
    "Previous",
    "Replanned",
    "Retrieval",
    "Risk",
    "RiskTier",
    "RouteDecision",
    "RouteRequest",
    "Selection",
    "Session",
    "Spending",
    "State",
    "Step",
    "ToolCall",
    "Validation",
    "Versions",
    "describe",
    "highest",
    "json_schemas",
]


def json_schemas() -> dict[str, dict[str, object]]:
    """JSON Schema (draft 2020-12) of the public models, by file name without ending."""
    models: tuple[tuple[str, type[Model]], ...] = (
        ("route_request", RouteRequest),
        ("route_decision", RouteDecision),
        ("execution", Execution),
        ("approval", Approval),
        ("outcome", Outcome),
        ("output_check", OutputCheck),
        ("audit_event", AuditEvent),
    )
    return {
        name: {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
        for name, model in models
    }
