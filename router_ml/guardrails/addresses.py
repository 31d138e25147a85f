"""Street addresses by structure: a house number, a street word, and a postcode or words that say who lives there.

A street alone is a place; what makes it an address of somebody is a postcode, a flat, or "lives at", "ship to" and the
like near it. Places that everybody knows and addresses of firms are no findings.
"""

from __future__ import annotations

import re

from router_ml.guardrails.address_words import (
    BEHIND,
    BETWEEN,
    FAMOUS,
    FIRM,
    LIVES,
    NAMED,
    NUMBER_FIRST,
    NUMBER_LAST,
    PERSONAL,
    STATES,
    SUFFIX,
)
from router_ml.guardrails.detector import Accept, Detector, Span, either, literals

_WORD = r"[^\W\d_][\w'’.-]{0,24}"
_NAME = r"[\w'’.-]{1,24}"
_ARTICLES = r"(?:(?:d[eiuao]s?|des|dell[ae]|del|dei|la|las|los|les?|aux?) ){0,3}"
_UPPER = r"[A-Z\u00c0-\u00de][\w'’.-]{1,24}"
_NUMBER = (
    r"(?:n[ºo°]\.? ?|no: ?|№ ?|д\. ?|дом )?"
    r"\d{1,5}(?: ?[A-Za-z](?![^\W_])|(?: bis| ter)\b)?(?:[-/]\d{1,4}[A-Za-z]?)?"
)

_POSTCODE = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?:{STATES}),? {{0,2}}\d{{5}}(?:-\d{{4}})?|[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}"
    r"|[A-CEGHJ-NPR-TVXY]\d[A-CEGHJ-NPR-TV-Z] ?\d[A-CEGHJ-NPR-TV-Z]\d|(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT),? \d{4}"
    r"|[A-Z]\d[\dW] ?[A-Z0-9]{4}|\d{4} ?[A-Z]{2}|\d\d-\d{3}|\d{4,5}-\d{3}|\d{3} \d\d"
    r"|(?:[A-Z]{1,3}-)?(?:\d{5,6}|(?!19|20)\d{4}|(?:19|20)\d\d(?= (?-i:[A-Z\u00c0-\u00de])))"
    r"|〒?\d{3}-\d{4})(?![A-Za-z0-9]|[.,:/-]\d|%)",
    re.IGNORECASE,
)
_CLEAR_POSTCODE = re.compile(  # cannot be read as another number
    rf"(?<![A-Za-z0-9])(?:(?:{STATES}),? \d{{5}}|[A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}}|[A-Z]\d[A-Z] \d[A-Z]\d"
    r"|(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT),? \d{4})(?![A-Za-z0-9])"
)
_AFTER, _BEFORE_CHARACTERS = 80, 90
_NAME_LENGTH = 40
_LEFT = re.compile(r"(?<![^\W_])[^\W\d_][\w'’-]{0,24}[ -]?$")


def _is_personal(text: str, start: int) -> bool:
    """Whether words before an address say who lives there, or a name of two words stands right before it."""
    before = text[max(0, start - _BEFORE_CHARACTERS) : start]
    return PERSONAL.search(before) is not None or (NAMED.search(before) is not None and FIRM.search(before) is None)


def _is_firm(text: str, start: int) -> bool:
    return FIRM.search(text, max(0, start - _BEFORE_CHARACTERS), start) is not None


def _extended(text: str, end: int) -> int:
    """The end of the postcode that belongs to a street ending at ``end``, or ``end`` where none follows."""
    stop = text.find("\n\n", end, end + _AFTER)
    postcode = _POSTCODE.search(text, end, stop if stop >= 0 else end + _AFTER)
    between = text[end : postcode.start()] if postcode is not None else "."
    crossed = re.search(r"[.!?;:] {1,3}[A-Za-z]|[()\[\]{}=<>]", between.replace("Apt. ", "").replace("St. ", ""))
    return postcode.end() if postcode is not None and crossed is None else end


def _judged(text: str, start: int, end: int, *, sure: bool = False) -> Span | None:
    """With a postcode unless it is a firm's; or a name in capitals and words that say who lives there.

    ``sure``: the street word is no other word, so that capitals are not asked for.
    """
    street = text[start:end]
    if FAMOUS.search(street) is not None:
        return None
    capital = "/" in street or any(word[:1].isupper() for word in street.split())
    personal = _is_personal(text, start)
    last = _extended(text, end)
    clear = capital or personal or _CLEAR_POSTCODE.search(text[end:last].upper()) is not None
    if last > end and clear and (personal or not _is_firm(text, start)):
        return start, last
    return (start, end) if personal and (capital or sure) else None


def _street(match: re.Match[str]) -> Span | None:
    return _judged(match.string, *match.span())


def _street_behind(match: re.Match[str]) -> Span | None:
    """The pattern starts at the street word, so the name before it is added."""
    start = match.start()
    name = _LEFT.search(match.string, max(0, start - _NAME_LENGTH), start)
    return _judged(match.string, name.start(), match.end(), sure=True) if name is not None else None


def _lives(match: re.Match[str]) -> Span | None:
    start, end = match.span("value")
    return None if FAMOUS.match(match.string, start, end + _NAME_LENGTH) else (start, end)


def _flat(match: re.Match[str]) -> Span | None:
    text, start = match.string, match.start()
    if FAMOUS.search(match[0]) or (_is_firm(text, start) and not _is_personal(text, start)):
        return None
    return start, _extended(text, match.end())


def _certain(match: re.Match[str]) -> Span | None:
    text, (start, end) = match.string, match.span()
    famous = FAMOUS.search(match[0]) is not None
    return None if famous or (_is_firm(text, start) and not _is_personal(text, start)) else (start, end)


def _row(
    pattern: str, triggers: str, *, digits: int = 1, flags: re.RegexFlag = re.IGNORECASE, accept: Accept | None = None
) -> Detector:
    return Detector(
        type="address",
        risk="pii",
        pattern=re.compile(pattern, flags),
        triggers=tuple(triggers.split()),
        digits=digits,
        accept=accept or _street,
    )


_EDGE = r"(?<![\w.,/$€£-])"
_HOUSE = r"\d{1,6}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?,?"

ADDRESSES = (
    _row(
        rf"{_EDGE}{_HOUSE} (?:(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}?(?:{SUFFIX})(?![^\W_])\.?",
        "street st av road rd boul blvd lane ln drive dr court ct place pl way ter cir park pkwy high hwy square sq tr"
        " close cres gard gdns grove mews row hill walk rise loop all espl para turn cross ridge heights exp fwy",
    ),
    _row(
        rf"(?:{BEHIND}) ?{_NUMBER}(?![^\W_]|[.,]\d)",
        "stra str. gasse weg alle platz ring damm ufer steig laan plein gracht kade dijk singel dreef gata väg gränd"
        " stig gate vei vej gade stræ allé katu tie kuja polku torg torv",
        accept=_street_behind,
    ),
    _row(
        rf"{_EDGE}{_HOUSE} (?:bis |ter )?(?:{NUMBER_FIRST}) ?(?<=[ .]){_ARTICLES}{_WORD}"
        rf"(?: {_WORD}){{0,2}}?(?![^\W_])",
        " ".join(literals(NUMBER_FIRST)),
    ),
    _row(
        rf"(?<![^\W_])(?:{NUMBER_LAST}) ?(?<=[ ./])(?:{_NAME},? ){{0,5}}?{_WORD},? {_NUMBER}(?![^\W_]|[.,]\d)",
        " ".join(literals(NUMBER_LAST)),
    ),
    _row(
        rf"{_EDGE}{_HOUSE} (?:[\w'’-]{{1,24}} ){{0,3}}?[^\W\d_][\w'’-]{{0,24}}?(?:{BEHIND})(?![^\W_])",
        " ".join(literals(BEHIND)),
    ),
    _row(  # no street word: capitals, a number, a postcode and a town in capitals
        rf"{_EDGE}(?:{_UPPER} ){{0,2}}{_UPPER} \d{{1,4}}[A-Za-z]?, (?:[A-Z]{{1,2}}-)?\d{{4,5}} (?={_UPPER})"
        rf"|{_EDGE}\d{{1,4}}[A-Za-z]?,? (?:{_UPPER} ){{0,3}}{_UPPER}, \d{{4,5}} (?={_UPPER})"
        rf"|{_EDGE}\d{{1,4}}[A-Za-z]? (?:{_UPPER} ){{0,3}}{_UPPER},? (?:{_UPPER},? ){{1,3}}"
        r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}"
        rf"|{_EDGE}\d{{1,5}}[A-Za-z]? (?:{_UPPER} ){{1,4}}?{_UPPER}?, (?:{_UPPER} ){{0,2}}{_UPPER}, "
        rf"(?:{STATES}) \d{{5}}(?!\d)",
        "",
        digits=3,
        flags=re.RegexFlag(0),
        accept=_certain,
    ),
    _row(
        rf"(?<= )(?:{BETWEEN}) ?{_NUMBER}",
        "utca út u. tér krt körút tee tänav iela gatvė cad sok mah",
        accept=_street_behind,
    ),
    _row(
        rf"{_EDGE}p\.? ?o\.? box \d{{1,6}}|postfach \d[\d ]{{0,7}}|apartado(?: postal)? \d{{1,6}}",
        "box postfach apartado",
    ),
    Detector(  # a house number, a name and a flat: no street word is needed
        type="address",
        risk="pii",
        pattern=re.compile(
            rf"{_EDGE}{_HOUSE} (?:[\w'’.-]{{1,24}},? ){{0,6}}?[\w'’.-]{{1,24}},?[\s>]{{1,5}}"
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
            rf"(?i:{either(LIVES)})[: ]{{1,2}}(?P<value>(?:\d{{1,5}}[A-Za-z]?,? (?:{_NAME} ){{0,2}}?{_UPPER}"
            rf"|(?:{_UPPER} ){{0,3}}{_UPPER},? \d{{1,5}}[A-Za-z]?(?![^\W_]|[.,:]\d)))"
        ),
        triggers=literals(LIVES),
        digits=1,
        accept=_lives,
    ),
    Detector(  # United States Postal Service, Publication 28, section 225 and 238
        type="address",
        risk="pii",
        pattern=re.compile(
            r"(?<![^\W_])(?:(?:psc|cmr|unit) \d{1,5},? {0,2}box \d{1,5}|uss \w{2,24}|usns \w{2,24})[,\s]{1,4}"
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
            r"|(?:[가-힣]{1,8}(?:시|도|구|군) ){1,3}[가-힣]{1,8}(?:로|길) ?\d{1,4}(?:-\d{1,4})?",
        ),
        triggers=("路", "街", "道", "巷", "弄", "都", "府", "県", "로", "길"),
        digits=1,
    ),
)  # fmt: skip
