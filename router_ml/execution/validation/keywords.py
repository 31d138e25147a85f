"""The keywords of JSON Schema whose work a stranger's schema could blow up, and a count on all others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from router_ml.execution.validation.formats import FORMATS

STEPS, REGEX_SECONDS = 100_000, 0.5  # of one validation
_FREE = 64  # entries of a keyword that count as one step
Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


class TooMuchWorkError(Exception):
    """A validation was given up; an answer that could not be checked has not passed."""


@dataclass
class Budget:
    """What one validation has left."""

    steps: int = STEPS
    seconds: float = REGEX_SECONDS
    patterns: dict[str, Any] = field(default_factory=dict)
    listed: dict[int, frozenset[str]] = field(default_factory=dict)

    def step(self, size: int) -> None:
        """Count one keyword; one that lists a great many things counts as several."""
        self.steps -= 1 + size // _FREE
        if self.steps < 0:
            raise TooMuchWorkError("$: takes more steps to validate than are allowed")

    def holds(self, values: list[Any], value: Any) -> bool:
        """Whether a value is one of an enumeration, however long that is."""
        known = self.listed.get(id(values))
        if known is None:
            known = self.listed[id(values)] = frozenset(map(_same, values))
        return _same(value) in known

    def search(self, pattern: str, text: str) -> bool:
        """Whether a pattern occurs in a text, while the time lasts."""
        found = self.patterns.get(pattern)
        if found is None:
            import regex  # type: ignore[import-untyped]  # of the extra that carries decisions out

            found = self.patterns[pattern] = regex.compile(pattern)
        began = time.perf_counter()
        try:
            hit = found.search(text, timeout=max(self.seconds, 1e-6))
        except TimeoutError:
            raise TooMuchWorkError("$: a pattern of the schema takes too long") from None
        self.seconds -= time.perf_counter() - began
        return hit is not None


_left: ContextVar[Budget | None] = ContextVar("router_ml_validation", default=None)


@contextmanager
def budgeted(*, steps: int = STEPS, seconds: float = REGEX_SECONDS) -> Iterator[None]:
    """One validation, with a budget of its own.

    Args:
        steps: keywords that are applied. seconds: that its patterns may search.
    """
    token = _left.set(Budget(steps, seconds))
    try:
        yield
    finally:
        _left.reset(token)


def left() -> Budget:
    """The budget of the validation that is going on."""
    return _left.get() or Budget()


def keywords(known: Mapping[str, Any], error: Any) -> dict[str, Any]:
    """The keywords of a draft, each counted, those that search or compare replaced.

    Args:
        error: how to build an error; it gets no text of the value.
    """

    def pattern(validator: Any, wanted: str, value: Any, schema: Any) -> Iterator[Any]:
        if isinstance(value, str) and not left().search(wanted, value):
            yield error("pattern")

    def pattern_properties(validator: Any, wanted: Mapping[str, Any], value: Any, schema: Any) -> Iterator[Any]:
        for searched, inner in wanted.items() if isinstance(value, dict) else ():
            for name, item in value.items():
                if left().search(searched, name):
                    yield from validator.descend(item, inner, path=name, schema_path=searched)

    def additional_properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(value, dict):
            return
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        extra = [n for n in value if n not in named and not any(left().search(one, n) for one in patterns)]
        if wanted is False and extra:
            yield error("additionalProperties")
        elif isinstance(wanted, dict):
            for name in extra:
                yield from validator.descend(value[name], wanted, path=name)

    def unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        if wanted is True and isinstance(value, list) and len({_same(item) for item in value}) < len(value):
            yield error("uniqueItems")

    def formats(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        check = FORMATS.get(wanted)
        if check is not None and isinstance(value, str) and not check(value):
            yield error("format")

    def enumeration(validator: Any, wanted: list[Any], value: Any, schema: Any) -> Iterator[Any]:
        if not left().holds(wanted, value):
            yield error("enum")

    own: dict[str, Keyword] = {
        "enum": enumeration,
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
        "uniqueItems": unique_items,
        "format": formats,
    }
    return {name: _counted(own.get(name, function), sized=name != "enum") for name, function in known.items()}


def _counted(function: Keyword, *, sized: bool) -> Keyword:
    def keyword(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any] | None:
        left().step(len(wanted) if sized and isinstance(wanted, dict | list) else 0)
        return function(validator, wanted, value, schema)

    return keyword


def _same(value: Any) -> str:
    """A text that is equal for equal JSON values: 1 is 1.0, and true is not 1."""
    return json.dumps(_numbers(value), sort_keys=True)


def _numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return {name: _numbers(item) for name, item in value.items()} if isinstance(value, dict) else value
