"""What a classifier for labels of one's own reached: numbers, a page, plots, and what they mean for its use."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.understanding.classifier import HEADS
from training.labelled.examples import UNKNOWN
from training.reading.calibration import ERROR, NEVER
from training.reading.plots import confusion, reliability
from training.taxonomy import Trained

Floats = NDArray[np.float32]
SHOWN = 30  # suspects in the page; the JSON file has all


def unsure(trained: Trained) -> list[str]:
    """What to know, and to do, of each head that answers nothing: no threshold of its confidence could be proven."""
    rows = trained.found["rows"]["calibration"]
    return [
        f"{name}: on {rows} calibration rows no confidence was shown above which at most {ERROR:.0%} are wrong, so "
        "every request counts as unsure of it (guardrails.abstained_tier). Label more rows, or merge labels that are "
        "taken for each other."
        for name in HEADS
        if name in trained.table.labels and getattr(trained.classifier.spec, name).abstain_below >= NEVER
    ]


def numbers(trained: Trained) -> dict[str, float]:
    """What is worth comparing between runs, as flat metrics."""
    found = {
        f"{name}_{metric}": trained.found[name][metric]
        for name in trained.table.labels
        if name in trained.found and name != "risks"
        for metric in ("macro_f1", "accuracy", "ece", "answered")
    }
    for risk, own in trained.found["risks"].items():
        found |= {f"{risk}_{metric}": own[metric]["share"] for metric in ("recall", "false_positives")}
    return {name: float(value) for name, value in found.items() if value is not None}


def write_report(trained: Trained, folder: Path) -> list[Path]:
    """Tables as Markdown, all numbers as JSON, plots of confusion and calibration; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = {
        name: (trained.seen.heads[name][known], trained.targets.truth(name)[known])
        for name in HEADS
        if name in trained.table.labels and (known := trained.targets.truth(name) != UNKNOWN).any()
    }
    page, data = folder / "report.md", folder / "report.json"
    page.write_text("\n".join(_page(trained, heads)) + "\n", encoding="utf-8")
    data.write_text(as_json(trained), encoding="utf-8")
    files = [page, data]
    if heads:
        files.append(reliability(folder / "calibration.png", heads, title="Calibration on the test part"))
    for name, (probabilities, truth) in heads.items():
        labels = getattr(trained.classifier.spec, name).labels
        files.append(confusion(folder / f"confusion_{name}.png", probabilities, truth, labels, title=name))
    return files


def _page(trained: Trained, heads: dict[str, tuple[Floats, NDArray[np.int64]]]) -> Iterator[str]:
    yield f"# Classifier report\n\nRows: {trained.found['rows']}. All numbers are of the test part."
    for name, (probabilities, truth) in heads.items():
        labels, found = getattr(trained.classifier.spec, name).labels, trained.found[name]
        low, high = found["macro_f1_95"]
        yield f"\n## {name}: macro-F1 {found['macro_f1']:.3f} [{low:.3f}, {high:.3f}]\n"
        said = f"Calibration error {found['ece']:.3f}. Answered {found['answered']:.0%}"
        wrong_share = found["error_among_answered"]
        yield f"{said}." if wrong_share is None else f"{said}, of these wrong {wrong_share:.1%}."
        yield "\n| label | precision | recall | F1 | rows |\n|---|---|---|---|---|"
        predicted = probabilities.argmax(axis=1)
        for at, label in enumerate(labels):
            both, said, true = ((predicted == at) & (truth == at)).sum(), (predicted == at).sum(), (truth == at).sum()
            precision, recall = both / max(said, 1), both / max(true, 1)
            yield f"| {label} | {precision:.2f} | {recall:.2f} | {2 * both / max(said + true, 1):.2f} | {true} |"
        wrong = Counter((labels[t], labels[p]) for t, p in zip(truth, predicted, strict=True) if t != p)
        if wrong:
            yield (
                "\nMost confused: " + "; ".join(f"{t} taken for {p} ({n})" for (t, p), n in wrong.most_common(5)) + "."
            )
    yield from (f"\n{line}" for line in unsure(trained))
    if trained.found["risks"]:
        yield "\n## risks\n\n| risk | recall | false positives | rows with it |\n|---|---|---|---|"
    for risk, own in trained.found["risks"].items():
        yield f"| {risk} | {own['recall']['share']} | {own['false_positives']['share']} | {own['recall']['rows']} |"
    for name, suspects in trained.suspects.items():
        labels = getattr(trained.classifier.spec, name).labels
        yield f"\n## Suspected label errors of {name}: {len(suspects)}\n\nRows are counted from 1, without a header.\n"
        for each in suspects[:SHOWN]:
            given, better = labels[each.given], labels[each.suggested]
            yield f"- row {each.row + 1}: {given}, more likely {better} ({each.margin:+.2f})"


def as_json(trained: Trained) -> str:
    """The report as JSON, suspects with their row numbers and labels but without texts."""
    spec = trained.classifier.spec
    suspects = {
        name: [
            {
                "row": each.row + 1,
                "given": getattr(spec, name).labels[each.given],
                "suggested": getattr(spec, name).labels[each.suggested],
                "margin": round(each.margin, 3),
            }
            for each in found
        ]
        for name, found in trained.suspects.items()
    }
    return json.dumps({**trained.found, "suspected_label_errors": suspects}, indent=1) + "\n"
