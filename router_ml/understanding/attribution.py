"""Which words made the classifier say what it said: exact, because its heads are linear in the tokens. On request only.

A label's score is a sum over tokens of attention times value, plus a rest (special tokens, the shape of the text, and a
constant). Of an intent or domain, what counts is how much a word speaks for the label more than for the head's other
labels on average. A token's vector has seen its neighbours, so a word's share also carries what they made of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import InvalidRequestError
from router_ml.understanding.classifier import HEADS, Classifier
from router_ml.understanding.encoder import Encoder
from router_ml.understanding.surface import surface

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Attribution:
    """Why one label: ``words`` are (start, end, share) of its score, the largest first; ``rest`` is what no word did.

    The shares of all words and ``rest`` sum to ``score``, the uncalibrated score of the label.
    """

    head: str
    label: str
    probability: float
    score: float
    rest: float
    words: tuple[tuple[int, int, float], ...]


def attribute(
    text: str, encoder: Encoder, classifier: Classifier, *, risks: Sequence[str] = (), top: int | None = None
) -> list[Attribution]:
    """Attributions of the most likely intent, domain and mode, of each risk that fires and of those named.

    Args:
        risks: more risks to explain, whether they fire or not.
        top: keep only so many words.

    Raises:
        InvalidRequestError: there is no such risk.
    """
    spec = classifier.spec
    strange = sorted(set(risks) - set(spec.risks.labels))
    if strange:
        raise InvalidRequestError(f"Found the risk {strange[0]!r}, expected one of {', '.join(spec.risks.labels)}.")
    (task,) = encoder.encode([text], classifier.columns)
    shape = surface(text, task.tokens)
    seen, score = classifier.predict(task, shape), classifier.scores(task, shape)
    pieces = encoder.spans(text)
    shares = classifier.attend(np.concatenate(task.readings))
    everywhere = [span for piece in pieces for span in piece]
    found, start = [], 0
    for name, end in zip(HEADS, spec.cuts, strict=True):
        probabilities = getattr(seen, name)
        best = start + int(probabilities.argmax())
        own = shares[:, best] - shares[:, start:end].mean(axis=1)
        words = _words(text, everywhere, own)
        centred = float(score[best] - score[start:end].mean())
        label = getattr(spec, name).labels[best - start]
        found.append(_attribution(name, label, probabilities.max(), centred, words, top))
        start = end
    readings = [classifier.attend(reading) for reading in task.readings]
    for at, risk in enumerate(spec.risks.labels):
        if risk in risks or seen.risks[at] >= spec.risks.threshold[at]:
            column = start + at
            piece = int(np.argmax([reading[:, column].sum() for reading in readings]))
            words = _words(text, pieces[piece], readings[piece][:, column])
            total = float(readings[piece][:, column].sum() + classifier.weights.bias[column])
            found.append(_attribution("risks", risk, seen.risks[at], total, words, top))
    return found


def _attribution(
    head: str, label: str, probability: float, score: float, words: Sequence[tuple[int, int, float]], top: int | None
) -> Attribution:
    rest = score - sum(share for *_, share in words)
    return Attribution(head, label, round(float(probability), 4), round(score, 4), round(rest, 4), tuple(words[:top]))


def _words(text: str, spans: Sequence[tuple[int, int]], shares: NDArray[np.float32]) -> list[tuple[int, int, float]]:
    """Shares of tokens summed over the words they are parts of."""
    words = [match.span() for match in _WORD.finditer(text)]
    starts = np.array([start for start, _ in words])
    total = np.zeros(len(words))
    for (start, end), share in zip(spans, shares, strict=True):
        if end > start:
            total[max(int(np.searchsorted(starts, start, side="right")) - 1, 0)] += share
    order = np.argsort(-np.abs(total), kind="stable")
    return [(*words[at], round(float(total[at]), 4)) for at in order if total[at]]
