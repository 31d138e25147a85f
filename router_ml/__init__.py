"""router_ml decides, for every LLM request, which lane, tools, retrieval and output contract to use, and proves why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_ml.contract import Execution, Outcome, RouteDecision, RouteRequest
    from router_ml.execution import Completion, Executor
    from router_ml.execution.shared import acomplete, complete
    from router_ml.front_door import apredict_route, log_execution, log_outcome, predict_route
    from router_ml.rollout import Rollout
    from router_ml.router import Router

__all__ = [
    "Completion",
    "Execution",
    "Executor",
    "Outcome",
    "Rollout",
    "RouteDecision",
    "RouteRequest",
    "Router",
    "acomplete",
    "apredict_route",
    "complete",
    "log_execution",
    "log_outcome",
    "predict_route",
]

_HOMES = {
    "Completion": "router_ml.execution",
    "Executor": "router_ml.execution",
    **dict.fromkeys(("acomplete", "complete"), "router_ml.execution.shared"),
    "Rollout": "router_ml.rollout",
    "Router": "router_ml.router",
    **dict.fromkeys(("apredict_route", "log_execution", "log_outcome", "predict_route"), "router_ml.front_door"),
}


def __getattr__(name: str) -> object:
    """Load public names on first use, so that importing the package stays cheap."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "router_ml.contract")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
