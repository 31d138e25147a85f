"""What a classifier is worth on rows it has not seen: scores with intervals, calibration, abstention, risks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.understanding.classifier import HEADS, Classifier, ClassifierSpec, Prediction
from router_ml.understanding.encoder import Encoded
from training.labelled.examples import UNKNOWN, Targets

Floats = NDArray[np.float32]
BOOTSTRAPS = 200


def calibration_error(probabilities: Floats, truth: NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error of the top label, equal-mass bins (Naeini et al., 2015)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    return float(sum(len(p) * abs(confidence[p].mean() - right[p].mean()) for p in parts if len(p)) / len(truth))


def macro_f1(predicted: NDArray[np.intp], truth: NDArray[np.int64], classes: int) -> float:
    """Mean F1 over the classes that occur in the truth."""
    occurring = [c for c in range(classes) if (truth == c).any()]
    both = np.array([((predicted == c) & (truth == c)).sum() for c in occurring])
    either = np.array([(predicted == c).sum() + (truth == c).sum() for c in occurring])
    return float(np.mean(2 * both / np.maximum(either, 1)))


def bootstrap(statistic: Callable[[NDArray[np.intp]], float], rows: int, *, seed: int = 0) -> list[float]:
    """95% percentile interval of a statistic over resampled row indices."""
    random = np.random.default_rng(seed)
    values = [statistic(random.integers(0, rows, rows)) for _ in range(BOOTSTRAPS)]
    return [round(float(value), 3) for value in np.quantile(values, [0.025, 0.975])]


def share(hits: NDArray[np.bool_]) -> dict[str, Any]:
    """A share with its 95% Wilson interval, and of how many."""
    count, z = len(hits), 1.959964
    if not count:
        return {"share": None, "interval": None, "rows": 0}
    p = float(hits.mean())
    centre, half = p + z * z / (2 * count), z * np.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    low, high = (centre - half) / (1 + z * z / count), (centre + half) / (1 + z * z / count)
    return {"share": round(p, 3), "interval": [round(max(float(low), 0), 3), round(float(high), 3)], "rows": count}


@dataclass(frozen=True)
class Predictions:
    """Calibrated probabilities of n rows: (n, k) by head, risks (n, r)."""

    heads: dict[str, Floats]
    risks: Floats
    spec: ClassifierSpec

    @classmethod
    def of(cls, rows: Sequence[Prediction], spec: ClassifierSpec) -> Predictions:
        """Rows as arrays."""
        heads = {name: np.stack([getattr(row, name) for row in rows]) for name in HEADS}
        return cls(heads, np.stack([row.risks for row in rows]), spec)

    @property
    def fired(self) -> NDArray[np.bool_]:
        """Which risks fire, (n, r)."""
        return self.risks >= np.asarray(self.spec.risks.threshold)

    def abstained(self, name: str) -> NDArray[np.bool_]:
        """Which rows a head is unsure of."""
        below: NDArray[np.bool_] = self.heads[name].max(axis=1) < getattr(self.spec, name).abstain_below
        return below

    def take(self, rows: NDArray[np.intp]) -> Predictions:
        """The chosen rows."""
        return Predictions({name: part[rows] for name, part in self.heads.items()}, self.risks[rows], self.spec)


def predict(classifier: Classifier, encoded: Sequence[Encoded], surfaces: Floats) -> Predictions:
    """What the served classifier says of texts that were encoded with its columns."""
    rows = [classifier.predict(one, shape) for one, shape in zip(encoded, surfaces, strict=True)]
    return Predictions.of(rows, classifier.spec)


def head_report(probabilities: Floats, truth: NDArray[np.int64], abstain_below: float) -> dict[str, Any]:
    """Macro-F1 with 95% bootstrap interval, accuracy, calibration error, abstention and the error that is left."""
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    answered = probabilities.max(axis=1) >= abstain_below
    wrong = predicted != truth
    return {
        "rows": len(truth),
        "macro_f1": round(macro_f1(predicted, truth, classes), 3),
        "macro_f1_95": bootstrap(lambda draw: macro_f1(predicted[draw], truth[draw], classes), len(truth)),
        "accuracy": round(float(1 - wrong.mean()), 3),
        "ece": round(calibration_error(probabilities, truth), 3),
        "answered": round(float(answered.mean()), 3),
        "error_among_answered": round(float(wrong[answered].mean()), 3) if answered.any() else None,
    }


def report(predictions: Predictions, targets: Targets) -> dict[str, Any]:
    """Scores of each head on the rows whose label is known; recall and false positives of each risk."""
    result: dict[str, Any] = {}
    for name in HEADS:
        truth = targets.truth(name)
        known = truth != UNKNOWN
        if known.any():
            head = getattr(predictions.spec, name)
            result[name] = head_report(predictions.heads[name][known], truth[known], head.abstain_below)
    fired, risks = predictions.fired, {}
    for at, risk in enumerate(predictions.spec.risks.labels):
        there = targets.risks[:, at]
        if np.isfinite(there).any():
            risks[risk] = {"recall": share(fired[there == 1, at]), "false_positives": share(fired[there == 0, at])}
    return {**result, "risks": risks}
