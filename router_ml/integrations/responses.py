"""Responses in the shape of the OpenAI API: how a call is read, and how what came of it is told.

The names are those of ``chats``. Nothing is kept between calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.integrations.asking import Asked, ask
from router_ml.integrations.chats import Fields, Stamp, own_fields, refuse
from router_ml.integrations.responses_items import chosen, format_of, messages_of, tools_of
from router_ml.integrations.responses_telling import Teller, told
from router_ml.integrations.shapes import mapping, words

__all__ = ["Teller", "read", "told"]

_REFUSED: dict[str, tuple[Any, ...]] = {
    "top_logprobs": (None, 0),
    "prompt": (None,),
    "max_tool_calls": (None,),
    "moderation": (None,),
    "context_management": (None, []),
}
_NEEDS_MEMORY = {
    "previous_response_id": "Send the conversation so far as input: its messages, calls and results.",
    "conversation": "Send the conversation so far as input: its messages, calls and results.",
    "background": "Wait for the answer, or stream it.",
    "store": "Leave it out; what was decided and done is under the id of the response, in the event log.",
}
"""What asks for something to be kept, and what to do instead."""


def read(config: RouterConfig, sent: Fields, *, patience_ms: float | None = None, stamped: Stamp = dict) -> Asked:
    """A call as a request for the router; see ``chats.read``.

    Raises:
        InvalidRequestError: it cannot be read, asks for what no lane promises, or for what an earlier call left.
    """
    for name, instead in _NEEDS_MEMORY.items():
        if sent.get(name) not in (None, False):
            raise InvalidRequestError(f"No responses are kept, so {name} has no meaning here. {instead}")
    refuse(sent, _REFUSED)
    if any(each.endswith(".logprobs") for each in words(sent.get("include"), "include")):
        raise InvalidRequestError(
            "The router cannot promise log probabilities on every lane. Leave them out of include."
        )
    choice, tools = chosen(sent.get("tool_choice"), tools_of(sent.get("tools")))
    return ask(
        config,
        messages_of(sent.get("input"), sent.get("instructions")),
        model=sent.get("model") or "router",
        tools=tools,
        tool_choice=choice,
        response_format=format_of(sent.get("text")),
        decoding=_wishes(sent),
        router=own_fields(sent, patience_ms=patience_ms, stamped=stamped),
    )


def _wishes(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "temperature": sent.get("temperature"),
        "top_p": sent.get("top_p"),
        "max_tokens": sent.get("max_output_tokens"),
        "parallel_tool_calls": sent.get("parallel_tool_calls"),
        "reasoning_effort": mapping(sent.get("reasoning"), "reasoning").get("effort"),
    }
