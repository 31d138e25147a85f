"""Input of the Responses API as messages of a conversation, and its tools as those of chat completions.

Nothing is kept between calls, so a conversation comes whole: messages, calls of functions and what they gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError
from router_ml.integrations.shapes import mapping, objects

_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
"""Parts of a content that are a text, and the field that it stands in."""


def messages_of(given: Any, instructions: Any) -> list[JsonObject]:
    """Messages in the shape of chat completions; calls of functions side by side are those of one message.

    Args:
        given: ``input``: a text or items. instructions: what is said before it.

    Raises:
        InvalidRequestError: an item cannot be read, or no lane could be sent it.
    """
    if instructions is not None and not isinstance(instructions, str):
        raise InvalidRequestError(f"instructions is of type {type(instructions).__name__}, expected a text.")
    if given is None:
        raise InvalidRequestError("The request has no input. Give a text, or a list of items.")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else objects(given, "input")
    found: list[JsonObject] = []
    for index, item in enumerate(items):
        _take(found, item, f"input[{index}]")
    if not instructions:
        return found
    first = found[0] if found else {}
    if first.get("role") in ("system", "developer") and isinstance(first.get("content"), str):
        return [{**first, "content": f"{instructions}\n\n{first['content']}"}, *found[1:]]  # not every server takes two
    return [{"role": "system", "content": instructions}, *found]


def tools_of(given: Any) -> list[JsonObject]:
    """Functions in the shape of chat completions.

    Raises:
        InvalidRequestError: one is of another kind, which only its vendor could run.
    """
    found: list[JsonObject] = []
    for index, tool in enumerate(objects(given, "tools")):
        kind = tool.pop("type", None)
        if kind != "function":
            raise InvalidRequestError(
                f"tools[{index}] is no function. Lanes of many vendors may answer, so only functions are offered: "
                'give {"type": "function", "name": ..., "parameters": ...}.'
            )
        function = {name: value for name, value in tool.items() if value is not None}
        found.append({"type": "function", "function": function})
    return found


def chosen(given: Any, tools: list[JsonObject]) -> tuple[Any, list[JsonObject]]:
    """``tool_choice`` in the shape of chat completions, and the tools that it leaves.

    Raises:
        InvalidRequestError: it is of another kind.
    """
    if not isinstance(given, Mapping):
        return given, tools
    if given.get("type") == "function":
        return {"type": "function", "function": {"name": given.get("name")}}, tools
    if given.get("type") != "allowed_tools":
        raise InvalidRequestError(
            'The tool_choice cannot be read. Give auto, none, required, {"type": "function", "name": ...} or '
            '{"type": "allowed_tools", "mode": ..., "tools": [...]}.'
        )
    names = [each.get("name") for each in objects(given.get("tools"), "tool_choice.tools")]
    if not all(isinstance(name, str) for name in names):
        raise InvalidRequestError("tool_choice.tools names a function by something else than a text.")
    return given.get("mode", "auto"), [tool for tool in tools if _named(tool) in names]


def format_of(text: Any) -> dict[str, Any] | None:
    """``text.format`` as a ``response_format``.

    Raises:
        InvalidRequestError: it is no object.
    """
    given = mapping(mapping(text, "text").get("format"), "text.format")
    if given.get("type") != "json_schema":
        return given or None
    return {"type": "json_schema", "json_schema": {name: value for name, value in given.items() if name != "type"}}


def _named(tool: JsonObject) -> Any:
    function = tool["function"]
    return function.get("name") if isinstance(function, Mapping) else None


def _take(found: list[JsonObject], item: Mapping[str, Any], where: str) -> None:
    """Put an item into the conversation."""
    kind = item.get("type") or "message"
    if kind == "message":
        found.append({"role": item.get("role"), "content": _content(item.get("content"), f"{where}.content")})
    elif kind == "function_call":
        _calls_of(found).append(
            {
                "id": item.get("call_id"),
                "type": "function",
                "function": {"name": item.get("name"), "arguments": item.get("arguments") or "{}"},
            }
        )
    elif kind == "function_call_output":
        said = _content(item.get("output"), f"{where}.output")
        if not isinstance(said, str):
            raise InvalidRequestError(
                f"{where}.output holds more than a text. Give what a function returned as a text."
            )
        found.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": said})
    elif kind == "item_reference":
        raise InvalidRequestError(f"{where} refers to an item of an earlier call, and none is kept. Send the item.")
    elif kind != "reasoning":  # which only the model that thought it can read
        raise InvalidRequestError(
            f"{where} is none of message, function_call and function_call_output. Leave it out, or say it as a message."
        )


def _calls_of(found: list[JsonObject]) -> list[Any]:
    """Where the next call of a function belongs: to the assistant's message before it, if that is the last one."""
    if not found or found[-1].get("role") != "assistant":
        found.append({"role": "assistant", "content": None})
    calls = found[-1].setdefault("tool_calls", [])
    assert isinstance(calls, list)
    return calls


def _content(given: Any, where: str) -> Any:
    """A content in the shape of chat completions: a text, or parts where there are images among them."""
    if given is None or isinstance(given, str):
        return given
    parts = [_part(part, f"{where}[{index}]") for index, part in enumerate(objects(given, where))]
    if all(part["type"] == "text" for part in parts):
        return parts[0]["text"] if len(parts) == 1 else "\n".join(part["text"] for part in parts)
    return parts


def _part(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    kind = part.get("type")
    said = part.get(_TEXTS.get(kind, "")) if isinstance(kind, str) else None
    if isinstance(said, str):
        return {"type": "text", "text": said}
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
    raise InvalidRequestError(
        f"{where} cannot be sent to every lane. Give input_text, output_text, or input_image with an image_url; "
        "files by id are not known here."
    )
