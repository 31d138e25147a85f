"""What a tool returned, as JSON that is small enough for a lane to read."""

from __future__ import annotations

import json

from pydantic import JsonValue

LARGEST = 20_000  # characters of one result


class NotJsonError(ValueError):
    """A result that JSON cannot hold."""


class Cut(dict[str, JsonValue]):
    """The beginning of a result that was too long, of which no schema speaks."""


def as_json(result: object) -> JsonValue:
    """A copy of a result, whole.

    Raises:
        NotJsonError: it is not JSON.

    >>> as_json({"id": 7, "rows": (1, 2)})
    {'id': 7, 'rows': [1, 2]}
    """
    if isinstance(result, Cut):
        return result
    try:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        text = text.encode("utf-8", "replace").decode()
    except (TypeError, ValueError, RecursionError):
        raise NotJsonError(f"the result is not JSON ({type(result).__name__})") from None
    found: JsonValue = json.loads(text)
    return found


def shortened(result: JsonValue, *, largest: int = LARGEST) -> JsonValue:
    """A result, cut where its JSON has more than ``largest`` characters.

    >>> shortened("x" * 50, largest=20)["note"]
    'cut: the first 20 of 52 characters'
    """
    if isinstance(result, Cut):
        return dict(result)
    text = json.dumps(result, ensure_ascii=False)
    return dict(cut(text, len(text), largest=largest)) if len(text) > largest else result


def cut(text: str, length: int, *, largest: int = LARGEST) -> Cut:
    """The beginning of a result, and a note that it is no more than that."""
    return Cut(note=f"cut: the first {largest} of {length} characters", text=text[:largest])
