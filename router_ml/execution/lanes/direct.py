"""Calls that LiteLLM would pass on as they are, made with OpenAI's own client.

LiteLLM prices and logs each call, which takes several times what the call itself does, and nobody here reads it. What
it changes, for a model, a provider or a message, is left to it; so is everything while somebody listens to its calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router_ml.contract.base import JsonObject

_PROVIDERS = ("openai",)
_OURS = frozenset(
    ("model", "messages", "timeout", "num_retries", "max_retries", "drop_params", "caching", "api_base", "api_key")
) | frozenset(("client", "extra_headers"))
"""Arguments for LiteLLM that are no parameters of the model."""
_TRIED: dict[str, Any] = {
    "temperature": 0.3,
    "top_p": 0.5,
    "max_tokens": 7,
    "seed": 3,
    "stop": ["END"],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": "required",
}
"""Of each parameter that a call may have, a value with which LiteLLM shows whether it changes any."""
_LISTENING = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "_async_success_callback",
    "_async_failure_callback",
)
_CHANGING = ("headers", "organization", "cache")
_ITSELF = "cache"
"""LiteLLM adds it to the lists of who listens with its first call; without a ``cache`` it does nothing."""


def passed_on(litellm: Any, model: str, provider: str) -> bool:
    """Whether LiteLLM leaves the parameters of calls to a model as they are."""
    if provider not in _PROVIDERS:
        return False
    try:
        name = litellm.get_llm_provider(model)[0]
        made = litellm.utils.get_optional_params(model=name, custom_llm_provider=provider, drop_params=True, **_TRIED)
    except Exception:  # noqa: BLE001 - what LiteLLM does not know fails when it is called
        return False
    return {key: value for key, value in made.items() if value} == _TRIED


def parameters(litellm: Any, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters of a call that can be made without LiteLLM; None where it has to make it."""
    client, said = arguments.get("client"), {key: value for key, value in arguments.items() if key not in _OURS}
    if client is None or not said.keys() <= _TRIED.keys() or not _texts(arguments["messages"]):
        return None
    listening = (one for name in _LISTENING for one in getattr(litellm, name, None) or ())
    if any(one != _ITSELF for one in listening) or any(getattr(litellm, name, None) for name in _CHANGING):
        return None
    return said


async def complete(arguments: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
    """The chat completion, as it came."""
    import httpx

    model = str(arguments["model"]).partition("/")[2]
    answer = await arguments["client"].post(
        "/chat/completions",
        cast_to=httpx.Response,
        body={"model": model, "messages": arguments["messages"], **said},
        options={"timeout": arguments["timeout"], "headers": arguments.get("extra_headers") or {}},
    )
    return answer.json()


def _texts(messages: Sequence[JsonObject]) -> bool:
    """Whether all messages are texts, or calls of tools: LiteLLM rewrites parts of some kinds."""
    return all(isinstance(message.get("content"), str | None) for message in messages)
