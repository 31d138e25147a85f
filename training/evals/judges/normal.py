"""Texts in one form, so that what makes no difference to a reader makes none to a judge."""

from __future__ import annotations

import string
import unicodedata

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "‑": "-", "−": "-"})
_ENDS = " \t\r\n.,;:!?\"'`*"


def normal(text: str, *, case: bool = True, space: bool = True, marks: bool = True) -> str:
    """A text without what is to be overlooked.

    Args:
        case: capital letters count as small ones. space: white space is one blank, none at the ends. marks: marks at
            the ends, kinds of quotes and of dashes make no difference.

    >>> normal(' “Marta  Kohl.” ')
    'marta kohl'
    """
    text = unicodedata.normalize("NFKC", text)
    if marks:
        text = text.translate(_QUOTES).strip(_ENDS)
    if space:
        text = " ".join(text.split())
    return text.casefold() if case else text


def words_of(text: str) -> list[str]:
    """The words of a text: what stands between white space and is not marks alone."""
    return [word for word in text.split() if word.strip(string.punctuation + "–—…•")]
