"""Suspected label errors, by confident learning: rows whose label a model that has not seen them confidently denies.

``python -m training.noise [--base ENCODER]`` goes over the authored corpus. The encoder is fixed, a small model is
trained on all author batches but one in turn, so no score comes from a model that knows the author; nor does the
encoder, which is the one from before fine-tuning.

Confident learning (Northcutt et al., 2021): the threshold of a class is the mean probability of that class among rows
labelled with it; a row whose highest probability over its threshold belongs to another class is a suspect.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track

from router_ml.understanding.classifier import HEADS
from router_ml.understanding.encoder import Encoder
from training import corpus
from training.labelled.examples import DEFAULT, Targets, authored
from training.reading.calibration import softmax, temperature

Floats = NDArray[np.float32]
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Suspect:
    """A row, the label it has and the one the model would give, and how much more probable that one is."""

    row: int
    given: int
    suggested: int
    margin: float


def confident_learning(probabilities: Floats, labels: NDArray[np.int64]) -> list[Suspect]:
    """Suspects, the worst first.

    Args:
        probabilities: (n, k) out-of-sample, calibrated.
        labels: (n,) as given.
    """
    classes = probabilities.shape[1]
    thresholds = np.array(
        [probabilities[labels == c, c].mean() if (labels == c).any() else np.inf for c in range(classes)]
    )
    over = np.where(probabilities >= thresholds, probabilities, -1)
    suggested = over.argmax(axis=1)
    rows = np.flatnonzero((over.max(axis=1) >= 0) & (suggested != labels))
    margin = probabilities[rows, suggested[rows]] - probabilities[rows, labels[rows]]
    order = np.argsort(-margin, kind="stable")
    return [Suspect(int(rows[at]), int(labels[rows[at]]), int(suggested[rows[at]]), float(margin[at])) for at in order]


def over_authors(rows: Sequence[corpus.Row], encoder: Encoder) -> dict[str, list[Suspect]]:
    """Suspects by head and by risk, each row judged by a model that was trained on other authors."""
    from training.reading.readers import encode, trunk

    targets = Targets.of(authored(rows))
    encoded = encode(encoder, [row.text for row in rows], targets, tokens=False)
    batches = np.array([row.batch for row in rows])
    raw = np.zeros(targets.values.shape, np.float32)
    for author in track(sorted(set(batches)), "authors left out in turn"):
        mine, others = np.flatnonzero(batches == author), np.flatnonzero(batches != author)
        raw[mine] = trunk(encoded.take(others), encoded.take(mine))
    found = {}
    for name, part in zip(HEADS, np.split(raw, DEFAULT.cuts, axis=1), strict=False):
        truth = targets.truth(name)
        found[name] = confident_learning(softmax(part / np.float32(temperature(part, truth))), truth)
    for at, risk in enumerate(DEFAULT.risks):
        there = 1 / (1 + np.exp(-raw[:, DEFAULT.cuts[-1] + at]))
        both = np.stack([1 - there, there], axis=1).astype(np.float32)
        found[risk] = confident_learning(both, targets.risks[:, at].astype(np.int64))
    return found


def main(
    base: Annotated[
        Path | None, typer.Option(help="Folder of an exported encoder; default: the original one, exported for this.")
    ] = None,
    worst: Annotated[int, typer.Option(help="How many suspects of each head to print.")] = 40,
) -> None:
    """Print suspected label errors of the authored corpus as JSON lines."""
    rows = corpus.load((ROOT / "data" / "corpus").glob("*.jsonl"))
    with TemporaryDirectory() as folder:
        if base is None:
            from training.encoder import default_source, export, original

            base = Path(folder)
            export(original(default_source()), base, name="original")
        suspects_of = over_authors(rows, Encoder.load(base))
    names = {name: DEFAULT.head(name) for name in HEADS}
    for name, suspects in suspects_of.items():
        labels = names.get(name, ("no", "yes"))
        for each in suspects[:worst]:
            row = rows[each.row]
            found = {"head": name, "given": labels[each.given], "suggested": labels[each.suggested]}
            record = {**found, "margin": round(each.margin, 2), "batch": row.batch, "text": row.text}
            sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    typer.run(main)
