"""Train intent, domain, mode and risks on the authored corpus, calibrate across authors, measure on one more.

``python -m training.classifier [--out models/default] [--public FOLDER]``. One author batch (``heldout``) is never
trained on. The other batches are left out in turn: the scores of a batch come from a model that never saw its author,
and temperatures, abstention thresholds and risk thresholds are set on those. Public rows (``training/public.py``) are
partly labelled; 60% of them are trained on, the rest is held out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track

from router_ml.understanding.classifier import Classifier, ClassifierSpec, Head, RiskHead
from router_ml.understanding.encoder import Encoder
from router_ml.understanding.lexical import BUCKETS, lexical
from router_ml.understanding.surface import surface
from training import corpus
from training.metrics import Scores, abstention_threshold, platt, recall_threshold, temperature
from training.public import PublicRow, load_public

ROOT = Path(__file__).parents[1]
HELD_OUT = "heldout"
MODELS = 2  # averaged; two seeds side by side are one wider trunk
HIDDEN = 256
EPOCHS = 40
BATCH = 128
NOISE = 0.5
DROP_TRUNK, DROP_WORDS = 0.3, 0.5
RATE_TRUNK, RATE_WORDS = 2e-3, 3e-2
MIN_ROWS_PER_WORD = 2
SMOOTHING = 0.05
WEIGHTS = (1.0, 1.0, 0.5)  # of intent, domain, mode in the loss
RISK_WEIGHT = 2.0
UNKNOWN = -1
ERROR_AMONG_ANSWERED = 0.15
RISK_RECALL = 0.92
# A false refusal hurts more than most; personal data that has a form is found by rules already.
MAX_FALSE_POSITIVES = dict.fromkeys(corpus.RISKS, 0.04) | {"harmful": 0.01, "pii": 0.02}

Floats = NDArray[np.float32]
CUTS = np.cumsum([len(corpus.INTENTS), len(corpus.DOMAINS), len(corpus.MODES)]).tolist()
COLUMNS = CUTS[-1] + len(corpus.RISKS)


@dataclass(frozen=True)
class Examples:
    """Rows as arrays: dense (n, d + s), words per row, labels (n,), risks (n, r), author batch or public set (n,).

    Unknown labels are -1, unknown risks NaN.
    """

    dense: Floats
    words: list[NDArray[np.int64]]
    intent: NDArray[np.int64]
    domain: NDArray[np.int64]
    mode: NDArray[np.int64]
    risks: Floats
    batch: NDArray[np.str_]


def examples(rows: Sequence[corpus.Row], encoder: Encoder, public: Sequence[PublicRow] = ()) -> Examples:
    """Encode a corpus, and public rows behind it."""
    texts = [*(row.text for row in rows), *(row.text for row in public)]
    encoded = encoder.encode(texts)
    dense = [np.r_[e.embedding, surface(text, e.tokens)] for e, text in zip(encoded, texts, strict=True)]
    authored = [[risk in row.risks for risk in corpus.RISKS] for row in rows]
    mapped = [[row.risks.get(risk, np.nan) for risk in corpus.RISKS] for row in public]
    return Examples(
        dense=np.stack(dense).astype(np.float32),
        words=[lexical(text) for text in texts],
        intent=_indices([*(row.intent for row in rows), *(row.intent for row in public)], corpus.INTENTS),
        domain=_indices([*(row.domain for row in rows), *(row.domain for row in public)], corpus.DOMAINS),
        mode=_indices([*(row.mode for row in rows), *(None for _ in public)], corpus.MODES),
        risks=np.array([*authored, *mapped], dtype=np.float32),
        batch=np.array([*(row.batch for row in rows), *(_split(row) for row in public)]),
    )


def _indices(labels: Sequence[str | None], known: Sequence[str]) -> NDArray[np.int64]:
    return np.array([UNKNOWN if label is None else known.index(label) for label in labels])


def _split(row: PublicRow) -> str:
    return f"public train {row.source}" if row.for_training else f"public test {row.source}"


def fit(data: Examples, rows: NDArray[np.intp], *, seed: int) -> dict[str, Floats]:
    """Weights of one trunk with its heads and its word table, trained on the given rows."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    mean, deviation = data.dense[rows].mean(axis=0), data.dense[rows].std(axis=0) + 1e-6
    size = data.dense.shape[1] - len(surface("", 0))
    scale = np.r_[np.full(size, deviation[:size].mean()), deviation[size:]].astype(np.float32)
    dense = torch.tensor((data.dense - mean) / scale)
    noise = torch.tensor(NOISE * deviation / scale)
    known = np.bincount(np.concatenate([data.words[row] for row in rows]), minlength=BUCKETS) >= MIN_ROWS_PER_WORD
    words = [row[known[row]] for row in data.words]

    trunk, heads = nn.Linear(dense.shape[1], HIDDEN), nn.Linear(HIDDEN, COLUMNS)
    table = nn.EmbeddingBag(BUCKETS, COLUMNS, mode="sum")
    nn.init.zeros_(table.weight)
    drop = nn.Dropout(DROP_TRUNK)
    groups = [
        {"params": [*trunk.parameters(), *heads.parameters()], "weight_decay": 1e-2},
        {"params": table.parameters(), "weight_decay": 1e-3},
    ]
    steps = EPOCHS * -(-len(rows) // BATCH)
    optimiser = torch.optim.AdamW(groups, lr=RATE_TRUNK)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [RATE_TRUNK, RATE_WORDS], total_steps=steps + 1)

    def scores(some: NDArray[np.intp]) -> Any:
        kept = [words[row][random.random(len(words[row])) > DROP_WORDS] for row in some]
        offsets = np.r_[0, np.cumsum([len(ids) for ids in kept])[:-1]]
        weights = np.concatenate([np.full(len(i), len(data.words[r]) ** -0.5) for i, r in zip(kept, some, strict=True)])
        noisy = dense[some] + noise * torch.randn(len(some), dense.shape[1])
        lexical_part = table(
            torch.tensor(np.concatenate(kept)), torch.tensor(offsets), per_sample_weights=torch.tensor(weights).float()
        )
        return heads(drop(torch.relu(trunk(noisy)))) + lexical_part

    for _ in range(EPOCHS):
        order = random.permutation(rows)
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            loss = _loss(scores(some), data, some)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    weight, bias = trunk.weight.detach().numpy().T, trunk.bias.detach().numpy()
    return {
        "trunk.w": (weight / scale[:, None]).astype(np.float32),
        "trunk.b": (bias - (mean / scale) @ weight).astype(np.float32),
        "heads.w": heads.weight.detach().numpy().T.copy(),
        "heads.b": heads.bias.detach().numpy(),
        "words": table.weight.detach().numpy(),
    }


def _loss(scores: Any, data: Examples, rows: NDArray[np.intp]) -> Any:
    """Cross-entropy over what is known of each row; heads without a known label in the batch add nothing."""
    import torch
    from torch.nn import functional

    total = torch.zeros(())
    heads = ((data.intent, 0, CUTS[0]), (data.domain, CUTS[0], CUTS[1]), (data.mode, CUTS[1], CUTS[2]))
    for (labels, start, end), weight in zip(heads, WEIGHTS, strict=True):
        truth = labels[rows]
        if (truth != UNKNOWN).any():
            part = functional.cross_entropy(
                scores[:, start:end], torch.tensor(truth), ignore_index=UNKNOWN, label_smoothing=SMOOTHING
            )
            total = total + weight * part
    known = np.isfinite(data.risks[rows])
    risks, weight_of = torch.tensor(np.where(known, data.risks[rows], 0)), torch.tensor(known).float()
    each = functional.binary_cross_entropy_with_logits(scores[:, CUTS[2] :], risks, weight=weight_of, reduction="sum")
    return total + RISK_WEIGHT * each / max(int(known.sum()), 1)


def train(data: Examples, rows: NDArray[np.intp]) -> dict[str, Floats]:
    """The average of ``MODELS`` seeds as one set of weights."""
    models = [fit(data, rows, seed=seed) for seed in range(MODELS)]
    return {
        "trunk.w": np.concatenate([m["trunk.w"] for m in models], axis=1),
        "trunk.b": np.concatenate([m["trunk.b"] for m in models]),
        "heads.w": np.concatenate([m["heads.w"] for m in models]) / MODELS,
        "heads.b": np.mean([m["heads.b"] for m in models], axis=0),
        "words": np.mean([m["words"] for m in models], axis=0).astype(np.float16),
    }


def uncalibrated() -> ClassifierSpec:
    """Heads that pass scores through: for measuring before calibration."""
    intent, domain, mode = (Head(labels, 1.0, 0.0) for labels in (corpus.INTENTS, corpus.DOMAINS, corpus.MODES))
    count = len(corpus.RISKS)
    risks = RiskHead(corpus.RISKS, (1.0,) * count, (0.0,) * count, (0.5,) * count)
    return ClassifierSpec(intent, domain, mode, risks)


def score(classifier: Classifier, data: Examples, rows: NDArray[np.intp]) -> Floats:
    """Uncalibrated scores (n, k) of rows, computed by the served code."""
    size = data.dense.shape[1] - len(surface("", 0))
    return np.stack(
        [classifier.logits(data.dense[row, :size], data.dense[row, size:], data.words[row]) for row in rows]
    )


def calibrate(scores: Floats, data: Examples, authored: NDArray[np.intp], rows: NDArray[np.intp]) -> ClassifierSpec:
    """Temperatures, abstention thresholds and risk thresholds from scores (n, k) of all rows by models that had not
    seen them; labels are calibrated on ``authored``, risks on all ``rows`` that know them."""
    heads = []
    parts = np.split(scores[authored], CUTS, axis=1)
    for name, labels, part in zip(
        ("intent", "domain", "mode"), (corpus.INTENTS, corpus.DOMAINS, corpus.MODES), parts, strict=False
    ):
        truth = getattr(data, name)[authored]
        heat = temperature(part, truth)
        limit = ERROR_AMONG_ANSWERED if name != "mode" else 1.0
        heads.append(Head(labels, heat, abstention_threshold(part / heat, truth, limit)))
    slopes, offsets, thresholds = [], [], []
    for column, risk in enumerate(corpus.RISKS):
        known = rows[np.isfinite(data.risks[rows, column])]
        score_of, truth = scores[known, CUTS[2] + column], data.risks[known, column]
        slope, offset = platt(score_of, truth)
        probability = 1 / (1 + np.exp(-(slope * score_of + offset)))
        slopes.append(slope)
        offsets.append(offset)
        thresholds.append(recall_threshold(probability, truth, RISK_RECALL, MAX_FALSE_POSITIVES[risk]))
    risks = RiskHead(corpus.RISKS, tuple(slopes), tuple(offsets), tuple(thresholds))
    return ClassifierSpec(heads[0], heads[1], heads[2], risks)


def public_report(scores: Floats, data: Examples, rows: NDArray[np.intp], spec: ClassifierSpec) -> dict[str, Any]:
    """By public set: accuracy of intent where known; recall and false positives of each risk where known."""
    thresholds = np.asarray(spec.risks.threshold)
    logit = np.asarray(spec.risks.slope) * scores[:, CUTS[2] :] + np.asarray(spec.risks.offset)
    fired = 1 / (1 + np.exp(-logit)) >= thresholds
    result: dict[str, Any] = {}
    for name in sorted(set(data.batch[rows])):
        mine = data.batch[rows] == name
        truth, risks = data.intent[rows][mine], data.risks[rows][mine]
        found: dict[str, Any] = {"rows": int(mine.sum())}
        if (truth != UNKNOWN).any():
            right = scores[mine, : CUTS[0]].argmax(axis=1) == truth
            found["intent_accuracy"] = round(float(right[truth != UNKNOWN].mean()), 3)
        for column, risk in enumerate(corpus.RISKS):
            for kind, value in (("recall", 1), ("false_positives", 0)):
                known = risks[:, column] == value
                if known.any():
                    found[f"{risk} {kind}"] = round(float(fired[mine][known, column].mean()), 3)
        result[name.removeprefix("public test ")] = found
    return result


def main(
    out: Annotated[Path, typer.Option(help="Bundle folder to write into.")] = ROOT / "models" / "default",
    public: Annotated[
        Path | None, typer.Option(help="Folder of the public sets; without it, they are left out.")
    ] = None,
) -> None:
    """Train, calibrate, measure; write the classifier, and its report beside the bundle."""
    import torch

    torch.set_num_threads(1)  # sums in one order: the same weights on every run
    encoder = Encoder.load(out / "encoder")
    authored = corpus.load((ROOT / "data" / "corpus").glob("*.jsonl"))
    data = examples(authored, encoder, load_public(public) if public else ())
    kind = np.array([name.split(" ")[1] if name.startswith("public ") else "authored" for name in data.batch])
    own = np.flatnonzero((kind == "authored") & (data.batch != HELD_OUT))
    more = np.flatnonzero(kind == "train")
    test, public_test = np.flatnonzero(data.batch == HELD_OUT), np.flatnonzero(kind == "test")
    scores = np.zeros((len(data.batch), COLUMNS), dtype=np.float32)
    authors = sorted(set(data.batch[own]))
    for turn, author in enumerate(track(authors, "authors left out in turn")):
        unseen = np.r_[np.flatnonzero(data.batch == author), more[turn :: len(authors)]]
        weights = train(data, np.setdiff1d(np.r_[own, more], unseen))
        scores[unseen] = score(Classifier(weights, uncalibrated()), data, unseen)
    spec = calibrate(scores, data, own, np.r_[own, more])
    Classifier(train(data, np.r_[own, more]), spec).save(out)
    served = Classifier.load(out)
    report = {
        "rows": {
            "authored": len(own),
            "public": len(more),
            "held_out_author": len(test),
            "held_out_public": len(public_test),
        },
        "authors_left_out": Scores.of(scores[own], data, own, spec).report(),
        "held_out_author": Scores.of(score(served, data, test), data, test, spec).report(),
    }
    if len(public_test):
        report["held_out_public"] = public_report(score(served, data, public_test), data, public_test, spec)
    text = json.dumps(report, indent=1) + "\n"
    (out.parent / f"{out.name}_classifier.json").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    typer.run(main)
