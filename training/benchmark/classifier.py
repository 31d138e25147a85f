"""``python -m training.benchmark classifier``: how well requests are understood, on what no model has learned from.

Without ``--data``: the shipped classifier on the held-out author, its hard negatives and probes, rewordings, noise,
other languages, a sentence at the end of twenty pages, and what the heads cost; with ``--public FOLDER`` the held-out
public sets; with ``--compare`` plain models on the frozen encoder, trained on the same rows. With ``--data FILE``: the
scores on a user's file; with ``--train F --test F``: the plain models, trained on one file and measured on the other.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.storage.bundle import Bundle
from router_ml.understanding.classifier import HEADS
from router_ml.understanding.encoder import Encoder
from router_ml.understanding.surface import surface
from training import corpus
from training.benchmark.classifier_tables import render
from training.benchmark.stability import Reader, abstention, long_documents, paraphrase_flips, variant_flips
from training.labelled.examples import DEFAULT, HELD_OUT, UNKNOWN, Example, Targets, Taxonomy, authored
from training.labelled.public import load_public
from training.labelled.tables import Table, read
from training.reading.metrics import Predictions, bootstrap, macro_f1, report, share
from training.reading.readers import READERS, encode

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "models" / "default"
PROBE = "over-refusal probe"
VARIANT_SEED = 1
SPEED_ROUNDS, BATCH_ROUNDS, BATCH = 300, 6, 1000
Floats = NDArray[np.float32]


def predictions(bundle: Bundle, texts: Sequence[str]) -> Predictions:
    """What the served classifier says of texts."""
    classifier = bundle.classifier
    encoded = bundle.encoder.encode(texts, classifier.columns)
    rows = [classifier.predict(one, surface(text, one.tokens)) for one, text in zip(encoded, texts, strict=True)]
    return Predictions.of(rows, classifier.spec)


def measure(bundle: Bundle, examples: Sequence[Example]) -> dict[str, Any]:
    """Scores of the shipped classifier on examples whose labels are all of its taxonomy."""
    return report(predictions(bundle, [example.text for example in examples]), Targets.of(examples, _taxonomy(bundle)))


def _taxonomy(bundle: Bundle) -> Taxonomy:
    spec = bundle.classifier.spec
    return Taxonomy(spec.intent.labels, spec.domain.labels, spec.mode.labels, spec.risks.labels)


def hard_negatives(bundle: Bundle, rows: Sequence[corpus.Row]) -> dict[str, Any]:
    """False alarms on rows written to look like a risk, by risk, and of any risk on over-refusal probes."""
    marked = [row for row in rows if row.note]
    fired = predictions(bundle, [row.text for row in marked]).fired
    labels = bundle.classifier.spec.risks.labels
    result = {}
    for at, risk in enumerate(labels):
        mine = [row.note.startswith(f"hard negative: {risk}") and risk not in row.risks for row in marked]
        result[risk] = share(fired[np.array(mine, bool), at])
    probes = np.array([PROBE in row.note and not row.risks for row in marked], bool)
    for risk in ("harmful", "prompt_injection"):
        result[f"{PROBE}: {risk}"] = share(fired[probes, labels.index(risk)])
    return result


def speed(bundle: Bundle, texts: Sequence[str]) -> dict[str, float]:
    """Milliseconds that reading all heads adds to one encoder pass, and throughput of a batch of 1,000 short texts.

    Bare and read are timed in turns in one run, and who comes first changes; numbers are medians of the differences and
    ratios.

    Raises:
        OfflineDataError: no text has the length that is measured.
    """
    classifier, encoder = bundle.classifier, bundle.encoder
    sizes = [encoder.count_tokens(text) for text in texts]
    sixty = [text for text, size in zip(texts, sizes, strict=True) if 50 <= size <= 70]
    short = [text for text, size in zip(texts, sizes, strict=True) if size <= 20]
    if not sixty or not short:
        raise OfflineDataError("Speed is measured on texts of 60 and of up to 20 tokens; there are none.")

    def bare(some: Sequence[str]) -> None:
        encoder.encode(some)

    def read(some: Sequence[str]) -> None:
        for one, text in zip(encoder.encode(some, classifier.columns), some, strict=True):
            classifier.predict(one, surface(text, one.tokens))

    single = _in_turns((bare, read), [[text] for text in islice(cycle(sixty), SPEED_ROUNDS)])
    batch = _in_turns((bare, read), [list(islice(cycle(short), BATCH))] * BATCH_ROUNDS)
    return {
        "encoder_ms": round(1000 * float(np.median(single[0])), 3),
        "heads_ms": round(1000 * float(np.median(single[1] - single[0])), 3),
        "batch_throughput_ratio": round(float(np.median(batch[0] / batch[1])), 3),
    }


def _in_turns(calls: Sequence[Callable[[Sequence[str]], None]], batches: Sequence[Sequence[str]]) -> Floats:
    """Seconds (calls, batches) of each call on each batch."""
    for call in calls:
        call(batches[0])
    seconds = np.zeros((len(calls), len(batches)), np.float32)
    for turn, some in enumerate(batches):
        for step in range(len(calls)):
            which = (turn + step) % len(calls)
            start = time.perf_counter()
            calls[which](some)
            seconds[which, turn] = time.perf_counter() - start
    return seconds


def compare(encoder: Encoder, train: Sequence[Example], test: Sequence[Example], taxonomy: Taxonomy) -> dict[str, Any]:
    """Macro-F1 of each head by plain models that learn from the same rows, with 95% intervals."""
    parts = [encode(encoder, [example.text for example in part], Targets.of(part, taxonomy)) for part in (train, test)]
    console = Console(stderr=True)
    return {
        name: head_scores(reader(*parts), parts[1].targets)
        for name, reader in track(READERS.items(), "plain models", console=console)
    }


def head_scores(scores: Floats, targets: Targets) -> dict[str, Any]:
    """Macro-F1 of each softmax head, mean recall of risks at 5% false positives, from scores (n, k); 95% intervals."""
    found: dict[str, Any] = {}
    for name, part in zip(HEADS, np.split(scores, targets.taxonomy.cuts, axis=1), strict=False):
        truth = targets.truth(name)
        known = truth != UNKNOWN
        if known.any():
            predicted, true = part[known].argmax(axis=1), truth[known]
            found[name] = {
                "macro_f1": round(macro_f1(predicted, true, part.shape[1]), 3),
                "macro_f1_95": bootstrap(_f1_of(predicted, true, part.shape[1]), len(true)),
            }
    first = targets.taxonomy.cuts[-1]
    known = [
        (scores[:, first + at], there)
        for at, there in enumerate(targets.risks.T)
        if (there == 1).any() and (there == 0).any()
    ]
    if known:
        found["risk_recall"] = round(_recall_at(known, np.arange(len(scores))), 3)
        found["risk_recall_95"] = bootstrap(lambda draw: _recall_at(known, draw), len(scores))
    return found


def _recall_at(risks: Sequence[tuple[Floats, Floats]], rows: NDArray[np.intp]) -> float:
    """Mean recall over risks at thresholds that let 5% of the rows without the risk fire."""
    recalls = []
    for column, there in risks:
        score, truth = column[rows], there[rows]
        if (truth == 1).any() and (truth == 0).any():
            recalls.append(float((score[truth == 1] > np.quantile(score[truth == 0], 0.95)).mean()))
    return float(np.mean(recalls))


def _f1_of(predicted: NDArray[np.intp], truth: NDArray[np.int64], classes: int) -> Any:
    return lambda draw: macro_f1(predicted[draw], truth[draw], classes)


def own_file(bundle: Bundle, path: Path) -> dict[str, Any]:
    """The shipped classifier on a user's file: its test part where it is split, else all of it.

    Raises:
        OfflineDataError: the file has labels that the classifier does not know.
    """
    table = read(path)
    check_labels(bundle, table, path)
    chosen = [table.examples[row] for row in table.rows("test")] if table.was_split else table.examples
    part = "its test part" if table.was_split else "all rows; whether the bundle learned from them is not known"
    return {"data": f"{path.name} ({part})", "rows": len(chosen), "held_out": measure(bundle, chosen)}


def check_labels(bundle: Bundle, table: Table, path: Path) -> None:
    """Raise if a file has labels that the bundle's classifier does not know."""
    known, own = _taxonomy(bundle), table.taxonomy
    for name in (*HEADS, "risks"):
        expected = getattr(known, name)
        strange = sorted(set(getattr(own, name)) - set(expected))
        if strange:
            raise OfflineDataError(
                f"{path}: {name} {strange[0][:40]} is not known to this classifier, expected "
                f"{', '.join(expected)}. Train one that knows it: python -m training.classifier --data {path.name}."
            )


def shipped(bundle: Bundle, public: Path | None, *, with_comparison: bool, quick: bool) -> dict[str, Any]:
    """All tables for the shipped classifier."""
    rows = corpus.load((ROOT / "data" / "corpus").glob("*.jsonl"))
    held_out = [row for row in rows if row.batch == HELD_OUT]
    examples, texts = authored(held_out), [row.text for row in held_out if row.language == "en"]
    read_as_served = Reader(bundle)
    found: dict[str, Any] = {"data": "data/corpus/heldout.jsonl, an author never learned from", "rows": len(held_out)}
    found["held_out"] = measure(bundle, examples)
    found["hard_negatives"] = hard_negatives(bundle, held_out)
    injected = [e for e, row in zip(examples, held_out, strict=True) if "indirect" in row.note]
    if injected:
        found["indirect_injection"] = measure(bundle, injected)["risks"]["prompt_injection"]["recall"]
    found["flips"] = variant_flips(read_as_served, texts[:200] if quick else texts, seed=VARIANT_SEED)
    found["paraphrases"] = paraphrase_flips(read_as_served, ROOT / "data" / "stability" / "paraphrases.jsonl")
    found["abstention"] = abstention(read_as_served, examples, [row.language for row in held_out], seed=VARIANT_SEED)
    found["twenty_pages"] = long_documents(read_as_served, held_out, documents=2 if quick else 5, seed=VARIANT_SEED)
    found["speed"] = speed(bundle, texts)
    if public is not None:
        unseen = [item.example for item in load_public(public) if not item.for_training]
        found["held_out_public"] = measure(bundle, unseen)
    if with_comparison:
        from training.tuning import training_examples

        train = training_examples(public)
        with TemporaryDirectory() as folder:
            from training.encoder import default_source, export, original

            export(original(default_source()), Path(folder), name="all-MiniLM-L6-v2")
            found["comparison"] = compare(Encoder.load(Path(folder)), train, examples, DEFAULT)
        ours = predictions(bundle, [example.text for example in examples])
        logs = [np.log(np.maximum(ours.heads[name], 1e-9)) for name in HEADS]
        found["comparison"]["shipped: fine-tuned with all heads"] = head_scores(
            np.concatenate([*logs, ours.risks], axis=1), Targets.of(examples)
        )
    return found


def main(
    data: Annotated[Path | None, typer.Option(help="Labelled requests: .csv, .jsonl or .parquet.")] = None,
    train: Annotated[Path | None, typer.Option(help="Train plain models on this file; with --test.")] = None,
    test: Annotated[Path | None, typer.Option(help="Measure them on this file.")] = None,
    bundle: Annotated[Path, typer.Option(help="Bundle to measure.")] = SHIPPED,
    public: Annotated[Path | None, typer.Option(help="Folder of the public sets.")] = None,
    comparison: Annotated[bool, typer.Option("--compare", help="Also train plain models (needs torch).")] = False,
    quick: Annotated[bool, typer.Option(help="Fewer texts: to see that it runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """How well requests are understood, on rows that no model has learned from."""
    if (train is None) != (test is None):
        raise InvalidRequestError("Give --train and --test together.")
    opened = Bundle.load(bundle)
    if train is not None and test is not None:
        learned, unseen = read(train), read(test)
        labels = _joined(learned, unseen, test)
        rows = compare(opened.encoder, learned.examples, unseen.examples, labels)
        found: dict[str, Any] = {"data": test.name, "rows": len(unseen.examples), "comparison": rows}
    elif data is not None:
        found = own_file(opened, data)
    else:
        found = shipped(opened, public, with_comparison=comparison, quick=quick)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        render(found, Console(width=None if sys.stdout.isatty() else 132))


def _joined(train: Table, test: Table, path: Path) -> Taxonomy:
    """The labels of the training file.

    Raises:
        OfflineDataError: the test file has others.
    """
    labels = train.taxonomy
    for name in (*HEADS, "risks"):
        strange = sorted(set(getattr(test.taxonomy, name)) - set(getattr(labels, name)))
        if strange:
            raise OfflineDataError(f"{path}: {name} {strange[0][:40]} has no training row. Add some, or drop its rows.")
    return labels
