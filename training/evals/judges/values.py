"""Values against what they have to be: whole JSON values, with the freedom that a case gives at some places.

A place may be any of: a value; ``{"pattern": REGEX}``; ``{"any_of": [...]}``; ``{"words": [...]}`` (all of them in a
text); ``{"about": NUMBER, "within": NUMBER}``; ``{"exactly": TEXT}`` (to the letter).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import JsonValue

from training.evals.judges.normal import normal
from training.evals.judges.patterns import found

Kind = Literal["wrong_value", "invented_value", "missing_field"]
_NOTHING = frozenset({"", "n/a", "na", "none", "null", "unknown", "not stated", "not given", "not specified", "-"})
_KEYS = frozenset({"pattern", "any_of", "words", "about", "within", "exactly"})


class Difference(NamedTuple):
    """Where a value is not what it has to be, and how; never what it is."""

    path: str
    kind: Kind


def is_freedom(wanted: Any) -> bool:
    """Whether something says what a value may be, rather than being one."""
    return isinstance(wanted, Mapping) and bool(wanted) and set(wanted) <= _KEYS


def fits(value: JsonValue, wanted: Any) -> bool:
    """Whether a value is what one place has to be.

    >>> fits("About 12 June", {"any_of": [None, {"words": ["june"]}]})
    True
    """
    if is_freedom(wanted):
        return _free(value, wanted)
    if isinstance(wanted, str):
        return isinstance(value, str) and normal(value) == normal(wanted)
    if isinstance(wanted, bool) or wanted is None:
        return value is wanted
    if isinstance(wanted, int | float):
        return _near(value, wanted, 1e-9 * max(1.0, abs(wanted)))
    return not any(differences(value, wanted))


def _free(value: JsonValue, wanted: Mapping[str, Any]) -> bool:
    if "any_of" in wanted:
        return any(fits(value, one) for one in wanted["any_of"])
    if "about" in wanted:
        return _near(value, float(wanted["about"]), float(wanted.get("within", 0.0)) + 1e-9)
    if not isinstance(value, str):
        return False
    if "exactly" in wanted:
        return bool(value == wanted["exactly"])
    if "pattern" in wanted and not found(wanted["pattern"], value):
        return False
    seen = normal(value)
    return all(normal(word) in seen for word in wanted.get("words", ()))


def _near(value: JsonValue, wanted: float, within: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value - wanted) <= within


def differences(
    value: JsonValue,
    wanted: Any,
    *,
    free: Mapping[str, Any] | None = None,
    unordered: Sequence[str] = (),
    path: str = "",
) -> Iterator[Difference]:
    """Where a value differs from the one that is wanted.

    A field that is wanted as null may be left out, and others may be there that nobody spoke of: the schema says
    whether they may.

    Args:
        free: path -> what may be there instead, as ``lines[0].text``; counted as in what is wanted.
        unordered: paths of arrays whose order does not count.
    """
    if path in (free or {}):
        if not fits(value, (free or {})[path]):
            yield Difference(path or "$", _kind(value, wanted))
    elif isinstance(wanted, dict):
        yield from _of_object(value, wanted, free=free, unordered=unordered, path=path)
    elif isinstance(wanted, list):
        yield from _of_array(value, wanted, free=free, unordered=unordered, path=path)
    elif not fits(value, wanted):
        yield Difference(path or "$", _kind(value, wanted))


def _kind(value: JsonValue, wanted: Any) -> Kind:
    """A value where none was to be is made up, unless it only says so in other words."""
    said_nothing = value in ([], {}) or (isinstance(value, str) and normal(value) in _NOTHING)
    return "invented_value" if wanted is None and not said_nothing else "wrong_value"


def _of_object(value: JsonValue, wanted: dict[str, Any], *, path: str, **how: Any) -> Iterator[Difference]:
    if not isinstance(value, dict):
        yield Difference(path or "$", "wrong_value")
        return
    for name, inside in wanted.items():
        place = f"{path}.{name}" if path else name
        if name in value:
            yield from differences(value[name], inside, path=place, **how)
        elif inside is not None:
            yield Difference(place, "missing_field")


def _of_array(
    value: JsonValue, wanted: list[Any], *, path: str, unordered: Sequence[str], **how: Any
) -> Iterator[Difference]:
    if not isinstance(value, list):
        yield Difference(path or "$", "wrong_value")
        return
    if len(value) != len(wanted):
        yield Difference(path or "$", "invented_value" if len(value) > len(wanted) else "missing_field")
        return
    places = [
        [
            list(differences(one, inside, path=f"{path}[{n}]", unordered=unordered, **how))
            for n, inside in enumerate(wanted)
        ]
        for one in value
    ]
    if path not in unordered:
        for n in range(len(value)):
            yield from places[n][n]
    elif (left := len(value) - _paired([[not wrong for wrong in row] for row in places])) > 0:
        yield from [Difference(f"{path}[*]", "wrong_value")] * left


def _paired(fitting: list[list[bool]]) -> int:
    """How many rows find a column of their own that fits (Kuhn's augmenting paths)."""
    taken: dict[int, int] = {}

    def placed(row: int, seen: set[int]) -> bool:
        for column, fit in enumerate(fitting[row]):
            if fit and column not in seen:
                seen.add(column)
                if column not in taken or placed(taken[column], seen):
                    taken[column] = row
                    return True
        return False

    return sum(placed(row, set()) for row in range(len(fitting)))
