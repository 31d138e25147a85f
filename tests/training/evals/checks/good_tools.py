"""What a good lane does with a case of the suite ``tools``."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from router_ml.config.execution import Tool
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


def in_some_way(
    calls: Sequence[RightCall], tools: Mapping[str, Tool], rng: random.Random
) -> list[tuple[int, str, Any]]:
    """The right calls as another good lane makes them, each with its round: those that may be left out or not, at once
    or one by one, in any order that waits for what it has to, defaults said or not, whole amounts as 12 or 12.0."""
    wanted = {at for at, one in enumerate(calls) if not one.optional or rng.random() < 0.5}
    made: list[tuple[int, str, Any]] = []
    done: set[int] = set()
    number = 0
    while wanted - done:
        number += 1
        ready = [at for at in sorted(wanted - done) if set(calls[at].after) & wanted <= done]
        rng.shuffle(ready)
        for at in ready[: rng.randint(1, len(ready))]:
            made.append((number, calls[at].tool, _written(calls[at], tools[calls[at].tool], rng)))
            done.add(at)
    return made


def _written(call: RightCall, tool: Tool, rng: random.Random) -> dict[str, Any]:
    given = {key: value(one) for key, one in call.arguments.items()}
    properties = tool.parameters.get("properties")
    for name, schema in (properties if isinstance(properties, dict) else {}).items():
        if isinstance(schema, dict) and "default" in schema and name not in given and rng.random() < 0.5:
            given[name] = schema["default"]
    return {key: float(one) if isinstance(one, int) and rng.random() < 0.5 else one for key, one in given.items()}
