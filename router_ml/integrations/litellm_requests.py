"""A request of the LiteLLM proxy: read for the router, and changed to what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.execution.client_side import ClientSide, decoding_with
from router_ml.execution.messages import as_sent
from router_ml.execution.validation.checking import instructions
from router_ml.execution.validation.structured import decoding_for, held_to_shape
from router_ml.integrations.asking import Asked, ask
from router_ml.integrations.flights import Flight
from router_ml.integrations.litellm_calls import MARK
from router_ml.integrations.shapes import mapping

_WAYS_OUT = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_WISHES = ("temperature", "top_p", "seed", "reasoning_effort")
_REPLACED = ("router", "tools", "tool_choice", "max_completion_tokens", "response_format", *_WISHES, *_WAYS_OUT)


def read(config: RouterConfig, data: Mapping[str, Any], key: Any) -> Asked:
    """What the client sent. What the key's own metadata says under ``router_ml`` outranks the client's metadata.

    Raises:
        InvalidRequestError: it cannot be read.
    """
    own = mapping(data.get("router"), "router")
    sent = (data.get("metadata") or {}).get("requester_metadata") or {}  # beside it stands what the proxy noted
    user = {"user": data["user"]} if data.get("user") else {}
    given = {**sent, **user, **mapping(own.get("metadata"), "router.metadata")}
    fixed = (getattr(key, "metadata", None) or {}).get(MARK) or {}
    wished = {name: data.get(name) for name in (*_WISHES, "stop")}
    most = data.get("max_completion_tokens")
    wished["max_tokens"] = data.get("max_tokens") if most is None else most
    asked = ask(
        config,
        data.get("messages"),
        model=str(data.get("model")),
        tools=data.get("tools"),
        tool_choice=data.get("tool_choice"),
        response_format=data.get("response_format"),
        decoding=wished,
        router={**own, "metadata": {**given, **fixed}},
    )
    if asked.client.must_call and not asked.client.tools:
        raise InvalidRequestError("The tool_choice asks for a tool of the router, and the proxy calls none of these.")
    return asked


def rewrite(
    config: RouterConfig, data: dict[str, Any], flight: Flight, client: ClientSide, lanes: Sequence[str]
) -> None:
    """Change the data of a request to what was decided, its tools to those of ``client``.

    Args:
        lanes: that are left, first the one that is called; behind it stand only those of its fallback.
    """
    decision = flight.decision
    lane, contract = lanes[0], decision.output_contract
    decoding = decoding_for(config.lanes[lane], decoding_with(client, decision.decoding), contract)
    for name in _REPLACED:
        data.pop(name, None)
    behind = list(lanes[1:])
    data |= dict.fromkeys(_WAYS_OUT, behind)
    data |= decoding.model_dump(exclude_none=True, exclude={"grammar", "stop"})
    data |= {"model": lane, **({"stop": list(decoding.stop)} if decoding.stop else {})}
    if client.tools:
        data |= {"tools": list(client.tools), "tool_choice": "required" if client.must_call else "auto"}
    else:
        data.pop("parallel_tool_calls", None)  # vendors refuse it without tools
    if decision.limits.deadline_ms is not None:
        data["timeout"] = min(float(data.get("timeout") or 600.0), decision.limits.deadline_ms / 1000)
    if not all(held_to_shape(config.lanes[name], contract) for name in (lane, *behind)):
        data["messages"] = as_sent(data["messages"], instructions(contract))
    mark = {"decision_id": decision.decision_id, "lane": lane, "route": decision.route}
    data["metadata"] = {**(data.get("metadata") or {}), MARK: mark}
    flight.given.append(lane)


def error_of(status: int, code: str, said: str, **more: Any) -> Exception:
    """An error that the proxy hands to the client."""
    from fastapi import HTTPException

    found: Exception = HTTPException(status, detail={"error": said, "code": code, **more})
    return found
