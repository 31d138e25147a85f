"""What a numbered document is: a shape that proposes, a validator that checks, and words that say what it is.

Digits with a check digit are still matched by one number in ten or in a hundred, so a shape that is only digits needs
a word near it that says what it is; shapes with letters, a date or fixed punctuation stand alone.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from router_ml.guardrails.detector import (
    FIRST_UNSPACED,
    Accept,
    Detector,
    Span,
    ascii_digits,
    either,
    label,
    labelled,
    labelled_otherwise,
    literals,
    near,
)
from router_ml.guardrails.placeholders import is_counting

Check = Callable[[str], bool]
_CLEAR_NAME = 5  # shorter names are also words ("tin", "sin", "run") unless written in capitals


@dataclass(frozen=True)
class Document:
    """One kind of number.

    ``check`` names a module of stdnum, or is a function from the number in capitals to whether it is valid; None where
    nothing can be checked, and then a name must stand right before. ``names`` are words of which one must be near,
    unless the number fits ``alone``. ``digits`` is the least number of digits that the shape holds.
    """

    type: str
    check: str | Check | None
    shape: str
    names: str
    alone: str | None = None
    digits: int = 7

    def is_valid(self, value: str) -> bool:
        """Whether the validator accepts a number of this shape."""
        if self.check is None:
            return False
        if callable(self.check):
            return self.check(value.upper())
        return bool(importlib.import_module(f"stdnum.{self.check}").is_valid(value.upper()))


def _accept(document: Document, near_by: re.Pattern[str]) -> Accept:
    """Valid and named near by; or valid and unmistakable in shape; or mistyped, which is still personal, and named."""
    alone = re.compile(document.alone, re.ASCII) if document.alone is not None else None
    right_before = label(document.names)

    def accept(match: re.Match[str]) -> Span | None:
        text, value = match.string, match[0]
        if document.is_valid(value):
            if near(near_by, text, match.span()):
                return match.span()
            fits = alone is not None and alone.fullmatch(value) is not None
            return match.span() if fits and not labelled_otherwise(text, match.start()) else None
        name = labelled(right_before, text, match.start())
        enough = _CLEAR_NAME if document.check is not None else _CLEAR_NAME - 2
        clear = name is not None and (
            len(name["name"]) >= enough or name["name"].isupper() or name["name"] >= FIRST_UNSPACED
        )
        return match.span() if clear and not is_counting(ascii_digits(value)) else None

    return accept


def detector(document: Document, *, also: str = "", risk: str = "pii") -> Detector:
    """The detector of a document; ``also`` are further words, of which one near a valid number is enough."""
    names = f"{document.names}|{also}" if also else document.names
    return Detector(
        type=document.type,
        risk=risk,
        pattern=re.compile(
            rf"(?<![A-Za-z0-9])(?<!\d[-./,])(?:{document.shape})(?![A-Za-z0-9]|[-./,]\d)", re.ASCII | re.IGNORECASE
        ),
        triggers=literals(names) if document.alone is None else (),
        digits=document.digits,
        accept=_accept(document, _near_by(names)),
    )


def _near_by(names: str) -> re.Pattern[str]:
    """Any of some names, the long ones also as the beginning of a longer word."""
    split = names.split("|")
    short = "|".join(name for name in split if len(name) < _CLEAR_NAME)
    long = "|".join(name for name in split if len(name) >= _CLEAR_NAME)
    groups = ([either(short)] if short else []) + ([either(long, suffix=r"\w{0,16}")] if long else [])
    return re.compile("|".join(groups), re.IGNORECASE)
