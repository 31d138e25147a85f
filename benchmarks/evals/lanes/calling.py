"""The calls that a good lane makes: in an order that their results allow, one by one or some at once."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.evals.lanes.played import ToolCall
from router_ml.config.execution import Tool
from training.evals.case import Case, RightCall

_OPTIONAL, _AT_ONCE, _DEFAULT_LEFT_OUT = 0.4, 0.6, 0.4


def right_calls(case: Case, tools: Mapping[str, Tool], rng: random.Random) -> tuple[tuple[ToolCall, ...], ...]:
    """The calls of a case, in batches that are made at once."""
    made = [at for at, right in enumerate(case.calls) if not right.optional or _worth_it(case, at, tools, rng)]
    needed = set(made) | {first for at in made for first in case.calls[at].after}
    levels: dict[int, list[int]] = {}
    for at in sorted(needed):
        levels.setdefault(_level(case.calls, at), []).append(at)
    batches: list[tuple[ToolCall, ...]] = []
    for _, some in sorted(levels.items()):
        looks = [at for at in some if case.calls[at].optional]
        rest = [at for at in some if at not in looks]
        groups = [looks] if looks else []
        groups += [rest] if rng.random() < _AT_ONCE else [[at] for at in rest]
        batches += [tuple(_call(case.calls[at], tools, rng) for at in group) for group in groups if group]
    return tuple(batches)


def _worth_it(case: Case, at: int, tools: Mapping[str, Tool], rng: random.Random) -> bool:
    """Whether a call that may be left out is made: only reading first, and nothing twice."""
    right = case.calls[at]
    others = [one.tool for place, one in enumerate(case.calls) if place != at]
    harmless = tools[right.tool].effect == "read" and not right.after and right.tool not in others
    return harmless and rng.random() < _OPTIONAL


def _level(calls: Sequence[RightCall], at: int) -> int:
    return 1 + max((_level(calls, first) for first in calls[at].after), default=-1)


def _call(right: RightCall, tools: Mapping[str, Tool], rng: random.Random) -> ToolCall:
    properties = tools[right.tool].parameters.get("properties", {})
    given: dict[str, Any] = {}
    for name, wanted in right.arguments.items():
        value = chosen(wanted, rng)
        shape = properties.get(name, {}) if isinstance(properties, dict) else {}
        by_default = isinstance(shape, dict) and "default" in shape and shape["default"] == value
        if value is None or (by_default and rng.random() < _DEFAULT_LEFT_OUT):
            continue
        given[name] = value
    names = list(given)
    rng.shuffle(names)
    return ToolCall(right.tool, {name: given[name] for name in names})


def chosen(wanted: Any, rng: random.Random) -> Any:
    """One of the values that fit."""
    if isinstance(wanted, dict):
        if "any_of" in wanted:
            return chosen(rng.choice(wanted["any_of"]), rng)
        if "any_order" in wanted:
            return rng.sample(wanted["any_order"], len(wanted["any_order"]))
        if "pattern" in wanted:
            return wanted["example"]
        return {name: chosen(one, rng) for name, one in wanted.items()}
    return [chosen(one, rng) for one in wanted] if isinstance(wanted, list) else wanted
