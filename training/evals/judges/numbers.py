"""Numbers in texts, in the writings that people and lanes use: 1,234.5 and 1.234,5, 12 %, 1.2 million, twelve."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Locale = Literal["en", "de", "any"]
"""What a lone mark before three digits is: in ``en`` a comma parts thousands, in ``de`` a point does; ``any``: both."""

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_TIMES = {
    "k": 1e3,
    "thousand": 1e3,
    "tausend": 1e3,
    "million": 1e6,
    "millions": 1e6,
    "millionen": 1e6,
    "mio": 1e6,
    "m": 1e6,
    "billion": 1e9,
    "billions": 1e9,
    "bn": 1e9,
}
_SHORT = frozenset({"k", "m"})
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>(?<![\w)])[-+−])?(?P<digits>\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?:[.,]\d{1,12})?(?![\d])|"
    r"\d[\d.,]{0,40})(?P<power>[eE][-+]?\d{1,3})?(?P<after>[ \u00a0\u202f]?(?:%|[^\W\d_]{1,12})(?![\w]))?"
)
_WORD = re.compile(rf"(?i)(?<![\w-])({'|'.join(_WORDS)})\b(?![-'’]\w)")
_MARKER = re.compile(r"(?m)^[ \t]{0,8}\d{1,2}[.)][ \t]+(?=\S)")
_PERCENT = ("%", "percent", "prozent", "pct")


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
        words: ``twelve`` counts, up to twenty. markers: so do the numbers of a numbered list.

    >>> [one.values for one in numbers_in("1.234,5 of twelve, -3 % and 18 thousand", locale="de")]
    [(1234.5,), (12.0,), (-3.0,), (18000.0,)]
    """
    text = unicodedata.normalize("NFC", text)
    if not markers:
        text = _MARKER.sub(lambda found: " " * len(found[0]), text)
    found = [_number(one, locale) for one in _NUMBER.finditer(text)]
    if words:
        found += [
            Number((float(_WORDS.index(one[1].lower())),), spelled=True, at=one.start()) for one in _WORD.finditer(text)
        ]
    return sorted((one for one in found if one.values), key=lambda one: one.at)


def _number(match: re.Match[str], locale: Locale) -> Number:
    readings = _read(match["digits"].rstrip(".,"), locale)
    sign = -1.0 if match["sign"] in ("-", "−") else 1.0
    power = 10.0 ** int(match["power"][1:]) if match["power"] else 1.0
    behind = (match["after"] or "").strip()
    percent = behind.casefold() in _PERCENT
    short = behind.casefold() in _SHORT
    times = _TIMES.get(behind.casefold(), 1.0) if not short or not match["after"].startswith((" ", "\u00a0")) else 1.0
    values = [sign * one * power for one in readings]
    if short and times != 1.0:  # 5k is five thousand, 5m may be five metres as well
        values += [one * times for one in values]
        times = 1.0
    return Number(
        tuple(dict.fromkeys(one * times for one in values if math.isfinite(one * times))),
        percent=percent,
        unit="" if percent else behind,
        at=match.start(),
    )


def _read(digits: str, locale: Locale) -> list[float]:
    """What some digits with marks may mean."""
    plain = re.sub(r"[ \u00a0\u202f'’]", "", digits)
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
    return 1 <= len(first) <= 3 and first[0] != "0" and all(len(one) == 3 for one in rest)


def _floats(text: str) -> list[float]:
    try:
        return [float(text)]
    except ValueError:
        return []
