"""A coarse language signal: is this a language the encoder was validated on?

By script, then by the share of English function words. It tells English from not English well enough to raise a tier;
it does not tell Portuguese from Spanish, and says ``und`` instead of guessing.
"""

from __future__ import annotations

import re
import unicodedata

VALIDATED = frozenset({"en"})
_SAMPLE = 2000
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = frozenset(
    _WORD.findall(
        "the a an and or but if of to in on at for with from by is are was were be been am do does did have has had i "
        "you he she it we they me my your our their this that these those what which who how why when where can could "
        "will would should not no yes please as so than then there here all any some more about into out up just get"
    )
)
_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "CYRILLIC": "ru",
    "ARABIC": "ar",
    "DEVANAGARI": "hi",
    "GREEK": "el",
    "HEBREW": "he",
    "THAI": "th",
}


def detect(text: str) -> str:
    """``en``, the main language of another script, or ``und``."""
    sample = text[:_SAMPLE]
    if not sample.isascii():
        foreign = _by_script(sample)
        if foreign:
            return foreign
    words = _WORD.findall(sample.lower())
    known = sum(word in _ENGLISH for word in words)
    return "en" if known >= 1 and known >= 0.12 * len(words) else "und"


def _by_script(text: str) -> str | None:
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return None
    found: dict[str, int] = {}
    for character in letters:
        if ord(character) > 0x24F:  # beyond Latin
            script = unicodedata.name(character, "").split(" ", 1)[0]
            found[script] = found.get(script, 0) + 1
    if sum(found.values()) < 0.3 * len(letters):
        return None
    if "HIRAGANA" in found or "KATAKANA" in found:
        return "ja"
    return _SCRIPTS.get(max(found, key=lambda script: found[script]), "und")
