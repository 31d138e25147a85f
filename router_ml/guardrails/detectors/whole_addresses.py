"""Addresses that need no street word: a flat, a postcode with a town, "my address is", and other ways of writing."""

from __future__ import annotations

import re

from router_ml.guardrails.detectors.address_words import FAMOUS, LIVES, STATES
from router_ml.guardrails.detectors.addresses import EDGE, HOUSE, NAME, STREETS, UPPER, extended, is_firm, is_personal
from router_ml.guardrails.detectors.detector import Detector, Span, either, literals

_NAME_LENGTH = 40
_TOWNS = rf"(?:{UPPER}(?:, ?\n?|\n| )){{1,6}}"
_BRITISH = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
_CANADIAN = r"[A-CEGHJ-NPR-TVXY]\d[A-CEGHJ-NPR-TV-Z] ?\d[A-CEGHJ-NPR-TV-Z]\d"
_PROVINCES = "ON|QC|BC|AB|MB|SK|NS|NB|NL|PE|YT|NT|NU"
_WHERE = (
    "(?:my|our|his|her|their|home|postal|mailing|delivery|shipping|billing|residential|current|new|street) address"
    "|meine adresse|meine anschrift|mon adresse|mi dirección|mi domicilio|il mio indirizzo|mijn adres|mój adres"
    "|(?:meu|o meu) endereço|minha morada|min adress|min adresse|adresim|мой адрес|моя адреса|моє адреса|osoitteeni"
    "|moje adresa|a címem|lakcímem|adresa mea|η διεύθυνσή μου|我的地址|住址|住所|我家住|제 주소|내 주소|عنواني|मेरा पता"
)
_ADDRESS = re.compile(
    r"(?<![\w.])\d{1,5}(?![\w.]|:\d)[\s\S]{0,60}\d{3,6}|\d{3,6}[\s\S]{0,60}(?<![\w.])\d{1,5}(?![\w.])"
)
_PROPER = re.compile(r"[A-Z\u00c0-\u00de\u0370-\ud7ff]")  # a capital, or a script other than the Latin
_NO_PLACE = re.compile(r"[@=<>{}\[\]]|://|0x[0-9a-f]", re.IGNORECASE)


def _lives(match: re.Match[str]) -> Span | None:
    start, end = match.span("value")
    return None if FAMOUS.match(match.string, start, end + _NAME_LENGTH) else (start, end)


def _flat(match: re.Match[str]) -> Span | None:
    text, start = match.string, match.start()
    if FAMOUS.search(match[0]) or (is_firm(text, start) and not is_personal(text, start)):
        return None
    return start, extended(text, match.end())


def _certain(match: re.Match[str]) -> Span | None:
    text, (start, end) = match.string, match.span()
    famous = FAMOUS.search(match[0]) is not None
    return None if famous or (is_firm(text, start) and not is_personal(text, start)) else (start, end)


def _said(match: re.Match[str]) -> Span | None:
    """After "my address is": two numbers, of which one may be a postcode, and words."""
    value = match["value"]
    named = _PROPER.search(value) is not None and sum(map(str.isalpha, value)) >= 4
    good = named and _ADDRESS.search(value) is not None and _NO_PLACE.search(value) is None
    return match.span("value") if good and FAMOUS.search(value) is None else None


WHOLE = (
    Detector(
        type="address",
        risk="pii",
        pattern=re.compile(
            rf"{EDGE}(?:{UPPER} ){{0,3}}{UPPER},? \d{{1,4}}[A-Za-z]?(?:, ?\n?|\n)"
            rf"(?:[A-Z]{{1,2}}-|ΤΚ )?(?:\d{{5}}|\d{{3}} \d\d|\d{{4}} ?[A-Z]{{2}}|\d\d-\d{{3}}"
            rf"|\d{{4}}(?:-\d{{3}})?) (?={UPPER})"
            rf"|{EDGE}\d{{1,4}}[A-Za-z]?,? (?:{UPPER} ){{0,3}}{UPPER}, \d{{4,5}} (?={UPPER})"
            rf"|{EDGE}\d{{1,5}}[A-Za-z]?(?:/\d{{1,4}})?(?:, ?\n?|\n| ){_TOWNS}"
            rf"(?:{_BRITISH}|(?:{_PROVINCES})? ?{_CANADIAN}|(?:{STATES}),? \d{{5}}"
            r"|(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT),? \d{4})"
            r"(?![A-Za-z0-9])"
        ),
        digits=3,
        accept=_certain,
    ),
    Detector(
        type="address",
        risk="pii",
        pattern=re.compile(
            rf"{either(_WHERE)}"
            r"(?: is| ist| est| es| è| to| é| är| er| on| je|:|は|是|는)?[ :：]{0,2}(?P<value>[^\n!?]{8,90})",
            re.IGNORECASE,
        ),
        triggers=literals(_WHERE),
        digits=3,
        accept=_said,
    ),
    Detector(  # a house number, a name and a flat: no street word is needed
        type="address",
        risk="pii",
        pattern=re.compile(
            rf"{EDGE}{HOUSE} (?:[\w'’.-]{{1,24}},? ){{0,6}}?[\w'’.-]{{1,24}},?[\s>]{{1,5}}"
            r"(?:(?:apt|apartment|flat)\.? ?#? ?\d{1,5}[a-z]?|(?-i:Suite|Ste\.?|Unit) #?\d{1,5})(?![^\W_])",
            re.IGNORECASE,
        ),
        triggers=("apt", "apartment", "flat", "suite", "ste", "unit"),
        digits=2,
        accept=_flat,
    ),
    Detector(  # "lives at" and a name with a number: the words make up for the missing street word
        type="address",
        risk="pii",
        pattern=re.compile(
            rf"(?i:{either(LIVES)})[: ]{{1,2}}(?P<value>(?:\d{{1,5}}[A-Za-z]?,? (?:{NAME} ){{0,2}}?{UPPER}"
            rf"|(?:{UPPER} ){{0,3}}{UPPER},? \d{{1,5}}[A-Za-z]?(?![^\W_]|[.,:]\d)))"
        ),
        triggers=literals(LIVES),
        digits=1,
        accept=_lives,
    ),
    Detector(  # United States Postal Service, Publication 28, section 225 and 238
        type="address",
        risk="pii",
        pattern=re.compile(
            r"(?<![^\W_])(?:(?:psc|cmr|unit) \d{1,5},? {0,2}box \d{1,5}|(?:uss|usns|usnv|uscgc) \w{2,24})[,\s]{1,4}"
            r"(?:apo|fpo|dpo),? (?:aa|ae|ap),? \d{5}(?!\d)",
            re.IGNORECASE,
        ),
        triggers=("apo", "fpo", "dpo"),
        digits=5,
    ),
    Detector(  # Chinese and Japanese write the large before the small, and mark each part
        type="address",
        risk="pii",
        pattern=re.compile(
            r"[\u4e00-\u9fff]{1,12}(?:路|街|道|巷|弄)(?:[\u4e00-\u9fff]{0,6})\d{1,5}(?:号|號)"
            r"(?:[\w-]{0,12}(?:室|楼|樓|单元|栋))?"
            r"|[\u4e00-\u9fff]{1,4}[都道府県][\u3040-\u9fff]{1,12}[市区町村郡][\u3040-\u9fff]{0,12}"
            r"\d{1,4}"
            r"(?:[-−丁]目?\d{1,4}){1,3}"
            r"|(?:[가-힣]{1,8}(?:시|도|구|군) ?){1,3}[가-힣\d]{1,10}(?:로|길|거리) ?\d{1,4}(?:-\d{1,4})?",
        ),
        triggers=("路", "街", "道", "巷", "弄", "都", "府", "県", "로", "길", "거리"),
        digits=1,
    ),
)

ADDRESSES = (*STREETS, *WHOLE)
