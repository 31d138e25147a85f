"""Whether a call in the OpenAI shape has that shape, looked at before anything is read out of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from router_ml.errors import InvalidRequestError

_EFFORT = re.compile(r"[a-z]{1,12}")  # goes to lanes unread, so that no other words may stand there
_BOUNDS = {"max_tokens": (1, math.inf), "temperature": (0, 2), "top_p": (0, 1)}
"""Beyond these every vendor refuses, and one lane after the other would be asked."""


def mapping(given: Any, name: str) -> dict[str, Any]:
    """A field that holds fields, or nothing.

    Raises:
        InvalidRequestError: it is something else.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidRequestError(f"{name} is {_kind(given)}, expected an object.")
    return dict(given)


def objects(given: Any, name: str) -> list[dict[str, Any]]:
    """A list of objects, or nothing.

    Raises:
        InvalidRequestError: it is something else.
    """
    if given is None:
        return []
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidRequestError(f"{name} is {_kind(given)}, expected a list of objects.")
    return [mapping(each if each is not None else "", f"{name}[{index}]") for index, each in enumerate(given)]


def words(given: Any, name: str) -> tuple[str, ...]:
    """A text, a list of texts, or nothing.

    Raises:
        InvalidRequestError: it is something else.
    """
    found = (given,) if isinstance(given, str) else () if given is None else given
    if not isinstance(found, Sequence) or not all(isinstance(each, str) for each in found):
        raise InvalidRequestError(f"{name} is {_kind(given)}, expected a text or a list of texts.")
    return tuple(found)


def tools(given: Any) -> list[dict[str, Any]]:
    """Tools, each with a function that has a name.

    Raises:
        InvalidRequestError: one has none.
    """
    found = objects(given, "tools")
    for index, tool in enumerate(found):
        function = tool.get("function")
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
            raise InvalidRequestError(
                f"tools[{index}] has no function with a name. Give tools in the OpenAI shape: "
                '{"type": "function", "function": {"name": ...}}.'
            )
    return found


def choice_of(given: Any) -> str:
    """A ``tool_choice`` as ``auto``, ``none``, ``required``, or the name of a tool as ``=name``.

    Raises:
        InvalidRequestError: it is something else.
    """
    if isinstance(given, Mapping):
        function = given.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(name, str) or not name:
            raise InvalidRequestError(
                'The tool_choice cannot be read. Give auto, none, required, or {"type": "function", "function": '
                '{"name": ...}}.'
            )
        return f"={name}"
    if given is None or given is True:
        return "auto"
    if given is False:
        return "none"
    if not isinstance(given, str):
        raise InvalidRequestError(f"The tool_choice is {_kind(given)}, expected a text or an object.")
    return {"auto": "auto", "none": "none", "required": "required", "any": "required"}.get(given, f"={given}")


def wishes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Wishes for decoding that a lane can follow.

    Raises:
        InvalidRequestError: none can.
    """
    found = {**given, "stop": words(given.get("stop"), "stop")}
    for name, (least, most) in _BOUNDS.items():
        wished = found.get(name)
        if isinstance(wished, int | float) and not least <= wished <= most:
            raise InvalidRequestError(f"{name} is {wished}, expected {least} to {most}.")
    effort = found.get("reasoning_effort")
    if effort is not None and not (isinstance(effort, str) and _EFFORT.fullmatch(effort)):
        raise InvalidRequestError("reasoning_effort cannot be read. Give one word, such as low, medium or high.")
    return found


def _kind(given: object) -> str:
    return f"of type {type(given).__name__}"
