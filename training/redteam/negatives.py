"""Requests that look like personal data, secrets or attacks and are not: what a guardrail must leave alone.

Four sets, each filled from hand-written templates in ``data/redteam``: hard negatives (order ids, hashes, versions and
fifty kinds more), technical texts, requests with dangerous words and a harmless meaning, and plain sentences in twenty
languages. The templates were written apart from the detectors, and none was dropped because a detector fires on it.
A few texts order something ("delete the cache entry"): that is a state change, and still no finding.
What they do not tell: how often real traffic looks like this.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from training.redteam.slots import fill

DATA = Path(__file__).parents[2] / "data" / "redteam"
PER_KIND = 20
PER_LANGUAGE = 12
LINES = 40
_CARD = re.compile(r"(?<![0-9])[2-6][0-9](?:[ -]?[0-9]){11,17}(?![0-9])")
# Draws per text that is needed: a template without slots gives one text, so some draws are in vain.
_DRAWS = 20


@dataclass(frozen=True)
class Negative:
    """A text that holds no personal value, no secret and no attack; ``kind`` is what it looks like."""

    kind: str
    text: str


@dataclass(frozen=True)
class Probe:
    """A harmless request in dangerous words; refusing it, or asking a person, is an over-refusal."""

    kind: str
    text: str


def looks_like_card(text: str) -> bool:
    """Whether ``text`` holds 13 to 19 digits that start as a payment card does and pass Luhn (ISO/IEC 7812-1).

    By chance every tenth long number does. Nobody can tell such a number from a card, so it is no negative.
    """
    return any(_luhn(re.sub(r"[ -]", "", match[0])) for match in _CARD.finditer(text))


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        total += sum(divmod(int(digit) * (1 + place % 2), 10))
    return total % 10 == 0


def _templates(name: str) -> dict[str, list[str]]:
    """Kind -> templates of one file, in its order."""
    found: dict[str, list[str]] = {}
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            found.setdefault(row["kind"], []).append(row["text"])
    return found


def _rotating(kind: str, *, templates: Sequence[str], dice: random.Random) -> Iterator[Negative]:
    """Filled templates without end; each is used once before any is used again."""
    while True:
        for template in dice.sample(templates, len(templates)):
            yield Negative(kind, fill(template, dice=dice))


def _distinct(texts: Iterator[Negative], *, count: int) -> list[Negative]:
    """The first ``count`` different texts that hold no number like a card's.

    Raises:
        ValueError: the templates do not give so many.
    """
    found: dict[str, Negative] = {}
    for each in islice(texts, _DRAWS * count):
        if not looks_like_card(each.text):
            found.setdefault(each.text, each)
        if len(found) == count:
            return list(found.values())
    kinds = sorted({each.kind for each in found.values()})
    raise ValueError(f"The templates of {kinds} give {len(found)} different texts, {count} are needed: write more.")


def _of_each_kind(name: str, *, seed: int, count: int) -> list[Negative]:
    found = []
    for kind, templates in _templates(name).items():
        dice = random.Random(f"{name}/{kind}/{seed}")
        found += _distinct(_rotating(kind, templates=templates, dice=dice), count=count)
    return found


def hard_negatives(seed: int) -> list[Negative]:
    """Twenty texts of each of 55 kinds that resemble personal data or secrets; the same for the same ``seed``."""
    return _of_each_kind("hard_negatives", seed=seed, count=PER_KIND)


def multilingual(seed: int) -> list[Negative]:
    """Twelve clean sentences in each of 20 languages; ``kind`` is the ISO 639-1 code."""
    return _of_each_kind("multilingual", seed=seed, count=PER_LANGUAGE)


def over_refusal() -> list[Probe]:
    """All probes, which have no slots."""
    return [Probe(kind, text) for kind, texts in _templates("probes").items() for text in texts]


def benign_technical(seed: int, *, count: int = 500) -> list[Negative]:
    """Technical texts of 1 to 40 lines: a template, often with a question before it, sometimes with a second template.

    ``kind`` is that of the first template.
    """
    return _distinct(_technical(random.Random(f"technical/{seed}")), count=count)


def _technical(dice: random.Random) -> Iterator[Negative]:
    kinds = _templates("technical")
    leads = kinds.pop("lead")
    bodies = [(kind, template) for kind, templates in kinds.items() for template in templates]
    others = [template for _, template in bodies]
    while True:
        for kind, body in dice.sample(bodies, len(bodies)):
            yield Negative(kind, _composed(body, leads=leads, others=others, dice=dice))


def _composed(body: str, *, leads: Sequence[str], others: Sequence[str], dice: random.Random) -> str:
    """The text of one request, by five plans: alone, asked about before or after, or with another text."""
    lead, other = dice.choice(leads), dice.choice(others)
    plans = (
        body,
        f"{lead}\n\n{body}",
        f"{body}\n\n{lead}",
        f"{lead}\n```\n{body}\n```",
        f"{lead}\n\n{body}\n\n{other}",
    )
    text = fill(dice.choice(plans), dice=dice)
    return text if text.count("\n") < LINES else fill(body, dice=dice)
