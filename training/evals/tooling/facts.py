"""Whether a text says something, however it phrases it: a number, a date, or words.

"text"                          these words
{"any_of": [TEXTS]}             one of them
{"number": 62.35, "within": 1}  a number, in digits of whatever convention or as a word up to twenty
{"date": "2026-11-14"}          a day, in the usual ways to write it, or its weekday
{"pattern": REGEX}              what fits, in lower case
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Any

from router_ml.errors import OfflineDataError

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_MONTHS = (
    "january february march april may june july august september october november december".split(),
    "januar februar märz april mai juni juli august september oktober november dezember".split(),
)
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_NUMBER = re.compile(r"\d{1,3}(?:[ '’]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)*")
_SCALE = re.compile(r" ?(k|thousand|m|million)\b")
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6}
_THOUSANDS = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*")
_EXACT = 0.005


def plain(text: str) -> str:
    """A text without what only makes it pretty: lower case, one kind of space, dash and apostrophe, no markup."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"[*_`]+", "", text)
    text = re.sub(r"[‐-―−]", "-", text).replace("’", "'")
    return " ".join(text.split())


def says(fact: Any, text: str) -> bool:
    """Whether a text says a fact.

    >>> says({"number": 1068.4}, "That is 1.068,40 EUR."), says({"date": "2026-11-14"}, "on November 14th")
    (True, True)

    Raises:
        OfflineDataError: the fact is written in none of the known ways.
    """
    found = plain(text)
    if isinstance(fact, str):
        return plain(fact) in found
    if isinstance(fact, dict) and isinstance(listed := fact.get("any_of"), list):
        return any(says(one, text) for one in listed)
    if isinstance(fact, dict) and isinstance(fact.get("number"), int | float):
        within = max(float(fact.get("within") or 0.0), _EXACT)
        return any(abs(one - fact["number"]) <= within for one in numbers(found))
    if isinstance(fact, dict) and isinstance(fact.get("date"), str):
        return any(re.search(one, found) for one in _written(date.fromisoformat(fact["date"])))
    if isinstance(fact, dict) and isinstance(fact.get("pattern"), str):
        return re.search(fact["pattern"], found) is not None
    raise OfflineDataError(
        f"Found a fact of the keys {', '.join(map(str, fact)) if isinstance(fact, dict) else type(fact).__name__}, "
        "expected a text or one of any_of, number, date, pattern."
    )


def numbers(text: str) -> Iterator[float]:
    """Every number of a text, in each way that it can be read: 1.200 is 1200, and 1.2 as well.

    >>> sorted(set(numbers("1.200 of twelve")))
    [1.2, 12.0, 1200.0]
    """
    for one in _NUMBER.finditer(text):
        scale = _SCALE.match(text, one.end())
        times = _SCALES[scale.group(1)] if scale is not None else 1.0
        for reading in _readings(one.group()):
            yield reading
            yield reading * times
    for word in re.findall(r"[a-z]+", text):
        if word in _WORDS:
            yield float(_WORDS.index(word))


def _readings(digits: str) -> Iterator[float]:
    digits = re.sub(r"[ '’]", "", digits)
    if _THOUSANDS.fullmatch(digits):
        yield float(re.sub(r"[.,]", "", digits))
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        yield float(digits)
    else:
        yield float(f"{re.sub('[.,]', '', digits[:last]) or '0'}.{digits[last + 1 :] or '0'}")


def _written(day: date) -> Iterator[str]:
    number = f"0?{day.day}"
    yield day.isoformat()
    yield rf"\b{number}\.\s?0?{day.month}\."
    yield rf"\b(?:{number}/0?{day.month}|0?{day.month}/{number})\b"
    for months in _MONTHS:
        name = rf"(?:{months[day.month - 1]}|{months[day.month - 1][:3]}\.?)"
        yield rf"\b{number}(?:st|nd|rd|th|\.)?(?: of)? {name}"
        yield rf"\b{name} (?:the )?{number}(?:st|nd|rd|th)?\b"
    yield rf"\b{_DAYS[day.weekday()]}\b"
