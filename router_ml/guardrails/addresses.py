"""Street addresses by structure: a house number, a street word, and a postcode or words that say who lives there.

A street alone is a place; what makes it an address of somebody is a postcode, a flat, or "lives at", "ship to" and the
like near it. Places that everybody knows and addresses of firms are no findings.
"""

from __future__ import annotations

import re

from router_ml.guardrails.detector import Detector, Span, either, literals

_SUFFIX = (
    "street|st|str|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|way|terrace|ter|circle|cir"
    "|parkway|pkwy|highway|hwy|square|sq|trail|trl|close|crescent|cres|gardens|gdns|grove|mews|row|hill|walk"
    "|rise|loop"
    "|alley|plaza|broadway|esplanade|parade|turnpike|crossing|ridge|heights|expressway|fwy"
)
_BEHIND = (  # written at the end of the street's name; the number follows
    "straße|strasse|str\\.|gasse|weg|allee|platz|ring|damm|ufer|steig|straat|laan|plein|gracht|kade|dijk|singel|dreef"
    "|gatan|gata|vägen|väg|gränd|stigen|gate|veien|vei|vej|gade|stræde|allé|katu|tie|kuja|polku|torg|torvet"
)
_NUMBER_FIRST = (
    "rue|avenue|av\\.|boulevard|bd|bld|place|chemin|impasse|allée|quai|cours|route|square|calle|avenida|rua"
    "|ul\\.|via|piazza"
)
_NUMBER_LAST = (
    "calle|c/|avenida|avda\\.?|paseo|plaza|carrera|ronda|camino|travesía|rúa|via|viale|piazza|piazzale"
    "|piazzetta|corso"
    "|largo|vicolo|strada|rua|travessa|praça|alameda|ul\\.|ulica|al\\.|aleja|os\\.|pl\\.|plac|ulice|ул\\."
    "|улица|улице|пр\\."
    "|проспект|пер\\.|переулок|вул\\.|str\\."
)
_BETWEEN = "utca|út|útja|u\\.|tér|krt\\.|körút|tee|tänav|iela|gatvė|caddesi|cad\\.|sokak|sok\\.|mahallesi|mah\\."
_UNIT = r"(?:apt|apartment|suite|ste|unit|flat|wohnung|appartement|piso|interno|bus|lok|m)\b"
_WORD = r"[^\W\d_][\w'’.-]{0,24}"
_NAME = r"[\w'’.-]{1,24}"
_ARTICLES = r"(?:(?:d[eiuao]s?|des|dell[ae]|del|dei|la|las|los|les?|aux?) ){0,3}"
_NUMBER = (
    r"(?:n[ºo°]\.? ?|no: ?|№ ?|д\. ?|дом )?"
    r"\d{1,5}(?: ?[A-Za-z](?![^\W_])|(?: bis| ter)\b)?(?:[-/]\d{1,4}[A-Za-z]?)?"
)

_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH"
    "|OK|OR|PA"
    "|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|AA|AE|AP"
)
_POSTCODE = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?:{_STATES}),? {{0,2}}\d{{5}}(?:-\d{{4}})?|[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}"
    r"|[A-CEGHJ-NPR-TVXY]\d[A-CEGHJ-NPR-TV-Z] ?\d[A-CEGHJ-NPR-TV-Z]\d|(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT),? \d{4}"
    r"|[A-Z]\d[\dW] ?[A-Z0-9]{4}|\d{4} ?[A-Z]{2}|\d\d-\d{3}|\d{4,5}-\d{3}|\d{3} \d\d|(?:[A-Z]{1,3}-)?\d{4,6}"
    r"|〒?\d{3}-\d{4})(?![A-Za-z0-9]|[.,:/-]\d|%)",
    re.IGNORECASE,
)
_CLEAR_POSTCODE = re.compile(  # cannot be read as another number
    rf"(?<![A-Za-z0-9])(?:(?:{_STATES}),? \d{{5}}|[A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}}|[A-Z]\d[A-Z] \d[A-Z]\d"
    r"|(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT),? \d{4})(?![A-Za-z0-9])"
)
_AFTER, _BEFORE_CHARACTERS = 80, 90
_PERSONAL = re.compile(
    either(
        "liv(?:e|es|ed|ing) (?:at|in|on)|resid(?:e|es|ed|ing) (?:at|in)|moved? (?:to|from)|my place|my house"
        "|my home|my flat"
        "|my apartment|(?<!email )(?<!e-mail )(?<!mail )(?<!ip )(?<!mac )address(?:ed)?|ship(?:ped)?(?: it"
        "| this| them)? to"
        "|deliver(?:ed)?(?: it| this| them)? to|sen[dt](?: it| this| them)?(?: over)? to|mail(?:ed)?(?: it| this)? to"
        "|visit (?:him|her|me) at|meet (?:me|you|him|her) at|pick (?:me|him|her) up (?:at|from)|(?:taxi|cab|ride) to"
        "|drop (?:me|him|her) (?:off )?at|come to|home:|domiciled|(?:ich|er|sie|wir) wohn(?:e|t|en)|wohnhaft"
        "|wohnt|wohne"
        "|anschrift|adresse|lieferadresse|rechnungsadresse|wohnort|habite|habitons|domicilié|domicile"
        "|demeurant|dirección"
        "|vive en|vivo en|domicilio|indirizzo|abita|abito|residente|endereço|moro|mora|morada|reside|adres|woon|woont"
        "|wonende|mieszka|mieszkam|zamieszka\\w{1,4}|adress|bor på|bor i|bopæl|osoite|asuu|bydlí|bydliště"
        "|lakcím|lakik"
        "|ikamet|oturuyor|адрес\\w{0,3}|прожива\\w{2,4}|живу|живет|живёт|адреса|住所|住在|地址|주소|العنوان|يسكن|पता"
    ),
    re.IGNORECASE,
)
_FIRM = re.compile(
    either(
        "gmbh|kg|ag|inc|llc|ltd|plc|corp|corporation|company|restaurant|caf[eé]|hotel|museum|office|offices"
        "|shop|store|hq"
        "|headquarters|library|school|university|station|embassy|clinic|hospital|courthouse|filiale|rathaus"
        "|praxis|agency"
        "|branch|venue|theatre|theater|gallery|church|stadium|registered office|s\\.a\\.|s\\.l\\."
        "|s\\.r\\.l\\.|b\\.v\\.|sarl"
        "|bakery|pharmacy|bank|centre|center|pub|bar|landmark|located|museo|musée|parish|warehouse|depot"
    ),
    re.IGNORECASE,
)
_FAMOUS = re.compile(
    r"1600 pennsylvania|1[01] downing|221 ?b baker|350 (?:fifth|5th) ave|4 privet drive|742 evergreen|124 conch"
    r"|1 infinite loop|one apple park|1 apple park|1 hacker way|1600 amphitheatre|405 lexington|11 wall st|42 wallaby"
    r"|123 (?:main|fake|example|any|sample|elm|street)|1 main st|55 rue du faubourg saint-honor|1060 w(?:est)? addison"
    r"|12 grimmauld|musterstra(?:ß|ss)e|musterweg|beispielstra(?:ß|ss)e"
    r"|willy-brandt-stra(?:ß|ss)e 1\b|platz der republik 1\b",
    re.IGNORECASE,
)


def _is_personal(text: str, start: int) -> bool:
    return _PERSONAL.search(text, max(0, start - _BEFORE_CHARACTERS), start) is not None


def _is_firm(text: str, start: int) -> bool:
    return _FIRM.search(text, max(0, start - _BEFORE_CHARACTERS), start) is not None


def _extended(text: str, end: int) -> int:
    """The end of the postcode that belongs to a street ending at ``end``, or ``end`` where none follows."""
    stop = text.find("\n\n", end, end + _AFTER)
    postcode = _POSTCODE.search(text, end, stop if stop >= 0 else end + _AFTER)
    between = text[end : postcode.start()] if postcode is not None else "."
    crossed = re.search(r"[.!?;:] {1,3}[A-Za-z]|[()\[\]{}=<>]", between.replace("Apt. ", "").replace("St. ", ""))
    return postcode.end() if postcode is not None and crossed is None else end


def _street(match: re.Match[str]) -> Span | None:
    """With a postcode unless it is a firm's; or a name in capitals and words that say who lives there."""
    text, (start, end) = match.string, match.span()
    if _FAMOUS.search(match[0]) is not None:
        return None
    name = re.search(r"[^\W\d_]", match[0])
    capital = name is not None and (not name[0].islower() or "/" in match[0] or "." in match[0])
    capital = capital or any(word[:1].isupper() for word in match[0].split())
    personal = _is_personal(text, start)
    last = _extended(text, end)
    firm = _is_firm(text, start)
    clear = capital or personal or _CLEAR_POSTCODE.search(text[end:last].upper()) is not None
    if last > end and clear and (personal or not firm):
        return start, last
    return (start, end) if personal and capital else None


def _flat(match: re.Match[str]) -> Span | None:
    text, start = match.string, match.start()
    if _FAMOUS.search(match[0]) or (_is_firm(text, start) and not _is_personal(text, start)):
        return None
    return start, _extended(text, match.end())


def _row(pattern: str, triggers: str, *, digits: int = 1, flags: re.RegexFlag = re.IGNORECASE) -> Detector:
    return Detector(
        type="address",
        risk="pii",
        pattern=re.compile(pattern, flags),
        triggers=tuple(triggers.split()),
        digits=digits,
        accept=_street,
    )


_EDGE = r"(?<![\w.,/$€£-])"
_HOUSE = r"\d{1,6}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?,?"

ADDRESSES = (
    _row(
        rf"{_EDGE}{_HOUSE} (?:{_NAME} ){{1,4}}?(?:{_SUFFIX})(?![^\W_])\.?",
        "street st av road rd boul blvd lane ln drive dr court ct place pl way ter cir park pkwy high hwy square sq tr"
        " close cres gard gdns grove mews row hill walk rise loop all espl para turn cross ridge heights exp fwy",
    ),
    _row(
        rf"(?<![^\W\d_])(?:{_NAME} ){{0,2}}[^\W\d_][\w'’-]{{0,24}}?[ -]?(?:{_BEHIND}) ?{_NUMBER}(?![^\W_]|[.,]\d)",
        "stra str. gasse weg alle platz ring damm ufer steig laan plein gracht kade dijk singel dreef gata väg gränd"
        " stig gate vei vej gade stræde allé katu tie kuja polku torg torv",
    ),
    _row(
        rf"{_EDGE}{_HOUSE} (?:bis |ter )?(?:{_NUMBER_FIRST}) ?(?<=[ .]){_ARTICLES}{_WORD}"
        rf"(?: {_WORD}){{0,2}}?(?![^\W_])",
        " ".join(literals(_NUMBER_FIRST)),
    ),
    _row(
        rf"(?<![^\W_])(?:{_NUMBER_LAST}) ?(?<=[ ./])(?:{_NAME},? ){{0,5}}?{_WORD},? {_NUMBER}(?![^\W_]|[.,]\d)",
        " ".join(literals(_NUMBER_LAST)),
    ),
    _row(rf"(?:{_WORD} ){{1,4}}(?:{_BETWEEN}) ?{_NUMBER}", "utca út u. tér krt körút tee tänav iela gatvė cad sok mah"),
    _row(
        rf"{_EDGE}p\.? ?o\.? box \d{{1,6}}|postfach \d[\d ]{{0,7}}|apartado(?: postal)? \d{{1,6}}",
        "box postfach apartado",
    ),
    Detector(  # a house number, a name and a flat: no street word is needed
        type="address",
        risk="pii",
        pattern=re.compile(
            rf"{_EDGE}{_HOUSE} (?:[\w'’.-]{{1,24}},? ){{0,6}}?[\w'’.-]{{1,24}},?\s{{1,3}}"
            r"(?:(?:apt|apartment|flat)\.? ?#? ?\d{1,5}[a-z]?|(?-i:Suite|Ste\.?|Unit) #?\d{1,5})(?![^\W_])",
            re.IGNORECASE,
        ),
        triggers=("apt", "apartment", "flat", "suite", "ste", "unit"),
        digits=2,
        accept=_flat,
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
