"""What each endpoint takes and answers, for the OpenAPI document: handlers read bodies themselves, since the contract's
errors never repeat what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from router_ml.contract import Approval, Execution, RouteDecision, RouteRequest
from router_ml.serve.api.switches import TurnOff, TurnOn
from router_ml.serve.document import answers as a
from router_ml.serve.document import spoken

_DECISION = "dec_6b61cdd5d5daa5652bb64d80"
_APPROVAL = {
    "approval_id": "apr_0c1d2e3f405162738495a6b7",
    "decision_id": _DECISION,
    "subject": "request",
    "state": "requested",
    "queue": "legal",
    "at": "2026-03-01T12:00:00Z",
}


@dataclass(frozen=True)
class Described:
    """``takes``: any of these as body; ``gives``: any of these, with a status. ``scopes``: one of them is needed.
    ``media``: of the answer, also ``text/event-stream`` where it may be a stream."""

    takes: tuple[type[BaseModel], ...] = ()
    gives: tuple[type[BaseModel], ...] = ()
    scopes: tuple[str, ...] = ()
    example: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    media: tuple[str, ...] = ("application/json",)
    status: tuple[int, ...] = (200,)


_SAYS_WHY: dict[str, Any] = {"takes": (a.Why,), "gives": (Approval,), "scopes": ("admin",)}
_SAYS_WHY["example"] = {"why": "Checked with the customer."}

ENDPOINTS: dict[str, Described] = {
    "POST /v1/route": Described(
        (RouteRequest,),
        (RouteDecision, a.DecisionExplained),
        ("route",),
        {"text": "Refund order 8812 and email me", "metadata": {"region": "eu"}, "allowed_tools": ["refund"]},
        media=("application/json", "text/plain"),
    ),
    "POST /v1/route/batch": Described(
        (a.RequestsGiven,),
        (a.DecisionsMade,),
        ("route",),
        {"requests": [{"text": "What is a lien?"}, {"text": "Sum 2 and 3"}]},
    ),
    "GET /v1/models": Described(gives=(spoken.ModelsNamed,), scopes=("execute",)),
    "GET /v1/models/{model}": Described(gives=(spoken.ModelNamed,), scopes=("execute",)),
    "POST /v1/outcomes": Described(
        (a.OutcomeGiven, a.OutcomesGiven),
        (a.OutcomeKept, a.OutcomesKept),
        ("outcomes",),
        {"decision_id": _DECISION, "quality": 1.0, "source": "user", "at": "2026-03-01T12:00:00Z"},
        {"decision_id": _DECISION, "acknowledged": "database", "at": "2026-03-01T12:00:00+00:00"},
        status=(200, 207),
    ),
    "POST /v1/executions": Described(
        (Execution,),
        (a.ExecutionKept,),
        ("outcomes",),
        {"decision_id": _DECISION, "status": "answered", "final_lane": "fast", "cost_usd": 0.0004},
    ),
    "GET /v1/decisions": Described(gives=(a.Decisions,), scopes=("admin",)),
    "GET /v1/decisions/{decision_id}": Described(
        gives=(RouteDecision, a.DecisionStory, a.Explained), scopes=("route", "admin")
    ),
    "GET /v1/approvals": Described(
        gives=(a.Approvals,), scopes=("admin",), answer={"approvals": [_APPROVAL], "more": False}
    ),
    "GET /v1/approvals/{approval_id}": Described(gives=(a.ApprovalSeen,), scopes=("admin", "execute")),
    "POST /v1/approvals/{approval_id}/grant": Described(**_SAYS_WHY),
    "POST /v1/approvals/{approval_id}/deny": Described(**_SAYS_WHY),
    "POST /v1/approvals/{approval_id}/resume": Described(gives=(spoken.ChatAnswer,), scopes=("execute",)),
    "POST /v1/chat/completions": Described(
        (spoken.ChatGiven,),
        (spoken.ChatAnswer,),
        ("execute",),
        {"model": "auto", "messages": [{"role": "user", "content": "What is a lien?"}]},
        media=("application/json", "text/event-stream"),
    ),
    "POST /v1/responses": Described(
        (spoken.ResponseGiven,),
        (spoken.ResponseAnswer,),
        ("execute",),
        {"model": "auto", "input": "What is a lien?"},
        media=("application/json", "text/event-stream"),
    ),
    "GET /v1/keys": Described(gives=(a.KeysShown,), scopes=("admin",)),
    "POST /v1/keys": Described(
        (a.KeyWanted,),
        (a.KeyMade,),
        ("admin",),
        {"name": "support's product", "scopes": ["route", "outcomes"], "org": "acme", "why": "A new product."},
        status=(201,),
    ),
    "POST /v1/keys/{key_id}/revoke": Described(
        (a.Why,), (a.KeyShown,), ("admin",), {"why": "It stood in a public repository."}
    ),
    "GET /v1/switches": Described(gives=(a.SwitchesShown,), scopes=("admin",)),
    "POST /v1/switches": Described(
        (TurnOff,),
        (a.SwitchShown,),
        ("admin",),
        {"places": ["openai"], "why": "The vendor reports an incident.", "until": "2026-03-01T18:00:00Z"},
        status=(201,),
    ),
    "POST /v1/switches/{name}/end": Described(
        (TurnOn,), (a.SwitchEnded,), ("admin",), {"why": "The incident is over."}
    ),
    "GET /healthz": Described(gives=(a.Alive,)),
    "GET /readyz": Described(gives=(a.Readiness,), status=(200, 503)),
    "GET /metrics": Described(scopes=("admin",), media=("text/plain",)),
    "GET /v1/status": Described(gives=(a.StatusShown,), scopes=("admin",)),
}
