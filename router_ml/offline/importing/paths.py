"""Values in nested rows, by a path such as ``response.choices[0].message``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")


def look_up(row: Mapping[str, Any], path: str) -> Any:
    """What stands there; None where nothing does. A column whose own name is the path comes first; a text on the way
    that is JSON is looked into, as databases export it.

    >>> look_up({"a": '{"b": [{"c": 3}]}'}, "a.b[0].c")
    3
    """
    if path in row:
        return row[path]
    value: Any = row
    for step in _steps(path):
        if isinstance(value, str):
            value = from_json(value)
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def from_json(text: str) -> Any:
    """What a text is as JSON; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(index) if index else name for name, index in _STEP.findall(path))
