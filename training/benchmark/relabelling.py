"""``python -m training.benchmark labels``: what outcome labels correct in the classifier, on the held-out author.

Requests of ``data/corpus`` that the classifier has not seen are drawn with other shares of the classes than the author
has (``shift``: standard deviation of a class's log weight), half to be labelled, half to measure on. Risks are not in
the table: a correction does not touch them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import Encoder
from training import corpus
from training.labelled.examples import HELD_OUT, UNKNOWN, Targets, authored
from training.outcomes import ROOT
from training.reading.readers import encode, scores
from training.retraining.labels import HEADS, Labelled, correct, softmax

Floats = NDArray[np.float64]
SHIFTS, LABELS, REPEATS = (0.0, 1.0, 2.0), (100, 200), 10


def probabilities(bundle: Path) -> Iterator[tuple[str, Floats, NDArray[np.int64]]]:
    """By head: what the classifier says of the held-out author's requests (n, k), and what they are (n,)."""
    examples = authored(corpus.load((ROOT / "data" / "corpus").glob("*.jsonl")))
    rows = [each for each in examples if each.source == HELD_OUT]
    classifier, targets = Classifier.load(bundle), Targets.of(rows)
    raw = scores(classifier, encode(Encoder.load(bundle / "encoder"), [each.text for each in rows], targets))
    for name, part in zip(HEADS, np.split(raw, classifier.spec.cuts, axis=1), strict=False):
        truth = targets.truth(name)
        known = truth != UNKNOWN
        heat = getattr(classifier.spec, name).temperature
        yield name, softmax(part[known].astype(np.float64) / heat), truth[known]


def measured(chance: Floats, truth: NDArray[np.int64], *, shift: float, labels: int, seed: int) -> tuple[float, ...]:
    """Whether the correction was taken; log loss and accuracy before and after, on requests that were not labelled."""
    random = np.random.default_rng([seed, *b"labels"])
    weight = np.exp(shift * random.normal(size=chance.shape[1]))[truth]
    order = random.permutation(len(truth))
    asked, ahead = np.split(order, [len(order) // 2])
    asked = random.choice(asked, labels, replace=False, p=weight[asked] / weight[asked].sum())
    found = correct(Labelled(chance[asked], truth[asked], np.ones(labels)), seed=seed)
    after, share = found(chance[ahead].astype(np.float32)), weight[ahead] / weight[ahead].sum()
    result = [float(found.taken)]
    for each in (chance[ahead], after):
        loss = -np.log(np.maximum(each[np.arange(len(ahead)), truth[ahead]], 1e-6))
        result += [float(share @ loss), float(share @ (each.argmax(axis=1) == truth[ahead]))]
    return tuple(result)


def main(
    bundle: Annotated[Path, typer.Option(help="Encoder and classifier.")] = ROOT / "models" / "default",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """Measure what labels of other traffic correct in the classifier."""
    keys = ("taken", "log_loss_before", "accuracy_before", "log_loss_after", "accuracy_after")
    rows = []
    for name, chance, truth in probabilities(bundle):
        for shift in SHIFTS:
            for labels in LABELS:
                runs = [measured(chance, truth, shift=shift, labels=labels, seed=seed) for seed in range(REPEATS)]
                means = dict(zip(keys, np.mean(runs, axis=0).round(3).tolist(), strict=True))
                rows.append({"head": name, "shift": shift, "labels": labels, **means})
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
        return
    table = Table(*(key.replace("_", " ") for key in rows[0]))
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 120).print(table)
