"""Whether an argument is what it has to be: a value, or one of

{"pattern": REGEX}      a text that all of the pattern fits; beside it may stand an ``example``: what a good lane writes
{"any_of": [VALUES]}    one of them, which may be patterns; null among them: it may be left out
{"any_order": [ITEMS]}  a list of these items, in whatever order
"""

from __future__ import annotations

from collections.abc import Mapping

import regex  # type: ignore[import-untyped]
from pydantic import JsonValue

from router_ml.contract.base import JsonObject
from router_ml.errors import OfflineDataError

_SECONDS = 0.1  # that one pattern may search
_LONGEST = 10_000  # characters of an argument that a pattern looks at


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same JSON: 1 is 1.0 but not true, names in any order, texts to the letter.

    >>> same({"a": 1, "b": [True]}, {"b": [True], "a": 1.0}), same(1, True), same("x", "x ")
    (True, False, False)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return type(one) is type(other) and one == other


def fits(expected: JsonValue, found: JsonValue) -> bool:
    """Whether a value is as expected, which may be said inside objects and lists, too.

    >>> fits({"pattern": "ORD-[0-9]+"}, "ORD-8812"), fits({"any_of": [7, "7"]}, "7"), fits([{"any_of": [1, 2]}], [3])
    (True, True, False)

    Raises:
        OfflineDataError: a pattern is no regular expression, or searches for too long.
    """
    match expected:
        case {"any_of": list(listed), **others} if not others:
            return any(fits(one, found) for one in listed)
        case {"any_order": list(items), **others} if not others:
            return isinstance(found, list) and _same_items(items, found)
        case {"pattern": str(pattern), **others} if set(others) <= {"example"}:
            return isinstance(found, str) and _whole(pattern, found)
        case dict():
            named = isinstance(found, dict) and expected.keys() == found.keys()
            return named and holds(expected, found if isinstance(found, dict) else {})
        case list():
            return isinstance(found, list) and len(expected) == len(found) and all(map(fits, expected, found))
    return same(expected, found)


def holds(expected: JsonObject, found: JsonObject) -> bool:
    """Whether arguments hold all that is expected; others may stand beside.

    >>> holds({"id": "8812"}, {"id": "8812", "verbose": True})
    True
    """
    return all(key in found and fits(value, found[key]) for key, value in expected.items())


def wrong(expected: JsonObject, found: JsonObject, *, defaults: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Names of the arguments that are not as expected, in order: missing, other values, and those that nobody asked
    for. One that says what is its default is as good as none.

    >>> wrong({"id": "1"}, {"id": "2", "limit": 10, "all": True}, defaults={"limit": 10})
    ('id', 'all')
    """
    names = [name for name, value in expected.items() if not _given(name, value, found, defaults)]
    asked = {name for name, value in found.items() if name in defaults and same(defaults[name], value)} | set(expected)
    return (*names, *(name for name in found if name not in asked))


def _given(name: str, expected: JsonValue, found: JsonObject, defaults: Mapping[str, JsonValue]) -> bool:
    """Whether an argument is as expected, or is left out and its default, or nothing at all, is."""
    if name in found:
        return fits(expected, found[name])
    return fits(expected, None) or (name in defaults and fits(expected, defaults[name]))


def _same_items(items: list[JsonValue], found: list[JsonValue]) -> bool:
    left = list(found)
    for item in items:
        place = next((index for index, value in enumerate(left) if fits(item, value)), None)
        if place is None:
            return False
        del left[place]
    return not left


def _whole(pattern: str, text: str) -> bool:
    try:
        return regex.fullmatch(pattern, text[:_LONGEST], timeout=_SECONDS) is not None
    except regex.error as error:
        raise OfflineDataError(f"The pattern {pattern!r} is no regular expression: {error}.") from None
    except TimeoutError:
        raise OfflineDataError(
            f"The pattern {pattern!r} searches for more than {_SECONDS} s. Make it simpler."
        ) from None
