"""The key of a write, handed to functions that take it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from router_ml.config.execution import Tool
from router_ml.errors import InvalidRequestError

KEY = "idempotency_key"
Place = Literal["keyword", "position"]


def place_of_key(name: str, function: Callable[..., Any], tool: Tool) -> Place | None:
    """How a function takes the key of a call; None where it does not.

    Raises:
        InvalidRequestError: its tool has an argument of that name, and only one of the two could be given.
    """
    try:
        found = inspect.signature(function).parameters.get(KEY)
    except (TypeError, ValueError):  # built in, without a signature
        return None
    if found is None:
        return None
    if found.kind is inspect.Parameter.POSITIONAL_ONLY:
        return "position"
    properties = tool.parameters.get("properties")
    if isinstance(properties, dict) and KEY in properties:
        raise InvalidRequestError(
            f"Found {KEY} as an argument of {name} and as the key of its function. "
            f"Take the key by position: def {name}({KEY}, /, **arguments)."
        )
    return "keyword"


def by_position(function: Callable[..., Any], key: str | None) -> Callable[..., Any]:
    """A function with its first argument given, so that no argument of a lane can stand in for it."""
    if inspect.isroutine(function):
        return partial(function, key)
    return partial(type(function).__call__, function, key)  # still known as a coroutine function where it is one
