"""How far two annotators agree on the batches that nothing learns from: ``python -m training.agreement``.

``data/agreement`` holds a second, blind labelling of the calibration and the held-out batch, tied to the texts by the
first 16 digits of their sha256. Kappa (Cohen, 1960) is agreement beyond what chance would give.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router_ml.understanding.classifier import HEADS
from training import corpus
from training.labelled.examples import CALIBRATION, HELD_OUT

ROOT = Path(__file__).parents[1]


def pairs(batch: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """First and second labels of each text of a batch that has both."""
    second = {}
    for line in (ROOT / "data" / "agreement" / f"{batch}.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        second[record["text_sha256"]] = record
    result = []
    for line in (ROOT / "data" / "corpus" / f"{batch}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        digest = hashlib.sha256(row["text"].encode()).hexdigest()[:16]
        if digest in second:
            result.append((row, second[digest]))
    return result


def kappa(first: Sequence[object], second: Sequence[object]) -> float:
    """Cohen's kappa of two labellings of the same items; 1 where chance alone would agree always."""
    count = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / count
    one, other = Counter(first), Counter(second)
    chance = sum(one[label] * other[label] for label in one) / count**2
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def agreement(batch: str) -> dict[str, dict[str, float]]:
    """Share of equal labels and kappa by head and by risk."""
    both = pairs(batch)
    columns: dict[str, tuple[list[object], list[object]]] = {
        name: ([a[name] for a, _ in both], [b[name] for _, b in both]) for name in HEADS
    }
    columns |= {
        risk: ([risk in a["risks"] for a, _ in both], [risk in b["risks"] for _, b in both]) for risk in corpus.RISKS
    }
    return {
        name: {
            "rows": float(len(both)),
            "equal": round(sum(a == b for a, b in zip(first, second, strict=True)) / len(both), 3),
            "kappa": round(kappa(first, second), 3),
        }
        for name, (first, second) in columns.items()
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps({batch: agreement(batch) for batch in (CALIBRATION, HELD_OUT)}, indent=1) + "\n")
