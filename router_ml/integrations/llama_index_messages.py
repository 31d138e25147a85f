"""Messages of LlamaIndex in the OpenAI shape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ThinkingBlock, ToolCallBlock

from router_ml.errors import InvalidRequestError

_ROLES = {"chatbot": "assistant", "model": "assistant"}


def as_openai(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """The same conversation; thinking is left out, as nobody but the lane that thought it can use it.

    Raises:
        InvalidRequestError: a block that no lane is known to read.
    """
    return [_message(each) for each in messages]


def _message(message: ChatMessage) -> dict[str, Any]:
    said, parts, calls = [], [], []
    for block in message.blocks:
        if isinstance(block, TextBlock):
            said.append(block.text)
            parts.append({"type": "text", "text": block.text})
        elif isinstance(block, ImageBlock):
            parts.append(
                {"type": "image_url", "image_url": {"url": str(block.url) if block.url else block.inline_url()}}
            )
        elif isinstance(block, ToolCallBlock):
            calls.append(_call(block))
        elif not isinstance(block, ThinkingBlock):
            raise InvalidRequestError(f"A message holds a {type(block).__name__}. Give text, images or tool calls.")
    more = message.additional_kwargs
    found = {
        "role": _ROLES.get(message.role.value, message.role.value),
        "content": "\n".join(said) if len(parts) == len(said) else parts,
        "tool_calls": calls or more.get("tool_calls"),
        "tool_call_id": more.get("tool_call_id"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _call(block: ToolCallBlock) -> dict[str, Any]:
    given = block.tool_kwargs
    arguments = given if isinstance(given, str) else json.dumps(given)
    return {
        "id": block.tool_call_id or "",
        "type": "function",
        "function": {"name": block.tool_name, "arguments": arguments},
    }
