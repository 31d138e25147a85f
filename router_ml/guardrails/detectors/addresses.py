"""Street addresses by structure: a house number, a street word, and a postcode or words that say who lives there.

A street alone is a place; what makes it an address of somebody is a postcode, a flat, or "lives at", "ship to" and the
like near it. Places that everybody knows and addresses of firms are no findings.
"""

from __future__ import annotations

import re

from router_ml.guardrails.detectors.address_words import (
    BEHIND,
    BETWEEN,
    FAMOUS,
    FIRM,
    NAMED,
    NUMBER_FIRST,
    NUMBER_LAST,
    PERSONAL,
    STATES,
    SUFFIX,
)
from router_ml.guardrails.detectors.detector import Accept, Detector, Span, literals

_WORD = r"[^\W\d_][\w'’.-]{0,24}"
EDGE = r"(?<![\w.,/$€£-])"
HOUSE = r"\d{1,6}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?,?"
NAME = r"[\w'’.-]{1,24}"
_ARTICLES = r"(?:(?:d[eiuao]s?|des|dell[ae]|del|dei|la|las|los|les?|aux?) ){0,3}"
UPPER = r"[A-Z\u00c0-\u00de\u0141\u015a\u0160\u017b\u017d\u010c\u0158\u0386-\u03ab\u0400-\u042f][\w'’.-]{1,24}"
_NUMBER = (
    r"(?:n[ºo°]\.? ?|no: ?|№ ?|nr\. ?|д\. ?|буд\. ?|дом )?"
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
_STREET_LEFT = re.compile(
    rf"(?<![^\W_])[^\W\d_][\w'’-]{{0,24}}?(?:[ -]?(?:{BEHIND})| (?:{BETWEEN})) ?(?:n[ºo°]\.? ?|no: ?|nr\. ?)?$",
    re.IGNORECASE,
)


def is_personal(text: str, start: int) -> bool:
    """Whether words before an address say who lives there, or a name of two words stands right before it."""
    before = text[max(0, start - _BEFORE_CHARACTERS) : start]
    return PERSONAL.search(before) is not None or (NAMED.search(before) is not None and FIRM.search(before) is None)


def is_firm(text: str, start: int) -> bool:
    """Whether words before an address speak of a firm or a public place."""
    return FIRM.search(text, max(0, start - _BEFORE_CHARACTERS), start) is not None


def extended(text: str, end: int) -> int:
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
    personal = is_personal(text, start)
    last = extended(text, end)
    clear = capital or personal or _CLEAR_POSTCODE.search(text[end:last].upper()) is not None
    if last > end and clear and (personal or not is_firm(text, start)):
        return start, last
    return (start, end) if personal and (capital or sure) else None


def _street(match: re.Match[str]) -> Span | None:
    return _judged(match.string, *match.span())


def _street_behind(match: re.Match[str]) -> Span | None:
    """Numbers are rare and letters are not, so the pattern is the number, and the street before it is sought here."""
    start = match.start()
    street = _STREET_LEFT.search(match.string, max(0, start - _NAME_LENGTH), start)
    return _judged(match.string, street.start(), match.end(), sure=True) if street is not None else None


def _row(pattern: str, triggers: str, *, accept: Accept | None = None) -> Detector:
    return Detector(
        type="address",
        risk="pii",
        pattern=re.compile(pattern, re.IGNORECASE),
        triggers=tuple(triggers.split()),
        digits=1,
        accept=accept or _street,
    )


STREETS = (
    _row(
        rf"{EDGE}{HOUSE} (?:(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}?(?:{SUFFIX})(?![^\W_])\.?",
        "street st av road rd boul blvd lane ln drive dr court ct place pl way ter cir park pkwy high hwy square sq tr"
        " close cres gard gdns grove mews row hill walk rise loop all espl para turn cross ridge heights exp fwy",
    ),
    _row(
        rf"{EDGE}{HOUSE} (?:bis |ter )?(?:{NUMBER_FIRST}) ?(?<=[ .]){_ARTICLES}{_WORD}"
        rf"(?: {_WORD}){{0,2}}?(?![^\W_])",
        " ".join(literals(NUMBER_FIRST)),
    ),
    _row(
        rf"(?<![^\W_])(?:{NUMBER_LAST}) ?(?<=[ ./])(?:{NAME},? ){{0,5}}?{_WORD},? {_NUMBER}(?![^\W_]|[.,]\d)",
        " ".join(literals(NUMBER_LAST)),
    ),
    _row(
        rf"{EDGE}{HOUSE} (?:[\w'’-]{{1,24}} ){{0,3}}?[^\W\d_][\w'’-]{{0,24}}?(?:{BEHIND})(?![^\W_])",
        " ".join(literals(BEHIND)),
    ),
    _row(
        r"(?<![\w.,/$€£-])\d{1,5}(?: ?[A-Za-z](?![^\W_]))?(?:[-/]\d{1,4}[A-Za-z]?)?(?![^\W_]|[.,]\d)",
        " ".join(literals(f"{BEHIND}|{BETWEEN}")),
        accept=_street_behind,
    ),
    _row(
        rf"{EDGE}p\.? ?o\.? box \d{{1,6}}|postfach \d[\d ]{{0,7}}|apartado(?: postal)? \d{{1,6}}",
        "box postfach apartado",
    ),
)
