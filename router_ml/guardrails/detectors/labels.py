"""Rows for numbers that only their label gives away: the label before the value, or the value and then the label."""

from __future__ import annotations

import re

from router_ml.guardrails.detectors.detector import (
    Accept,
    Detector,
    Span,
    ascii_digits,
    either,
    labelled_otherwise,
    literals,
)
from router_ml.guardrails.detectors.placeholders import is_counting

_GLUED = r"(?:s|_?(?:number|nummer|num|no|nr|id|code))?"
_FILLERS = either(
    "it|this|that|backwards|reversed|numarası|numaram|číslo|numbers?|num|nr|nos?|nº|n°|nummer|número|numéro|numero|numer|id|code|is|was|are"
    "|ist|war|lautet|est|es|è|é|jest|to|er|är|am|on|den|le|el|il|de|do|för|for|für|the|of|ending|with|at|by|номер|号码|號碼|番号|号|號|は|が|是|為|为"
    "|번호|는|은|رقم|هو|नंबर|है"
)
_MY = (
    r"(?:(?:is|was|as|for|ist|war|est|es|è|é|jest|är|er|was|the|my|our|his|her|their|your|mein|meine|ma|mon|mi|la|le|el"
    r"|il|mio|mijn|on|in|number|nr|no|of)[^\w\n]{1,3}){0,4}"
)


def not_made_up(least: int) -> Accept:
    """Accept a value with at least so many digits that do not only count or repeat."""

    def accept(match: re.Match[str]) -> Span | None:
        digits = ascii_digits(match["value"])
        if len(digits) < least or is_counting(digits) or labelled_otherwise(match.string, match.start("value")):
            return None
        return match.span("value")

    return accept


def labelled_rows(
    name: str,
    labels: str,
    value: str,
    *,
    loose: int = 0,
    reverse: bool = False,
    least: int = 4,
    accept: Accept | None = None,
    glued: bool = True,
) -> tuple[Detector, ...]:
    """Detectors for a value beside a label.

    Args:
        name: type of the finding.
        labels: names of the document, divided by bars.
        value: a bounded pattern of the value, without groups of its own that are named.
        loose: how many words of any kind may stand between label and value, beside the usual ones.
        reverse: whether the value may also come first, as in "X is my passport".
        least: how many digits a value holds at least.
        accept: instead of the check that the digits are not made up.
        glued: whether "number" and the like may be written together with the label.
    """
    named = either(labels, suffix=_GLUED if glued else "")
    words = rf"(?:[^\w\n]{{1,4}}[^\W\d_]{{1,16}}){{0,{loose}}}?" if loose else ""
    tie = rf"(?:[\W_]{{0,4}}{_FILLERS}){{0,4}}{words}[\W_]{{0,6}}"
    patterns = [rf"{named}{tie}(?<![A-Za-z0-9])(?P<value>{value})(?![A-Za-z0-9])"]
    if reverse:
        patterns.append(rf"(?<![A-Za-z0-9])(?P<value>{value})(?![A-Za-z0-9])[^\w\n]{{1,4}}{_MY}{named}")
    return tuple(
        Detector(
            type=name,
            risk="pii",
            pattern=re.compile(pattern, re.IGNORECASE),
            triggers=literals(labels),
            named=True,
            digits=least,
            accept=accept or not_made_up(least),
        )
        for pattern in patterns
    )
