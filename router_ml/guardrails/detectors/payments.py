"""Card numbers and bank accounts with check digits."""

from __future__ import annotations

import re
from itertools import accumulate

from router_ml.guardrails.detectors.detector import Detector, Span, label, labelled, labelled_otherwise, near, words
from router_ml.guardrails.detectors.placeholders import is_counting

# Issuer prefixes and lengths (ISO/IEC 7812; ranges as the networks publish them).
_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]|2131|1800"), (15,)),
    (re.compile(r"6011|64[4-9]|65|62|60|81|82|508|35(?:2[89]|[3-8])|220[0-4]|9792"), (16, 17, 18, 19)),
    (re.compile(r"30[0-59]|36|3[89]"), (14, 16, 19)),
    (re.compile(r"5018|50[23]8|56|57|58|6304|67|0604"), tuple(range(12, 20))),
)
_CARD_WORDS = words(
    r"cards?|cc|credit ?cards?|creditcard\w{0,6}|credit|debit|visa|mastercard|amex|american express|discover|diners"
    r"|jcb|maestro|unionpay|pan"
    r"|kreditkarte|karte|kartennummer|carte|tarjeta|carta|cartão|kaart|kort|kart[aeyęuı]?|kredi|cvv|cvc|expir\w{0,6}|exp"
)
_USUAL_LENGTHS = (15, 16)
_SHORTEST = 12
_ID = label("ids?|uid|gid|pk")
_GROUPED = re.compile(r"\d{4}[ -]\d{4,6}[ -]\d", re.ASCII)
_SHORT_GROUP = re.compile(r"(?<!\d)\d{1,2}[ -]", re.ASCII)  # rows of numbers, not a card in groups


_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_lengths(digits: str) -> list[int]:
    """Lengths at which the leading digits end in their check digit (ISO/IEC 7812-1, annex B), longest first."""
    plain = [int(digit) for digit in digits]
    doubled = [_DOUBLED[digit] for digit in plain]
    even = accumulate(doubled[i] if i % 2 == 0 else plain[i] for i in range(len(plain)))
    odd = accumulate(doubled[i] if i % 2 else plain[i] for i in range(len(plain)))
    sums = enumerate(zip(even, odd, strict=True), start=1)
    return [length for length, pair in sums if pair[length % 2] % 10 == 0][::-1]


def _card(match: re.Match[str]) -> Span | None:
    """Luhn, and an issuer's prefix and length or a word near it that speaks of a card.

    Unusual lengths without grouping are also those of time stamps and ids, so they need the word. Of "4111 ... 03"
    the last group is no part of the number, so every length that ends a group is tried.
    """
    text, start, value = match.string, match.start(), match[0]
    ends = [i + 1 for i, character in enumerate(value) if character not in " -"]
    digits = "".join(value[end - 1] for end in ends)
    if len(set(digits)) == 1:
        return None
    named: bool | None = None
    for length in luhn_lengths(digits):
        end = ends[length - 1] if length >= _SHORTEST else 0
        if not end or (end < len(value) and value[end] not in " -") or is_counting(digits[:length]):
            continue
        issued = any(length in lengths and prefix.match(digits) for prefix, lengths in _ISSUERS)
        clear = _GROUPED.match(value) is not None or (
            length in _USUAL_LENGTHS and _SHORT_GROUP.search(value[:end]) is None
        )
        if issued and clear and not labelled_otherwise(text, start) and not labelled(_ID, text, start):
            return start, start + end
        named = near(_CARD_WORDS, text, (start, start + end)) if named is None else named
        if named:
            return start, start + end
    return None


# Characters after two letters and two check digits, by country (SWIFT IBAN registry).
IBAN_LENGTHS = {
    **{11: "NO", 12: "BE", 14: "DK FO FI GL NL SD FK", 15: "MK SI", 16: "AT BA EE KZ XK LT LU MN"},
    **{17: "HR LI LV CH", 18: "CR BH BG GE DE IE ME RS GB VA", 19: "GI IL AE TL IQ OM SO"},
    **{20: "AD CZ MD PK RO SA SK ES SE TN VG", 21: "LY ST PT", 22: "IS TR", 23: "BI FR GR IT MR MC SM DJ"},
    **{
        24: "AL AZ CY DO GT HN HU LB PL SV NI BY",
        25: "BR EG PS QA UA",
        26: "JO KW MU YE",
        27: "MT SC",
        28: "LC",
        29: "RU",
    },
}
_LEAST_DIGITS = 10  # without it, "at 12 noon the ..." is one chance in 97


def _iban_pattern() -> str:
    rows = (
        rf"(?:{countries.replace(' ', '|')})[ -]?\d\d(?:[ -]{{0,2}}[0-9A-Z]){{{length}}}"
        for length, countries in IBAN_LENGTHS.items()
    )
    return rf"(?<![^\W_])(?=[A-Za-z]{{2}}[ -]?\d\d)(?:{'|'.join(rows)})(?![^\W_])"


def _iban(match: re.Match[str]) -> Span | None:
    """Check digits by ISO 7064 mod 97-10."""
    value = match[0].replace(" ", "").replace("-", "").upper()
    if sum(map(str.isdigit, value)) < _LEAST_DIGITS:
        return None
    number = "".join(str(int(character, 36)) for character in value[4:] + value[:4])
    return match.span() if int(number) % 97 == 1 else None


PAYMENTS = (
    Detector(
        type="iban",
        risk="pii",
        pattern=re.compile(_iban_pattern(), re.ASCII | re.IGNORECASE),
        digits=_LEAST_DIGITS,
        accept=_iban,
    ),
    Detector(
        type="card",
        risk="pii",
        pattern=re.compile(
            r"(?<![^\W_])(?<![0-9A-Fa-f]{4}-)(?<!\d[.,])\d(?:[ -]?\d){11,18}(?![^\W_]|[.,]\d)", re.ASCII
        ),
        digits=12,
        accept=_card,
    ),
)
