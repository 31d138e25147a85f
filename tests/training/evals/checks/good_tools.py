"""What a good lane does with a case of the suite ``tools``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.evals.case import RightCall

Call = tuple[str, Any]


def value(expected: Any) -> Any:
    """What it writes where this is expected; lists whose order does not matter from the end."""
    match expected:
        case {"any_of": [first, *_]}:
            return value(first)
        case {"any_order": list(items)}:
            return [value(one) for one in reversed(items)]
        case {"pattern": str(), "example": example}:
            return example
        case dict():
            return {key: value(one) for key, one in expected.items()}
        case list():
            return [value(one) for one in expected]
    return expected


def right(calls: Sequence[RightCall], *, optional: bool = False) -> list[Call]:
    """The right calls, with those that may be left out or without."""
    return [(one.tool, value(one.arguments)) for one in calls if optional or not one.optional]
