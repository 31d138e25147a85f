"""What a tool returned, as JSON that is small enough for a lane to read."""

from __future__ import annotations

import json

from pydantic import JsonValue

LARGEST = 20_000  # characters of one result


class NotJsonError(ValueError):
    """A result that JSON cannot hold."""


def as_json(result: object, *, largest: int = LARGEST) -> JsonValue:
    """A copy of a result, cut where it is too long.

    Args:
        largest: characters of its JSON.

    Raises:
        NotJsonError: it is not JSON.

    >>> as_json({"id": 7, "rows": [1, 2]})
    {'id': 7, 'rows': [1, 2]}
    >>> as_json("x" * 50, largest=20)["note"]
    'cut: the first 20 of 52 characters'
    """
    try:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        text = text.encode("utf-8", "replace").decode()
    except (TypeError, ValueError, RecursionError):
        raise NotJsonError(f"the result is not JSON ({type(result).__name__})") from None
    if len(text) > largest:
        return cut(text, len(text), largest=largest)
    found: JsonValue = json.loads(text)
    return found


def cut(text: str, length: int, *, largest: int = LARGEST) -> JsonValue:
    """The beginning of a result, and a note that it is no more than that."""
    return {"note": f"cut: the first {largest} of {length} characters", "text": text[:largest]}
