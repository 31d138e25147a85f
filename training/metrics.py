"""Calibration, thresholds and reports of classifiers, from scores of rows the model has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from router_ml.understanding.classifier import ClassifierSpec

Floats = NDArray[np.float32]


class Labels(Protocol):
    """True labels: intent, domain, mode (n,); risks (n, r)."""

    @property
    def intent(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def domain(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def mode(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def risks(self) -> Floats: ...  # noqa: D102


def temperature(scores: Floats, truth: NDArray[np.int64]) -> float:
    """The temperature (Guo et al., 2017) that scikit-learn's calibration fits to scores (n, k) of unseen rows."""
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    class Scored(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """A classifier whose input already is its score."""

        def fit(self, rows: Floats, labels: NDArray[np.int64]) -> Scored:
            self.classes_ = np.arange(rows.shape[1])
            return self

        def decision_function(self, rows: Floats) -> Floats:
            return rows if rows.shape[1] > 2 else rows[:, 1] - rows[:, 0]

        def predict(self, rows: Floats) -> NDArray[np.intp]:
            result: NDArray[np.intp] = rows.argmax(axis=1)
            return result

    frozen = FrozenEstimator(Scored().fit(scores, truth))
    calibrated = CalibratedClassifierCV(frozen, method="temperature").fit(scores, truth)
    return float(1 / calibrated.calibrated_classifiers_[0].calibrators[0].beta_)


def platt(scores: Floats, truth: Floats) -> tuple[float, float]:
    """Slope and offset (Platt, 1999) of the logit of one risk."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e3).fit(scores[:, None], truth > 0)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def softmax(scores: Floats) -> Floats:
    """Probabilities by row."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def abstention_threshold(scores: Floats, truth: NDArray[np.int64], error: float) -> float:
    """The lowest confidence from which on the error among answered rows stays within ``error``."""
    probabilities = softmax(scores)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = probabilities.argmax(axis=1)[order] != truth[order]
    allowed = np.flatnonzero(np.cumsum(wrong) / np.arange(1, len(wrong) + 1) <= error)
    return float(probabilities.max(axis=1)[order][allowed[-1]]) if len(allowed) else 1.0


def recall_threshold(probability: Floats, truth: Floats, recall: float, false_positives: float) -> float:
    """The threshold that reaches ``recall``, raised where it would let more than ``false_positives`` fire."""
    for_recall = np.quantile(probability[truth > 0], 1 - recall)
    for_precision = np.quantile(probability[truth == 0], 1 - false_positives)
    return float(np.clip(max(for_recall, for_precision), 0.01, 0.99))


def calibration_error(probabilities: Floats, truth: NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error of the top label, equal-mass bins (Naeini et al., 2015)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    return float(sum(len(p) * abs(confidence[p].mean() - right[p].mean()) for p in parts if len(p)) / len(truth))


def macro_f1(predicted: NDArray[np.intp], truth: NDArray[np.int64], classes: int) -> float:
    """Mean F1 over classes."""
    both = np.array([((predicted == c) & (truth == c)).sum() for c in range(classes)])
    either = np.array([(predicted == c).sum() + (truth == c).sum() for c in range(classes)])
    return float(np.mean(2 * both / np.maximum(either, 1)))


def interval(values: list[float]) -> list[float]:
    """95% percentile interval of bootstrap values."""
    return [round(float(value), 3) for value in np.quantile(values, [0.025, 0.975])]


@dataclass(frozen=True)
class Scores:
    """Calibrated probabilities of unseen rows beside the truth."""

    heads: dict[str, tuple[Floats, NDArray[np.int64], float]]
    risks: Floats
    true_risks: Floats
    spec: ClassifierSpec

    @classmethod
    def of(cls, scores: Floats, labels: Labels, rows: NDArray[np.intp], spec: ClassifierSpec) -> Scores:
        """Calibrate scores (n, k) of the given rows."""
        sizes = [len(head.labels) for head in (spec.intent, spec.domain, spec.mode)]
        *parts, risks = np.split(scores, np.cumsum(sizes), axis=1)
        heads = {}
        for name, part in zip(("intent", "domain", "mode"), parts, strict=True):
            head = getattr(spec, name)
            heads[name] = softmax(part / head.temperature), getattr(labels, name)[rows], head.abstain_below
        scaled = np.asarray(spec.risks.slope) * risks + np.asarray(spec.risks.offset)
        return cls(heads, 1 / (1 + np.exp(-scaled)), labels.risks[rows], spec)

    def report(self, bootstraps: int = 200) -> dict[str, Any]:
        """Macro-F1 with 95% bootstrap interval, calibration error, abstention; recall and false positives by risk."""
        random = np.random.default_rng(0)
        result: dict[str, Any] = {}
        for name, (probabilities, truth, threshold) in self.heads.items():
            predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
            draws = [random.integers(0, len(truth), len(truth)) for _ in range(bootstraps)]
            answered = probabilities.max(axis=1) >= threshold
            result[name] = {
                "macro_f1": round(macro_f1(predicted, truth, classes), 3),
                "macro_f1_95": interval([macro_f1(predicted[d], truth[d], classes) for d in draws]),
                "ece": round(calibration_error(probabilities, truth), 3),
                "answered": round(float(answered.mean()), 3),
                "error_among_answered": round(float((predicted != truth)[answered].mean()), 3),
            }
        fired = self.risks >= np.asarray(self.spec.risks.threshold)
        result["risks"] = {
            risk: {
                "recall": round(float(fired[self.true_risks[:, j] > 0, j].mean()), 3),
                "false_positives": round(float(fired[self.true_risks[:, j] == 0, j].mean()), 3),
                "positives": int(self.true_risks[:, j].sum()),
            }
            for j, risk in enumerate(self.spec.risks.labels)
        }
        return result
