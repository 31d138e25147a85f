"""Calibrate heads on the encoder that serves, measure them on what they have never seen, write the classifier.

``python -m training.classifier --heads runs/tuned/heads.safetensors [--public FOLDER]`` makes the one that ships. One
author batch (``calibration``) sets temperatures, abstention thresholds and risk thresholds; another (``heldout``) and
what ``training/public.py`` holds out are measured, and nothing is chosen on them.

``python -m training.classifier --data my.jsonl --out runs/mine`` trains heads for labels of your own on the shipped
encoder and writes a bundle that routes by them, with a report: see ``training/taxonomy.py``.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from safetensors.numpy import load_file

from router_ml.errors import InvalidRequestError, RouterError
from router_ml.understanding.classifier import HEADS, Classifier, RiskHead, Weights
from router_ml.understanding.encoder import Encoder
from training import corpus
from training.augment import pages
from training.calibration import calibrate, uncalibrated
from training.examples import CALIBRATION, DEFAULT, HELD_OUT, Example, Targets, authored
from training.metrics import Predictions, predict, report
from training.outcomes import load_pack
from training.plots import reliability
from training.public import load_public
from training.readers import Rows, encode, read_columns, scores

Floats = NDArray[np.float32]
Plotted = dict[str, tuple[Floats, NDArray[np.int64]]]
ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "models" / "default"
LONG_PAGES, LONG_DOCUMENTS, LONG_SEED, LONG_FALSE_POSITIVES = 20, 20, 7, 0.05


def many_pieces(classifier: Classifier, encoder: Encoder, quiet: Sequence[str]) -> RiskHead:
    """Risk heads whose ``per_piece`` keeps harmless long documents, made of ``quiet`` texts, from being flagged."""
    rng = random.Random(LONG_SEED)
    head, first = classifier.spec.risks, classifier.spec.cuts[-1]
    texts = [pages(quiet, LONG_PAGES, rng) for _ in range(LONG_DOCUMENTS)]
    highest, pieces = [], []
    for text in texts:  # one at a time: a document has thousands of tokens
        (one,) = encoder.encode([text], classifier.columns)
        each = np.stack([classifier.attend(reading).sum(axis=0)[first:] for reading in one.readings])
        highest.append(each.max(axis=0) + classifier.weights.bias[first:])
        pieces.append(len(one.readings))
    threshold = np.asarray(head.threshold)
    limit = (np.log(threshold / (1 - threshold)) - np.asarray(head.offset)) / np.asarray(head.slope)
    over = np.quantile(np.stack(highest), 1 - LONG_FALSE_POSITIVES, axis=0) - limit
    per_piece = np.maximum(over, 0) / np.log(np.mean(pieces))
    return replace(head, per_piece=tuple(round(float(value), 4) for value in per_piece))


def measure(classifier: Classifier, rows: Rows) -> tuple[dict[str, Any], Predictions]:
    """The served classifier on rows."""
    seen = predict(classifier, [read_columns(one, classifier.columns) for one in rows.encoded], rows.surface)
    return report(seen, rows.targets), seen


def shipped(heads: Path, out: Path, public: Path | None) -> tuple[dict[str, Any], Plotted]:
    """Calibrate and write the classifier that ships; what it measured, and what to plot of the held-out author."""
    encoder = Encoder.load(out / "encoder")
    weights = Weights(**load_file(heads))
    lines = corpus.load((ROOT / "data" / "corpus").glob("*.jsonl"))
    authors = authored(lines)
    more = [item.example for item in load_public(public) if not item.for_training] if public else []

    def rows(examples: Sequence[Example]) -> Rows:
        return encode(encoder, [example.text for example in examples], Targets.of(examples))

    unseen = rows([example for example in authors if example.source == CALIBRATION])
    plain = Classifier(weights, uncalibrated(DEFAULT))
    spec = calibrate(scores(plain, unseen), unseen.targets)
    quiet = corpus.calm([row for row in lines if row.batch == CALIBRATION])
    served = Classifier(weights, replace(spec, risks=many_pieces(Classifier(weights, spec), encoder, quiet)))
    served.save(out)
    held_out = rows([example for example in authors if example.source == HELD_OUT])
    found: dict[str, Any] = {"calibration": measure(served, unseen)[0]}
    found["held_out_author"], seen = measure(served, held_out)
    if more:
        found["held_out_public"] = measure(served, rows(more))[0]
        for name in sorted({example.source for example in more}):
            own = [example for example in more if example.source == name]
            found.setdefault("by_public_set", {})[name] = measure(served, rows(own))[0]
    return found, {name: (seen.heads[name], held_out.targets.truth(name)) for name in HEADS}


def main(
    data: Annotated[Path | None, typer.Option(help="Your labelled requests: .csv, .jsonl or .parquet.")] = None,
    heads: Annotated[Path | None, typer.Option(help="heads.safetensors that training.tuning wrote.")] = None,
    out: Annotated[Path, typer.Option(help="Bundle folder to write into.")] = SHIPPED,
    base: Annotated[Path, typer.Option(help="With --data: bundle whose encoder is used.")] = SHIPPED,
    config: Annotated[
        Path | None, typer.Option(help="With --data: router.yaml of the new bundle; default: the base's, relabelled.")
    ] = None,
    public: Annotated[
        Path | None, typer.Option(help="With --heads: folder of the public sets, to measure on what is held out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    register: Annotated[bool, typer.Option(help="With --data: log the run and the bundle in MLflow.")] = False,
) -> None:
    """Calibrate, measure, write."""
    if (data is None) == (heads is None):
        raise InvalidRequestError("Give --data with labels of your own, or --heads of training.tuning; one of them.")
    if data is not None:
        if out.resolve() == SHIPPED.resolve():
            raise InvalidRequestError("Give --out: a bundle with your labels does not replace the one that ships.")
        sys.stdout.write(own_labels(data, out, base=base, config=config, seed=seed, register=register))
        return
    found, plotted = shipped(heads or Path(), out, public)
    text = json.dumps(found, indent=1) + "\n"
    (out.parent / f"{out.name}_classifier.json").write_text(text, encoding="utf-8")
    reliability(out.parent / f"{out.name}_reliability.png", plotted, title="Calibration on the held-out author")
    sys.stdout.write(text)


def own_labels(data: Path, out: Path, *, base: Path, config: Path | None, seed: int, register: bool) -> str:
    """Train on a user's file, write bundle and report, and say what was reached."""
    from training import taxonomy

    trained = taxonomy.train(data, base, seed=seed)
    pack = load_pack(encoder=Encoder.load(base / "encoder").sha256)
    manifest = taxonomy.bundle(trained, base, out, config=config, pack=pack)
    files = taxonomy.write_report(trained, out.parent / f"{out.name}_report")
    lines = [f"{manifest.id} in {out}; report in {out.parent / f'{out.name}_report'}."]
    if register:
        from router_ml.storage.registry import log_bundle

        version = log_bundle(
            out,
            params={"data": data.name, "seed": seed, "base": str(base)},
            metrics=taxonomy.numbers(trained),
            datasets={"labels": hashlib.sha256(data.read_bytes()).hexdigest()},
            files=files,
            tags={"bundle": manifest.id},
        )
        lines.append(f"registered as {version.uri}")
    lines += [f"  {name}: {value:.3f}" for name, value in taxonomy.numbers(trained).items()]
    return "\n".join(lines) + "\n"


def run() -> None:
    """The command line; errors of ours become one line."""
    try:
        typer.run(main)
    except RouterError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    run()
