"""Phone numbers: by a country's numbering plan, by the words around bare digits, or by an unmistakable shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from router_ml.guardrails.detectors.detector import (
    Detector,
    Span,
    ascii_digits,
    has_letters,
    label,
    labelled,
    labelled_otherwise,
    literals,
    near,
    words,
)
from router_ml.guardrails.detectors.placeholders import is_counting

_WORDS = (
    "phone|phones?number|telephone|tele?|tel|cell|cellphone|mobile|mob|mobil|whats ?app|zap|sms|fax|signal|dial|calls?"
    "|called|(?:my|his|her|their) (?:new |cell |work |home )?number|ring"
    "|text (?:me|us|him|her|them)|reach|hotline|landline|voicemail|handy|handynummer|telefon|telefonnummer"
    "|rufnummer|anrufen|ruf|rufen|erreichbar|téléphone|portable|appelez|appeler|appelle|joindre|teléfono|telefono|móvil"
    "|celular|celu|llamar|llama|llamad|llámame|cellulare|chiamami|chiamare|chiama|recapito|(?:mio|meu|mi) número"
    "|(?:mio|nuovo) numero|telefone|telemóvel|ligar|ligue|telefoon|telefoonnummer|mobiel|bellen|bel me|bel mij|gsm"
    "|zadzwo\\w{1,4}|dzwoń|dzwonić|telefonu|komórk\\w{1,2}|mój numer|(?:mitt|mit) nummer|ring (?:mig|meg)|mobilnummer"
    "|mobilnr|puhelin|puh|numeroni|tlf|telefonum|cep|numaram|arayın|telefonszám\\w{0,4}|hívj|zavolej\\w{0,2}|číslo"
    "|τηλέφωνο|τηλ|κινητό|телефон\\w{0,3}|тел|моб|мобильн\\w{2,3}|позвони\\w{0,3}|звони\\w{0,3}|мой номер|дзвон\\w{1,4}"
    "|điện thoại|sđt|gọi|telepon|hp|電話|电话|手机|手機|致电|拨打|携帯|連絡先|전화|휴대폰|핸드폰|연락처"
    "|هاتف|جوال|موبايل|اتصل|تلفون|फोन|फ़ोन|मोबाइल|โทร|เบอร์|טלפון|נייד"
)
_FILLER = (
    "s|no|nos|nr|num|number|nummer|numer|numero|número|numéro|me|us|him|her|them|back|is|ist|es|est|è|é|to|jest|är|er|je"
    "|on|at|under|unter|via|home|work|office|the|al|au|a|para|pelo|op|på|pod|na|di|de|telefonu|telefono|по|на|номер"
    "|мой|my|a|番号|号码|號碼|号|號|は|是|為|为|번호|는|은|رقم|ي|على|नंबर|है"
)
_TRIGGERS = (*literals(_WORDS), "office", "home", "work", "privat")
_CONTEXT, _LABEL_BEFORE = words(_WORDS), label(_WORDS, _FILLER)
_LABEL_AFTER = re.compile(
    r"[\s\-(]{1,3}(?:office|fax|home|work|mobile|cell|tel|phone|handy|privat)\s{0,2}(?:[).,;:!?\n]|$)", re.IGNORECASE
)
_EPOCH = re.compile(r"1[4-9]\d{8}", re.ASCII)
_SPACED_ONLY = re.compile(r"[\d ]{8,20}", re.ASCII)

# Dates, spans of years, IPv4 addresses and decimals have the digits of a phone number but not its meaning.
_NOT_A_PHONE = re.compile(
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}.{0,10}|\d{1,2}([-/. ])\d{1,2}\2(?:19|20)\d\d.{0,10}"
    r"|(?:19|20)\d\d[-/ ]{1,3}(?:19|20)\d\d|\d{1,3}(?:\.\d{1,3}){3}|\d{1,12}\.\d{1,12}",
    re.ASCII,
)
_NANP = r"(?:1[-. ])?(?:\(\d{3}\)[-. ]?|\d{3}[-. ])\d{3}[-. ]\d{4}"
_TRUNK = r"\(?0\d{1,5}\)?[ /-]\d{2,8}(?:[ -]\d{2,8}){0,4}"
_AMERICAN = re.compile(_NANP, re.ASCII)
_TRUNK_REGIONS = ("GB", "DE", "FR", "NL", "AU")
_FICTIONAL = re.compile(r"(?:.{3})?55501\d{2}")  # 555-0100 to 555-0199 is kept free for fiction and documentation
_KEPT_FREE = re.compile(  # by Ofcom, the Bundesnetzagentur, Arcep and ACMA, for fiction; national numbers
    r"0(?:1(?:13|14|15|16|17|18|21|31|41|51|61)4960|2079460|1914980|289649|292018|1632960|7700900|3069990)\d{2,3}\d?"
    r"|0(?:3023125|6990009|4066969|2214710|8999998)\d{2,3}|0(?:199|261|353|465|536)00\d{4}|0(?:[2378]5550|[2378]7010)\d{4}"
    r"|0491570\d{3}"
)
_COUNTRY = re.compile(r"(?:00)?(?:44|49|33|61)")
_TOLL_FREE = re.compile(  # North America; freephone and service lines of Europe and Australia
    r"1?(?:8(?:00|33|44|55|66|77|88)|900)\d{7}|0(?:800|808|848|900|180)\d{5,8}|1[38]00\d{6}"
)
_LAST_GROUP = re.compile(r"[ ().\-/]{1,3}\d{1,14}$", re.ASCII)
_LONE_DIGIT = re.compile(r"(?<!\d)\d(?!\d)", re.ASCII)
_STARTS = r"(?<![\w+])(?<!\d[.\-/])"
_ENDS = r"(?![^\W_xX]|[xX][^\W\d])"


@cache
def _company_types() -> frozenset[int]:
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
        return phonenumbers.number_type(number) not in _company_types()
    return possible and phonenumbers.is_possible_number(number)


def _is_nobodys(digits: str) -> bool:
    """Made up for fiction or as an example, or a company's American toll-free number."""
    national = digits[-10:]
    local = _COUNTRY.sub("0", digits, count=1) if _COUNTRY.match(digits) else digits
    known = _FICTIONAL.fullmatch(national) or _TOLL_FREE.fullmatch(digits) or _KEPT_FREE.fullmatch(local)
    return known is not None or is_counting(digits) or is_counting(national)


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
    named = labelled(_LABEL_BEFORE, text, match.start()) is not None
    for span, digits in _heads(match):
        possible = named or _LABEL_AFTER.match(text, span[1]) is not None
        if not _is_nobodys(digits) and _exists("+" + digits.removeprefix("00"), None, possible=possible):
            return span
    return None


def _in_context(match: re.Match[str]) -> Span | None:
    """Digits labelled as a phone; or close to such words and as long and as written as phones are."""
    text, start = match.string, match.start()
    if not has_letters(text, match.span()) or len(_LONE_DIGIT.findall(match[0])) > 2:
        return None
    named = labelled(_LABEL_BEFORE, text, start) is not None
    other = not named and labelled_otherwise(text, start)
    for span, digits in _heads(match):
        value = text[slice(*span)]
        american = _AMERICAN.fullmatch(value) is not None
        if _is_nobodys(digits):
            return None
        if _NOT_A_PHONE.fullmatch(value) and not american:
            continue
        if named or _LABEL_AFTER.match(text, span[1]):
            return span
        dialled = american or digits[0] == "0" or len(digits) == 10
        likely = not other and _EPOCH.fullmatch(value) is None and len(digits) >= 9 and dialled
        if likely and near(_CONTEXT, text, span):
            return span
    return None


def _by_shape(match: re.Match[str]) -> Span | None:
    """American groups, or a trunk zero with groups, that a numbering plan knows."""
    text, span, digits = match.string, match.span(), ascii_digits(match[0])
    if _is_nobodys(digits) or _NOT_A_PHONE.fullmatch(match[0]) or labelled_otherwise(text, span[0]):
        return None
    if _AMERICAN.fullmatch(match[0]):
        return span if _SPACED_ONLY.fullmatch(match[0]) is None and _exists(match[0], "US") else None
    european = 10 <= len(digits) <= 12 and any(_exists(match[0], region) for region in _TRUNK_REGIONS)
    return span if european else None


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
        pattern=re.compile(rf"{_STARTS}\(?\d(?:[ ().\-/]{{0,2}}\d){{6,13}}{_ENDS}", re.ASCII),
        triggers=_TRIGGERS,
        digits=7,
        accept=_in_context,
    ),
    Detector(
        type="phone",
        risk="pii",
        pattern=re.compile(rf"{_STARTS}(?:{_NANP}|{_TRUNK}){_ENDS}", re.ASCII),
        digits=10,
        accept=_by_shape,
    ),
)
