"""Numbers in texts, in the writings that people and lanes use: 1,234.5 and 1.234,5, 12 %, 1.2 million, twelve."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Locale = Literal["en", "de", "any"]
"""What a lone mark before three digits is: in ``en`` a comma parts thousands, in ``de`` a point does; ``any``: both."""

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SAID = {**{word: n for n, word in enumerate(_ONES)}, **{word: 10 * n for n, word in enumerate(_TENS, start=2)}}
_GREAT = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_TIMES = {
    **{word: times for name, times in _GREAT.items() for word in (name, f"{name}s")},
    **dict.fromkeys(("k", "tausend", "mille", "mil"), 1e3),
    **dict.fromkeys(("m", "mio", "mn", "millionen", "millones", "milioni"), 1e6),
    **dict.fromkeys(("bn", "mrd", "milliarde", "milliarden", "milliard", "milliards", "miliardi"), 1e9),
    **{"lakh": 1e5, "crore": 1e7, "tn": 1e12},
}
_SHORT = frozenset({"k", "m", "mil", "mille"})
_TOO_GREAT = 309  # a power of ten that is no number any more
_UP = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−", "0123456789-+-")
_MINUS = re.compile(r"(?i)(?:(?<![\w)])[−‑–]|\b(?:minus|negative) )(?=[$€£¥]?\.?\d)")
_POWER = re.compile(
    r"(?<=\d)[ \u00a0\u202f]?(?:[×x*·]|\\times|\\cdot)[ \u00a0\u202f]?10"
    r"(?:(?:\^|\*\*)[{(]?([-+−]?\d{1,3})[)}]?|([⁻⁺⁰¹²³⁴-⁹]{1,4}))"
)
_VULGAR = re.compile(r"(?<![\w.,])(\d{0,9})[ ]?([¼-¾⅐-⅞])")
_FRACTION = re.compile(
    r"(?<![\w./,])(-(?<![\w)]-))?(?:(\d{1,4}) )?(\d{1,4})[/⁄](\d{1,4})(?![\w/])(?: ?([^\W\d_]{1,12})(?!\w))?"
)
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>(?<![\w)])[-+])?(?P<money>[$€£¥])?(?P<inner>(?<=[$€£¥])-)?"
    r"(?P<digits>\d{1,3}(?:[ \u00a0\u202f'’_]\d{3})+(?:[.,]\d{1,12})?(?!\d)|\.\d{1,40}|\d[\d.,]{0,40})"
    r"(?P<power>[eE][-+]?\d{1,3})?"
    r"(?P<after>[ \u00a0\u202f]?(?:[%‰€$£¥]|°[CF]?|per[ ]cent(?!\w)|[^\W\d_]{1,12}(?!\w)))?"
    r"(?P<more>[ \u00a0\u202f]?(?:[€$£¥]|[^\W\d_]{1,12}(?!\w)))?"
)
_ANY, _FIRST = ("|".join(sorted(words, key=len, reverse=True)) for words in ((*_SAID, *_GREAT), _SAID))
_WORD = re.compile(
    rf"(?i)(?<![\w-])(?P<sign>(?:minus|negative) )?(?P<words>(?:{_FIRST}|a (?:{'|'.join(_GREAT)}))"
    rf"(?:(?:-| |(?<=hundred) and |(?<=thousand) and )(?:{_ANY}))*)\b(?![-'’]\w)"
)
_MARKER = re.compile(r"(?m)^[ \t]{0,8}\d{1,2}[.)][ \t]+(?=\S)")
_PERCENT = ("%", "percent", "per cent", "prozent", "pct")


@dataclass(frozen=True)
class Number:
    """A number of a text. ``values``: what it may be, more than one where its writing can be read in two ways;
    ``percent``: it stands before a sign or word of percent; ``unit``: the word or sign behind it; ``at``: where."""

    values: tuple[float, ...]
    percent: bool = False
    unit: str = ""
    spelled: bool = False
    at: int = 0

    def near(self, wanted: float, *, within: float = 0.0, relative: float = 0.0) -> bool:
        """Whether it may be a number, give or take ``within`` or a share of ``relative``, whichever is more."""
        room = max(within, abs(wanted) * relative, 1e-9 * max(1.0, abs(wanted)))
        return any(abs(value - wanted) <= room for value in self.values)


def numbers_in(text: str, *, locale: Locale = "any", words: bool = True, markers: bool = False) -> list[Number]:
    """All numbers of a text, in its order.

    Args:
        words: ``twelve`` counts. markers: so do the numbers of a numbered list.

    >>> [one.values for one in numbers_in("1.234,5 of twelve, -3 % and 18 thousand", locale="de")]
    [(1234.5,), (12.0,), (-3.0,), (18000.0,)]
    """
    text = unicodedata.normalize("NFC", text)
    if not markers:
        text = _MARKER.sub(lambda found: " " * len(found[0]), text)
    text = _POWER.sub(lambda found: f"e{(found[1] or found[2]).translate(_UP)}", _MINUS.sub("-", text))
    text = _VULGAR.sub(lambda found: f"{int(found[1] or 0) + unicodedata.numeric(found[2]):.9g}", text)
    parts = {place: one for one in _FRACTION.finditer(text) for place in range(*one.span())}
    found = [_number(one, locale) for one in _NUMBER.finditer(text) if one.start("digits") not in parts]
    found += map(_fraction, dict.fromkeys(parts.values()))
    if words:
        found += [_spelled(one) for one in _WORD.finditer(text)]
    return sorted((one for one in found if one.values), key=lambda one: one.at)


def _number(match: re.Match[str], locale: Locale) -> Number:
    digits = match["digits"].rstrip(".,")
    readings = _read(digits, locale)
    sign = -1.0 if "-" in (match["sign"], match["inner"]) else 1.0
    exponent = int(match["power"][1:]) if match["power"] else 0
    power = 10.0**exponent if exponent < _TOO_GREAT else math.inf
    # a mark that ends a sentence parts the digits from what is behind them
    behind = (match["after"] or "").strip() if digits == match["digits"] else ""
    percent, times = behind.casefold() in _PERCENT, _TIMES.get(behind.casefold(), 1.0)
    values = [sign * one * power for one in readings]
    greater = [one * times for one in values]
    if behind.casefold() in _SHORT:  # 5k is five thousand, 5m may be five metres as well
        greater = [*values, *greater]
    more = (match["more"] or "").strip()
    if times != 1.0 and more and (not more.isalpha() or behind.casefold() not in _SHORT):
        behind = more  # 5 million euros
    unit = "" if percent else match["money"] or behind
    return Number(
        tuple(dict.fromkeys(one for one in greater if math.isfinite(one))), percent, unit, at=match.start("digits")
    )


def _fraction(match: re.Match[str]) -> Number:
    """3/4, or 1 1/2; also what its parts are by themselves, as in a date."""
    sign, parts = (-1.0 if match[1] else 1.0), [float(one) for one in match.group(2, 3, 4) if one]
    whole = sum(parts[:-2]) + parts[-2] / parts[-1] if parts[-1] else parts[-2]
    return Number((sign * whole, *(sign * one for one in parts)), unit=match[5] or "", at=match.start())


def _spelled(match: re.Match[str]) -> Number:
    whole, part = 0.0, 0.0
    for word in re.split(r"[ -]", match["words"].lower()):
        if word in _SAID:
            part += _SAID[word]
        elif word == "hundred":
            part = max(part, 1.0) * 100
        elif word in _GREAT:
            whole, part = whole + max(part, 1.0) * _GREAT[word], 0.0
    return Number((-(whole + part) if match["sign"] else whole + part,), spelled=True, at=match.start())


def _read(digits: str, locale: Locale) -> list[float]:
    """What some digits with marks may mean."""
    plain = re.sub(r"[ \u00a0\u202f'’_]", "", digits)
    points, commas = plain.count("."), plain.count(",")
    if points and commas:
        last = max(plain.rfind("."), plain.rfind(","))
        other = "," if plain[last] == "." else "."
        return _floats(plain.replace(other, "").replace(",", "."))
    if points > 1 or commas > 1:
        mark = "." if points else ","
        return _floats(plain.replace(mark, "")) if _grouped(plain, mark) else []
    if not points and not commas:
        return _floats(plain)
    mark = "." if points else ","
    decimal, thousands = _floats(plain.replace(",", ".")), _floats(plain.replace(mark, ""))
    if not _grouped(plain, mark):
        return decimal
    if locale == "any":
        return [*decimal, *thousands]
    return thousands if (locale == "en") == (mark == ",") else decimal


def _grouped(plain: str, mark: str) -> bool:
    """Whether marks stand where thousands are parted; not behind a leading 0."""
    first, *rest = plain.split(mark)
    parted = all(len(one) == 3 for one in rest) or (
        mark == "," and len(rest[-1]) == 3 and all(len(one) == 2 for one in rest[:-1])  # as in India
    )
    return 1 <= len(first) <= 3 and first[0] != "0" and parted


def _floats(text: str) -> list[float]:
    try:
        return [float(text)]
    except ValueError:
        return []
