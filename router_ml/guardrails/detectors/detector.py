"""What a detector is, and how one runs over a text.

A detector is a row of a table: a bounded pattern that proposes places, a cheap trigger that spares most texts the
pattern, and a function that accepts or refuses each proposal. Every quantifier of a pattern is bounded and a refused
proposal is retried one character later, so the work per character is bounded and a scan is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

Span = tuple[int, int]
Accept = Callable[[re.Match[str]], Span | None]

# What a number is called when it is not personal. Looked for right before the number, so that "order 4158675309" is not
# a phone and "tracking no. 123-45-6789" not a social security number.
_OTHER_NUMBERS = (
    "order|orders|purchase order|po|tracking|parcel|shipment|consignment|invoice|inv|bill|receipt|ticket|case|reference"
    "|ref|part|sku|serial|s/n|model|item|product|article|art|isbn|issn|ean|upc|gtin|asin|barcode|imei|imsi|uuid|guid"
    "|commit|build|version|ver|rev|revision|hash|sha|md5|checksum|rma|job|run|request|trace|span|session|epoch"
    "|timestamp|unix|seed|pid|port|row|line|page|chapter|section|figure|table|step|transaction|txn|batch|lot|voucher"
    "|coupon|booking|pnr|issue|pr|bestellung|bestellnummer|sendung|sendungsnummer|rechnung|rechnungsnummer|auftrag"
    "|aktenzeichen|commande|facture|colis|pedido|factura|envío|ordine|fattura"
)
_NUMBER_WORDS = (
    "nos?|nr|num|numbers?|nummer|numéro|número|numero|numer|code|ids?|is|was|ist|est|es|é|è|jest|är|er|n|nº|n°"
    "|номер|號碼|号码|番号|号|號|は|是|為|为|번호|رقم|هو"
)
_BEFORE, _AFTER = 48, 32
REACH, _LONGEST_MATCH, _SHORT = 240, 400, 600  # characters around a name that its value may stand in
_RUN = re.compile(r"[A-Za-z0-9_+/=.:~%$-]{14}")
_LETTER = re.compile(r"[^\W\d_]")
FIRST_UNSPACED = "\u0590"
_BARS = re.compile(r"\|(?![^()]{0,400}\))")  # those that no group holds
_ESCAPED = re.compile(r"\\(.)")
_SYNTAX = re.compile(r"\(\?<?[:=!][^()]{0,400}\)\??|\[[^\]]{1,40}\]\??|\\?.(?:\?|\{[\d,]{1,8}\})|\\[wdWsb]")


@dataclass(frozen=True)
class Traits:
    """What the triggers ask of a text, worked out once for all detectors."""

    lowered: str
    digits: int
    has_run: bool
    present: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)
    _places: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, text: str) -> Traits:
        """The traits of a text."""
        return cls(text.lower(), sum(map(text.count, "0123456789")), _RUN.search(text) is not None)

    def places(self, trigger: str) -> tuple[int, ...]:
        """Where a trigger stands; many detectors share one."""
        found = self._places.get(trigger)
        if found is None:
            places, at = [], self.lowered.find(trigger)
            while at >= 0:
                places.append(at)
                at = self.lowered.find(trigger, at + 1)
            found = self._places[trigger] = tuple(places)
        return found

    def around(self, triggers: Sequence[str], reach: int) -> list[Span]:
        """The stretches of a text within reach of a trigger, in order and apart."""
        spans: list[Span] = []
        for at in sorted(place for trigger in triggers for place in self.places(trigger)):
            start, end = max(0, at - reach), min(len(self.lowered), at + reach)
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        return spans


def whole(match: re.Match[str]) -> Span | None:
    """Accept a proposal as it is: its group ``value`` where the pattern has one."""
    return match.span("value" if "value" in match.re.groupindex else 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """One kind of finding; compared by identity, so that a set of them is looked up fast.

    ``triggers``: at least one of them must occur in the lower-cased text (empty: not asked). ``digits``: so many ASCII
    digits must occur in it. ``run``: fourteen characters of a key must stand in a row, which prose rarely has.
    ``named``: it only accepts what stands beside a name of its own, which its triggers are pieces of.
    ``accept`` returns the span of the value inside ``match.string``, or None to refuse.
    """

    type: str
    risk: str
    pattern: re.Pattern[str]
    triggers: tuple[str, ...] = ()
    digits: int = 0
    run: bool = False
    named: bool = False
    accept: Accept = whole


def is_triggered(detector: Detector, traits: Traits) -> bool:
    """Whether a text is worth the detector's pattern."""
    if traits.digits < detector.digits or (detector.run and not traits.has_run):
        return False
    present, lowered = traits.present, traits.lowered
    for trigger in detector.triggers:
        there = present.get(trigger)  # many detectors share one; a loop, since this runs hundreds of times a text
        if there is None:
            there = present[trigger] = trigger in lowered
        if there:
            return True
    return not detector.triggers


class OutOfStepsError(Exception):
    """A scan has used up its steps."""


@dataclass
class Steps:
    """How many proposals a scan may still have checked. Counted, not timed, so that every machine stops at the same."""

    left: int = 1_000_000

    def take(self) -> None:
        """Use one step.

        Raises:
            OutOfStepsError: there is none left.
        """
        self.left -= 1
        if self.left < 0:
            raise OutOfStepsError


def find(detector: Detector, text: str, steps: Steps | None = None, *, traits: Traits | None = None) -> Iterator[Span]:
    """Spans of a detector's findings in a text, from left to right, not overlapping; each proposal is a step.

    Given the ``traits`` of a long text, one that needs a name looks near its names only.
    """
    steps, done = steps or Steps(), 0
    near = traits is not None and detector.named and len(text) > _SHORT and len(traits.lowered) == len(text)
    places = traits.around(detector.triggers, REACH) if near and traits is not None else [(0, len(text))]
    for first, last in places:
        position, end = max(first, done), min(len(text), last + _LONGEST_MATCH) if near else len(text)
        while position <= last and (match := detector.pattern.search(text, position, end)) is not None:
            steps.take()
            span = detector.accept(match)
            if span is not None:
                yield span
            done = position = max(span[1] if span is not None else 0, match.start() + 1)


def ascii_digits(value: str) -> str:
    """The digits of a value and nothing else."""
    return "".join(character for character in value if character in "0123456789")


def either(alternatives: str, *, suffix: str = "") -> str:
    """Some words divided by bars, as one group that does not match inside a longer word; ``suffix`` may follow them.

    Scripts from Hebrew on (U+0590) put no space between words, or write particles together with them, so what starts
    with such a letter may stand anywhere.
    """
    parts = _BARS.split(alternatives)
    spaced, joined = ("|".join(part for part in parts if (part[0] >= FIRST_UNSPACED) is late) for late in (False, True))
    bounded = rf"(?<![^\W\d_])(?:{spaced}){suffix}(?![^\W\d_])"
    return f"(?:{'|'.join(([bounded] if spaced else []) + ([joined] if joined else []))})"


def literals(alternatives: str) -> tuple[str, ...]:
    """Triggers for words divided by bars: the longest literal piece of each, in lower case, unless it holds another."""
    longest = {
        max((_ESCAPED.sub(r"\1", piece) for piece in _SYNTAX.split(part)), key=len).lower()
        for part in _BARS.split(alternatives)
    }
    kept: list[str] = []
    for piece in sorted(longest, key=lambda piece: (len(piece), piece)):
        if not any(shorter in piece for shorter in kept):
            kept.append(piece)
    return tuple(kept)


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern for any of some words, whatever their case, not inside a longer word."""
    return re.compile(either("|".join(alternatives)), re.IGNORECASE)


def has_letters(text: str, span: Span) -> bool:
    """Whether letters stand close to a span: without them there is no word, so no label and no context."""
    start, end = span
    before = _LETTER.search(text, max(0, start - _BEFORE), start)
    return before is not None or _LETTER.search(text, end, end + _AFTER) is not None


def near(pattern: re.Pattern[str], text: str, span: Span) -> bool:
    """Whether a pattern occurs close to a span: in the 48 characters before it or the 32 after it."""
    start, end = span
    return has_letters(text, span) and (
        pattern.search(text, max(0, start - _BEFORE), start) is not None
        or pattern.search(text, end, end + _AFTER) is not None
    )


def label(names: str, filler: str = _NUMBER_WORDS) -> re.Pattern[str]:
    """A pattern for one of some names (group ``name``) right before a value, as in ``order no. is: ``."""
    return re.compile(rf"(?P<name>{either(names)})(?:[\W_]{{0,4}}{either(filler)}){{0,4}}[\W_]{{0,6}}$", re.IGNORECASE)


def labelled(pattern: re.Pattern[str], text: str, start: int) -> re.Match[str] | None:
    """The label that ends where a value starts."""
    window = text[max(0, start - _BEFORE) : start]
    return pattern.search(window) if _LETTER.search(window) is not None else None


_OTHER_LABEL = label(_OTHER_NUMBERS)


def labelled_otherwise(text: str, start: int) -> bool:
    """Whether the words right before a number call it an order, a part, a commit or the like."""
    return labelled(_OTHER_LABEL, text, start) is not None
