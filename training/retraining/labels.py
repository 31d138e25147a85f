"""Outcome labels correct the classifier: temperature and class priors of intent and domain. Risks stay as they are.

A head reads token vectors, which no log keeps, so labels cannot move what it looks at. They can say that it is too
sure, and that this traffic holds more of one class than the corpus did: probabilities become softmax(a log p + b),
which in the served head is a temperature and a bias (Platt 1999; Saerens et al. 2002 for the prior). The correction is
taken only where it lowers the log loss of labels that it had not seen. A risk is never made less likely by a few
labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.contract import Outcome, RouteDecision
from router_ml.understanding.classifier import Classifier, Head, Weights
from training.allocation import Outcomes

HEADS = ("intent", "domain")
FEWEST = 100  # labels
FOLDS = 5
SURE = 2.0  # standard errors by which the held-out log loss has to fall
PRIOR = 1.0  # standard deviation of a class's bias, in logits, before any label
_SMALLEST = 1e-6
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """Labelled decisions of one head: its probabilities then (n, k), the true class (n,), how much each counts (n,)."""

    probabilities: Floats
    truth: NDArray[np.intp]
    weight: Floats

    def take(self, rows: NDArray[np.bool_]) -> Labelled:
        """The chosen rows."""
        return Labelled(self.probabilities[rows], self.truth[rows], self.weight[rows])


@dataclass(frozen=True)
class Correction:
    """What labels say of a head: ``sharpness`` a and ``bias`` b (k,); mean log loss before and after on labels that the
    correction had not seen; ``taken``: whether it is better than chance explains."""

    labels: int
    sharpness: float
    bias: tuple[float, ...]
    before: float
    after: float
    taken: bool
    reason: str

    def __call__(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Corrected probabilities (n, k)."""
        if not self.taken or not len(probabilities):
            return probabilities
        return softmax(self.sharpness * _logs(probabilities) + np.array(self.bias)).astype(np.float32)


Corrections = dict[str, Correction]


def read_labels(
    labelled: Iterable[tuple[RouteDecision, Outcome]], classifier: Classifier, sha256: str
) -> dict[str, Labelled]:
    """Labels of decisions that this very classifier (by its ``sha256``) has read.

    What another classifier said tells nothing of this one: after a correction, labels start anew.

    Args:
        labelled: each decision with the outcome that labels it (``training.logged.batches.Window.labelled``).
    """
    rows: dict[str, list[tuple[list[float], int, float]]] = {name: [] for name in HEADS}
    for decision, outcome in labelled:
        if decision.versions.classifier != sha256:
            continue
        for name in HEADS:
            labels, wanted = getattr(classifier.spec, name).labels, getattr(outcome.labels, name)
            seen = getattr(decision, name).probabilities
            if wanted in labels and set(labels) <= set(seen):
                row = [seen[label] for label in labels], labels.index(wanted), 1 / outcome.rated_probability
                rows[name].append(row)
    return {
        name: Labelled(np.array([row[0] for row in found]), *map(np.array, list(zip(*found, strict=True))[1:]))
        for name, found in rows.items()
        if found
    }


def correct(labelled: Labelled, *, seed: int = 0) -> Correction:
    """The correction that labels ask for."""
    count, classes = labelled.probabilities.shape
    nothing = Correction(count, 1.0, (0.0,) * classes, np.nan, np.nan, False, "")
    if count < FEWEST:
        return replace(nothing, reason=f"{count} labels, {FEWEST} are needed")
    weight = labelled.weight / labelled.weight.mean()
    labelled = replace(labelled, weight=weight)
    fold = np.random.default_rng([seed, *b"labels"]).permutation(count) % FOLDS
    loss = np.zeros((2, count))
    for part in range(FOLDS):
        ahead = labelled.take(fold == part)
        loss[0, fold == part] = _loss(ahead, 1.0, np.zeros(classes))
        loss[1, fold == part] = _loss(ahead, *_fit(labelled.take(fold != part)))
    saved = weight * (loss[0] - loss[1])
    error = float(saved.std(ddof=1) / np.sqrt(count))
    taken = bool(saved.mean() > SURE * error)
    sharpness, bias = _fit(labelled)
    before, after = (float((weight * each).mean()) for each in loss)
    verdict = "lower" if taken else "not surely lower"
    reason = f"log loss of unseen labels {before:.3f} -> {after:.3f}, {verdict} (standard error {error:.3f})"
    return Correction(count, sharpness, tuple(bias.tolist()), before, after, taken, reason)


def corrected(classifier: Classifier, corrections: Corrections) -> Classifier:
    """The classifier with what was taken of the corrections: other temperatures and biases, everything else as it was.

    An abstention threshold keeps its value and loses its promise, which was about other probabilities.
    """
    spec, bias = classifier.spec, classifier.weights.bias.copy()
    starts = dict(zip(("intent", "domain"), (0, spec.cuts[0]), strict=True))
    heads: dict[str, Head] = {}
    for name, found in corrections.items():
        if found.taken:
            head: Head = getattr(spec, name)
            temperature = head.temperature / found.sharpness
            start = starts[name]
            bias[start : start + len(head.labels)] += np.array(found.bias, np.float32) * np.float32(temperature)
            heads[name] = replace(head, temperature=temperature, promise=None)
    weights = Weights(classifier.weights.attention, classifier.weights.value, classifier.weights.surface, bias)
    intent, domain = heads.get("intent", spec.intent), heads.get("domain", spec.domain)
    return Classifier(weights, replace(spec, intent=intent, domain=domain)) if heads else classifier


def relabelled(outcomes: Outcomes, corrections: Corrections) -> Outcomes:
    """Outcomes whose class probabilities are those that the corrected classifier would have given."""
    contexts, same = outcomes.contexts, lambda probabilities: probabilities
    intent, domain = (corrections.get(name, same)(getattr(contexts, name)) for name in HEADS)
    return replace(outcomes, contexts=replace(contexts, intent=intent, domain=domain))


def softmax(scores: Floats) -> Floats:
    """Probabilities by row."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return result


def _logs(probabilities: NDArray[np.floating]) -> Floats:
    result: Floats = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))
    return result


def _loss(labelled: Labelled, sharpness: float, bias: Floats) -> Floats:
    chance = softmax(sharpness * _logs(labelled.probabilities) + bias)
    result: Floats = -np.log(np.maximum(chance[np.arange(len(chance)), labelled.truth], _SMALLEST))
    return result


def _fit(labelled: Labelled) -> tuple[float, Floats]:
    """Sharpness and bias of least log loss, shrunk towards 1 and 0."""
    from scipy.optimize import minimize

    logs, truth, weight = _logs(labelled.probabilities), labelled.truth, labelled.weight
    wanted = np.eye(logs.shape[1])[truth]

    def cost(values: Floats) -> tuple[float, Floats]:
        sharpness, bias = np.exp(values[0]), values[1:]
        off = softmax(sharpness * logs + bias) - wanted
        loss = float((weight * _loss(labelled, sharpness, bias)).sum()) + float(values @ values) / (2 * PRIOR**2)
        slope = np.concatenate([[(weight[:, None] * off * logs).sum() * sharpness], weight @ off])
        return loss, slope + values / PRIOR**2

    found = minimize(cost, np.zeros(1 + logs.shape[1]), jac=True, method="L-BFGS-B").x
    return float(np.exp(found[0])), found[1:] - found[1:].mean()
