"""What a numbered document is: a shape that proposes, a validator that checks, and words that say what it is.

Digits with a check digit are still matched by one number in ten or in a hundred, so a shape that is only digits needs
a word near it that says what it is; shapes with letters, a date or fixed punctuation stand alone.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from router_ml.guardrails.detectors.detector import (
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
from router_ml.guardrails.detectors.placeholders import is_counting

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


def _accept(document: Document, also: str) -> Accept:
    """Valid and named near by; or valid and unmistakable in shape; or mistyped, which is still personal, and named.

    The words are compiled when a shape first fits, because most processes never meet most documents.
    """
    alone = re.compile(document.alone, re.ASCII) if document.alone is not None else None

    def accept(match: re.Match[str]) -> Span | None:
        text, value, span = match.string, match[0], match.span()
        if document.is_valid(value):
            if near(_near_by(document.names), text, span) or (also and near(_near_by(also), text, span)):
                return span
            fits = alone is not None and alone.fullmatch(value) is not None
            return span if fits and not labelled_otherwise(text, match.start()) else None
        found = labelled(_right_before(document.names), text, match.start())
        clear = found is not None and _is_clear(found["name"], document)
        return span if clear and not is_counting(ascii_digits(value)) else None

    return accept


def _is_clear(name: str, document: Document) -> bool:
    """Whether a name is not also a word: it is long, in capitals, or of a script without spaces."""
    enough = _CLEAR_NAME if document.check is not None else _CLEAR_NAME - 2
    return len(name) >= enough or name.isupper() or name >= FIRST_UNSPACED


@cache
def _right_before(names: str) -> re.Pattern[str]:
    return label(names)


@cache
def _near_by(names: str) -> re.Pattern[str]:
    """Any of some names, the long ones also as the beginning of a longer word."""
    split = names.split("|")
    short = "|".join(name for name in split if len(name) < _CLEAR_NAME)
    long = "|".join(name for name in split if len(name) >= _CLEAR_NAME)
    groups = ([either(short)] if short else []) + ([either(long, suffix=r"\w{0,16}")] if long else [])
    return re.compile("|".join(groups), re.IGNORECASE)


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
        named=document.alone is None,
        digits=document.digits,
        accept=_accept(document, also),
    )
