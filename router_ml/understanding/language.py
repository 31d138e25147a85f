"""Which language a text is in, told by CLD2 (the detector of Chromium, in ``pycld2``): microseconds, offline.

CLD2 says whether its answer is reliable. Where it is not, its best guess counts only if that is English: short English
often looks unreliable, while keyboard noise is spread over all languages. Everything else is ``und``, undetermined.
"""

from __future__ import annotations

import unicodedata

import pycld2

UNDETERMINED = "und"
_SAMPLE = 4000  # characters from each end; more does not change the answer
_GUESS_UP_TO = 60  # characters; a longer text whose language cannot be told is not taken on a guess
_ISO = {"iw": "he", "jw": "jv", "mo": "ro", "sh": "sr"}  # what CLD2 still calls by older codes
CODES = frozenset(_ISO.get(code, code) for _, tag in pycld2.LANGUAGES for code in [tag.split("-")[0]]) | {UNDETERMINED}
"""Every code that ``detect`` can answer."""

_CLEAN = dict.fromkeys(range(32), " ") | {127: " "}


def detect(text: str) -> str:
    """ISO 639-1 code of the main language (ISO 639-3 where there is none), or ``und``."""
    sample = text if len(text) <= 2 * _SAMPLE else f"{text[:_SAMPLE]} {text[-_SAMPLE:]}"
    sample = sample.translate(_CLEAN).encode("utf-8", "replace").decode("utf-8")
    reliable, found = _cld2(sample)
    if reliable:
        return found
    _, guess = _cld2(sample, bestEffort=True)
    return guess if guess == "en" and len(text) <= _GUESS_UP_TO else UNDETERMINED


def _cld2(text: str, **options: bool) -> tuple[bool, str]:
    """Whether the answer is reliable, and the code of the main language."""
    try:
        reliable, _, languages = pycld2.detect(text, **options)
    except pycld2.error:  # a code point it does not take
        return False, UNDETERMINED
    code = str(languages[0][1]).split("-")[0]
    return bool(reliable) and code != "un", UNDETERMINED if code == "un" else _ISO.get(code, code)


def extent(text: str) -> int:
    """Characters of a text, those of Chinese, Japanese and Korean twice: one of them says as much as two letters."""
    return len(text) + (0 if text.isascii() else sum(unicodedata.east_asian_width(c) in "WF" for c in text))
