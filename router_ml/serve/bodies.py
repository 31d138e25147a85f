"""JSON that comes in: bounded in depth, in length and in what it holds altogether, since the work on a request grows
with its parts and not with its bytes alone."""

from __future__ import annotations

import json
import math
from typing import Any

from router_ml.errors import InvalidRequestError

MOST_DEPTH = 64
MOST_NODES = 20_000
"""Values in a body, keys of objects not counted."""
MOST_ITEMS = 2_000
"""Of a list, as messages are one."""
MOST_FIELDS = 256
"""Of an object, as the metadata are one."""
LARGE_BYTES = 32_768
"""From which on a body is read in a thread."""


def read_object(body: bytes | bytearray) -> dict[str, Any]:
    """A JSON object (RFC 8259: no NaN, no infinity, and no number that becomes one, as ``1e999`` does).

    Raises:
        InvalidRequestError: it is none, or larger than it may be.
    """
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise InvalidRequestError("The body is not JSON. Send a JSON object, in UTF-8.") from None
    if not isinstance(found, dict):
        raise InvalidRequestError(f"The body is a {type(found).__name__}, expected a JSON object.")
    bound(found)
    return found


def bound(found: dict[str, Any] | list[Any]) -> None:
    """See to it that a value is of a bounded size; level by level, so that depth costs no stack.

    Raises:
        InvalidRequestError: it is not.
    """
    level: list[Any] = [found]
    nodes = 1
    for _ in range(MOST_DEPTH):
        inside: list[Any] = []
        for one in level:
            _bound_one(one)
            nodes += len(one)
            if nodes > MOST_NODES:
                raise InvalidRequestError(f"The body holds more than {MOST_NODES} values. Send less at a time.")
            children = one.values() if type(one) is dict else one
            inside.extend(child for child in children if type(child) in (dict, list))
        if not inside:
            return
        level = inside
    raise InvalidRequestError(f"The body is nested more than {MOST_DEPTH} deep. Send it flatter.")


def _bound_one(one: Any) -> None:
    if type(one) is dict and len(one) > MOST_FIELDS:
        raise InvalidRequestError(f"An object of the body has more than {MOST_FIELDS} fields. Send fewer.")
    if type(one) is list and len(one) > MOST_ITEMS:
        raise InvalidRequestError(f"A list in the body has more than {MOST_ITEMS} items. Send fewer at a time.")


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number
