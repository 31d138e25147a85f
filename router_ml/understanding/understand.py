"""One request understood: encoded once, classified, its language told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.contract import Label, Language, ModeLabel, Risk, RouteRequest
from router_ml.contract.base import Mode
from router_ml.understanding.classifier import Classifier, ClassifierSpec, Head, Prediction
from router_ml.understanding.encoder import Encoded, Encoder
from router_ml.understanding.language import VALIDATED, detect
from router_ml.understanding.lexical import lexical
from router_ml.understanding.surface import NAMES, surface

_BYTES_PER_TOKEN = 2  # fewer than any common text has, so that limits err on the safe side
_END = 1_000


@dataclass(frozen=True)
class Understanding:
    """What is known of a request before any rule: arrays for allocation, labels for people.

    embedding: (d,); surface: (s,); intent: (i,), domain: (k,) probabilities; tokens_in: of the whole conversation.
    """

    embedding: NDArray[np.float32]
    surface: NDArray[np.float32]
    intent: NDArray[np.float32]
    domain: NDArray[np.float32]
    tokens_in: int
    intent_label: Label
    domain_label: Label
    mode_label: ModeLabel
    risks: tuple[Risk, ...]
    language: Language
    language_characters: int


def understand(
    requests: Sequence[RouteRequest], encoder: Encoder, classifier: Classifier, *, max_bytes: int
) -> list[Understanding]:
    """Understand requests with one encoder pass over all of their texts.

    Texts beyond ``max_bytes`` per request make it ``unknown`` to the guardrails whatever they say; only their two ends
    are encoded.
    """
    texts = [list(_within(max_bytes, (request.task, *request.context))) for request in requests]
    encoded = iter(encoder.encode([text for group in texts for text in group]))
    result = []
    for request, group in zip(requests, texts, strict=True):
        task, *context = [next(encoded) for _ in group]
        shape = surface(group[0], task.tokens)
        seen = classifier.predict(task, shape, lexical(group[0]), list(_chunks(task, context)))
        whole = request.conversation
        tokens = task.tokens if whole == group[0] else _count(whole, encoder, max_bytes)
        result.append(_describe(group[0], task, shape, seen, classifier.spec, tokens))
    return result


def _chunks(
    task: Encoded, context: Sequence[Encoded]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]]:
    """What to read for risks beside the whole task: each piece with features of its own."""
    for encoded in (*((task,) if len(task.chunks) > 1 else ()), *context):
        for vector, piece in zip(encoded.chunks, encoded.pieces, strict=True):
            yield vector, surface(piece, encoded.tokens // len(encoded.pieces)), lexical(piece)


def _count(text: str, encoder: Encoder, max_bytes: int) -> int:
    """Tokens of a conversation; beyond the byte cap an upper estimate."""
    size = len(text.encode("utf-8", "replace"))
    return encoder.count_tokens(text) if size <= max_bytes else size // _BYTES_PER_TOKEN


def _within(max_bytes: int, texts: Sequence[str]) -> Iterator[str]:
    """Texts as they are while they fit into one budget, then their two ends."""
    left = max_bytes
    for text in texts:
        size = len(text.encode("utf-8", "replace"))
        if size <= left:
            left -= size
            yield text
        else:
            yield f"{text[:_END]}\n{text[-_END:]}"


def _describe(
    text: str,
    task: Encoded,
    shape: NDArray[np.float32],
    seen: Prediction,
    spec: ClassifierSpec,
    tokens: int,
) -> Understanding:
    mode = label(spec.mode, seen.mode)
    risks = tuple(
        Risk(name=name, probability=round(float(p), 4), source="model")
        for name, p, threshold in zip(spec.risks.labels, seen.risks, spec.risks.threshold, strict=True)
        if p >= threshold
    )
    language = detect(text)
    return Understanding(
        embedding=task.embedding,
        surface=shape,
        intent=seen.intent,
        domain=seen.domain,
        tokens_in=tokens,
        intent_label=label(spec.intent, seen.intent),
        domain_label=label(spec.domain, seen.domain),
        mode_label=ModeLabel(label=_mode(mode.label), probabilities=mode.probabilities, abstained=mode.abstained),
        risks=risks,
        language=Language(code=language, validated=language in VALIDATED),
        language_characters=len(text),
    )


def label(head: Head, probabilities: NDArray[np.float32]) -> Label:
    """The most likely label, with all probabilities to four digits."""
    top = int(probabilities.argmax())
    table = {name: round(float(p), 4) for name, p in zip(head.labels, probabilities, strict=True)}
    return Label(label=head.labels[top], probabilities=table, abstained=bool(probabilities[top] < head.abstain_below))


def unlearned(request: RouteRequest) -> Understanding:
    """A request without any learned part: nothing is known of it but its size, and that is said."""
    text = request.conversation
    unknown = Label(label="unknown", probabilities={}, abstained=True)
    language = detect(request.task)
    return Understanding(
        embedding=np.zeros(0, np.float32),
        surface=np.zeros(len(NAMES), np.float32),
        intent=np.zeros(0, np.float32),
        domain=np.zeros(0, np.float32),
        tokens_in=1 + len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN,
        intent_label=unknown,
        domain_label=unknown,
        mode_label=ModeLabel(label="batch" if request.channel == "batch" else "chat", probabilities={}, abstained=True),
        risks=(),
        language=Language(code=language, validated=language in VALIDATED),
        language_characters=len(request.task),
    )


def _mode(name: str) -> Mode:
    return "batch" if name == "batch" else "chat"
