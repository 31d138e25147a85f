"""``predict_route``, ``apredict_route``, ``log_outcome`` and ``log_execution``: one shared router, loaded on first use.

The router is ``Router.load()``: ``$ROUTER_ML_MODEL``, else the bundle that ships; where that is a whole registered
model, as ``models:/router``, it is a ``Rollout``, which follows its releases. It logs where ``$ROUTER_ML_LOG`` or its
``router.yaml`` says, else nowhere.
"""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import datetime
from typing import Any

from router_ml.contract import Execution, RouteDecision, RouteRequest
from router_ml.deciding.recording import Ack
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.storage.loading import MODEL_VARIABLE, whole_model

_lock = threading.Lock()
_shared: list[Router | Rollout] = []


def default_router() -> Router | Rollout:
    """The shared router of this process."""
    with _lock:
        if not _shared:
            model = os.environ.get(MODEL_VARIABLE, "")
            _shared.append(Rollout.open(model) if whole_model(model) else Router.load())
        return _shared[0]


def predict_route(
    request: str | RouteRequest | dict[str, Any],
    *,
    seed: int | None = None,
    now: datetime | None = None,
    decision_id: str | None = None,
    **fields: Any,
) -> RouteDecision:
    """Decide where one request goes.

    Args:
        request: a text, a RouteRequest, or a mapping of its fields.
        seed: of the draw; by default from the operating system, never from the content.
        now: clock of the decision; by default the current time.
        decision_id: by default a new random id.
        **fields: further fields of the request (``metadata``, ``channel``, ``allowed_tools``, ``constraints``, ...).

    Raises:
        InvalidRequestError: the request does not follow the contract.
    """
    return default_router().predict_route(request, seed=seed, now=now, decision_id=decision_id, **fields)


async def apredict_route(
    request: str | RouteRequest | dict[str, Any],
    *,
    deadline_ms: float | None = None,
    seed: int | None = None,
    now: datetime | None = None,
    decision_id: str | None = None,
    **fields: Any,
) -> RouteDecision:
    """``predict_route`` beside an event loop, by a deadline if there is one.

    Args:
        deadline_ms: milliseconds from now. What is not decided by then is decided at once by the rules alone, as a
            request that could not be scanned, and ``state.degraded`` says so. The first call loads the router and is
            measured from then on.
        request, seed, now, decision_id, **fields: as for ``predict_route``.

    Raises:
        InvalidRequestError: the request does not follow the contract.
    """
    router = _shared[0] if _shared else await asyncio.to_thread(default_router)
    return await router.apredict_route(
        request, deadline_ms=deadline_ms, seed=seed, now=now, decision_id=decision_id, **fields
    )


def log_outcome(decision_id: str, **fields: Any) -> Ack | None:
    """Log what became of a decision (``quality``, ``cost_usd``, ``labels``, ...).

    Returns:
        ``database`` or ``spool``, where it is safe now; None when no log is configured.

    Of several outcomes the latest rating counts, the latest cost, and so on; what one leaves out changes nothing.
    ``signals`` instead of a quality, as ``{"thumb": "up"}``, are worth what ``rewards.yaml`` says.

    Raises:
        InvalidRequestError: a field is wrong, or a signal that ``rewards.yaml`` does not know. LogError: it could not
            be kept, or, without a spool, the decision is not in the log.
    """
    return default_router().log_outcome(decision_id, **fields)


def log_execution(execution: Execution | dict[str, Any]) -> Ack | None:
    """Log what was done with a decision: an ``Execution`` or a mapping of its fields. Answer and errors are those of
    ``log_outcome``; the decision need not be in the log."""
    return default_router().log_execution(execution)
