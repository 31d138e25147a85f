"""Unicode dress taken off: full-width letters, foreign digits, invisible characters, look-alikes, odd dashes.

Characters are folded one by one, because whole-text NFKC is quadratic in runs of combining marks.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_FILLERS = "\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5"  # letters by category, but nothing to see
_FOLDED = {"Cf": "", "Mn": "", "Me": "", "Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n"}
_PLAIN = dict(zip("\u3002\u2024\u2212\u2044\u2215\u2018\u2019\u02d0\ua789\u2236", "..-//'':::", strict=True))
_DRESSED = re.compile(
    r"(?:CIRCLED|SQUARED|PARENTHESIZED|REGIONAL INDICATOR|SMALL CAPITAL|TAG|MATHEMATICAL|FULLWIDTH)\b.{0,40} ([A-Z])"
)

# Letters of other alphabets that look like a Latin one. Folded only inside words that also hold ASCII.
_LOOK_ALIKES = str.maketrans(
    {
        **dict(zip("аеорсухіјѕһԁԛԝѵӏкмнтв", "aeopcyxijshdqwvlkmhtb", strict=True)),
        **dict(zip("АВЕКМНОРСТУХЅІЈ", "ABEKMHOPCTYXSIJ", strict=True)),
        **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
        **dict(zip("αοιρντυκχγϲϳ", "aoipvtukxycj", strict=True)),
        **dict(zip("ɡɑıօսցհո", "gaioughn", strict=True)),
    }
)

_OVERRIDE = "\u202e"  # shows what follows from right to left, so that a reader sees it reversed
_OVERRIDDEN = re.compile("\u202e([^\u202c\u202d\u202e]{0,4096})")
_WORD, _ASCII = re.compile(r"\S{1,256}"), re.compile(r"[A-Za-z0-9@]")


@lru_cache(maxsize=8192)
def _fold(character: str) -> str:
    """A non-ASCII character as guards read it: invisible ones vanish, look-alikes by compatibility become plain."""
    if 0xE0020 <= ord(character) <= 0xE007E:
        return chr(ord(character) - 0xE0000)  # tag characters: an invisible copy of ASCII
    category = unicodedata.category(character)
    if character in _PLAIN:
        return _PLAIN[character]
    if category in _FOLDED or character in _FILLERS:
        return _FOLDED.get(category, "")
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    if plain != character:
        return "".join(_FOLDED.get(unicodedata.category(c), _PLAIN.get(c, c)) for c in plain)
    dressed = _DRESSED.search(unicodedata.name(character, "")) if category in ("So", "Ll") else None
    return dressed[1].lower() if dressed is not None else character


def fold(text: str) -> str:
    """A text without Unicode dress; the text itself where there is none."""
    if text.isascii():
        return text
    if _OVERRIDE in text:
        text = _OVERRIDDEN.sub(lambda match: match[1][::-1], text)
    table = {ord(c): folded for c in set(text) if not c.isascii() and (folded := _fold(c)) != c}
    text = text.translate(table) if table else text
    return text if text.isascii() else _WORD.sub(_latin, text)


def _latin(match: re.Match[str]) -> str:
    """A word that mixes alphabets, or is a letter or two beside Latin ones, in Latin."""
    word = match[0]
    mixed = not word.isascii() and (_ASCII.search(word) is not None or len(word) <= 2)
    return word.translate(_LOOK_ALIKES) if mixed else word


# The scripts of UAX #31, table 5 (recommended), by the first word of their characters' names. Letters of any other
# script, unassigned and private characters are not text that guards could read.
_SCRIPTS = frozenset(
    "LATIN GREEK CYRILLIC ARMENIAN HEBREW ARABIC THAANA DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA"
    " MALAYALAM SINHALA THAI LAO TIBETAN MYANMAR GEORGIAN HANGUL ETHIOPIC KHMER HIRAGANA KATAKANA BOPOMOFO CJK"
    " IDEOGRAPHIC VULGAR DOUBLE-STRUCK SCRIPT BLACK-LETTER FEMININE MASCULINE MODIFIER MICRO KATAKANA-HIRAGANA KELVIN"
    " ANGSTROM OHM ALEF BET GIMEL DALET INFORMATION TURNED SMALL COMBINING HALFWIDTH FULLWIDTH EULER MATHEMATICAL"
    " PLANCK EN VERTICAL NABLA PARTIAL SUPERSCRIPT SUBSCRIPT CARON ROMAN".split()
)


@lru_cache(maxsize=8192)
def _is_foreign(character: str) -> bool:
    category = unicodedata.category(character)
    if category in ("Co", "Cn"):
        return not 0x1F000 <= ord(character) <= 0x1FAFF  # pictures newer than this Python are no letters
    if 0x2800 < ord(character) <= 0x283F:
        return True  # six dots of Braille are a letter; eight dots draw pictures
    return category[0] == "L" and unicodedata.name(character, "?").split(" ", 1)[0] not in _SCRIPTS


def unreadable_characters(text: str) -> int:
    """How many characters of a text spell something that guards cannot read: words in other scripts, private letters.

    Of private and unassigned characters each counts once: a bullet at every line is a bullet, an alphabet has many
    letters. Lone letters of other scripts are pictures, as in faces made of signs.
    """
    if text.isascii():
        return 0
    foreign = {c for c in set(text) if not c.isascii() and _is_foreign(c)}
    if not foreign:
        return 0
    letters = "".join(re.escape(c) for c in foreign if unicodedata.category(c) not in ("Co", "Cn"))
    words = re.findall(f"[{letters}]{{3,256}}", text) if letters else []
    return sum(map(len, words)) + sum(unicodedata.category(c) in ("Co", "Cn") for c in foreign)
