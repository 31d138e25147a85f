"""Texts with the places of people, addresses and organisations: filled templates, composed forms, plain requests.

Templates (``data/entities``) are written by hand; their slots get other values each time. Forms are composed of labels
in ten languages. Requests of the corpus that hold no personal data teach what is none of the three.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from router_ml.guardrails.entities import TAGS
from router_ml.guardrails.tagging.token_shapes import Ints
from training import corpus
from training.tagging.values import ROOT, Values

_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")
_KIND_OF_SLOT = {
    "person": "person",
    "first_name": "person",
    "last_name": "person",
    "address": "address",
    "street": "address",
    "organization": "organization",
}
_TOWN_GAP = re.compile(r"[,;]?\s{0,2}$")
_NOT_LEARNED = ("heldout", "calibration")
_NAMED = 0.8
_LONGEST = 900  # characters: one window of the encoder
_STREET = re.compile(
    r"\d{1,5} (?:[A-Z]\w{1,20} ){1,3}(?:st|street|road|rd|avenue|ave|lane|drive|way|close|court)\b"
    r"|(?:stra(?:ß|ss)e|str\.|weg|gasse) \d|(?:rue|calle|via|rua|avenida|ulica|ul\.) [A-Z]",
    re.IGNORECASE,
)
_COMPANY = re.compile(
    r"\b(?:GmbH|Inc|Ltd|LLC|AG|plc|Corp|S\.A\.|University|Universität|Hospital|Bank|College|Institute|Foundation|Council)\b"
)
_WORD = re.compile(r"[^\W\d_][\w'-]{1,24}")


@dataclass(frozen=True)
class Span:
    """Characters ``start`` to ``end`` of a text are of one kind."""

    kind: str
    start: int
    end: int


Tagged = tuple[str, list[Span]]


def load(path: Path) -> list[str]:
    """Templates of a JSON Lines file."""
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def fill(template: str, values: Values) -> Tagged:
    """The template with values in its slots, and where those of a kind are.

    A first name next to a last name is one person with it, a town after a street one address; alone, a town is none.
    """
    parts: list[str] = []
    spans: list[Span] = []
    size = done = 0
    for match in _SLOT.finditer(template):
        slot, before = match.group(1), template[done : match.start()]
        value = values(slot)
        start = size + len(before)
        kind, last = _KIND_OF_SLOT.get(slot), spans[-1] if spans else None
        follows = last is not None and last.end == size
        if follows and last and ((kind == last.kind == "person" and before == " ") or _is_town(slot, last, before)):
            spans[-1] = Span(last.kind, last.start, start + len(value))
        elif kind:
            spans.append(Span(kind, start, start + len(value)))
        parts += (before, value)
        size, done = start + len(value), match.end()
    return "".join([*parts, template[done:]]), spans


def _is_town(slot: str, last: Span, before: str) -> bool:
    return slot in ("city", "country") and last.kind == "address" and _TOWN_GAP.fullmatch(before) is not None


def align(offsets: Sequence[tuple[int, int]] | Ints, spans: Sequence[Span]) -> list[int]:
    """The tag (index into ``TAGS``) of each token, from its offsets in the text; of a special token, 0."""
    tags = []
    for start, end in offsets:
        covering = next((span for span in spans if start < span.end and end > span.start), None)
        tags.append(TAGS.index(covering.kind) if covering is not None and start < end else 0)
    return tags


def recased(tagged: Tagged, dice: random.Random) -> Tagged:
    """Now and then all small, as in chats, or all capital, as in forms; places stay where they are."""
    text, spans = tagged
    kind = dice.random()
    changed = text.lower() if kind < 0.14 else text.upper() if kind < 0.19 else text
    return (changed, spans) if len(changed) == len(text) else tagged


def together(parts: Sequence[Tagged], gap: str) -> Tagged:
    """Several texts as one."""
    whole, spans = "", list[Span]()
    for text, own in parts:
        start = len(whole) + (len(gap) if whole else 0)
        whole = f"{whole}{gap}{text}" if whole else text
        spans += [Span(span.kind, span.start + start, span.end + start) for span in own]
    return whole, spans


def plain_requests(names: frozenset[str]) -> list[str]:
    """Requests of the corpus that hold none of the three, as far as a look at their words can tell.

    Args:
        names: first names, in small letters; a request with one of them, capitalised, is left out.
    """
    found = []
    for path in sorted((ROOT / "data" / "corpus").glob("*.jsonl")):
        if path.stem in _NOT_LEARNED:
            continue
        for row in corpus.load([path]):
            text = row.text
            if (
                {"pii", "secrets"} & set(row.risks)
                or len(text) > _LONGEST
                or _STREET.search(text)
                or _COMPANY.search(text)
            ):
                continue
            if not any(word[0].isupper() and word.lower() in names for word in _WORD.findall(text)):
                found.append(text)
    return found


_PEOPLE = (
    "sister|brother|mother|father|mom|mum|dad|boss|manager|colleague|co-?worker|teammate|neighbou?r|landlord|tenant"
    "|roommate|flatmate|friend|wife|husband|partner|girlfriend|boyfriend|daughter|son|uncle|aunt|cousin|grandmother"
    "|grandfather|grandma|grandpa|teacher|doctor|nurse|patient|customer|client|employee|intern|candidate|applicant"
    "|driver|plumber|lawyer|accountant|supervisor|assistant|student|contractor|witness|buyer|seller|guest|caller"
    "|director|owner|therapist|dentist|coach|engineer|developer|designer|analyst"
)
_FIRMS = (
    "company|employer|vendor|supplier|agency|bank|hospital|school|university|insurer|startup|firm|airline|gym|clinic"
    "|bakery|shop|restaurant|charity"
)
_HOUSES = "office|house|flat|apartment|warehouse|building|property|store|venue|hotel|branch"
_COMPOUND = (  # what makes another thing of the word before it
    r"['’]s?|[ -](?:service|support|team|experience|portal|table|ids?|data|base|lists?|facing|names?|accounts?|input"
    r"|satisfaction|stor(?:y|ies)|agreement|policy|letter|number|card|of|records?|reviews?|feedback|chat|room|desk"
    r"|hours|party|supplies|manager|owner|interface|education|loan|fees?|who|and|or)\b"
)


def _called(words: str) -> re.Pattern[str]:
    """A pattern for "my sister" or "the old office", with the words given."""
    which = "my|our|the|an?|his|her|their|one"
    return re.compile(rf"\b(?:{which}) (?:\w{{1,20}} )?(?:{words})\b(?!{_COMPOUND})", re.IGNORECASE)


_SUBJECT = r"(?:(?<=^)|(?<=[.!?,;:] )|(?<=and )|(?<=that )|(?<=if )|(?<=when )|(?<=because ))(?:she|he)\b"
_MAY_HAVE_NAMES = (  # what may be called by its name instead, and by which slot
    (_called(_PEOPLE), ("{{person}}", "{{person}}", "{{first_name}}", "{{title}} {{last_name}}")),
    (re.compile(_SUBJECT, re.IGNORECASE), ("{{first_name}}", "{{person}}", "{{title}} {{last_name}}")),
    (_called(_FIRMS), ("{{organization}}",)),
    (_called(_HOUSES), ("{{address}}",)),
)


def inhabited(text: str, dice: random.Random) -> str | None:
    """A template from a request: "my sister" and "the company" become slots for names; None where nothing does."""
    if "{{" in text:
        return None
    result, done = "", 0
    found = [(*match.span(), slots) for pattern, slots in _MAY_HAVE_NAMES for match in pattern.finditer(text)]
    for start, end, slots in sorted(found):
        if start >= done and dice.random() < _NAMED:
            result += text[done:start] + dice.choice(slots)
            done = end
    return result + text[done:] if done else None


def tagged_texts(templates: Sequence[str], values: Values, seed: int, *, fillings: int) -> Iterator[Tagged]:
    """Each template filled several times, now and then two of them as one text, some recased."""
    dice = random.Random(seed)
    for _ in range(fillings):
        for template in templates:
            parts = [fill(template, values)]
            while dice.random() < 0.22 and len(parts) < 4:
                parts.append(fill(dice.choice(templates), values))
            dice.shuffle(parts)
            tagged = recased(together(parts, dice.choice(("\n\n", "\n", " ", " "))), dice)
            if len(tagged[0]) <= _LONGEST:
                yield tagged
