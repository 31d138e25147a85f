"""Phone numbers: international ones by their plan, national ones by their shape, bare digits by the words around."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from router_ml.guardrails.detector import Detector, Span, ascii_digits, label, labelled, labelled_otherwise, near, words
from router_ml.guardrails.placeholders import is_counting

_WORDS = (
    "phone|telephone|tele?|tel|cell|cellphone|mobile|mob|mobil|whats ?app|sms|fax|signal|dial|call|calls|called|ring"
    "|text me|text her|text him|reach|hotline|landline|voicemail|handy|handynummer|telefon|telefonnummer|rufnummer"
    "|anrufen|ruf|rufen|erreichbar|téléphone|portable|appelez|appeler|teléfono|telefono|móvil|celular|celu|llamar|llama"
    "|llámame|cellulare|telefone|ligar|telefoon|bellen|gsm|puhelin|tlf|numer|phones?number"
)
_CONTEXT = words(_WORDS)
_FILLER = r"no|nos|nr|num|number|nummer|me|us|him|her|them|back|is|ist|on|at|to|under|unter|via|home|work|office|the"
_LABEL_BEFORE = label(_WORDS, _FILLER)
_LABEL_AFTER = re.compile(r"[\s\-(,]{0,3}(?:office|fax|home|work|mobile|cell|tel|phone|handy|privat)\b", re.IGNORECASE)

# Dates, clock times, IPv4 addresses and decimals have the digits of a phone number but not its meaning.
_NOT_A_PHONE = re.compile(
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}.{0,10}|\d{1,2}([-/. ])\d{1,2}\2(?:19|20)\d\d.{0,10}|(?:19|20)\d\d[-/ ]+(?:19|20)\d\d"
    r"|\d{1,3}(?:\.\d{1,3}){3}|\d{1,12}\.\d{1,12}",
    re.ASCII,
)
_NANP = re.compile(r"(?:\+?1[-. ]{0,2})?(?:\(\d{3}\)[-. ]?|\d{3}[-. ])\d{3}[-. ]\d{4}", re.ASCII)
_TRUNK = re.compile(r"\(?0\d{1,5}\)?[ /-]\d{2,8}(?:[ -]\d{2,8}){0,4}", re.ASCII)
_TRUNK_REGIONS = ("GB", "DE", "FR", "NL", "AU", "IT", "CH", "AT", "BE", "SE")
_FICTIONAL = re.compile(r"(?:.{3})?55501\d{2}")  # 555-0100 to 555-0199 is kept free for fiction and documentation
_LAST_GROUP = re.compile(r"[ ().\-/]{1,3}\d{1,14}$", re.ASCII)
_LONE_DIGIT = re.compile(r"(?<!\d)\d(?!\d)", re.ASCII)
_ENDS = r"(?![^\W_xX]|[xX][^\W\d])"


@cache
def _toll_types() -> frozenset[int]:
    from phonenumbers import PhoneNumberType as kind  # noqa: N813 - slow to import, needed on hits only

    return frozenset({kind.TOLL_FREE, kind.PREMIUM_RATE, kind.SHARED_COST, kind.UAN})


def _exists(value: str, region: str | None, *, possible: bool = False) -> bool:
    """Whether the numbering plan knows the number; ``possible``: whether its length at least is right there.

    Toll-free and premium numbers do not count: they belong to companies.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return False
    if phonenumbers.is_valid_number(number):
        return phonenumbers.number_type(number) not in _toll_types()
    return possible and phonenumbers.is_possible_number(number)


def _made_up(digits: str) -> bool:
    national = digits[-10:] if len(digits) >= 10 else digits
    return _FICTIONAL.fullmatch(national) is not None or is_counting(digits) or is_counting(national)


def _is_labelled(text: str, span: Span) -> bool:
    return labelled(_LABEL_BEFORE, text, span[0]) is not None or _LABEL_AFTER.match(text, span[1]) is not None


def _heads(match: re.Match[str]) -> Iterator[tuple[Span, str]]:
    """The proposal and what is left of it without its last groups of digits, as spans with their digits.

    A pattern takes as many digits as it can, so "+49 30 901820 12 times" needs its last group dropped.
    """
    start, end = match.span()
    for _ in range(4):
        value = match.string[start:end]
        digits = ascii_digits(value)
        if len(digits) < 7:
            return
        yield (start, end), digits
        cut = _LAST_GROUP.search(value)
        if cut is None:
            return
        end = start + cut.start()


def _international(match: re.Match[str]) -> Span | None:
    """The longest head that is a number in some country's plan."""
    text = match.string
    if labelled_otherwise(text, match.start()):
        return None
    for span, digits in _heads(match):
        labelled = _is_labelled(text, span)
        if not _made_up(digits) and _exists("+" + digits.removeprefix("00"), None, possible=labelled):
            return span
    return None


def _national(match: re.Match[str]) -> Span | None:
    """A number without country code: labelled as a phone, or near such words, or unmistakable in shape."""
    text = match.string
    if len(_LONE_DIGIT.findall(match[0])) > 2:
        return None
    other = labelled_otherwise(text, match.start())
    for span, digits in _heads(match):
        value = text[slice(*span)]
        american, trunk = _NANP.fullmatch(value) is not None, _TRUNK.fullmatch(value) is not None
        if _made_up(digits) or (_NOT_A_PHONE.fullmatch(value) and not american):
            continue
        if _is_labelled(text, span):
            return span
        if other or len(digits) < 9:
            continue
        if (american or trunk or digits[0] == "0" or len(digits) == 10) and near(_CONTEXT, text, span):
            return span
        if american and _exists(value, "US"):
            return span
        if trunk and 10 <= len(digits) <= 12 and any(_exists(value, region) for region in _TRUNK_REGIONS):
            return span
    return None


PHONES = (
    Detector(
        type="phone",
        risk="pii",
        pattern=re.compile(rf"(?<![\w+.])(?:\+|00)\(?\d(?:[ ().\-/]{{0,3}}\d){{6,14}}{_ENDS}", re.ASCII),
        triggers=("+", "00"),
        digits=7,
        accept=_international,
    ),
    Detector(
        type="phone",
        risk="pii",
        pattern=re.compile(rf"(?<![\w+])(?<!\d[.\-/])\(?\d(?:[ ().\-/]{{0,2}}\d){{6,13}}{_ENDS}", re.ASCII),
        digits=7,
        accept=_national,
    ),
)
