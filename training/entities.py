"""Spans of people, addresses and organisations in templates, for training the encoder's entity tagger.

Templates (``data/entities``) are written by hand; Faker fills their slots with other values each time. What a tagger
says of a token is one of ``TAGS``: outside, or the beginning or inside of one of three kinds.

``python -m training.entities`` measures a tagger that ``training.tuning`` wrote, on templates that nothing was trained
on. The one trained with the encoder that ships is too weak to be used, so its weights do not ship (`models/README.md`).
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from safetensors.numpy import load_file

from router_ml.understanding.encoder import Encoder

KINDS = ("person", "address", "organization")
TAGS = ("O", *(f"{part}-{kind}" for kind in KINDS for part in ("B", "I")))
_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")
ROOT = Path(__file__).parents[1]
FILLINGS = 3
_LOCALES = ("en_US", "en_GB", "en_IN", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "sv_SE", "pt_BR", "tr_TR")


@dataclass(frozen=True)
class Span:
    """Characters ``start`` to ``end`` of a text are of one kind."""

    kind: str
    start: int
    end: int


class Values:
    """Values for slots, by Faker in many locales."""

    def __init__(self, seed: int) -> None:
        from faker import Faker

        self._fakers = [Faker(locale) for locale in _LOCALES]
        for number, faker in enumerate(self._fakers):
            faker.seed_instance(seed * 1000 + number)
        self._dice = random.Random(seed)

    def __call__(self, slot: str) -> str:
        """A value for one slot.

        Raises:
            ValueError: the slot is unknown.
        """
        faker, dice = self._dice.choice(self._fakers), self._dice
        makers: dict[str, Callable[[], str]] = {
            "person": lambda: f"{faker.first_name()} {faker.last_name()}",
            "first_name": faker.first_name,
            "last_name": faker.last_name,
            "address": lambda: faker.address().replace("\n", dice.choice((", ", "\n", " "))),
            "city": faker.city,
            "organization": faker.company,
            "email": faker.email,
            "phone": faker.phone_number,
            "date_of_birth": lambda: faker.date_of_birth().strftime(dice.choice(("%d.%m.%Y", "%Y-%m-%d", "%m/%d/%Y"))),
            "national_id": faker.ssn if hasattr(faker, "ssn") else lambda: faker.numerify("###-##-####"),
            "account": lambda: faker.numerify(dice.choice(("##########", "DE####################", "AC-#######"))),
            "medical_record": lambda: faker.numerify(dice.choice(("MRN ######", "P-#####", "########"))),
            "date": lambda: faker.date(dice.choice(("%d.%m.%Y", "%Y-%m-%d", "%d %B"))),
            "order_id": lambda: faker.bothify(dice.choice(("#####", "??-######", "ORD-####-###"))).upper(),
            "amount": lambda: dice.choice(("${}", "{} EUR", "{}")).format(dice.randint(5, 9000)),
            "url": faker.url,
        }
        if slot not in makers:
            raise ValueError(f"Unknown slot {{{{{slot}}}}}. Expected one of: {', '.join(sorted(makers))}.")
        return makers[slot]()


def load(path: Path) -> list[str]:
    """Templates of a JSON Lines file."""
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def fill(template: str, values: Values) -> tuple[str, list[Span]]:
    """The template with values in its slots, and where those of a kind are.

    A last name alone counts as a person, a first name alone does not; a city alone is no address.
    """
    kinds = {"person": "person", "last_name": "person", "address": "address", "organization": "organization"}
    parts: list[str] = []
    spans: list[Span] = []
    size = done = 0
    for match in _SLOT.finditer(template):
        before, value = template[done : match.start()], values(match.group(1))
        start = size + len(before)
        if match.group(1) in kinds:
            spans.append(Span(kinds[match.group(1)], start, start + len(value)))
        parts += (before, value)
        size, done = start + len(value), match.end()
    return "".join([*parts, template[done:]]), spans


def align(offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> list[int]:
    """The tag (index into ``TAGS``) of each token, from its offsets in the text."""
    tags = []
    for start, end in offsets:
        covering = next((span for span in spans if start < span.end and end > span.start), None)
        if covering is None:
            tags.append(0)
        else:
            begins = start <= covering.start
            tags.append(TAGS.index(f"{'B' if begins else 'I'}-{covering.kind}"))
    return tags


def spans_of(tags: Sequence[int], offsets: Sequence[tuple[int, int]]) -> list[Span]:
    """Spans that a sequence of tags says; an inside tag without a beginning begins one."""
    found: list[Span] = []
    for tag, (start, end) in zip(tags, offsets, strict=True):
        part, _, kind = TAGS[tag].partition("-")
        if part == "I" and found and found[-1].kind == kind and start - found[-1].end <= 2:
            found[-1] = Span(kind, found[-1].start, end)
        elif part != "O":
            found.append(Span(kind, start, end))
    return found


def evaluate(encoder: Encoder, tagger: Path, templates: Sequence[str], *, seed: int) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of spans by kind; a span counts when kind and both ends are right.

    Args:
        tagger: ``weight`` (d, tags) and ``bias`` (tags,) as ``training.tuning`` wrote them.
    """
    weights, values = load_file(tagger), Values(seed)
    filled = [fill(template, values) for template in templates for _ in range(FILLINGS)]
    texts = [text for text, _ in filled]
    said: list[set[Span]] = []
    for text, one in zip(texts, encoder.encode(texts, weights["weight"]), strict=True):
        offsets, tags = encoder.spans(text)[0], (one.readings[0] + weights["bias"]).argmax(axis=1)
        said.append(set(spans_of(tags[1:-1].tolist(), offsets[1:-1])))
    true = [set(spans) for _, spans in filled]
    found = {}
    for kind in KINDS:
        right = sum(sum(span.kind == kind for span in a & b) for a, b in zip(true, said, strict=True))
        there, claimed = (sum(span.kind == kind for own in spans for span in own) for spans in (true, said))
        precision, recall = right / max(claimed, 1), right / max(there, 1)
        found[kind] = {
            "precision": round(precision, 3),
            "recall": round(recall, 3),
            "f1": round(2 * right / max(there + claimed, 1), 3),
            "spans": float(there),
        }
    return found


def main(
    tagger: Annotated[Path, typer.Option(help="Weights that training.tuning wrote.")] = ROOT
    / "runs/tuned/entities.safetensors",
    encoder: Annotated[Path, typer.Option(help="The encoder that was exported from the same run.")] = ROOT
    / "models/default/encoder",
) -> None:
    """Measure the tagger on held-out templates."""
    templates = load(ROOT / "data" / "entities" / "test.jsonl")
    found = evaluate(Encoder.load(encoder), tagger, templates, seed=99)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
