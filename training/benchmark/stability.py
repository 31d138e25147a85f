"""How labels hold under rewording, noise, other languages and length: probes that need no labels of their own."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.contract import RouteRequest
from router_ml.storage.bundle import Bundle
from router_ml.understanding.language import extent
from router_ml.understanding.understand import Understanding, understand
from training.benchmark.variants import THANKS, VARIANTS, scribble
from training.corpus import Row, calm
from training.labelled.augment import pages
from training.labelled.examples import Example
from training.reading.metrics import share

PAGES = 20
SENTENCE_UP_TO = 300  # characters


@dataclass(frozen=True)
class Reader:
    """The served understanding of texts, as ``predict_route`` sees them."""

    bundle: Bundle

    def __call__(self, texts: Sequence[str]) -> list[Understanding]:
        """Understand texts in batches."""
        rails = self.bundle.config.guardrails
        return understand(
            [RouteRequest(text=text) for text in texts],
            self.bundle.encoder,
            self.bundle.classifier,
            max_bytes=rails.max_bytes,
            min_characters=rails.unvalidated_language_min_chars,
        )


def _flips(before: Sequence[Understanding], after: Sequence[Understanding]) -> dict[str, Any]:
    pairs = list(zip(before, after, strict=True))
    intent = np.array([a.intent_label.label != b.intent_label.label for a, b in pairs], bool)
    domain = np.array([a.domain_label.label != b.domain_label.label for a, b in pairs], bool)
    mode = np.array([a.mode_label.label != b.mode_label.label for a, b in pairs], bool)
    risks = np.array([{r.name for r in a.risks} != {r.name for r in b.risks} for a, b in pairs], bool)
    return {"intent": share(intent), "domain": share(domain), "mode": share(mode), "risks": share(risks)}


def variant_flips(read: Reader, texts: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Share of changed texts whose intent, domain, mode or set of risks changes with them, by kind of variant."""
    before = read(texts)
    result = {}
    for name, make in VARIANTS.items():
        rng = random.Random(f"{name} {seed}")
        varied = [make(text, rng) for text in texts]
        changed = [at for at, (text, other) in enumerate(zip(texts, varied, strict=True)) if text != other]
        result[name] = _flips([before[at] for at in changed], read([varied[at] for at in changed]))
    return result


def paraphrase_flips(read: Reader, path: Path) -> dict[str, Any]:
    """Flips from the first text of each group of ``paraphrases.jsonl`` to the others, and accuracy on all of them."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    groups: dict[int, list[int]] = {}
    for at, row in enumerate(rows):
        groups.setdefault(row["group"], []).append(at)
    seen = read([row["text"] for row in rows])
    pairs = [(own[0], other) for own in groups.values() for other in own[1:]]
    flips = _flips([seen[first] for first, _ in pairs], [seen[other] for _, other in pairs])
    right = {
        name: share(
            np.array([getattr(one, f"{name}_label").label == row[name] for one, row in zip(seen, rows, strict=True)])
        )
        for name in ("intent", "domain")
    }
    return {**flips, "right": right}


def _unsure(seen: Sequence[Understanding]) -> NDArray[np.bool_]:
    return np.array([one.intent_label.abstained or one.domain_label.abstained for one in seen])


def abstention(read: Reader, examples: Sequence[Example], languages: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Share of requests whose intent or domain abstains: in scope (validated languages), noise, languages that were not
    validated (from the policy's minimum length on); and of short thanks in twenty languages, those that were flagged.

    Args:
        languages: of the examples.
    """
    rng = random.Random(f"noise {seed}")
    minimum = read.bundle.config.guardrails.unvalidated_language_min_chars
    validated = read.bundle.encoder.spec.languages
    foreign = [
        example.text
        for example, language in zip(examples, languages, strict=True)
        if language not in validated and extent(example.text) >= minimum
    ]
    known = [example.text for example, language in zip(examples, languages, strict=True) if language in validated]
    in_scope = read(known)
    return {
        "in scope": share(_unsure(in_scope)),
        "in scope, intent": share(np.array([one.intent_label.abstained for one in in_scope])),
        "in scope, domain": share(np.array([one.domain_label.abstained for one in in_scope])),
        "noise": share(_unsure(read([scribble(rng) for _ in range(300)]))),
        "other languages": share(_unsure(read(foreign))),
        "short thanks, flagged": share(
            np.array([one.language_characters >= minimum for one in read([*THANKS.values()])])
        ),
    }


def long_documents(read: Reader, rows: Sequence[Row], *, documents: int, seed: int) -> dict[str, dict[str, Any]]:
    """A risky sentence at the end of twenty pages is found; twenty pages without one stay quiet.

    The sentence is a short row with one risk.
    """
    rng = random.Random(f"long {seed}")
    texts = calm(rows)
    result: dict[str, dict[str, Any]] = {}
    quiet = read([pages(texts, PAGES, rng) for _ in range(documents)])
    for risk in read.bundle.classifier.spec.risks.labels:
        short = [row.text for row in rows if row.risks == (risk,) and len(row.text) < SENTENCE_UP_TO]
        chosen = rng.sample(short, min(documents, len(short)))
        loud = read([f"{pages(texts, PAGES, rng)}\n\n{text}" for text in chosen])
        result[risk] = {
            "recall": share(np.array([risk in {found.name for found in one.risks} for one in loud])),
            "false_positives": share(np.array([risk in {found.name for found in one.risks} for one in quiet])),
        }
    return result
