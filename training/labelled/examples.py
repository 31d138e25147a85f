"""Texts with what is known of their labels, from the authored corpus, public sets or a user's file, and as arrays.

A label that is not known is absent, and nothing is learned from its absence.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router_ml.understanding.classifier import HEADS
from training import corpus
from training.labelled.augment import gibberish

Floats = NDArray[np.float32]
UNKNOWN = -1
NOISE = "noise"
CALIBRATION, HELD_OUT = "calibration", "heldout"  # author batches that no model ever learns from


@dataclass(frozen=True)
class Taxonomy:
    """The labels of each head, in the order of the classifier's columns."""

    intent: tuple[str, ...]
    domain: tuple[str, ...]
    mode: tuple[str, ...]
    risks: tuple[str, ...]

    def head(self, name: str) -> tuple[str, ...]:
        """Labels of one softmax head."""
        labels: tuple[str, ...] = getattr(self, name)
        return labels

    @property
    def cuts(self) -> tuple[int, ...]:
        """Where the columns of one head end and those of the next begin."""
        return tuple(np.cumsum([len(self.head(name)) for name in HEADS]).tolist())


DEFAULT = Taxonomy(corpus.INTENTS, corpus.DOMAINS, corpus.MODES, corpus.RISKS)


@dataclass(frozen=True)
class Example:
    """One text: ``labels`` by head, ``risks`` by name; ``source`` is its author batch, public set or file.

    ``meaningless``: no label is right, so that a model learns to be unsure.
    """

    text: str
    source: str
    labels: Mapping[str, str] = field(default_factory=dict)
    risks: Mapping[str, bool] = field(default_factory=dict)
    meaningless: bool = False


def authored(rows: Sequence[corpus.Row]) -> list[Example]:
    """Corpus rows: everything is known of them."""
    return [
        Example(
            text=row.text,
            source=row.batch,
            labels={"intent": row.intent, "domain": row.domain, "mode": row.mode},
            risks={risk: risk in row.risks for risk in corpus.RISKS},
        )
        for row in rows
    ]


def noise(count: int, risks: Sequence[str], *, seed: int) -> list[Example]:
    """Gibberish: no label is right and no risk is there."""
    rng = random.Random(seed)
    return [Example(gibberish(rng), NOISE, risks=dict.fromkeys(risks, False), meaningless=True) for _ in range(count)]


@dataclass(frozen=True)
class Targets:
    """What there is to learn, (n, k) in 0..1 over all columns; NaN where it is not known."""

    values: Floats
    taxonomy: Taxonomy

    @classmethod
    def of(cls, examples: Sequence[Example], taxonomy: Taxonomy = DEFAULT) -> Targets:
        """Targets of examples whose labels are all in the taxonomy."""
        columns = taxonomy.cuts[-1] + len(taxonomy.risks)
        values = np.full((len(examples), columns), np.nan, dtype=np.float32)
        for row, example in enumerate(examples):
            start = 0
            for name, end in zip(HEADS, taxonomy.cuts, strict=True):
                if example.meaningless:
                    values[row, start:end] = 1 / (end - start)
                elif name in example.labels:
                    values[row, start:end] = 0
                    values[row, start + taxonomy.head(name).index(example.labels[name])] = 1
                start = end
            for at, risk in enumerate(taxonomy.risks):
                if risk in example.risks:
                    values[row, start + at] = example.risks[risk]
        return cls(values, taxonomy)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.intp]) -> Targets:
        """The chosen rows."""
        return Targets(self.values[rows], self.taxonomy)

    def head(self, name: str) -> Floats:
        """Target distributions (n, k) of one softmax head."""
        at = HEADS.index(name)
        cuts = (0, *self.taxonomy.cuts)
        return self.values[:, cuts[at] : cuts[at + 1]]

    def truth(self, name: str) -> NDArray[np.int64]:
        """Label indices (n,) of one softmax head; ``UNKNOWN`` where there is no one right label."""
        part = self.head(name)
        known = np.nan_to_num(part, nan=0).max(axis=1) == 1
        return np.where(known, np.nan_to_num(part, nan=-1).argmax(axis=1), UNKNOWN)

    @property
    def risks(self) -> Floats:
        """Whether each risk is there, (n, r); NaN where unknown."""
        return self.values[:, self.taxonomy.cuts[-1] :]
