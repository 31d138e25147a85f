"""Calibrate heads on the encoder that serves, measure them on what they have never seen, write the classifier.

``python -m training.classifier --heads runs/tuned/heads.safetensors [--public FOLDER]`` makes the one that ships. One
author batch (``calibration``) sets temperatures, abstention thresholds and risk thresholds; another (``heldout``) and
what ``training/labelled/public.py`` holds out are measured, and nothing is chosen on them.

``python -m training.classifier --data my.jsonl --out runs/mine`` trains heads for labels of your own on the shipped
encoder and writes a bundle that routes by them, with a report: see ``training/taxonomy.py``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from safetensors.numpy import load_file

from router_ml.errors import InvalidRequestError, RouterError
from router_ml.understanding.classifier import HEADS, Classifier, Weights
from router_ml.understanding.encoder import Encoder
from training import corpus
from training.labelled.examples import CALIBRATION, DEFAULT, HELD_OUT, Example, Targets, authored
from training.labelled.public import load_public
from training.reading.calibration import calibrate, uncalibrated
from training.reading.metrics import Predictions, predict, report
from training.reading.plots import reliability
from training.reading.readers import Rows, encode, read_columns, scores

Floats = NDArray[np.float32]
Plotted = dict[str, tuple[Floats, NDArray[np.int64]]]
ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "models" / "default"
# Domain is the harder head: a stricter promise would leave a quarter of the requests unsure.
ERRORS = {"intent": 0.08, "domain": 0.15}
# A false refusal hurts more than most; personal data that has a form is found by rules already.
LIMITS = {"harmful": 0.01, "pii": 0.02}


def measure(classifier: Classifier, rows: Rows) -> tuple[dict[str, Any], Predictions]:
    """The served classifier on rows."""
    seen = predict(classifier, [read_columns(one, classifier.columns) for one in rows.encoded], rows.surface)
    return report(seen, rows.targets), seen


def shipped(heads: Path, out: Path, public: Path | None) -> tuple[dict[str, Any], Plotted]:
    """Calibrate and write the classifier that ships; what it measured, and what to plot of the held-out author."""
    encoder = Encoder.load(out / "encoder")
    weights = Weights(**load_file(heads))
    authors = authored(corpus.load((ROOT / "data" / "corpus").glob("*.jsonl")))
    more = [item.example for item in load_public(public) if not item.for_training] if public else []

    def rows(examples: Sequence[Example]) -> Rows:
        return encode(encoder, [example.text for example in examples], Targets.of(examples))

    unseen = rows([example for example in authors if example.source == CALIBRATION])
    plain = Classifier(weights, uncalibrated(DEFAULT))
    served = Classifier(weights, calibrate(scores(plain, unseen), unseen.targets, errors=ERRORS, limits=LIMITS))
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
    """Train on a user's file, write report and bundle, and say what was reached."""
    from training import taxonomy, taxonomy_report

    table = taxonomy.checked(data, seed=seed)
    plan = taxonomy.prepare(table, base, config=config)
    trained = taxonomy.train(table, base, seed=seed)
    folder = out.parent / f"{out.name}_report"
    files = taxonomy_report.write_report(trained, folder)
    manifest = taxonomy.bundle(trained, base, out, plan)
    lines = [f"{manifest.id} in {out}; report in {folder}."]
    if plan.left_out:
        lines.append(f"left out of its router.yaml, for they name labels that are gone: {_counted(plan.left_out)}")
    if register:
        from router_ml.storage.registry import log_bundle

        version = log_bundle(
            out,
            params={"data": data.name, "seed": seed, "base": str(base)},
            metrics=taxonomy_report.numbers(trained),
            datasets={"labels": hashlib.sha256(data.read_bytes()).hexdigest()},
            files=files,
        )
        lines.append(f"registered as {version.uri}")
    lines += [f"  {name}: {value:.3f}" for name, value in taxonomy_report.numbers(trained).items()]
    lines += taxonomy_report.unsure(trained)
    return "\n".join(lines) + "\n"


def _counted(left_out: Sequence[str]) -> str:
    """Traffic classes by name, plan rules as a number: nobody reads a dozen of them."""
    plan = [gone for gone in left_out if gone.startswith("plan rule")]
    return ", ".join([*(gone for gone in left_out if gone not in plan), *([f"{len(plan)} plan rules"] if plan else [])])


def run() -> None:
    """The command line; errors of ours become one line."""
    try:
        typer.run(main)
    except RouterError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    run()
