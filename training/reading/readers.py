"""What else could read a request: plain models on the frozen encoder, for the comparison beside the shipped classifier.

Each returns scores (n, k) over all columns of a taxonomy for test rows, from training rows. All of them see the same
rows; ``logistic`` and ``kNN`` see the sentence embedding, ``trunk`` that and surface features, ``attention`` the token
vectors, as the shipped heads do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.understanding.classifier import HEADS, Classifier
from router_ml.understanding.encoder import Encoded, Encoder
from router_ml.understanding.surface import surface
from training.labelled.examples import UNKNOWN, Targets
from training.reading.calibration import uncalibrated

Floats = NDArray[np.float32]
NEIGHBOURS = 15
_AT_ONCE = 256
_SURE = 8.0  # a probability as a score, for heads that give no scores


@dataclass(frozen=True)
class Rows:
    """Encoded texts with surface features (n, s) and targets; their readings are the token vectors, as half floats."""

    encoded: Sequence[Encoded]
    surface: Floats
    targets: Targets

    @property
    def embedding(self) -> Floats:
        """Sentence embeddings (n, d)."""
        return np.stack([one.embedding for one in self.encoded])

    @property
    def dense(self) -> Floats:
        """Embedding and surface features side by side."""
        return np.concatenate([self.embedding, self.surface], axis=1)

    @property
    def tokens(self) -> list[NDArray[np.float16]]:
        """Token vectors (t, d) of each text."""
        return [np.concatenate(one.readings) for one in self.encoded]

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """The chosen rows."""
        return Rows([self.encoded[row] for row in rows], self.surface[rows], self.targets.take(rows))


Reader = Callable[[Rows, Rows], Floats]


def encode(encoder: Encoder, texts: Sequence[str], targets: Targets, *, tokens: bool = True) -> Rows:
    """Texts with all of their token vectors, half a kilobyte and more each; without ``tokens``, embeddings alone."""
    identity = np.eye(encoder.spec.dimension, dtype=np.float32) if tokens else None
    found: list[Encoded] = []
    for start in range(0, len(texts), _AT_ONCE):
        for one in encoder.encode(texts[start : start + _AT_ONCE], identity):
            found.append(Encoded(one.embedding, one.tokens, tuple(part.astype(np.float16) for part in one.readings)))
    shapes = np.stack([surface(text, one.tokens) for text, one in zip(texts, found, strict=True)])
    return Rows(found, shapes, targets)


def read_columns(one: Encoded, columns: Floats) -> Encoded:
    """What the served encoder would have read of kept token vectors with these columns."""
    return Encoded(one.embedding, one.tokens, tuple(part.astype(np.float32) @ columns for part in one.readings))


def scores(classifier: Classifier, rows: Rows) -> Floats:
    """Uncalibrated scores (n, k), computed by the served code."""
    columns = classifier.columns
    pairs = zip(rows.encoded, rows.surface, strict=True)
    return np.stack([classifier.scores(read_columns(one, columns), shape) for one, shape in pairs])


def _by_column(
    train: Rows, test: Rows, fit: Callable[[Floats, NDArray[np.int64], Floats], Floats], features: str
) -> Floats:
    """Scores by a model for each head, and one for each risk, on the rows that know it.

    ``fit(train features, labels, test features)`` returns probabilities (n, classes) of the labels 0..classes-1.
    """
    before, after = getattr(train, features), getattr(test, features)
    taxonomy = train.targets.taxonomy
    scores = np.full((len(after), train.targets.values.shape[1]), -_SURE, dtype=np.float32)
    start = 0
    for name, end in zip(HEADS, taxonomy.cuts, strict=True):
        truth = train.targets.truth(name)
        known = truth != UNKNOWN
        if known.any():
            labels, coded = np.unique(truth[known], return_inverse=True)
            scores[:, start + labels] = np.log(fit(before[known], coded, after) + 1e-6)
        start = end
    for at in range(len(taxonomy.risks)):
        there = train.targets.risks[:, at]
        known = np.isfinite(there)
        if len(np.unique(there[known])) == 2:
            p = fit(before[known], there[known].astype(np.int64), after)[:, 1]
            scores[:, start + at] = np.log((p + 1e-6) / (1 - p + 1e-6))
    return scores


def logistic(train: Rows, test: Rows) -> Floats:
    """A logistic regression per head on the embedding."""
    from sklearn.linear_model import LogisticRegression

    def fit(before: Floats, labels: NDArray[np.int64], after: Floats) -> Floats:
        model = LogisticRegression(C=10.0, max_iter=300).fit(before, labels)
        result: Floats = model.predict_proba(after)
        return result

    return _by_column(train, test, fit, "embedding")


def nearest(train: Rows, test: Rows) -> Floats:
    """The vote of the nearest training texts by cosine, weighted by it."""
    from sklearn.neighbors import KNeighborsClassifier

    def fit(before: Floats, labels: NDArray[np.int64], after: Floats) -> Floats:
        count = min(NEIGHBOURS, len(before))
        model = KNeighborsClassifier(count, weights="distance", metric="cosine", algorithm="brute").fit(before, labels)
        result: Floats = model.predict_proba(after)
        return result

    return _by_column(train, test, fit, "embedding")


def trunk(train: Rows, test: Rows) -> Floats:
    """One hidden layer under all heads, on embedding and surface features."""
    import torch
    from torch import nn

    from training.reading.heads import loss

    torch.manual_seed(0)
    before, after = train.dense, test.dense
    mean, deviation = before.mean(axis=0), before.std(axis=0) + np.float32(1e-3)
    columns = train.targets.values.shape[1]
    model = nn.Sequential(nn.Linear(before.shape[1], 384), nn.ReLU(), nn.Dropout(0.4), nn.Linear(384, columns))
    inputs = torch.tensor((before - mean) / deviation)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    random = np.random.default_rng(0)
    model.train()
    for _ in range(30):
        order = random.permutation(len(before))
        for start in range(0, len(order), 128):
            rows = order[start : start + 128]
            optimiser.zero_grad()
            loss(model(inputs[rows]), train.targets, rows).backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        result: Floats = model(torch.tensor((after - mean) / deviation)).numpy()
    return result


def attention(train: Rows, test: Rows) -> Floats:
    """The shipped kind of heads, trained alone on the token vectors of the frozen encoder."""
    from training.reading.heads import fit_heads

    weights = fit_heads(train.tokens, train.surface, train.targets, np.arange(len(train.surface)), seed=0)
    return scores(Classifier(weights, uncalibrated(train.targets.taxonomy)), test)


READERS: dict[str, Reader] = {
    "logistic heads": logistic,
    f"kNN {NEIGHBOURS}": nearest,
    "torch trunk": trunk,
    "attention heads": attention,
}
