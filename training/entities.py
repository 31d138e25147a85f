"""Train the entity tagger that guardrails read, and measure it.

``python -m training.entities --out models/default`` trains on filled templates, forms and plain requests, in some
minutes on one core, and writes ``entities.safetensors`` and ``entities.json``; reseal the bundle afterwards
(`CONTRIBUTING.md`). Without ``--out`` it measures what is there, on templates and names that nothing was trained on.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from faker import Faker
from rich.console import Console
from rich.progress import Progress

from router_ml.guardrails.entities import KINDS, Chunk, Entity, Tagger, TaggerSpec
from router_ml.understanding.encoder import Encoder
from training.tagging import entity_report, public_spans
from training.tagging.entity_texts import Span, Tagged, fill, inhabited, load, plain_requests, recased, tagged_texts
from training.tagging.forms import form
from training.tagging.tagger import Settings, examples, train
from training.tagging.values import ROOT, Values

FORMS, FILLINGS, PUBLIC_FILLINGS, PLAIN, INHABITED = 2500, 8, 5, 3500, 4
TEST_FILLINGS = 3
THRESHOLD = (0.6, 0.7, 0.5)
LEANING = np.array([-0.7, 0.7, 0, 0], np.float32)  # by tag: a person missed costs more than one too many
BUNDLE = ROOT / "models" / "default"


def learned_texts(public: Path | None, *, seed: int) -> list[Tagged]:
    """What the shipped tagger learns from."""
    dice = random.Random(seed)
    marked = public_spans.load(public, held_out=False) if public else []
    values = Values(seed)
    templates = load(ROOT / "data" / "entities" / "train.jsonl")
    texts = list(tagged_texts(templates, values, seed, fillings=FILLINGS))
    texts += [recased(fill(form(dice), values), dice) for _ in range(FORMS)]
    texts += [recased(public_spans.varied(one, values), dice) for one in marked for _ in range(PUBLIC_FILLINGS)]
    plain = plain_requests(first_names())
    texts += [recased((text, []), dice) for text in dice.sample(plain, min(PLAIN, len(plain)))]
    named = [template for text in plain for _ in range(INHABITED) if (template := inhabited(text, dice)) is not None]
    texts += [recased(fill(template, values), dice) for template in named]
    return texts


def first_names() -> frozenset[str]:
    """Common first names, in small letters, as far as Faker knows them."""
    found: set[str] = set()
    for locale in ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR"):
        for provider in Faker(locale).factories[0].get_providers():
            for name in getattr(provider, "first_names", ()):
                found.add(str(name).lower())
    return frozenset(found)


def tag(encoder: Encoder, tagger: Tagger, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
    """What the served tagger finds in each text."""
    found = []
    for text, one in zip(texts, encoder.encode(texts, tagger.columns), strict=True):
        parts = zip(one.ids, one.offsets, one.readings, strict=True)
        found.append(tagger.find(text, [Chunk(*part) for part in parts]))
    return found


def scores(true: Sequence[Sequence[Span]], said: Sequence[Sequence[Entity]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 by kind: of spans with both ends right, and ``touched`` of those that overlap at all."""
    found = {}
    for kind in KINDS:
        right = there = claimed = touched = 0
        for spans, entities in zip(true, said, strict=True):
            mine = {(span.start, span.end) for span in spans if span.kind == kind}
            named = {(entity.start, entity.end) for entity in entities if entity.kind == kind}
            right, there, claimed = right + len(mine & named), there + len(mine), claimed + len(named)
            touched += sum(any(start < b and a < end for a, b in named) for start, end in mine)
        found[kind] = {
            "precision": round(right / max(claimed, 1), 3),
            "recall": round(right / max(there, 1), 3),
            "f1": round(2 * right / max(there + claimed, 1), 3),
            "touched": round(touched / max(there, 1), 3),
            "spans": float(there),
        }
    return found


def held_out_texts(seed: int) -> list[Tagged]:
    """Templates that nothing was trained on, with names that nothing was trained on."""
    values = Values(seed, held_out=True)
    templates = load(ROOT / "data" / "entities" / "test.jsonl")
    return [fill(template, values) for template in templates for _ in range(TEST_FILLINGS)]


def report(encoder: Encoder, tagger: Tagger, public: Path | None) -> dict[str, object]:
    """Everything that is measured: spans on held-out templates, and requests."""
    texts = {"templates": held_out_texts(seed=99)}
    if public is not None:
        texts["pii_spans"] = [(one.text, list(one.spans)) for one in public_spans.load(public, held_out=True)]
    spans = {
        name: scores([own for _, own in some], tag(encoder, tagger, [text for text, _ in some]))
        for name, some in texts.items()
    }
    return {"spans": spans, "requests": entity_report.measure(lambda some: tag(encoder, tagger, some), public=public)}


def main(
    out: Annotated[Path | None, typer.Option(help="Folder to write the tagger to; without it, measure alone.")] = None,
    bundle: Annotated[Path, typer.Option(help="Whose encoder is read, and whose tagger is measured.")] = BUNDLE,
    public: Annotated[
        Path | None, typer.Option(help="Folder of the public sets; without it, they are left out.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = Settings.epochs,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
) -> None:
    """Train the tagger, or measure the one that is there."""
    encoder = Encoder.load(bundle / "encoder")
    if out is not None:
        texts = learned_texts(public, seed=seed)
        with Progress(console=Console(stderr=True)) as progress:
            encoding = progress.add_task("encoding", total=len(texts))
            data = examples(encoder, texts, lambda: progress.advance(encoding))
            training = progress.add_task("training", total=epochs)
            vocabulary = encoder.vocabulary
            settings = Settings(epochs=epochs)
            weights = train(data, vocabulary, settings=settings, seed=seed, step=lambda _: progress.advance(training))
        weights = replace(weights, tags_bias=weights.tags_bias + LEANING)
        Tagger(weights, TaggerSpec(KINDS, THRESHOLD)).save(out)
    found = report(encoder, Tagger.load(out or bundle), public)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
