"""Readings of a text as somebody wrote it who does not want to be read: in leet, from its end, with rotated letters.

As in ``spacing``, each function returns the text itself where it does not wear the disguise.
"""

from __future__ import annotations

import codecs
import re

from router_ml.guardrails.detectors.placeholders import is_placeholder

_FEWEST, _SHORTEST = 6, 9  # digits of a number

_LIKE_DIGITS = str.maketrans("OoQDlIi|!ZzEeASsGbTtBgq", "00001111122334556677899")
_DIGITLIKE = re.compile(
    r"(?<![^\W_])[0-9OoQDlIi|!ZzEeASsGbTtBgq]{1,34}(?:[ .\-/()]{1,2}[0-9OoQDlIi|!ZzEeASsGbTtBgq]{1,34}){0,8}(?![^\W_])"
)
_STROKES = re.compile(r"[lIO|o]{1,8}")
_LIKE_LETTERS = str.maketrans("0134578@$", "oieastbas")
_LETTERLIKE = re.compile(
    r"(?<![\w@$/+=:])(?=[\w@$.+-]{0,63}[^\W\d_])(?=[\w@$.+-]{0,63}[0134578$])[^\W_][\w@$.+-]{1,63}(?!/)"
)


_LONGEST_WORD, _COUNTED = 24, re.compile(r"\d{1,4}-[a-z]")


def plain_letters(text: str) -> str:
    """Leet in both directions: digits in words as letters, letters in numbers as digits."""
    if re.search(r"[\d@$!|]", text) is None:
        return text
    return _LETTERLIKE.sub(_letters, _DIGITLIKE.sub(_digits, text))


def _digits(match: re.Match[str]) -> str:
    """A number with letters that look like digits; words beside it, such as "ID", stay."""
    value = "".join(
        group.translate(_LIKE_DIGITS) if any(map(str.isdigit, group)) or _STROKES.fullmatch(group) else group
        for group in re.split(r"([ /()])", match[0])
    )
    before, after = (sum(map(str.isdigit, text)) for text in (match[0], value))
    return value if after >= _FEWEST and (before >= 2 or (before and after >= _SHORTEST)) else match[0]


def _letters(match: re.Match[str]) -> str:
    value = match[0]
    if value.count("@") == 1:
        local, _, domain = value.partition("@")
        return f"{local.translate(_LIKE_LETTERS)}@{domain.translate(_LIKE_LETTERS)}"
    if _COUNTED.match(value) is not None:
        return value  # "12-character"
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    return value.translate(_LIKE_LETTERS) if letters >= max(2, digits) and len(value) <= _LONGEST_WORD else value


_REVERSIBLE = re.compile(r"(?<!\S)(?=\S{0,255}[\d@])\S{2,256}(?: (?=\S{0,127}[\d@])\S{1,128}){0,8}")


_ADDRESS = re.compile(r"@[\w-]{1,63}\.\w")


def reversed_words(text: str) -> str:
    """Each word that holds a digit or an @, and each run of such words, read from its end; other words stay."""
    return _REVERSIBLE.sub(_backwards, text)


def _backwards(match: re.Match[str]) -> str:
    value = match[0]
    if _ADDRESS.search(value) is not None or is_placeholder(value):
        return value  # reads as an address, or stands for a value, as it is
    telling = "@" in value or sum(map(str.isdigit, value)) >= 6 or (len(value) >= 8 and any(map(str.isalpha, value)))
    return value[::-1] if telling else value


_MIRRORED_WORDS = tuple(
    word[::-1]
    for word in "mail card number phone account password secret iban social passport birth token please".split()
)


def mirrored(text: str) -> str:
    """The whole text read from its end, where that makes words of it."""
    lowered = text.lower()
    return text[::-1] if any(word in lowered for word in _MIRRORED_WORDS) else text


_ROTATED_PROSE = frozenset(
    codecs.encode(word, "rot13")
    for word in "the and for this that with you please what number card account birth passport phone"
    " export ssn und ich ist der das bitte kunde angabe les des est que por para una los che per con het een van nie"
    " jest oraz bir lütfen".split()
)
_ROTATED_WORDS = tuple(
    codecs.encode(word, "rot13")
    for word in "@gmail. .com .org .net ghp_ github_pat_ glpat- sk- akia asia k_live_ k_test_ xoxb- xoxp- aiza hf_ npm_"
    " sg. eyj -----begin dapi shpat_ hvs. pypi- ya29 gocspx dop_v1 lin_api r8_ gsk_ password iban card account numer"
    " nummer telefon phone adresse address konto passeport reisepass pasaporte permis geburt naissance nacimiento birth"
    " routing licence license patient medical authorization bearer basic".split()
)
_ROTATED_IBAN = re.compile(r"(?<![^\W_])[A-Za-z]{2}\d\d(?:[ -]?[0-9A-Za-z]{4}){2}")


def rotated(text: str) -> str:
    """The text with each Latin letter moved by 13 places, where that makes words or the start of a key of it."""
    lowered = text.lower()
    accounts = sum(map(text.count, "0123456789")) >= 8 and _ROTATED_IBAN.search(text) is not None
    prose = not _ROTATED_PROSE.isdisjoint(re.split(r"[\W_]{1,8}", lowered))
    if accounts or prose or any(word in lowered for word in _ROTATED_WORDS):
        return codecs.encode(text, "rot13")
    return text
