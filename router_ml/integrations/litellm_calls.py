"""What LiteLLM tells of a call, as a hop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from router_ml.contract import FailureKind
from router_ml.execution.lanes.errors import failure_of
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.normal import from_openai
from router_ml.execution.lanes.reply import Reply

T = TypeVar("T")

MARK = "router_ml"
"""Name under which the decision of a request is remembered."""


def marked(kwargs: Mapping[str, Any]) -> object:
    """The decision that a call follows, from the arguments of a callback or the data of a hook, as ``ProxyHook`` noted
    it over whatever the client had sent under this name."""
    return _decision((metadata_of(kwargs)).get(MARK))


def signalled(kwargs: Mapping[str, Any]) -> object:
    """The same as ``LanePlugin`` noted it; LiteLLM writes the signals of plugins over what the client sent."""
    return _decision((metadata_of(kwargs).get("routing_plugin_signals") or {}).get(MARK))


def _decision(mark: object) -> object:
    return mark.get("decision_id") if isinstance(mark, Mapping) else None


def metadata_of(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What LiteLLM noted of a call: ``model_group``, ``deployment``, ``attempted_retries``."""
    inside = kwargs.get("litellm_params") or kwargs
    found: Mapping[str, Any] = inside.get("metadata") or {}
    return found


async def apart(work: Callable[..., T], *given: Any, **more: Any) -> T:
    """Do what may take a while in a thread; here, where LiteLLM logs what is left while the program ends."""
    try:
        return await asyncio.to_thread(work, *given, **more)
    except RuntimeError as error:
        if "shutdown" not in str(error):
            raise
        return work(*given, **more)


def milliseconds(start: object, end: object) -> float:
    """How long a call took."""
    if isinstance(start, datetime) and isinstance(end, datetime):
        return max((end - start).total_seconds() * 1000, 0.0)
    return 0.0


def failed(error: object) -> tuple[FailureKind, str]:
    """Kind and detail of a failure, without text of the request."""
    found = failure_of(error) if isinstance(error, BaseException) else LaneFailure("server_error", "Error")
    return found.kind, found.detail


def reply_of(response: Any) -> Reply:
    """A response in normal form.

    Raises:
        LaneFailure: it holds no answer.
    """
    return from_openai(response.model_dump() if hasattr(response, "model_dump") else response)


_BY_NAME: tuple[tuple[str, FailureKind], ...] = (
    ("Timeout", "timeout"),
    ("RateLimit", "rate_limit"),
    ("ContextWindow", "context_overflow"),
    ("ContentPolicy", "content_filter"),
    ("Authentication", "authentication"),
    ("APIConnection", "connection"),
)


def why(metadata: Mapping[str, Any]) -> FailureKind:
    """Why the call before this one failed: LiteLLM keeps the name of the error."""
    before = metadata.get("previous_models") or ()
    name = str(before[-1].get("exception_type", "")) if before else ""
    return next((kind for known, kind in _BY_NAME if known in name), "server_error")
