"""What LiteLLM is told of a call: the endpoint of the lane, and as much of the decoding as lane and provider take."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router_ml.config import Lane
from router_ml.config.execution import Endpoint
from router_ml.contract import Decoding
from router_ml.contract.base import JsonObject
from router_ml.execution.lanes.failures import LaneFailure

_SELF_HOSTED = {"hosted_vllm": "HOSTED_VLLM_API_BASE"}
"""Providers without an address of their own, and where LiteLLM looks for one. Without it, LiteLLM would send what was
meant for a private server to OpenAI."""

_VENDORS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "mistral": "https://api.mistral.ai/v1",
}
"""Addresses of vendors. They are told to LiteLLM, which would else look for others in the environment."""

_KEYS = {"openai": "OPENAI_API_KEY", "mistral": "MISTRAL_API_KEY"}
"""Where the key is whose vendor's client takes it together with the address, or would be called without one."""

_NO_KEY = "none"
"""For a server of one's own that asks for no key: LiteLLM would send it the vendor's."""


@dataclass(frozen=True)
class Place:
    """Where a lane is called. ``takes``: names of parameters that its provider knows, None where that is not known."""

    lane: Lane
    provider: str
    takes: frozenset[str] | None = None

    @property
    def tagged(self) -> bool:
        """Whether thinking comes apart from the text, as at a vendor; a server of one's own may swallow its tag."""
        end = self.lane.endpoint
        return end.base_url is None and end.base_url_env is None and self.provider not in _SELF_HOSTED

    def endpoint(self) -> dict[str, Any]:
        """Address and key as LiteLLM takes them.

        Raises:
            LaneFailure: where there should be one: ``unavailable`` without an address, ``authentication`` without key.
        """
        end = self.lane.endpoint
        own = _base(end, self.provider)
        base = own or _VENDORS.get(self.provider)
        if base is None:
            _unbent(self.provider)
        name = end.key_env or (_KEYS.get(self.provider) if own is None else None)
        key = None if name is None else os.environ.get(name)
        if name is not None and not key:
            raise LaneFailure("authentication", f"MissingKeyError {name} is not set")
        if key is None and own is not None:
            key = _NO_KEY
        return {**({"api_base": base} if base else {}), **({"api_key": key} if key else {})}

    def decoding(
        self, decoding: Decoding, messages: Sequence[JsonObject] = (), *, must_call: bool = False
    ) -> dict[str, Any]:
        """What of a decoding the lane can be told; the rest is left out, since answers are validated in any case."""
        able = self.lane.capabilities
        said = decoding.model_dump(exclude_none=True, exclude={"grammar", "stop", "reasoning_effort"})
        if decoding.stop:
            said["stop"] = list(decoding.stop)
        if decoding.reasoning_effort is not None and "reasoning" in able:
            said["reasoning_effort"] = decoding.reasoning_effort
        if "json_schema" not in able and "json_object" not in able:
            said.pop("response_format", None)
        if self.takes is not None:
            said = {name: value for name, value in said.items() if name in self.takes}
        if self.provider == "anthropic":
            said = _for_anthropic(said, thinks=not must_call and not any(map(_thoughtless, messages)))
        return {**said, **self._grammar(decoding.grammar)}

    def messages(self, messages: Sequence[JsonObject]) -> list[JsonObject]:
        """Without what only the vendor that wrote it understands."""
        if self.provider == "anthropic":
            return list(messages)
        return [{name: value for name, value in one.items() if name != "thinking_blocks"} for one in messages]

    def _grammar(self, grammar: str | None) -> dict[str, Any]:
        """vLLM renamed the parameter: ``grammar`` among the capabilities of a lane means the new name."""
        if grammar is None or self.provider != "hosted_vllm":
            return {}
        if "grammar" in self.lane.capabilities:
            return {"extra_body": {"structured_outputs": {"grammar": grammar}}}
        if "guided_grammar" in self.lane.capabilities:
            return {"extra_body": {"guided_grammar": grammar}}
        return {}


def _base(end: Endpoint, provider: str) -> str | None:
    if end.base_url is not None:
        return end.base_url
    name = end.base_url_env or _SELF_HOSTED.get(provider)
    if name is None:
        return None
    found = os.environ.get(name)
    if not found:
        raise LaneFailure("unavailable", f"MissingAddressError {name} is not set")
    return found


def _unbent(provider: str) -> None:
    """LiteLLM would take an address that nobody configured for this lane from the environment."""
    for name in (f"{provider.upper()}_API_BASE", f"{provider.upper()}_BASE_URL"):
        if os.environ.get(name):
            raise LaneFailure("unavailable", f"ForeignAddressError {name} is set, and not named as base_url_env")


_BUDGETS = {"high": 4096, "medium": 2048, "low": 1024}
"""Tokens that LiteLLM gives each effort to think with on Anthropic; they count as output."""


def _for_anthropic(said: Mapping[str, Any], *, thinks: bool) -> dict[str, Any]:
    """What would be refused there is left out: a temperature or top_p beside thinking, both of them together, more
    thinking than output, thinking where a tool has to be called or after a call that was made without it."""
    kept = dict(said)
    effort = kept.pop("reasoning_effort", None)
    effort = _fitting(effort, kept.get("max_tokens")) if effort is not None and thinks else None
    kept |= {} if effort is None else {"reasoning_effort": effort}
    without = {"temperature", "top_p"} if "reasoning_effort" in kept else {"top_p"} if "temperature" in kept else set()
    return {name: value for name, value in kept.items() if name not in without}


def _fitting(effort: str, max_tokens: int | None) -> str | None:
    """The effort, or the greatest below it that leaves room for an answer."""
    if max_tokens is None or effort not in _BUDGETS:
        return effort
    below = list(_BUDGETS)[list(_BUDGETS).index(effort) :]
    return next((one for one in below if _BUDGETS[one] < max_tokens), None)


def _thoughtless(message: JsonObject) -> bool:
    return bool(message.get("tool_calls")) and not message.get("thinking_blocks")


def tools(offered: Sequence[JsonObject], *, must_call: bool) -> dict[str, Any]:
    """Tools as LiteLLM takes them; nothing where none is offered."""
    return {"tools": list(offered), "tool_choice": "required" if must_call else "auto"} if offered else {}
