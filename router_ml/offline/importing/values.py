"""Cells as numbers, times and qualities. What cannot be read is named by its column, never by its value."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from router_ml.offline.importing.mapping import Quality, Time

_UP = frozenset({"up", "thumbs_up", "thumbsup", "like", "liked", "good", "positive", "👍", "+1"})
_DOWN = frozenset({"down", "thumbs_down", "thumbsdown", "dislike", "disliked", "bad", "negative", "👎", "-1"})
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_WITH_COMMA = re.compile(r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d+)(?:,\d+)?")
_NOTHING = frozenset({"", "null", "none", "nan", "na", "n/a", "-"})


class UnreadableError(Exception):
    """A cell is not what its column is said to hold; the message says what was expected."""

    def __init__(self, column: str, expected: str) -> None:
        self.column, self.expected = column, expected
        super().__init__(expected)


def absent(value: Any) -> bool:
    """Whether a cell says nothing."""
    if isinstance(value, float) and math.isnan(value):
        return True
    return value is None or (isinstance(value, str) and value.strip().casefold() in _NOTHING)


def number(value: Any, column: str, *, least: float = 0.0, most: float = math.inf) -> float | None:
    """A finite number within bounds; None where there is none.

    Raises:
        UnreadableError: it is something else.
    """
    if absent(value):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise UnreadableError(
            column, "expected a number, with a point for decimals (or read: {decimal: ','})"
        ) from None
    if isinstance(value, bool) or not (math.isfinite(found) and least <= found <= most):
        raise UnreadableError(column, f"expected a number of {least:g} or more" + _up_to(most))
    return found


def with_point(value: Any) -> Any:
    """A number that is written with a comma for decimals, and points between thousands, as others are written.

    >>> with_point("1.234,5"), with_point("0,07"), with_point("0.07"), with_point("none")
    ('1234.5', '0.07', '0.07', 'none')
    """
    if isinstance(value, str) and _WITH_COMMA.fullmatch(value.strip()):
        return value.strip().replace(".", "").replace(",", ".")
    return value


def _up_to(most: float) -> str:
    return "" if math.isinf(most) else f", at most {most:g}"


def moment(value: Any, time: Time) -> datetime | None:
    """A time in UTC; None where there is none.

    Raises:
        UnreadableError: it does not have the format.
    """
    if absent(value):
        return None
    try:
        if isinstance(value, datetime):
            found = value
        elif time.format in ("epoch_s", "epoch_ms"):
            seconds = float(value) / (1000 if time.format == "epoch_ms" else 1)
            return datetime.fromtimestamp(seconds, UTC)
        elif time.format == "iso":
            found = datetime.fromisoformat(str(value).strip())
        else:
            found = datetime.strptime(str(value).strip(), time.format)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(time.zone))).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise UnreadableError(time.column, f"expected a time of format {time.format}") from None


def quality_of(value: Any, told: Quality) -> float | None:
    """A quality in 0..1; None where a row was not rated, which is not zero.

    >>> quality_of("4", Quality.model_validate({"column": "stars", "as": "scale"}))
    0.75

    Raises:
        UnreadableError: the value is none that the transform knows.
    """
    word = str(value).strip()
    if told.how == "table":
        if word in told.table:
            return told.table[word]
        if absent(value):
            return None
        raise UnreadableError(told.column, f"expected one of the table: {', '.join(told.table)}")
    if absent(value):
        return None
    if told.how == "scale":
        found = number(value, told.column, least=told.lowest, most=told.highest)
        return None if found is None else (found - told.lowest) / (told.highest - told.lowest)
    if told.how == "unit":
        return number(value, told.column, most=1.0)
    word = word.casefold()
    good, bad = (_UP | _TRUE, _DOWN | _FALSE) if told.how == "thumbs" else (_TRUE, _FALSE)
    if word in good or word in bad:
        return 1.0 if word in good else 0.0
    raise UnreadableError(told.column, "expected up or down" if told.how == "thumbs" else "expected true or false")
