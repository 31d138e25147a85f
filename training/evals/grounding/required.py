"""What a right answer says that any other has to say too: yes or no, its days, dates and times, and its conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from router_ml.execution.retrieval.words import numbers, stem_words

Lead = Literal["yes", "no"]
_YES = re.compile(r"^\W*(?:yes\b(?=\W)|(?:you|they|it|he|she|we) (?:can|may|do|does|is|are)\s*[,:;.–—])", re.I)
_NO = re.compile(
    r"^\W*(?:no\b(?=\s*[,.:;!–—*]|\s+-)|(?:you|they|it|he|she|we|that) (?:(?:may|can|must|do|does|is|are|will)"
    r"(?: not|n['’]t)|cannot|can['’]t|won['’]t)\s*[,:;.–—])",
    re.I,
)
_LED = re.compile(rf"(?:{_YES.pattern}|{_NO.pattern})[\W]*", re.I)
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_NAMED = re.compile(rf"\b(?:{_DAYS}|{_MONTHS})(?=s?\b)")
_DATE = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTHS})\b|\b({_MONTHS}) (\d{{1,2}})(?!\d)")
_CLOCK = re.compile(r"\b0?(\d{1,2})[:.]([0-5]\d)\b(?! ?(?:[ap]\.?m|per cent|%|euro|met))")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_UNITS = {
    "week": (7.0,),
    "day": (1 / 7, 24.0),
    "hour": (60.0, 1 / 24),
    "minute": (1 / 60,),
    "year": (12.0,),
    "month": (1 / 12,),
}
_SPAN = re.compile(rf"\b([\w.,]+)[ -]({'|'.join(_UNITS)})s?\b", re.I)
_KINDS = tuple(
    set(kind.split())
    for kind in (
        "second minute hour day week month year",
        "cent euro",
        "microgram milligram gram kilogram tonne",
        "millimetre centimetre metre kilometre mile",
    )
)
_AMOUNT = re.compile(
    rf"\b([\w.,]*\w)[ -](?:(?:working|trading|calendar|full|whole) )?({'|'.join(sorted(set.union(*_KINDS)))})s?\b", re.I
)
_CONDITION = re.compile(
    r"\b(?:if|only|unless|except|provided|as long as|on condition|once|when|without|after|before|where|who|until|need|"
    r"needs|must|requires?|condition|otherwise)\b",
    re.I,
)
_CLAUSE = re.compile(r"\b(?:if|unless|provided|as long as|on condition|except)\b([^,;.]*)", re.I)


def lead(text: str) -> Lead | None:
    """Whether a text begins with a yes or a no, or says as much: "You may not: ...".

    >>> lead("Yes, it is."), lead("You may not: it is closed."), lead("No certificate is needed.")
    ('yes', 'no', None)
    """
    return "no" if _NO.match(text) else "yes" if _YES.match(text) else None


def without_lead(text: str) -> str:
    """A text without the yes or no that it begins with.

    >>> without_lead("You may not: it is closed.")
    'it is closed.'
    """
    return _LED.sub("", text, count=1)


def other_times(claim: str, known: str) -> set[str]:
    """Weekdays, months, dates and times of day in a claim that are not in what is known.

    >>> sorted(other_times("Open on Friday from 9:00.", "Open on Monday from 09.00."))
    ['Friday']
    """
    return set(_times(claim)) - set(_times(known))


def figures(text: str) -> frozenset[str]:
    """The numbers in digits of a text, times of day aside."""
    return numbers(" ".join(_DIGITS.findall(_CLOCK.sub(" ", text))))


def same_spans(claim: str, known: str) -> frozenset[str]:
    """Numbers of spans in a claim that what is known says in another unit.

    >>> sorted(same_spans("Three weeks before", "21 days in advance"))
    ['3']
    """
    there = numbers(known)
    found = set()
    for number, unit in _SPAN.findall(claim):
        for value in filter(str.isdecimal, numbers(number)):
            if {f"{float(value) * by:g}" for by in _UNITS[unit.casefold()]} & there:
                found.add(value)
    return frozenset(found)


def other_units(claim: str, known: str) -> set[str]:
    """Amounts in a claim whose number what is known has in another unit of the kind, and nowhere in this one.

    >>> sorted(other_units("It is kept for 14 months.", "It is kept for 14 days.")), other_units("14 days", "14 days")
    (['14 month'], set())
    """
    there: dict[str, set[str]] = {}
    for number, unit in _amounts(known):
        there.setdefault(number, set()).add(unit)
    said = {(number, unit) for number, unit in _amounts(claim) if number not in same_spans(claim, known)}
    return {
        f"{number} {unit}"
        for number, unit in said
        if unit not in there.get(number, ()) and there.get(number, set()) & _kind(unit)
    }


def drops_condition(answer: str, right: str) -> bool:
    """Whether the right answer holds under a condition, and an answer says nothing like it.

    >>> right = "It ends if the seal is broken."
    >>> drops_condition("It ends.", right), drops_condition("A broken seal ends it.", right)
    (True, False)
    """
    if _CONDITION.search(answer):
        return False
    there = set(stem_words(answer))
    wanted = [set(stem_words(clause)) for clause in _CLAUSE.findall(right)]
    return any(one and 3 * len(one & there) < len(one) for one in wanted)


def _amounts(text: str) -> Iterator[tuple[str, str]]:
    for written, unit in _AMOUNT.findall(text):
        yield from ((number, unit.casefold()) for number in numbers(written))


def _kind(unit: str) -> set[str]:
    return next(kind for kind in _KINDS if unit in kind)


def _times(text: str) -> Iterator[str]:
    yield from _NAMED.findall(text)
    for day, month, also_month, also_day in _DATE.findall(text):
        yield f"{int(day or also_day)} {month or also_month}"
    for hour, minute in _CLOCK.findall(text):
        yield f"{int(hour)}:{minute}"
