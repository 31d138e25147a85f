"""Other characters that look the same, or nothing at all between the characters."""

from __future__ import annotations

import random
import re
import string

from training.redteam.technique import ALL, INLINE, LETTERS, NUMBERS, of_value, shapes

_CYRILLIC = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
_GREEK = str.maketrans("oABEHIKMNOPTXYZ", "οΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")
_CIRCLED = str.maketrans(
    string.digits + string.ascii_letters,
    "⓪①②③④⑤⑥⑦⑧⑨" + "".join(map(chr, [*range(0x24D0, 0x24EA), *range(0x24B6, 0x24D0)])),
)
_SUPERSCRIPT = str.maketrans(string.digits, "⁰¹²³⁴⁵⁶⁷⁸⁹")
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"
_PRINTED_IN_FOURS = re.compile(r"[0-9]{14,19}|[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}")
_DOTS = str.maketrans({".": "\u2024", "@": "\uff20"})


def every(text: str, sign: str) -> str:
    """The sign after each character that is no space."""
    return re.sub(r"(\S)(?=\S)", lambda found: found.group(1) + sign, text)


def _mathematical(text: str, digit: int, upper: int, lower: int) -> str:
    def moved(sign: str) -> str:
        if sign in string.digits:
            return chr(digit + int(sign))
        if sign in string.ascii_uppercase:
            return chr(upper + ord(sign) - 65)
        return chr(lower + ord(sign) - 97) if sign in string.ascii_lowercase else sign

    return "".join(map(moved, text))


def fullwidth(text: str) -> str:
    """Every visible ASCII character in its fullwidth form."""
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


def tagged(text: str) -> str:
    """ASCII as invisible tag characters (U+E0000), which models read and people do not see."""
    return "".join(chr(0xE0000 + ord(sign)) if " " <= sign <= "~" else sign for sign in text)


def _digits_from(start: int) -> dict[int, str]:
    return {ord("0") + number: chr(start + number) for number in range(10)}


def _parted(text: str) -> str:
    """A card number or IBAN without gaps gets them as they are printed, in fours."""
    if _PRINTED_IN_FOURS.fullmatch(text):
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    return text


def _spaced(text: str, space: str) -> str:
    return _parted(text).replace(" ", space)


def _dashed(text: str, rng: random.Random) -> str:
    return re.sub("[ -]", lambda _: rng.choice(_DASHES), _parted(text))


def _marked(text: str) -> str:
    return re.sub(r"([0-9A-Za-z])", "\\1\u0301", text)


def _override(text: str) -> str:
    """Stored backwards and shown forwards."""
    return f"\u202e{text[::-1]}\u202c"


def _some(text: str, table: dict[int, int], rng: random.Random) -> str:
    """About two thirds of the letters that have a double, one at least."""
    places = [at for at, sign in enumerate(text) if ord(sign) in table]
    chosen = set(rng.sample(places, max(1, len(places) * 2 // 3))) if places else set()
    return "".join(sign.translate(table) if at in chosen else sign for at, sign in enumerate(text))


_LETTERED = LETTERS | shapes("code")
_GROUPED = shapes("digits", "code", "words")
TECHNIQUES = (
    of_value("zero-width space", "unicode", INLINE, lambda value, _: every(value, "\u200b")),
    of_value("zero-width joiner", "unicode", INLINE, lambda value, _: every(value, "\u200d")),
    of_value("word joiner and BOM", "unicode", INLINE, lambda value, rng: every(value, rng.choice("\ufeff\u2060"))),
    of_value("soft hyphen", "unicode", INLINE, lambda value, _: every(value, "\u00ad")),
    of_value("variation selectors", "unicode", INLINE, lambda value, _: every(value, "\ufe0f")),
    of_value("combining marks", "unicode", INLINE, lambda value, _: _marked(value)),
    of_value("direction marks", "unicode", INLINE, lambda value, rng: every(value, rng.choice("\u200e\u200f\u2068"))),
    of_value("right-to-left override", "unicode", INLINE, lambda value, _: _override(value)),
    of_value("tag characters", "unicode", INLINE, lambda value, _: tagged(value)),
    of_value("fullwidth", "unicode", ALL, lambda value, _: fullwidth(value)),
    of_value("mathematical bold", "unicode", INLINE, lambda value, _: _mathematical(value, 0x1D7CE, 0x1D400, 0x1D41A)),
    of_value("mathematical monospace", "unicode", ALL, lambda v, _: _mathematical(v, 0x1D7F6, 0x1D670, 0x1D68A)),
    of_value("circled", "unicode", INLINE, lambda value, _: value.translate(_CIRCLED)),
    of_value("superscript digits", "unicode", NUMBERS, lambda value, _: value.translate(_SUPERSCRIPT)),
    of_value("Arabic-Indic digits", "unicode", NUMBERS, lambda value, _: value.translate(_digits_from(0x0660))),
    of_value("Devanagari digits", "unicode", NUMBERS, lambda value, _: value.translate(_digits_from(0x0966))),
    of_value("Bengali digits", "unicode", NUMBERS, lambda value, _: value.translate(_digits_from(0x09E6))),
    of_value("Cyrillic letters", "unicode", _LETTERED, lambda value, rng: _some(value, _CYRILLIC, rng)),
    of_value("Greek letters", "unicode", _LETTERED, lambda value, rng: _some(value, _GREEK, rng)),
    of_value("no-break space", "unicode", _GROUPED, lambda value, _: _spaced(value, "\u00a0")),
    of_value("thin space", "unicode", _GROUPED, lambda value, _: _spaced(value, "\u2009")),
    of_value("ideographic space", "unicode", _GROUPED, lambda value, _: _spaced(value, "\u3000")),
    of_value("unusual dashes", "unicode", shapes("digits"), _dashed),
    of_value("unusual dots and at", "unicode", shapes("email", "net", "url"), lambda v, _: v.translate(_DOTS)),
)
