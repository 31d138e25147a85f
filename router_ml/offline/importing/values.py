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
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)  # seconds that are read as milliseconds are days of 1970


class UnreadableError(Exception):
    """A cell is not what its column is said to hold; the message says what was expected, and the kind of what was
    found: never the value, which may be personal."""

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
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if math.isnan(found):
        how = "a point for decimals and nothing between thousands (or read: {decimal: ','})"
        raise UnreadableError(column, f"expected a number, with {how}, found {kind_of(value)}")
    if not (math.isfinite(found) and least <= found <= most):
        what = "infinity" if math.isinf(found) else f"one below {least:g}" if found < least else f"one above {most:g}"
        raise UnreadableError(column, f"expected a number of {least:g} or more{_up_to(most)}, found {what}")
    return found


def kind_of(value: Any) -> str:
    """What stands in a cell, without saying it."""
    if isinstance(value, bool):
        return "true or false"
    try:
        return "a number" if math.isfinite(float(value)) else "no number"
    except (TypeError, ValueError):
        return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "another text"


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
            found = datetime.fromtimestamp(seconds, UTC)
            if found < _FIRST:
                raise ValueError
        elif time.format == "iso":
            found = datetime.fromisoformat(str(value).strip())
        else:
            found = datetime.strptime(str(value).strip(), time.format)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(time.zone))).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        found_kind, known = kind_of(value), ("epoch_s", "epoch_ms")
        if found_kind == "a number":
            found_kind += f": is it {' or '.join(name for name in known if name != time.format)}?"
        raise UnreadableError(time.column, f"expected a time of format {time.format}, found {found_kind}") from None


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
        raise UnreadableError(
            told.column, f"expected one of quality.table ({', '.join(told.table)}), found {kind_of(value)}"
        )
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
    wanted = "up or down" if told.how == "thumbs" else "true or false"
    raise UnreadableError(told.column, f"expected {wanted} (or quality: {{as: table}}), found {kind_of(value)}")
